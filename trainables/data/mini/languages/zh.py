"""Chinese: time and place before the verb, measure words, questions in place; no spaces between words."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.data.mini.frames import Asked, Bound, Frame
from trainables.data.mini.languages.grammar import Grammar
from trainables.data.mini.languages.names import names
from trainables.data.mini.sentence import Word, words

PEOPLE = names(
    {
        "anna": "安娜",
        "daniel": "丹尼尔",
        "maria_lopez": "玛丽亚·洛佩斯",
        "omar": "奥马尔",
        "laura_weber": "劳拉·韦伯",
        "robert_brown": "罗伯特·布朗",
        "elena": "埃琳娜",
        "viktor_ivanov": "维克托·伊万诺夫",
        "sara": "萨拉",
        "thomas": "托马斯",
        "julia": "朱莉娅",
        "martin_king": "马丁·金",
    }
)
VERBS = {
    "buy": "买",
    "find": "找到",
    "see": "看见",
    "lose": "丢",
    "hide": "藏",
    "sell": "卖给",
    "give": "给",
    "send": "寄给",
    "bring": "带给",
    "show": "展示",
}
# Noun and measure word.
OBJECTS = {
    "apple": ("苹果", "个"),
    "book": ("书", "本"),
    "letter": ("信", "封"),
    "bag": ("包", "个"),
    "cup": ("杯子", "个"),
    "chair": ("椅子", "把"),
    "shirt": ("衬衫", "件"),
    "flower": ("花", "朵"),
    "hat": ("帽子", "顶"),
    "lamp": ("灯", "盏"),
    "knife": ("刀", "把"),
    "key": ("钥匙", "把"),
    "box": ("盒子", "个"),
    "picture": ("画", "幅"),
    "umbrella": ("雨伞", "把"),
    "bottle": ("瓶子", "个"),
    "egg": ("鸡蛋", "个"),
    "ball": ("球", "个"),
}
ADJECTIVES = {
    "red": "红色/NOUN 的/PART",
    "white": "白色/NOUN 的/PART",
    "black": "黑色/NOUN 的/PART",
    "big": "大/ADJ",
    "small": "小/ADJ",
    "new": "新/ADJ",
}
NUMBERS = {2: "两", 3: "三", 4: "四", 5: "五", 6: "六", 7: "七", 8: "八", 9: "九"}
BOUNDS: dict[Bound, str] = {"exact": "", "more": "超过/VERB", "fewer": "不到/VERB"}
PLACES = {
    "madrid": "在/ADP 马德里/PROPN",
    "berlin": "在/ADP 柏林/PROPN",
    "moscow": "在/ADP 莫斯科/PROPN",
    "istanbul": "在/ADP 伊斯坦布尔/PROPN",
    "beijing": "在/ADP 北京/PROPN",
    "delhi": "在/ADP 德里/PROPN",
    "nairobi": "在/ADP 内罗毕/PROPN",
    "new_york": "在/ADP 纽约/PROPN",
    "london": "在/ADP 伦敦/PROPN",
    "buenos_aires": "在/ADP 布宜诺斯艾利斯/PROPN",
    "market": "在/ADP 市场/NOUN",
    "school": "在/ADP 学校/NOUN",
    "library": "在/ADP 图书馆/NOUN",
    "garden": "在/ADP 花园/NOUN",
    "hotel": "在/ADP 酒店/NOUN",
    "office": "在/ADP 办公室/NOUN",
}
TIMES = {
    "yesterday": "昨天/NOUN",
    "monday": "星期一/NOUN",
    "friday": "星期五/NOUN",
    "saturday": "星期六/NOUN",
    "morning": "早上/NOUN",
    "evening": "晚上/NOUN",
    "last_week": "上周/NOUN",
    "may": "五月/NOUN",
}
QUESTION_WORDS: dict[Asked, str] = {
    "agent": "谁/PRON",
    "object": "什么/PRON",
    "count": "几/NUM",
    "recipient": "谁/PRON",
    "place": "在/ADP 哪里/PRON",
    "time": "什么/DET 时候/NOUN",
}


class Chinese(Grammar):
    agents = PEOPLE
    recipients = PEOPLE
    places = PLACES
    times = TIMES
    question_words = QUESTION_WORDS
    numbers = NUMBERS
    bounds = BOUNDS
    conjunction = "，/PUNCT 而/CCONJ"
    stop = "。"
    question_marks = ("", "？")
    joiner = ""

    def order(self, frame: Frame, asked: Asked | None) -> Sequence[str]:
        start = ("time", "agent") if frame.time_first and asked != "time" else ("agent", "time")
        if frame.verb == "show":  # the one verb here whose receiver takes a preposition: 向…展示
            return (*start, "negation", "place", "towards", "recipient", "verb", "aspect", "object")
        return (*start, "negation", "place", "verb", "aspect", "recipient", "object")

    def verb_parts(self, frame: Frame, asked: Asked | None) -> dict[str, list[Word]]:
        return {
            "negation": words("没有/ADV") if frame.negative else [],
            "towards": words("向/ADP"),
            "verb": [Word(VERBS[frame.verb], "VERB", role="verb")],
            "aspect": [] if frame.negative else words("了/AUX"),
        }

    def object_phrase(self, frame: Frame, asked: Asked | None) -> list[Word]:
        noun, measure = OBJECTS[frame.object]
        phrase = self.quantity(frame, asked)
        if phrase:
            phrase.append(Word(measure, "NOUN", role="object.measure"))
        if frame.adjective is not None:
            phrase += words(ADJECTIVES[frame.adjective], "object.adjective")
        return [*phrase, Word(noun, "NOUN", role="object.head")]
