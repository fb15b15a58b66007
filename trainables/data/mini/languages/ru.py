"""Russian: the verb agrees with the subject's gender, the numeral governs the noun, negation takes the genitive."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.data.mini.frames import WOMEN, Asked, Bound, Frame
from trainables.data.mini.languages.grammar import Grammar
from trainables.data.mini.languages.names import names
from trainables.data.mini.sentence import Word, words

AGENTS = names(
    {
        "anna": "Анна",
        "daniel": "Даниэль",
        "maria_lopez": "Мария Лопес",
        "omar": "Омар",
        "laura_weber": "Лаура Вебер",
        "robert_brown": "Роберт Браун",
        "elena": "Елена",
        "viktor_ivanov": "Виктор Иванов",
        "sara": "Сара",
        "thomas": "Томас",
        "julia": "Юлия",
        "martin_king": "Мартин Кинг",
    }
)
# Dative; a woman's surname that ends in a consonant does not change.
RECIPIENTS = names(
    {
        "anna": "Анне",
        "daniel": "Даниэлю",
        "maria_lopez": "Марии Лопес",
        "omar": "Омару",
        "laura_weber": "Лауре Вебер",
        "robert_brown": "Роберту Брауну",
        "elena": "Елене",
        "viktor_ivanov": "Виктору Иванову",
        "sara": "Саре",
        "thomas": "Томасу",
        "julia": "Юлии",
        "martin_king": "Мартину Кингу",
    }
)
# Masculine and feminine past.
VERBS = {
    "buy": ("купил", "купила"),
    "find": ("нашёл", "нашла"),
    "see": ("видел", "видела"),
    "lose": ("потерял", "потеряла"),
    "hide": ("спрятал", "спрятала"),
    "sell": ("продал", "продала"),
    "give": ("дал", "дала"),
    "send": ("отправил", "отправила"),
    "bring": ("принёс", "принесла"),
    "show": ("показал", "показала"),
}
# Genitive singular, genitive plural, gender.
OBJECTS = {
    "apple": ("яблока", "яблок", "n"),
    "book": ("книги", "книг", "f"),
    "letter": ("письма", "писем", "n"),
    "bag": ("сумки", "сумок", "f"),
    "cup": ("чашки", "чашек", "f"),
    "chair": ("стула", "стульев", "m"),
    "shirt": ("рубашки", "рубашек", "f"),
    "flower": ("цветка", "цветов", "m"),
    "hat": ("шляпы", "шляп", "f"),
    "lamp": ("лампы", "ламп", "f"),
    "knife": ("ножа", "ножей", "m"),
    "key": ("ключа", "ключей", "m"),
    "box": ("коробки", "коробок", "f"),
    "picture": ("картины", "картин", "f"),
    "umbrella": ("зонта", "зонтов", "m"),
    "bottle": ("бутылки", "бутылок", "f"),
    "egg": ("яйца", "яиц", "n"),
    "ball": ("мяча", "мячей", "m"),
}
# Nominative and genitive plural.
ADJECTIVES = {
    "red": ("красные", "красных"),
    "white": ("белые", "белых"),
    "black": ("чёрные", "чёрных"),
    "big": ("большие", "больших"),
    "small": ("маленькие", "маленьких"),
    "new": ("новые", "новых"),
}
NUMBERS = {2: "два", 3: "три", 4: "четыре", 5: "пять", 6: "шесть", 7: "семь", 8: "восемь", 9: "девять"}
GENITIVE_NUMBERS = {2: "двух", 3: "трёх", 4: "четырёх", 5: "пяти", 6: "шести", 7: "семи", 8: "восьми", 9: "девяти"}
BOUNDS: dict[Bound, str] = {"exact": "", "more": "больше/ADV", "fewer": "меньше/ADV"}
PLACES = {
    "madrid": "в/ADP Мадриде/PROPN",
    "berlin": "в/ADP Берлине/PROPN",
    "moscow": "в/ADP Москве/PROPN",
    "istanbul": "в/ADP Стамбуле/PROPN",
    "beijing": "в/ADP Пекине/PROPN",
    "delhi": "в/ADP Дели/PROPN",
    "nairobi": "в/ADP Найроби/PROPN",
    "new_york": "в/ADP Нью-Йорке/PROPN",
    "london": "в/ADP Лондоне/PROPN",
    "buenos_aires": "в/ADP Буэнос-Айресе/PROPN",
    "market": "на/ADP рынке/NOUN",
    "school": "в/ADP школе/NOUN",
    "library": "в/ADP библиотеке/NOUN",
    "garden": "в/ADP саду/NOUN",
    "hotel": "в/ADP гостинице/NOUN",
    "office": "в/ADP офисе/NOUN",
}
TIMES = {
    "yesterday": "вчера/ADV",
    "monday": "в/ADP понедельник/NOUN",
    "friday": "в/ADP пятницу/NOUN",
    "saturday": "в/ADP субботу/NOUN",
    "morning": "утром/NOUN",
    "evening": "вечером/NOUN",
    "last_week": "на/ADP прошлой/ADJ неделе/NOUN",
    "may": "в/ADP мае/NOUN",
}
QUESTION_WORDS: dict[Asked, str] = {
    "agent": "кто/PRON",
    "object": "что/PRON",
    "count": "сколько/NUM",
    "recipient": "кому/PRON",
    "place": "где/ADV",
    "time": "когда/ADV",
}


class Russian(Grammar):
    agents = AGENTS
    recipients = RECIPIENTS
    places = PLACES
    times = TIMES
    question_words = QUESTION_WORDS
    numbers = NUMBERS
    bounds = BOUNDS
    conjunction = ",/PUNCT а/CCONJ"

    def order(self, frame: Frame, asked: Asked | None) -> Sequence[str]:
        usual = ("agent", "time", "negation", "verb", "recipient", "object", "place")
        first = "object" if asked == "count" else asked
        if first is None:
            first = "time" if frame.time_first else "agent"
        return (first, *(part for part in usual if part != first))

    def verb_parts(self, frame: Frame, asked: Asked | None) -> dict[str, list[Word]]:
        masculine, feminine = VERBS[frame.verb]
        form = feminine if frame.agent in WOMEN and asked != "agent" else masculine  # "who" is masculine
        return {
            "negation": words("не/PART") if frame.negative else [],
            "verb": [Word(form, "VERB", role="verb")],
        }

    def object_phrase(self, frame: Frame, asked: Asked | None) -> list[Word]:
        singular, plural, gender = OBJECTS[frame.object]
        noun, (nominative, adjective) = plural, ADJECTIVES.get(frame.adjective or "", ("", ""))
        few = frame.count is not None and frame.count < 5 and frame.bound == "exact" and asked != "count"
        if few:
            # Two to four take the genitive singular, with the adjective in the plural: nominative if feminine.
            noun, adjective = singular, nominative if gender == "f" else adjective
        phrase = self.quantity(frame, asked)
        if adjective:
            phrase.append(Word(adjective, "ADJ", role="object.adjective"))
        return [*phrase, Word(noun, "NOUN", role="object.head")]

    def numeral(self, frame: Frame, count: int) -> str:
        if frame.bound != "exact":
            return GENITIVE_NUMBERS[count]
        return "две" if count == 2 and OBJECTS[frame.object][2] == "f" else self.numbers[count]
