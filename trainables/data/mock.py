"""Made-up examples for any task: they teach nothing, and show in a minute whether a whole grid runs through.

`data=mock model=random:tiny` on the command line turns an experiment into its own rehearsal.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from trainables.data.examples import (
    Answer,
    Example,
    LabelledText,
    MultipleChoice,
    Passage,
    PlainText,
    Query,
    Question,
    Sentence,
    TaggedSentence,
    TextPair,
    Translation,
)
from trainables.errors import Problem, UserError
from trainables.reports import ERROR_RATE
from trainables.spec import content_hash
from trainables.tasks import Task
from trainables.tasks.layout import CANDIDATES, SPLITS

SIZES = {"train": 16, "dev": 6, "test": 6}
"""Examples per task, split and language."""

WORDS = ("the", "river", "old", "Anna", "runs", "7", "green", "over", "houses", "and", "sings", ".", "why", "Omar", "?")
TAGS = ("X", "Y", "Z")  # of tasks whose labels their data says
CASE = 2  # questions in a case of a test


class MockSource:
    """Every split of every task in every one of its languages."""

    def languages(self, task: Task, split: str) -> tuple[str, ...]:
        return task.languages if split.removesuffix(CANDIDATES) in SPLITS else ()

    def examples(self, task: Task, split: str, language: str) -> list[Example]:
        name = split.removesuffix(CANDIDATES)
        if language not in self.languages(task, split):
            raise UserError(self.missing(task, split, language))
        rng = random.Random(f"{task.name} {name} {language}")
        made = [_MAKERS[task.kind](task, rng, number) for number in range(SIZES[name])]
        if split.endswith(CANDIDATES):
            return [query.passage for query in made if isinstance(query, Query) and query.passage is not None]
        return made

    def left_out(self, task: Task, split: str, language: str) -> str | None:
        return None

    def fingerprint(self, task: Task, split: str, language: str) -> str:
        return content_hash(["mock", SIZES, WORDS, task.definition, task.name, split, language])

    def missing(self, task: Task, split: str, language: str) -> Problem:
        return Problem(f"'{task.name}' has no {split} split in '{language}', not even a mock of it")


def _text(rng: random.Random, words: int = 8) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(2, words)))


def _pair(task: Task, rng: random.Random, number: int) -> TextPair:
    labels = task.labels or TAGS
    return TextPair(str(number), _text(rng), _text(rng), labels[number % len(labels)])


def _labelled(task: Task, rng: random.Random, number: int) -> LabelledText:
    labels = task.labels or TAGS
    return LabelledText(str(number), _text(rng), labels[number % len(labels)])


def _choice(task: Task, rng: random.Random, number: int) -> MultipleChoice:
    choices = tuple(_text(rng) for _ in task.labels)
    return MultipleChoice(str(number), _text(rng), choices, task.labels[number % len(task.labels)])


def _tagged(task: Task, rng: random.Random, number: int) -> TaggedSentence:
    tokens = tuple(_text(rng).split())
    return TaggedSentence(str(number), tokens, tuple(rng.choices(task.labels or TAGS, k=len(tokens))))


def _question(task: Task, rng: random.Random, number: int) -> Question:
    context = _text(rng, 30)
    answer = rng.choice(context.split())
    hopeless = task.unanswerable and number % 3 == 0
    answers = () if hopeless else (Answer(answer, context.index(answer)),)
    test, case = (TAGS[number // CASE % 2], str(number // CASE)) if task.metric == ERROR_RATE else (None, None)
    return Question(str(number), _text(rng), context, answers, test, case)


def _query(task: Task, rng: random.Random, number: int) -> Query:
    passage = Passage(f"{rng.random()}", _text(rng), _text(rng, 20), (str(number),))
    return Query(str(number), _text(rng), str(number), passage)


def _translation(task: Task, rng: random.Random, number: int) -> Translation:
    return Translation(str(number), _text(rng), _text(rng))


def _sentence(task: Task, rng: random.Random, number: int) -> Sentence:
    pair, is_english = divmod(number, 2)
    translations = (f"en-{pair}",) if pair == 0 else ()
    return Sentence(f"{'en' if is_english else 'xx'}-{pair}", _text(rng), bool(is_english), translations)


def _plain(task: Task, rng: random.Random, number: int) -> PlainText:
    return PlainText(str(number), _text(rng, 20))


_MAKERS: Mapping[str, Callable[[Task, random.Random, int], Any]] = {
    "pair_classification": _pair,
    "text_classification": _labelled,
    "multiple_choice": _choice,
    "tagging": _tagged,
    "span_qa": _question,
    "retrieval": _query,
    "bitext_retrieval": _translation,
    "bitext_ranking": _translation,
    "bitext_mining": _sentence,
    "mlm": _plain,
}
