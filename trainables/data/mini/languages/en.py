"""English: subject, verb, object; questions with "did"."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.data.mini.frames import Asked, Bound, Frame
from trainables.data.mini.languages.grammar import Grammar
from trainables.data.mini.languages.names import LATIN, names
from trainables.data.mini.sentence import Word, words

PEOPLE = names(LATIN)
# Infinitive and past.
VERBS = {
    "buy": ("buy", "bought"),
    "find": ("find", "found"),
    "see": ("see", "saw"),
    "lose": ("lose", "lost"),
    "hide": ("hide", "hid"),
    "sell": ("sell", "sold"),
    "give": ("give", "gave"),
    "send": ("send", "sent"),
    "bring": ("bring", "brought"),
    "show": ("show", "showed"),
}
OBJECTS = {
    "apple": "apples",
    "book": "books",
    "letter": "letters",
    "bag": "bags",
    "cup": "cups",
    "chair": "chairs",
    "shirt": "shirts",
    "flower": "flowers",
    "hat": "hats",
    "lamp": "lamps",
    "knife": "knives",
    "key": "keys",
    "box": "boxes",
    "picture": "pictures",
    "umbrella": "umbrellas",
    "bottle": "bottles",
    "egg": "eggs",
    "ball": "balls",
}
NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine"}
BOUNDS: dict[Bound, str] = {"exact": "", "more": "more/ADJ than/ADP", "fewer": "fewer/ADJ than/ADP"}
RECIPIENTS = {person: f"to/ADP {name}" for person, name in PEOPLE.items()}
PLACES = {
    "madrid": "in/ADP Madrid/PROPN",
    "berlin": "in/ADP Berlin/PROPN",
    "moscow": "in/ADP Moscow/PROPN",
    "istanbul": "in/ADP Istanbul/PROPN",
    "beijing": "in/ADP Beijing/PROPN",
    "delhi": "in/ADP Delhi/PROPN",
    "nairobi": "in/ADP Nairobi/PROPN",
    "new_york": "in/ADP New/PROPN York/PROPN",
    "london": "in/ADP London/PROPN",
    "buenos_aires": "in/ADP Buenos/PROPN Aires/PROPN",
    "market": "at/ADP the/DET market/NOUN",
    "school": "at/ADP the/DET school/NOUN",
    "library": "in/ADP the/DET library/NOUN",
    "garden": "in/ADP the/DET garden/NOUN",
    "hotel": "at/ADP the/DET hotel/NOUN",
    "office": "in/ADP the/DET office/NOUN",
}
TIMES = {
    "yesterday": "yesterday/NOUN",
    "monday": "on/ADP Monday/PROPN",
    "friday": "on/ADP Friday/PROPN",
    "saturday": "on/ADP Saturday/PROPN",
    "morning": "in/ADP the/DET morning/NOUN",
    "evening": "in/ADP the/DET evening/NOUN",
    "last_week": "last/ADJ week/NOUN",
    "may": "in/ADP May/PROPN",
}
QUESTION_WORDS: dict[Asked, str] = {
    "agent": "who/PRON",
    "object": "what/PRON",
    "count": "how/ADV many/ADJ",
    "recipient": "to/ADP whom/PRON",
    "place": "where/ADV",
    "time": "when/ADV",
}


class English(Grammar):
    agents = PEOPLE
    recipients = RECIPIENTS
    places = PLACES
    times = TIMES
    question_words = QUESTION_WORDS
    numbers = NUMBERS
    bounds = BOUNDS
    none = "any/DET"
    conjunction = "and/CCONJ"

    def order(self, frame: Frame, asked: Asked | None) -> Sequence[str]:
        rest = ("agent", "auxiliary", "negation", "verb", "object", "recipient", "place", "time")
        if asked == "agent":
            return rest
        if asked is not None:
            asked_phrase = "object" if asked == "count" else asked
            middle = ("agent", "verb", "object", "recipient", "place", "time")
            return (asked_phrase, "auxiliary", *(part for part in middle if part != asked_phrase))
        return ("time", *rest[:-1]) if frame.time_first else rest

    def verb_parts(self, frame: Frame, asked: Asked | None) -> dict[str, list[Word]]:
        infinitive, past = VERBS[frame.verb]
        if frame.negative or asked not in (None, "agent"):
            parts = {"auxiliary": words("did/AUX"), "verb": [Word(infinitive, "VERB", role="verb")]}
        else:
            parts = {"verb": [Word(past, "VERB", role="verb")]}
        if frame.negative:
            parts["negation"] = words("not/PART")
        return parts

    def object_phrase(self, frame: Frame, asked: Asked | None) -> list[Word]:
        phrase = self.quantity(frame, asked)
        if frame.adjective is not None:
            phrase.append(Word(frame.adjective, "ADJ", role="object.adjective"))
        return [*phrase, Word(OBJECTS[frame.object], "NOUN", role="object.head")]
