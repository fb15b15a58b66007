"""German: the verb is second; the object stands last and takes the negation."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.data.mini.frames import Asked, Bound, Frame
from trainables.data.mini.languages.grammar import Grammar
from trainables.data.mini.languages.names import LATIN, names
from trainables.data.mini.sentence import Word

PEOPLE = names(LATIN | {"viktor_ivanov": "Viktor Iwanow"})
VERBS = {
    "buy": "kaufte",
    "find": "fand",
    "see": "sah",
    "lose": "verlor",
    "hide": "versteckte",
    "sell": "verkaufte",
    "give": "gab",
    "send": "schickte",
    "bring": "brachte",
    "show": "zeigte",
}
OBJECTS = {
    "apple": "Äpfel",
    "book": "Bücher",
    "letter": "Briefe",
    "bag": "Taschen",
    "cup": "Tassen",
    "chair": "Stühle",
    "shirt": "Hemden",
    "flower": "Blumen",
    "hat": "Hüte",
    "lamp": "Lampen",
    "knife": "Messer",
    "key": "Schlüssel",
    "box": "Kisten",
    "picture": "Bilder",
    "umbrella": "Regenschirme",
    "bottle": "Flaschen",
    "egg": "Eier",
    "ball": "Bälle",
}
# Strong plural (after a numeral) and weak plural (after "keine").
ADJECTIVES = {
    "red": ("rote", "roten"),
    "white": ("weiße", "weißen"),
    "black": ("schwarze", "schwarzen"),
    "big": ("große", "großen"),
    "small": ("kleine", "kleinen"),
    "new": ("neue", "neuen"),
}
NUMBERS = {2: "zwei", 3: "drei", 4: "vier", 5: "fünf", 6: "sechs", 7: "sieben", 8: "acht", 9: "neun"}
BOUNDS: dict[Bound, str] = {"exact": "", "more": "mehr/ADV als/ADP", "fewer": "weniger/ADV als/ADP"}
PLACES = {
    "madrid": "in/ADP Madrid/PROPN",
    "berlin": "in/ADP Berlin/PROPN",
    "moscow": "in/ADP Moskau/PROPN",
    "istanbul": "in/ADP Istanbul/PROPN",
    "beijing": "in/ADP Peking/PROPN",
    "delhi": "in/ADP Delhi/PROPN",
    "nairobi": "in/ADP Nairobi/PROPN",
    "new_york": "in/ADP New/PROPN York/PROPN",
    "london": "in/ADP London/PROPN",
    "buenos_aires": "in/ADP Buenos/PROPN Aires/PROPN",
    "market": "auf/ADP dem/DET Markt/NOUN",
    "school": "in/ADP der/DET Schule/NOUN",
    "library": "in/ADP der/DET Bibliothek/NOUN",
    "garden": "im/ADP Garten/NOUN",
    "hotel": "im/ADP Hotel/NOUN",
    "office": "im/ADP Büro/NOUN",
}
TIMES = {
    "yesterday": "gestern/ADV",
    "monday": "am/ADP Montag/NOUN",
    "friday": "am/ADP Freitag/NOUN",
    "saturday": "am/ADP Samstag/NOUN",
    "morning": "am/ADP Morgen/NOUN",
    "evening": "am/ADP Abend/NOUN",
    "last_week": "letzte/ADJ Woche/NOUN",
    "may": "im/ADP Mai/NOUN",
}
QUESTION_WORDS: dict[Asked, str] = {
    "agent": "wer/PRON",
    "object": "was/PRON",
    "count": "wie/ADV viele/DET",
    "recipient": "wem/PRON",
    "place": "wo/ADV",
    "time": "wann/ADV",
}


class German(Grammar):
    agents = PEOPLE
    recipients = PEOPLE  # the dative of a name has no ending of its own
    places = PLACES
    times = TIMES
    question_words = QUESTION_WORDS
    numbers = NUMBERS
    bounds = BOUNDS
    none = "keine/DET"
    conjunction = "und/CCONJ"

    def order(self, frame: Frame, asked: Asked | None) -> Sequence[str]:
        first = "object" if asked == "count" else asked
        if first is None:
            first = "time" if frame.time_first and frame.time is not None else "agent"
        rest = ("agent", "recipient", "time", "place", "object")
        return (first, "verb", *(part for part in rest if part != first))

    def verb_parts(self, frame: Frame, asked: Asked | None) -> dict[str, list[Word]]:
        return {"verb": [Word(VERBS[frame.verb], "VERB", role="verb")]}

    def object_phrase(self, frame: Frame, asked: Asked | None) -> list[Word]:
        phrase = self.quantity(frame, asked)
        if frame.adjective is not None:
            strong, weak = ADJECTIVES[frame.adjective]
            form = weak if frame.negative else strong
            phrase.append(Word(form, "ADJ", role="object.adjective"))
        return [*phrase, Word(OBJECTS[frame.object], "NOUN", role="object.head")]
