"""The tests of the embedded benchmark: their text is pinned, their answers stand there, and no shortcut passes them."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache

import pytest

from trainables import tasks
from trainables.data import mini, open_source
from trainables.data.examples import Question
from trainables.data.mini.checklist import QUESTIONS, TESTS, Case, cases
from trainables.data.mini.frames import PEOPLE, Frame, at_home
from trainables.data.mini.languages import GRAMMARS
from trainables.data.mini.qa import answers
from trainables.data.mini.tasks import SIZES
from trainables.metrics import error_rate
from trainables.metrics.checklist import Expected

DIGEST = "daff036b8d9da182d9a7a6a0747b924d9bd56a67bd3403ba09c02d8ebdfdd20d"
SUITE = tasks.load("mini-checklist")
SPLITS = ("dev", "test")
SCORES = ["error_rate", *(f"error_rate/{test}" for test in TESTS)]


@cache
def suite(split: str, language: str) -> list[Question]:
    found = mini.examples("checklist", split, language)
    return [one for one in found if isinstance(one, Question)]


def by_case(split: str, language: str) -> dict[tuple[str | None, str | None], list[Question]]:
    found = defaultdict(list)
    for one in suite(split, language):
        found[one.test, one.case].append(one)
    return found


def right(question: Question) -> str:
    (only,) = question.answers or ()
    return only.text


def test_output_is_pinned() -> None:
    """Whoever changes the text raises mini.VERSION and this digest: results of two versions are not comparable."""
    told = [
        (split, language, one.id, one.context, one.question, one.answers, one.test, one.case)
        for split in SPLITS
        for language in mini.LANGUAGES
        for one in suite(split, language)
    ]
    assert (mini.VERSION, hashlib.sha256(repr(told).encode()).hexdigest()) == (1, DIGEST)


@pytest.mark.parametrize("language", mini.LANGUAGES)
def test_every_test_has_as_many_cases_of_four_questions(language: str) -> None:
    for split in SPLITS:
        found = by_case(split, language)
        assert len(suite(split, language)) == SIZES[split] == QUESTIONS * len(found)
        assert {len(one) for one in found.values()} == {QUESTIONS}
        assert Counter(test for test, _ in found) == dict.fromkeys(TESTS, len(found) // len(TESTS))
        ids = [one.id for one in suite(split, language)]
        assert len(set(ids)) == len(ids)
        assert ids == [one.id for one in suite(split, "en")]


@pytest.mark.parametrize("language", mini.LANGUAGES)
def test_the_answer_stands_in_the_context_and_is_somebody(language: str) -> None:
    names = {GRAMMARS[language].statement(Frame(one, "buy", "apple", 3)) for one in PEOPLE}
    people = {one.text[slice(*one.span("agent"))] for one in names}
    assert len(people) == len(PEOPLE)
    for split in SPLITS:
        for one in suite(split, language):
            (answer,) = one.answers or ()
            assert answer.start >= 0
            assert one.context.startswith(answer.text, answer.start)
            assert answer.text in people
            assert unicodedata.is_normalized("NFC", one.context + one.question)


@pytest.mark.parametrize("language", mini.LANGUAGES)
def test_a_case_has_both_orders_and_asks_for_both_people(language: str) -> None:
    for questions in by_case("test", language).values():
        one, other = questions[:2], questions[2:]
        assert one[0].context == one[1].context
        assert other[0].context == other[1].context
        assert one[0].context != other[0].context
        assert sorted(one[0].context) == sorted(other[0].context)  # the same two sentences
        assert [(right(each), each.question) for each in one] == [(right(each), each.question) for each in other[::-1]]
        assert right(one[0]) != right(one[1])
        for first, last in (one, other):
            assert place(first) < place(last)


def place(question: Question) -> int:
    (only,) = question.answers or ()
    return only.start


def rates(language: str, answer: Callable[[Question], str]) -> dict[str, float]:
    questions = suite("test", language)
    gold = [Expected((right(one),), one.test or "", one.case or "") for one in questions]
    return error_rate(gold, [answer(one) for one in questions], language)


@pytest.mark.parametrize("language", mini.LANGUAGES)
@pytest.mark.parametrize("number", [0, 1])
def test_no_test_is_passed_by_whoever_stands_first_or_last(language: str, number: int) -> None:
    found = by_case("test", language)

    def named(question: Question) -> str:
        names = {right(one) for one in found[question.test, question.case]}
        return sorted(names, key=question.context.index)[number]

    assert rates(language, named) == dict.fromkeys(SCORES, 100)


@pytest.mark.parametrize("language", mini.LANGUAGES)
def test_who_reads_passes_all_of_them(language: str) -> None:
    assert rates(language, right) == dict.fromkeys(SCORES, 0)


def test_each_question_is_answered_by_one_sentence_alone() -> None:
    """By the meanings, whatever the language: of counts the comparison, else all that the question mentions."""
    for case in cases("mini", "test", 200):
        for passage in case.passages:
            asked = passage.mentioned
            fits = [one for one in passage.frames if meets(one, asked, case)]
            assert fits == [passage.frames[passage.target]], case


def meets(told: Frame, asked: Frame, case: Case) -> bool:
    if case.test == "comparison":
        assert told.count is not None
        assert asked.count is not None
        return told.count > asked.count if asked.bound == "more" else told.count < asked.count
    if case.test == "negation":
        return told.negative == asked.negative
    return answers(told, asked, "agent")


def test_the_two_sentences_differ_in_one_thing() -> None:
    """Besides who did it."""
    differs = {
        "comparison": {"agent", "count"}, "negation": {"agent", "count"}, "property": {"agent", "adjective"},
        "role": {"agent", "recipient"}, "time": {"agent", "time"},
    }  # fmt: skip
    for case in cases("mini", "test", 200):
        one, other = case.frames
        names = {name for name in Frame.__dataclass_fields__ if getattr(one, name) != getattr(other, name)}
        assert names == differs[case.test]


def test_splits_and_training_data_share_no_event() -> None:
    events = {
        split: {frame.event for case in cases(f"mini {split}", split, 200) for frame in case.frames} for split in SPLITS
    }
    assert not events["dev"] & events["test"]
    assert all(at_home(one, "test") for case in cases("mini test", "test", 200) for one in case.frames)


EXAMPLES = {
    "en": "Who hid more than five books?", "de": "Wer versteckte mehr als fünf Bücher?",
    "es": "¿Quién escondió más de cinco libros?", "ru": "Кто спрятал больше пяти книг?", "zh": "谁藏了超过五本书？",
    "hi": "किसने पाँच से अधिक किताबें छिपाईं?", "sw": "Nani alificha vitabu zaidi ya vitano?",
    "tr": "Kim beşten fazla kitap sakladı?",
}  # fmt: skip


@pytest.mark.parametrize("language", EXAMPLES)
def test_a_comparison_reads_well(language: str) -> None:
    assert suite("test", language)[0].question == EXAMPLES[language]


def test_it_is_a_target_of_the_embedded_benchmark_and_is_not_trained_on() -> None:
    source = open_source("mini")
    assert source.languages(SUITE, "test") == mini.LANGUAGES
    assert source.languages(SUITE, "train") == ()
    assert not SUITE.is_trainable
    with pytest.raises(ValueError, match="mini has no 'train' split of a task 'checklist'"):
        mini.examples("checklist", "train", "en")
