"""Spanish: adjectives agree and follow the noun, "le" doubles the receiver, questions put the verb first."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.data.mini.frames import Asked, Bound, Frame
from trainables.data.mini.languages.grammar import Grammar
from trainables.data.mini.languages.names import LATIN, names
from trainables.data.mini.sentence import Word, words

PEOPLE = names(LATIN | {"maria_lopez": "María López", "viktor_ivanov": "Víktor Ivanov", "thomas": "Tomás"})
RECIPIENTS = {person: f"a/ADP {name}" for person, name in PEOPLE.items()}
VERBS = {
    "buy": "compró",
    "find": "encontró",
    "see": "vio",
    "lose": "perdió",
    "hide": "escondió",
    "sell": "vendió",
    "give": "dio",
    "send": "envió",
    "bring": "trajo",
    "show": "mostró",
}
# Plural and gender.
OBJECTS = {
    "apple": ("manzanas", "f"),
    "book": ("libros", "m"),
    "letter": ("cartas", "f"),
    "bag": ("bolsas", "f"),
    "cup": ("tazas", "f"),
    "chair": ("sillas", "f"),
    "shirt": ("camisas", "f"),
    "flower": ("flores", "f"),
    "hat": ("sombreros", "m"),
    "lamp": ("lámparas", "f"),
    "knife": ("cuchillos", "m"),
    "key": ("llaves", "f"),
    "box": ("cajas", "f"),
    "picture": ("cuadros", "m"),
    "umbrella": ("paraguas", "m"),
    "bottle": ("botellas", "f"),
    "egg": ("huevos", "m"),
    "ball": ("pelotas", "f"),
}
ADJECTIVES = {
    "red": {"m": "rojos", "f": "rojas"},
    "white": {"m": "blancos", "f": "blancas"},
    "black": {"m": "negros", "f": "negras"},
    "big": {"m": "grandes", "f": "grandes"},
    "small": {"m": "pequeños", "f": "pequeñas"},
    "new": {"m": "nuevos", "f": "nuevas"},
}
NUMBERS = {2: "dos", 3: "tres", 4: "cuatro", 5: "cinco", 6: "seis", 7: "siete", 8: "ocho", 9: "nueve"}
BOUNDS: dict[Bound, str] = {"exact": "", "more": "más/ADV de/ADP", "fewer": "menos/ADV de/ADP"}
HOW_MANY = {"m": "cuántos/DET", "f": "cuántas/DET"}
PLACES = {
    "madrid": "en/ADP Madrid/PROPN",
    "berlin": "en/ADP Berlín/PROPN",
    "moscow": "en/ADP Moscú/PROPN",
    "istanbul": "en/ADP Estambul/PROPN",
    "beijing": "en/ADP Pekín/PROPN",
    "delhi": "en/ADP Delhi/PROPN",
    "nairobi": "en/ADP Nairobi/PROPN",
    "new_york": "en/ADP Nueva/PROPN York/PROPN",
    "london": "en/ADP Londres/PROPN",
    "buenos_aires": "en/ADP Buenos/PROPN Aires/PROPN",
    "market": "en/ADP el/DET mercado/NOUN",
    "school": "en/ADP la/DET escuela/NOUN",
    "library": "en/ADP la/DET biblioteca/NOUN",
    "garden": "en/ADP el/DET jardín/NOUN",
    "hotel": "en/ADP el/DET hotel/NOUN",
    "office": "en/ADP la/DET oficina/NOUN",
}
TIMES = {
    "yesterday": "ayer/ADV",
    "monday": "el/DET lunes/NOUN",
    "friday": "el/DET viernes/NOUN",
    "saturday": "el/DET sábado/NOUN",
    "morning": "por/ADP la/DET mañana/NOUN",
    "evening": "por/ADP la/DET noche/NOUN",
    "last_week": "la/DET semana/NOUN pasada/ADJ",
    "may": "en/ADP mayo/NOUN",
}
QUESTION_WORDS: dict[Asked, str] = {
    "agent": "quién/PRON",
    "object": "qué/PRON",
    "recipient": "a/ADP quién/PRON",
    "place": "dónde/ADV",
    "time": "cuándo/ADV",
}


class Spanish(Grammar):
    agents = PEOPLE
    recipients = RECIPIENTS
    places = PLACES
    times = TIMES
    question_words = QUESTION_WORDS
    numbers = NUMBERS
    bounds = BOUNDS
    conjunction = "y/CCONJ"
    question_marks = ("¿", "?")

    def order(self, frame: Frame, asked: Asked | None) -> Sequence[str]:
        verb = ("negation", "clitic", "verb")
        if asked is not None:
            first = "object" if asked == "count" else asked
            rest = ("agent", "object", "recipient", "place", "time")
            return (first, *verb, *(part for part in rest if part != first))
        if frame.time_first:
            return ("time", "agent", *verb, "object", "recipient", "place")
        return ("agent", *verb, "object", "recipient", "place", "time")

    def verb_parts(self, frame: Frame, asked: Asked | None) -> dict[str, list[Word]]:
        return {
            "negation": words("no/ADV") if frame.negative else [],
            "clitic": words("le/PRON") if frame.recipient is not None else [],
            "verb": [Word(VERBS[frame.verb], "VERB", role="verb")],
        }

    def object_phrase(self, frame: Frame, asked: Asked | None) -> list[Word]:
        noun, gender = OBJECTS[frame.object]
        phrase = self.quantity(frame, asked)
        phrase.append(Word(noun, "NOUN", role="object.head"))
        if frame.adjective is not None:
            phrase.append(Word(ADJECTIVES[frame.adjective][gender], "ADJ", role="object.adjective"))
        return phrase

    def how_many(self, frame: Frame) -> str:
        return HOW_MANY[OBJECTS[frame.object][1]]
