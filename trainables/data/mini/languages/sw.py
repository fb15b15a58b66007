"""Swahili: adjective and numeral follow the noun and take its class; the verb carries tense, polarity and receiver."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.data.mini.frames import Asked, Bound, Frame
from trainables.data.mini.languages.grammar import Grammar
from trainables.data.mini.languages.names import LATIN, names
from trainables.data.mini.sentence import Word

PEOPLE = names(LATIN | {"omar": "Omari"})
# Past and negative past; those with a receiver have the object marker -m-.
VERBS = {
    "buy": ("alinunua", "hakununua"),
    "find": ("alipata", "hakupata"),
    "see": ("aliona", "hakuona"),
    "lose": ("alipoteza", "hakupoteza"),
    "hide": ("alificha", "hakuficha"),
    "sell": ("alimuuzia", "hakumuuzia"),
    "give": ("alimpa", "hakumpa"),
    "send": ("alimtumia", "hakumtumia"),
    "bring": ("alimletea", "hakumletea"),
    "show": ("alimwonyesha", "hakumwonyesha"),
}
# Plural and noun class.
OBJECTS = {
    "apple": ("matofaa", 6),
    "book": ("vitabu", 8),
    "letter": ("barua", 10),
    "bag": ("mikoba", 4),
    "cup": ("vikombe", 8),
    "chair": ("viti", 8),
    "shirt": ("mashati", 6),
    "flower": ("maua", 6),
    "hat": ("kofia", 10),
    "lamp": ("taa", 10),
    "knife": ("visu", 8),
    "key": ("funguo", 10),
    "box": ("masanduku", 6),
    "picture": ("picha", 10),
    "umbrella": ("miavuli", 4),
    "bottle": ("chupa", 10),
    "egg": ("mayai", 6),
    "ball": ("mipira", 4),
}
ADJECTIVES = {
    "red": {4: "myekundu", 6: "mekundu", 8: "vyekundu", 10: "nyekundu"},
    "white": {4: "myeupe", 6: "meupe", 8: "vyeupe", 10: "nyeupe"},
    "black": {4: "myeusi", 6: "meusi", 8: "vyeusi", 10: "nyeusi"},
    "big": {4: "mikubwa", 6: "makubwa", 8: "vikubwa", 10: "kubwa"},
    "small": {4: "midogo", 6: "madogo", 8: "vidogo", 10: "ndogo"},
    "new": {4: "mipya", 6: "mapya", 8: "vipya", 10: "mpya"},
}
# Six, seven and nine do not agree.
NUMBERS = {
    2: {4: "miwili", 6: "mawili", 8: "viwili", 10: "mbili"},
    3: {4: "mitatu", 6: "matatu", 8: "vitatu", 10: "tatu"},
    4: {4: "minne", 6: "manne", 8: "vinne", 10: "nne"},
    5: {4: "mitano", 6: "matano", 8: "vitano", 10: "tano"},
    6: dict.fromkeys((4, 6, 8, 10), "sita"),
    7: dict.fromkeys((4, 6, 8, 10), "saba"),
    8: {4: "minane", 6: "manane", 8: "vinane", 10: "nane"},
    9: dict.fromkeys((4, 6, 8, 10), "tisa"),
}
BOUNDS: dict[Bound, str] = {"exact": "", "more": "zaidi/ADV ya/ADP", "fewer": "chini/ADV ya/ADP"}
HOW_MANY = {4: "mingapi/DET", 6: "mangapi/DET", 8: "vingapi/DET", 10: "ngapi/DET"}
# The noun "jijini" (in the city) stands before a city as a preposition would, so it is no part of the answer.
PLACES = {
    "madrid": "jijini/NOUN- Madrid/PROPN",
    "berlin": "jijini/NOUN- Berlin/PROPN",
    "moscow": "jijini/NOUN- Moscow/PROPN",
    "istanbul": "jijini/NOUN- Istanbul/PROPN",
    "beijing": "jijini/NOUN- Beijing/PROPN",
    "delhi": "jijini/NOUN- Delhi/PROPN",
    "nairobi": "jijini/NOUN- Nairobi/PROPN",
    "new_york": "jijini/NOUN- New/PROPN York/PROPN",
    "london": "jijini/NOUN- London/PROPN",
    "buenos_aires": "jijini/NOUN- Buenos/PROPN Aires/PROPN",
    "market": "sokoni/NOUN",
    "school": "shuleni/NOUN",
    "library": "maktabani/NOUN",
    "garden": "bustanini/NOUN",
    "hotel": "hotelini/NOUN",
    "office": "ofisini/NOUN",
}
TIMES = {
    "yesterday": "jana/ADV",
    "monday": "Jumatatu/PROPN",
    "friday": "Ijumaa/PROPN",
    "saturday": "Jumamosi/PROPN",
    "morning": "asubuhi/NOUN",
    "evening": "jioni/NOUN",
    "last_week": "wiki/NOUN iliyopita/VERB",
    "may": "mwezi/NOUN- Mei/PROPN",
}
QUESTION_WORDS: dict[Asked, str] = {
    "agent": "nani/PRON",
    "object": "nini/PRON",
    "recipient": "nani/PRON",
    "place": "wapi/ADV",
    "time": "lini/ADV",
}


class Swahili(Grammar):
    agents = PEOPLE
    recipients = PEOPLE
    places = PLACES
    times = TIMES
    question_words = QUESTION_WORDS
    bounds = BOUNDS
    conjunction = "na/CCONJ"

    def order(self, frame: Frame, asked: Asked | None) -> Sequence[str]:
        usual = ("agent", "verb", "recipient", "object", "place")
        return ("time", *usual) if frame.time_first and asked != "time" else (*usual, "time")

    def verb_parts(self, frame: Frame, asked: Asked | None) -> dict[str, list[Word]]:
        affirmative, negative = VERBS[frame.verb]
        return {"verb": [Word(negative if frame.negative else affirmative, "VERB", role="verb")]}

    def object_phrase(self, frame: Frame, asked: Asked | None) -> list[Word]:
        noun, noun_class = OBJECTS[frame.object]
        phrase = [Word(noun, "NOUN", role="object.head")]
        if frame.adjective is not None:
            phrase.append(Word(ADJECTIVES[frame.adjective][noun_class], "ADJ", role="object.adjective"))
        return phrase + self.quantity(frame, asked)

    def how_many(self, frame: Frame) -> str:
        return HOW_MANY[OBJECTS[frame.object][1]]

    def numeral(self, frame: Frame, count: int) -> str:
        return NUMBERS[count][OBJECTS[frame.object][1]]
