"""Hindi: verb last; the subject of a past deed takes ने, and the verb agrees with the object."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.data.mini.frames import Asked, Bound, Frame
from trainables.data.mini.languages.grammar import Grammar
from trainables.data.mini.languages.names import names
from trainables.data.mini.sentence import Word, words

PEOPLE = names(
    {
        "anna": "अन्ना",
        "daniel": "डैनियल",
        "maria_lopez": "मारिया लोपेज़",
        "omar": "उमर",
        "laura_weber": "लौरा वेबर",
        "robert_brown": "रॉबर्ट ब्राउन",
        "elena": "एलेना",
        "viktor_ivanov": "विक्टर इवानोव",
        "sara": "सारा",
        "thomas": "थॉमस",
        "julia": "जूलिया",
        "martin_king": "मार्टिन किंग",
    }
)
AGENTS = {person: f"{name} ने/ADP" for person, name in PEOPLE.items()}
RECIPIENTS = {person: f"{name} को/ADP" for person, name in PEOPLE.items()}
# Masculine plural, feminine plural, and masculine singular (agreeing with "what"). All of them take ने; लाना, the
# usual word for "bring", does not, so that पहुँचाना stands in for it.
VERBS = {
    "buy": ("ख़रीदे", "ख़रीदीं", "ख़रीदा"),
    "find": ("पाए", "पाईं", "पाया"),
    "see": ("देखे", "देखीं", "देखा"),
    "lose": ("खोए", "खोईं", "खोया"),
    "hide": ("छिपाए", "छिपाईं", "छिपाया"),
    "sell": ("बेचे", "बेचीं", "बेचा"),
    "give": ("दिए", "दीं", "दिया"),
    "send": ("भेजे", "भेजीं", "भेजा"),
    "bring": ("पहुँचाए", "पहुँचाईं", "पहुँचाया"),
    "show": ("दिखाए", "दिखाईं", "दिखाया"),
}
# Plural and gender.
OBJECTS = {
    "apple": ("सेब", "m"),
    "book": ("किताबें", "f"),
    "letter": ("पत्र", "m"),
    "bag": ("थैले", "m"),
    "cup": ("प्याले", "m"),
    "chair": ("कुर्सियाँ", "f"),
    "shirt": ("कमीज़ें", "f"),
    "flower": ("फूल", "m"),
    "hat": ("टोपियाँ", "f"),
    "lamp": ("लैंप", "m"),
    "knife": ("चाकू", "m"),
    "key": ("चाबियाँ", "f"),
    "box": ("डिब्बे", "m"),
    "picture": ("तस्वीरें", "f"),
    "umbrella": ("छाते", "m"),
    "bottle": ("बोतलें", "f"),
    "egg": ("अंडे", "m"),
    "ball": ("गेंदें", "f"),
}
ADJECTIVES = {
    "red": {"m": "लाल", "f": "लाल"},
    "white": {"m": "सफ़ेद", "f": "सफ़ेद"},
    "black": {"m": "काले", "f": "काली"},
    "big": {"m": "बड़े", "f": "बड़ी"},
    "small": {"m": "छोटे", "f": "छोटी"},
    "new": {"m": "नए", "f": "नई"},
}
NUMBERS = {2: "दो", 3: "तीन", 4: "चार", 5: "पाँच", 6: "छह", 7: "सात", 8: "आठ", 9: "नौ"}
# These follow the numeral.
BOUNDS: dict[Bound, str] = {"exact": "", "more": "से/ADP अधिक/ADJ", "fewer": "से/ADP कम/ADJ"}
HOW_MANY = {"m": "कितने/DET", "f": "कितनी/DET"}
PLACES = {
    "madrid": "मैड्रिड/PROPN में/ADP",
    "berlin": "बर्लिन/PROPN में/ADP",
    "moscow": "मॉस्को/PROPN में/ADP",
    "istanbul": "इस्तांबुल/PROPN में/ADP",
    "beijing": "बीजिंग/PROPN में/ADP",
    "delhi": "दिल्ली/PROPN में/ADP",
    "nairobi": "नैरोबी/PROPN में/ADP",
    "new_york": "न्यू/PROPN यॉर्क/PROPN में/ADP",
    "london": "लंदन/PROPN में/ADP",
    "buenos_aires": "ब्यूनस/PROPN आयर्स/PROPN में/ADP",
    "market": "बाज़ार/NOUN में/ADP",
    "school": "स्कूल/NOUN में/ADP",
    "library": "पुस्तकालय/NOUN में/ADP",
    "garden": "बगीचे/NOUN में/ADP",
    "hotel": "होटल/NOUN में/ADP",
    "office": "दफ़्तर/NOUN में/ADP",
}
TIMES = {
    "yesterday": "कल/NOUN",
    "monday": "सोमवार/PROPN को/ADP",
    "friday": "शुक्रवार/PROPN को/ADP",
    "saturday": "शनिवार/PROPN को/ADP",
    "morning": "सुबह/NOUN",
    "evening": "शाम/NOUN को/ADP",
    "last_week": "पिछले/ADJ हफ़्ते/NOUN",
    "may": "मई/PROPN में/ADP",
}
QUESTION_WORDS: dict[Asked, str] = {
    "agent": "किसने/PRON",
    "object": "क्या/PRON",
    "recipient": "किसको/PRON",
    "place": "कहाँ/PRON",
    "time": "कब/PRON",
}


class Hindi(Grammar):
    agents = AGENTS
    recipients = RECIPIENTS
    places = PLACES
    times = TIMES
    question_words = QUESTION_WORDS
    numbers = NUMBERS
    bounds = BOUNDS
    bound_follows = True
    conjunction = "और/CCONJ"
    stop = "।"

    def order(self, frame: Frame, asked: Asked | None) -> Sequence[str]:
        start = ("time", "agent") if frame.time_first and asked != "time" else ("agent", "time")
        return (*start, "place", "recipient", "object", "negation", "verb")

    def verb_parts(self, frame: Frame, asked: Asked | None) -> dict[str, list[Word]]:
        masculine, feminine, singular = VERBS[frame.verb]
        _, gender = OBJECTS[frame.object]
        form = singular if asked == "object" else feminine if gender == "f" else masculine
        return {
            "negation": words("नहीं/PART") if frame.negative else [],
            "verb": [Word(form, "VERB", role="verb")],
        }

    def object_phrase(self, frame: Frame, asked: Asked | None) -> list[Word]:
        noun, gender = OBJECTS[frame.object]
        phrase = self.quantity(frame, asked)
        if frame.adjective is not None:
            phrase.append(Word(ADJECTIVES[frame.adjective][gender], "ADJ", role="object.adjective"))
        return [*phrase, Word(noun, "NOUN", role="object.head")]

    def how_many(self, frame: Frame) -> str:
        return HOW_MANY[OBJECTS[frame.object][1]]
