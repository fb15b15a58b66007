"""What made-up predictions of each kind of task look like: a few forms, so that millions of them are looked up at once.

Their statistics are those that the task's own metric has for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import ndtri

from trainables.metrics import METRICS
from trainables.metrics.checklist import Expected
from trainables.reports import ERROR_RATE
from trainables.tasks import Task

MOST = 0.95
"""The highest share of right answers that every form can have."""

SENTENCES = (
    "The river is old.",
    "Anna sings over the houses and the green hills.",
    "Why does Omar run 7 miles?",
    "Nobody saw it.",
    "It was built in 1850, and it still stands.",
)


@dataclass(frozen=True)
class Form:
    """The forms of a task's examples and of what may be predicted for them.

    Attributes:
        gold: of each sort of example, as the store's examples have it; () stands for an example's own id.
        texts: of each sort.
        parts: how many of an example's parts are answered by themselves, 1 of most.
        answer: from sorts (n,), how easy each part is (n, parts) and a score (0-1) to the outcome of each example (n,).
            Easy are standard normal numbers, and the mean score of many examples is the given one.
        predicted: of each outcome; "" stands for an example's own id where `by_id`.
        statistics: (outcomes, k).
        chance: the score of guesses (0-100).
        by_id: whether the outcomes are 0: another example's id, and 1: its own.
        names: of the tests that have scores of their own.
    """

    gold: Sequence[tuple[str, ...]]
    texts: Sequence[tuple[str, ...]]
    parts: int
    answer: Callable[[np.ndarray, np.ndarray, float], np.ndarray]
    predicted: np.ndarray
    statistics: np.ndarray
    chance: float
    by_id: bool = False
    names: tuple[str, ...] = ()

    @cached_property
    def told(self) -> np.ndarray:
        """The statistics of each outcome as a report has them: one object, however many examples have it."""
        rows = np.empty(len(self.statistics), object)
        rows[:] = [tuple(row) for row in self.statistics.tolist()]
        return rows

    @cached_property
    def sure(self) -> np.ndarray:
        """How sure a model is of each outcome."""
        return np.array([0.9 if place % 2 else 0.6 for place in range(len(self.statistics))], object)


def form_of(task: Task) -> Form:
    """That of a task."""
    if task.metric == ERROR_RATE:
        return _tests(task)
    return _FORMS[task.kind](task)


def _share(score: float, times: float = 1.0) -> float:
    return min(max(score * times, 1e-6), 1 - 1e-6)


def _in_steps(shares: Callable[[float], np.ndarray]) -> Callable[[np.ndarray, np.ndarray, float], np.ndarray]:
    """An outcome is how many of its sort's steps an example takes. `shares`: that take each step, (sorts, steps)."""

    def answer(sorts: np.ndarray, easy: np.ndarray, score: float) -> np.ndarray:
        limits = -ndtri(shares(score)).astype(np.float32)
        steps = limits.shape[1]
        taken = np.zeros(len(sorts), np.int64)
        for step in range(steps):
            taken += easy[:, 0] > limits[sorts, step]
        return sorts * (steps + 1) + taken

    return answer


