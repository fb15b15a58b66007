"""Turkish: verb last; names take their case ending after an apostrophe; no plural after a numeral."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.data.mini.frames import Asked, Bound, Frame
from trainables.data.mini.languages.grammar import Grammar
from trainables.data.mini.languages.names import LATIN, names
from trainables.data.mini.sentence import Word

AGENTS = names(LATIN | {"omar": "Ömer"})
# Dative; the ending follows the vowel that is heard last.
RECIPIENTS = names(
    {
        "anna": "Anna'ya",
        "daniel": "Daniel'e",
        "maria_lopez": "Maria Lopez'e",
        "omar": "Ömer'e",
        "laura_weber": "Laura Weber'e",
        "robert_brown": "Robert Brown'a",
        "elena": "Elena'ya",
        "viktor_ivanov": "Viktor Ivanov'a",
        "sara": "Sara'ya",
        "thomas": "Thomas'a",
        "julia": "Julia'ya",
        "martin_king": "Martin King'e",
    }
)
# Past and negative past.
VERBS = {
    "buy": ("aldı", "almadı"),
    "find": ("buldu", "bulmadı"),
    "see": ("gördü", "görmedi"),
    "lose": ("kaybetti", "kaybetmedi"),
    "hide": ("sakladı", "saklamadı"),
    "sell": ("sattı", "satmadı"),
    "give": ("verdi", "vermedi"),
    "send": ("gönderdi", "göndermedi"),
    "bring": ("getirdi", "getirmedi"),
    "show": ("gösterdi", "göstermedi"),
}
OBJECTS = {
    "apple": "elma",
    "book": "kitap",
    "letter": "mektup",
    "bag": "çanta",
    "cup": "fincan",
    "chair": "sandalye",
    "shirt": "gömlek",
    "flower": "çiçek",
    "hat": "şapka",
    "lamp": "lamba",
    "knife": "bıçak",
    "key": "anahtar",
    "box": "kutu",
    "picture": "resim",
    "umbrella": "şemsiye",
    "bottle": "şişe",
    "egg": "yumurta",
    "ball": "top",
}
ADJECTIVES = {
    "red": "kırmızı",
    "white": "beyaz",
    "black": "siyah",
    "big": "büyük",
    "small": "küçük",
    "new": "yeni",
}
NUMBERS = {2: "iki", 3: "üç", 4: "dört", 5: "beş", 6: "altı", 7: "yedi", 8: "sekiz", 9: "dokuz"}
ABLATIVE_NUMBERS = {
    2: "ikiden",
    3: "üçten",
    4: "dörtten",
    5: "beşten",
    6: "altıdan",
    7: "yediden",
    8: "sekizden",
    9: "dokuzdan",
}
# These follow the numeral, which takes the ablative.
BOUNDS: dict[Bound, str] = {"exact": "", "more": "fazla/ADJ", "fewer": "az/ADJ"}
PLACES = {
    "madrid": "Madrid'de/PROPN",
    "berlin": "Berlin'de/PROPN",
    "moscow": "Moskova'da/PROPN",
    "istanbul": "İstanbul'da/PROPN",
    "beijing": "Pekin'de/PROPN",
    "delhi": "Delhi'de/PROPN",
    "nairobi": "Nairobi'de/PROPN",
    "new_york": "New/PROPN York'ta/PROPN",
    "london": "Londra'da/PROPN",
    "buenos_aires": "Buenos/PROPN Aires'te/PROPN",
    "market": "pazarda/NOUN",
    "school": "okulda/NOUN",
    "library": "kütüphanede/NOUN",
    "garden": "bahçede/NOUN",
    "hotel": "otelde/NOUN",
    "office": "ofiste/NOUN",
}
TIMES = {
    "yesterday": "dün/ADV",
    "monday": "pazartesi/NOUN günü/NOUN-",
    "friday": "cuma/NOUN günü/NOUN-",
    "saturday": "cumartesi/NOUN günü/NOUN-",
    "morning": "sabahleyin/ADV",
    "evening": "akşamleyin/ADV",
    "last_week": "geçen/ADJ hafta/NOUN",
    "may": "mayısta/NOUN",
}
QUESTION_WORDS: dict[Asked, str] = {
    "agent": "kim/PRON",
    "object": "ne/PRON",
    "count": "kaç/DET",
    "recipient": "kime/PRON",
    "place": "nerede/PRON",
    "time": "ne/DET zaman/NOUN",
}


class Turkish(Grammar):
    agents = AGENTS
    recipients = RECIPIENTS
    places = PLACES
    times = TIMES
    question_words = QUESTION_WORDS
    numbers = NUMBERS
    bounds = BOUNDS
    bound_follows = True
    none = "hiç/ADV"
    conjunction = "ve/CCONJ"

    def order(self, frame: Frame, asked: Asked | None) -> Sequence[str]:
        start = ("time", "agent") if frame.time_first and asked != "time" else ("agent", "time")
        return (*start, "place", "recipient", "object", "verb")

    def verb_parts(self, frame: Frame, asked: Asked | None) -> dict[str, list[Word]]:
        affirmative, negative = VERBS[frame.verb]
        return {"verb": [Word(negative if frame.negative else affirmative, "VERB", role="verb")]}

    def object_phrase(self, frame: Frame, asked: Asked | None) -> list[Word]:
        phrase = self.quantity(frame, asked)
        if frame.adjective is not None:
            phrase.append(Word(ADJECTIVES[frame.adjective], "ADJ", role="object.adjective"))
        return [*phrase, Word(OBJECTS[frame.object], "NOUN", role="object.head")]

    def numeral(self, frame: Frame, count: int) -> str:
        return (self.numbers if frame.bound == "exact" else ABLATIVE_NUMBERS)[count]
