"""The embedded benchmark: its text is pinned, its labels are right, and no shortcut solves it."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from random import Random

import pytest

from trainables.data import mini
from trainables.data.examples import Example, PlainText, Question, TaggedSentence, TextPair, Translation
from trainables.data.mini import nli, qa
from trainables.data.mini.frames import Frame, draw
from trainables.data.mini.languages import GRAMMARS
from trainables.data.mini.tasks import SIZES, TASKS, VERSION

DIGEST = "eab165ba681231934860b70f8de6dcf8e057245ce06432f368a10c7849f21aaf"
ADDED = ("ranking", "text")
"""Tasks that came to the benchmark later, and left the text of those before as it was."""

DIGEST_OF_ADDED = "4d2a98aadd3a34b516bdefa97ab041d2a28c22f9942b301e5f836db6ce2920a5"
SPLITS = [(task, split) for task in TASKS for split in SIZES if (task, split) != ("bitext", "train")]
SCRIPTS = {"ru": "CYRILLIC", "zh": "CJK UNIFIED IDEOGRAPH", "hi": "DEVANAGARI"}
UPOS = {"ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "VERB"}


@cache
def examples(task: str, split: str, language: str) -> list[Example]:
    return mini.examples(task, split, language)


def texts(example: Example) -> tuple[str, ...]:
    match example:
        case TextPair():
            return example.text_a, example.text_b
        case Question():
            return example.question, example.context
        case TaggedSentence():
            return (" ".join(example.tokens),)
        case Translation() | PlainText():
            return (example.text,)


def all_examples() -> Iterator[tuple[str, str, str, list[Example]]]:
    for task, split in SPLITS:
        for language in mini.LANGUAGES:
            yield task, split, language, examples(task, split, language)


def test_output_is_pinned() -> None:
    """Whoever changes the text raises VERSION and this digest: results of two versions are not comparable."""
    digest, of_added = hashlib.sha256(), hashlib.sha256()
    for task, split, language, found in all_examples():
        (of_added if task in ADDED else digest).update(f"{task} {split} {language} {found}".encode())
    assert (VERSION, digest.hexdigest()) == (1, DIGEST)
    assert of_added.hexdigest() == DIGEST_OF_ADDED


def test_what_ranking_trains_on_is_nothing_that_bitext_scores() -> None:
    """Neither the sentences, nor what they tell: agent, verb and object."""
    for language in mini.LANGUAGES:
        trained = {text for one in examples("ranking", "train", language) for text in (*texts(one), one.english)}  # type: ignore[union-attr]
        for split in ("dev", "test"):
            scored = {text for one in examples("bitext", split, language) for text in (*texts(one), one.english)}  # type: ignore[union-attr]
            assert not trained & scored


def test_examples_are_parallel_and_different() -> None:
    for task, split, language, found in all_examples():
        assert [example.id for example in found] == [f"{task}-{split}-{i}" for i in range(SIZES[split])]
        assert len({texts(example) for example in found}) == len(found), (task, split, language)
    for task in TASKS:
        for language in mini.LANGUAGES:
            several = [{texts(e) for e in examples(task, split, language)} for t, split in SPLITS if t == task]
            assert sum(map(len, several)) == len(set().union(*several)), (task, language)


def test_labels_are_parallel() -> None:
    for language in mini.LANGUAGES:
        for english, other in zip(examples("nli", "test", "en"), examples("nli", "test", language), strict=True):
            assert isinstance(english, TextPair)
            assert isinstance(other, TextPair)
            assert english.label == other.label


def test_seed_changes_the_examples() -> None:
    first, second = (mini.examples("pos", "dev", "en", seed) for seed in (0, 1))
    assert first == mini.examples("pos", "dev", "en", 0)
    assert first != second


@pytest.mark.parametrize(
    ("task", "split", "language"), [("bitext", "train", "de"), ("nope", "dev", "de"), ("qa", "dev", "xx")]
)
def test_what_does_not_exist_is_an_error(task: str, split: str, language: str) -> None:
    with pytest.raises(ValueError, match="mini has no"):
        mini.examples(task, split, language)


def test_each_language_is_in_its_script() -> None:
    for task, split, language, found in all_examples():
        if split != "test":
            continue
        for text in (text for example in found for text in texts(example)):
            assert unicodedata.is_normalized("NFC", text)
            for letter in filter(str.isalpha, text):
                assert unicodedata.name(letter).startswith(SCRIPTS.get(language, "LATIN")), (task, language, text)


# Sentences


APPLES = Frame("anna", "buy", "apple", 5, adjective="red", place="madrid", time="monday")
BOOKS = Frame("maria_lopez", "give", "book", None, adjective="new", recipient="omar", place="market", time="yesterday")
CHAIRS = Frame("martin_king", "show", "chair", 3, "more", recipient="elena", time="may", time_first=True)
PICTURES = Frame("julia", "lose", "picture", 2, adjective="big", place="new_york", time="last_week")

GOLD: dict[str, dict[Frame, str]] = {
    "en": {
        APPLES: "Anna bought five red apples in Madrid on Monday.",
        BOOKS: "Maria Lopez did not give any new books to Omar at the market yesterday.",
        CHAIRS: "In May Martin King showed more than three chairs to Elena.",
        PICTURES: "Julia lost two big pictures in New York last week.",
    },
    "de": {
        APPLES: "Anna kaufte am Montag in Madrid fünf rote Äpfel.",
        BOOKS: "Maria Lopez gab Omar gestern auf dem Markt keine neuen Bücher.",
        CHAIRS: "Im Mai zeigte Martin King Elena mehr als drei Stühle.",
        PICTURES: "Julia verlor letzte Woche in New York zwei große Bilder.",
    },
    "es": {
        APPLES: "Anna compró cinco manzanas rojas en Madrid el lunes.",
        BOOKS: "María López no le dio libros nuevos a Omar en el mercado ayer.",
        CHAIRS: "En mayo Martin King le mostró más de tres sillas a Elena.",
        PICTURES: "Julia perdió dos cuadros grandes en Nueva York la semana pasada.",
    },
    "ru": {
        APPLES: "Анна в понедельник купила пять красных яблок в Мадриде.",
        BOOKS: "Мария Лопес вчера не дала Омару новых книг на рынке.",
        CHAIRS: "В мае Мартин Кинг показал Елене больше трёх стульев.",
        PICTURES: "Юлия на прошлой неделе потеряла две большие картины в Нью-Йорке.",
    },
    "zh": {
        APPLES: "安娜星期一在马德里买了五个红色的苹果。",
        BOOKS: "玛丽亚·洛佩斯昨天没有在市场给奥马尔新书。",
        CHAIRS: "五月马丁·金向埃琳娜展示了超过三把椅子。",
        PICTURES: "朱莉娅上周在纽约丢了两幅大画。",
    },
    "hi": {
        APPLES: "अन्ना ने सोमवार को मैड्रिड में पाँच लाल सेब ख़रीदे।",
        BOOKS: "मारिया लोपेज़ ने कल बाज़ार में उमर को नई किताबें नहीं दीं।",
        CHAIRS: "मई में मार्टिन किंग ने एलेना को तीन से अधिक कुर्सियाँ दिखाईं।",
        PICTURES: "जूलिया ने पिछले हफ़्ते न्यू यॉर्क में दो बड़ी तस्वीरें खोईं।",
    },
    "sw": {
        APPLES: "Anna alinunua matofaa mekundu matano jijini Madrid Jumatatu.",
        BOOKS: "Maria Lopez hakumpa Omari vitabu vipya sokoni jana.",
        CHAIRS: "Mwezi Mei Martin King alimwonyesha Elena viti zaidi ya vitatu.",
        PICTURES: "Julia alipoteza picha kubwa mbili jijini New York wiki iliyopita.",
    },
    "tr": {
        APPLES: "Anna pazartesi günü Madrid'de beş kırmızı elma aldı.",
        BOOKS: "Maria Lopez dün pazarda Ömer'e hiç yeni kitap vermedi.",
        CHAIRS: "Mayısta Martin King Elena'ya üçten fazla sandalye gösterdi.",
        PICTURES: "Julia geçen hafta New York'ta iki büyük resim kaybetti.",
    },
}
QUESTIONS = {
    "en": ("Who bought five red apples in Madrid on Monday?", "How many red apples did Anna buy in Madrid on Monday?"),
    "de": ("Wer kaufte am Montag in Madrid fünf rote Äpfel?", "Wie viele rote Äpfel kaufte Anna am Montag in Madrid?"),
    "es": (
        "¿Quién compró cinco manzanas rojas en Madrid el lunes?",
        "¿Cuántas manzanas rojas compró Anna en Madrid el lunes?",
    ),
    "ru": (
        "Кто в понедельник купил пять красных яблок в Мадриде?",
        "Сколько красных яблок Анна в понедельник купила в Мадриде?",
    ),
    "zh": ("谁星期一在马德里买了五个红色的苹果？", "安娜星期一在马德里买了几个红色的苹果？"),
    "hi": ("किसने सोमवार को मैड्रिड में पाँच लाल सेब ख़रीदे?", "अन्ना ने सोमवार को मैड्रिड में कितने लाल सेब ख़रीदे?"),
    "sw": (
        "Nani alinunua matofaa mekundu matano jijini Madrid Jumatatu?",
        "Anna alinunua matofaa mekundu mangapi jijini Madrid Jumatatu?",
    ),
    "tr": (
        "Kim pazartesi günü Madrid'de beş kırmızı elma aldı?",
        "Anna pazartesi günü Madrid'de kaç kırmızı elma aldı?",
    ),
}


@pytest.mark.parametrize("language", mini.LANGUAGES)
def test_sentences_are_as_a_speaker_writes_them(language: str) -> None:
    grammar = GRAMMARS[language]
    for frame, text in GOLD[language].items():
        assert grammar.statement(frame).text == text
    assert (grammar.question(APPLES, "agent").text, grammar.question(APPLES, "count").text) == QUESTIONS[language]


@pytest.mark.parametrize("language", mini.LANGUAGES)
def test_tokens_and_spans_agree_with_the_text(language: str) -> None:
    random = Random(5)
    grammar = GRAMMARS[language]
    for _ in range(200):
        frame = draw(random)
        sentence = grammar.statement(frame)
        assert "".join(sentence.tokens) == sentence.text.replace(" ", "")
        assert not set(" ") & set("".join(sentence.tokens))
        for role in ("agent", "object", "recipient", "place", "time"):
            if getattr(frame, role) is not None:
                start, end = sentence.span(role)
                inside = [word.form for word in sentence.words if (word.role or "").split(".")[0] == role]
                assert sentence.text[start:end] == grammar.joiner.join(inside)


# Tasks


def test_tags_are_of_the_tag_sets() -> None:
    for language in mini.LANGUAGES:
        for split in SIZES:
            for example in examples("pos", split, language):
                assert isinstance(example, TaggedSentence)
                assert set(example.tags or ()) <= UPOS
                assert len(example.tags or ()) == len(example.tokens)
            for example in examples("ner", split, language):
                assert isinstance(example, TaggedSentence)
                before = "O"
                for tag in example.tags or ():
                    assert tag in ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
                    assert not tag.startswith("I-") or before[2:] == tag[2:], example
                    before = tag


@pytest.mark.parametrize("split", SIZES)
def test_only_one_sentence_answers_a_question(split: str) -> None:
    passages = qa.passages(f"mini {VERSION} qa-{split} 0", split, SIZES[split])
    for passage in passages:
        fits = [qa.answers(frame, passage.mentioned, passage.asked) for frame in passage.frames]
        assert [i for i, fit in enumerate(fits) if fit] == [passage.target]
        values = [getattr(frame, passage.asked) for frame in passage.frames]
        assert values.count(values[passage.target]) == 1
    assert max(Counter(passage.target for passage in passages).values()) < 0.45 * len(passages)
    for language in mini.LANGUAGES:
        grammar = GRAMMARS[language]
        for passage, example in zip(passages, examples("qa", split, language), strict=True):
            assert isinstance(example, Question)
            (answer,) = example.answers or ()
            end = answer.start + len(answer.text)
            assert example.context[answer.start : end] == answer.text
            before = [grammar.statement(frame).text for frame in passage.frames[: passage.target]]
            sentence = grammar.statement(passage.frames[passage.target]).text
            begin = sum(len(text) + len(grammar.joiner) for text in before)
            assert begin <= answer.start < end <= begin + len(sentence)


def judged(pair: nli.Pair) -> str:
    """The label by the semantics of `nli`, worked out from the two frames alone."""
    hypothesis = pair.hypothesis
    (premise,) = (frame for frame in pair.premise if frame.object == hypothesis.object)
    given, claimed = (
        {(detail, getattr(frame, detail)) for detail in nli.DETAILS if getattr(frame, detail) is not None}
        for frame in (premise, hypothesis)
    )
    if (premise.agent, premise.recipient) != (hypothesis.agent, hypothesis.recipient):
        return "contradiction"
    if premise.count is None:
        if not given <= claimed:
            return "neutral"
        return "entailment" if hypothesis.negative else "contradiction"
    if hypothesis.count is None:
        return "contradiction" if claimed <= given else "neutral"
    if any(dict(given).get(detail, value) != value for detail, value in claimed):
        return "contradiction"
    told = nli.numbers(premise.bound, premise.count)
    wanted = nli.numbers(hypothesis.bound, hypothesis.count)
    if not told & wanted:
        return "contradiction"
    return "entailment" if told <= wanted and claimed <= given else "neutral"


@pytest.mark.parametrize("split", SIZES)
def test_inference_labels_follow_from_the_frames(split: str) -> None:
    pairs = nli.pairs(f"mini {VERSION} nli-{split} 0", split, SIZES[split])
    assert [pair.label for pair in pairs] == [judged(pair) for pair in pairs]
    shares = Counter(pair.label for pair in pairs)
    assert max(shares.values()) - min(shares.values()) <= 1


def test_training_and_test_share_no_frame() -> None:
    def frames(split: str) -> set[tuple[object, ...]]:
        pairs = nli.pairs(f"mini {VERSION} nli-{split} 0", split, SIZES[split])
        passages = qa.passages(f"mini {VERSION} qa-{split} 0", split, SIZES[split])
        told = [frame for pair in pairs for frame in (*pair.premise, pair.hypothesis)]
        told += [frame for passage in passages for frame in passage.frames]
        return {frame.event for frame in told}

    assert not frames("train") & (frames("dev") | frames("test"))
    assert not frames("dev") & frames("test")


def accuracy(with_property: Counter[str], all_labels: Counter[str]) -> float:
    """That of the best rule which sees nothing but whether an example has some property."""
    without = all_labels - with_property
    return sum(max(labels.values(), default=0) for labels in (with_property, without)) / all_labels.total()


@pytest.mark.parametrize("language", mini.LANGUAGES)
def test_no_shortcut_solves_inference(language: str) -> None:
    split: Callable[[str], list[str]] = list if language == "zh" else str.split
    labels: Counter[str] = Counter()
    by_token: defaultdict[str, Counter[str]] = defaultdict(Counter)
    by_overlap: defaultdict[float, Counter[str]] = defaultdict(Counter)
    by_length: defaultdict[float, Counter[str]] = defaultdict(Counter)
    for pair in examples("nli", "train", language):
        assert isinstance(pair, TextPair)
        label, premise, hypothesis = str(pair.label), set(split(pair.text_a)), set(split(pair.text_b))
        labels[label] += 1
        for token in hypothesis:
            by_token[token][label] += 1
        by_overlap[len(premise & hypothesis) / len(hypothesis)][label] += 1
        by_length[len(pair.text_a) - len(pair.text_b)][label] += 1
    for token, counts in by_token.items():
        assert accuracy(counts, labels) < 0.42, token
    for by_measure in (by_overlap, by_length):
        above: Counter[str] = Counter()
        for threshold in sorted(by_measure, reverse=True):
            above += by_measure[threshold]
            assert accuracy(above, labels) < 0.5, threshold


def test_translations_are_alike_but_different() -> None:
    for language in mini.LANGUAGES:
        found = [example for example in examples("bitext", "test", language) if isinstance(example, Translation)]
        assert len({example.english for example in found}) == len({example.text for example in found}) == len(found)
    english = [set(texts(example)[0].split()) for example in examples("bitext", "test", "en")]
    near = sum(any(len(a & b) >= len(a) - 2 for b in english if b is not a) for a in english)
    assert near > 0.8 * len(english)