def _summed(task: Task, gold: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
    return METRICS[task.metric].statistics(gold, predicted, "en")  # the forms' words are the same in all languages


def _labels(task: Task) -> Form:
    labels = task.labels or ("X", "Y", "Z")
    count = len(labels)
    pairs = [(label, guess) for place, label in enumerate(labels) for guess in (labels[(place + 1) % count], label)]
    texts = {"text_classification": 1, "multiple_choice": 1 + count}.get(task.kind, 2)
    return Form(
        gold=[(label,) for label in labels],
        texts=[SENTENCES[:texts]] * count,
        parts=1,
        answer=_in_steps(lambda score: np.full((count, 1), _share(score))),
        predicted=np.array([guess for _, guess in pairs], object),
        statistics=_summed(task, [gold for gold, _ in pairs], [guess for _, guess in pairs]),
        chance=100 / count,
    )


def _answers(task: Task) -> Form:
    """Of six words: none, three, or all of them are found. F1 is 0, 2/3 and 1."""
    sorts = ["one two three four five six", "red blue green white black grey"]
    outcomes = [(text, guess) for text in sorts for guess in ("nothing of it", " ".join(text.split()[:3]), text)]
    return Form(
        gold=[(text,) for text in sorts],
        texts=[("Which six?", f"There are {text} in the list.") for text in sorts],
        parts=1,
        answer=_in_steps(lambda score: np.tile([_share(score, 1.05), _share(score, 0.9)], (2, 1))),
        predicted=np.array([guess for _, guess in outcomes], object),
        statistics=_summed(task, [(text,) for text, _ in outcomes], [guess for _, guess in outcomes]),
        chance=10.0,
    )


def _tests(task: Task) -> Form:
    """A question of each case, which is of one of three tests. The score is the share of cases that fail."""
    tests = ("comparison", "negation", "property")
    cases = [Expected(("yes",), test, test) for test in tests]
    answered = {guess: METRICS[ERROR_RATE].statistics(cases, [guess] * 3, "en") for guess in ("no", "yes")}
    return Form(
        gold=[("yes",)] * 3,
        texts=[("Is it?", sentence) for sentence in SENTENCES[:3]],
        parts=1,
        answer=_in_steps(lambda score: np.full((3, 1), _share(1 - score))),
        predicted=np.array([*answered] * 3, object),
        statistics=np.stack([answered[guess][number] for number in range(3) for guess in answered]),
        chance=90.0,
        names=tests,
    )


def _ranking(task: Task) -> Form:
    """The right passage stands first, second, or nowhere."""
    rankings = [("b", "c", "d"), ("b", "a", "c"), ("a", "b", "c")]
    return Form(
        gold=[("a",)],
        texts=[SENTENCES[:1]],
        parts=1,
        answer=_in_steps(lambda score: np.array([[_share(score, 1.05), _share(score, 0.95)]])),
        predicted=np.array([" ".join(ranking) for ranking in rankings], object),
        statistics=_summed(task, [("a",)] * 3, rankings),
        chance=1.0,
    )


def _mining(task: Task) -> Form:
    """A third of the sentences has a translation; where it is missed, another sentence gets a wrong one."""
    outcomes = [(("en-1",), ()), (("en-1",), ("en-1",)), ((), ()), ((), ("en-2",)), ((), ()), ((), ("en-2",))]

    def shares(score: float) -> np.ndarray:
        spurious = _share(1 - score, 0.5)
        return np.array([[_share(score)], [spurious], [spurious]])

    return Form(
        gold=[("en-1",), (), ()],
        texts=[(sentence,) for sentence in SENTENCES[:3]],
        parts=1,
        answer=_in_steps(shares),
        predicted=np.array([" ".join(guess) for _, guess in outcomes], object),
        statistics=_summed(task, [gold for gold, _ in outcomes], [guess for _, guess in outcomes]),
        chance=0.0,
    )


def _own_row(task: Task) -> Form:
    return Form(
        gold=[()],
        texts=[SENTENCES[:2]],
        parts=1,
        answer=_in_steps(lambda score: np.full((1, 1), _share(score))),
        predicted=np.array(["", ""], object),
        statistics=np.array([[0.0, 1.0], [1.0, 1.0]]),
        chance=0.0,
        by_id=True,
    )


EASY, HARD = 0.1, 3.0
"""Nats of a hidden token."""


def _hidden(task: Task) -> Form:
    """A hidden token in each text, easy or hard: the likelihood is the geometric mean of their probabilities."""
    outcomes = [f"{HARD}", f"{EASY}"]
    return Form(
        gold=[("0",)],
        texts=[SENTENCES[:1]],
        parts=1,
        answer=_in_steps(lambda score: np.array([[_share((HARD + math.log(score)) / (HARD - EASY))]])),
        predicted=np.array(outcomes, object),
        statistics=_summed(task, [("0",)] * 2, [(one,) for one in outcomes]),
        chance=100 * math.exp(-HARD),
    )


CHUNKS = 4
"""The most in a sentence."""


def _tags(task: Task) -> Form:
    """Sentences of one to four chunks (or words). Of the wrong ones half are missed, and every other sentence has twice
    as many where there are none; where each word counts, they have another tag.
    """
    is_names = task.metric == "entity_f1"
    first, other = ("B-PER", "B-LOC") if is_names else ("NOUN", "VERB")
    wrong = ("B-ORG", "B-ORG") if is_names else ("ADJ", "ADV")
    sorts = [(count, twice) for count in range(1, CHUNKS + 1) for twice in (False, True)]

    def gold(count: int) -> list[str]:
        tags = [(first, other)[place % 2] for place in range(count)]
        return [one for tag in tags for one in (tag, "O")] + ["O"] * 2 * CHUNKS if is_names else tags

    def predicted(count: int, twice: bool, right: int) -> list[str]:
        tags = gold(count)
        if not is_names:
            return [tag if place < right else wrong[place % 2] for place, tag in enumerate(tags)]
        missed = (count - right) // 2
        for place in range(right, count):
            tags[2 * place] = "O" if place < right + missed else wrong[0]
        for place in range(2 * missed if twice else 0):
            tags[2 * count + 2 * place] = wrong[0]
        return tags

    outcomes = [(count, twice, right) for count, twice in sorts for right in range(CHUNKS + 1)]
    found = [(gold(count), predicted(count, twice, min(right, count))) for count, twice, right in outcomes]
    counts = np.array([count for count, _ in sorts])

    def answer(which: np.ndarray, easy: np.ndarray, score: float) -> np.ndarray:
        is_right = easy > np.float32(-ndtri(_share(score)))
        there = np.arange(CHUNKS) < counts[which][:, None]
        return which * (CHUNKS + 1) + (is_right & there).sum(axis=1)

    return Form(
        gold=[tuple(gold(count)) for count, _ in sorts],
        texts=[tuple(f"word{place}" for place in range(len(gold(count)))) for count, _ in sorts],
        parts=CHUNKS,
        answer=answer,
        predicted=np.array([" ".join(guess) for _, guess in found], object),
        statistics=_summed(task, [tags for tags, _ in found], [guess for _, guess in found]),
        chance=2.0,
    )


_FORMS: dict[str, Callable[[Task], Form]] = {
    "pair_classification": _labels,
    "text_classification": _labels,
    "multiple_choice": _labels,
    "span_qa": _answers,
    "tagging": _tags,
    "retrieval": _ranking,
    "bitext_mining": _mining,
    "bitext_retrieval": _own_row,
    "bitext_ranking": _own_row,
    "mlm": _hidden,
}
