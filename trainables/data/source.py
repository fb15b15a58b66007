"""What a source of examples is, and the simplest one: the embedded benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from trainables.data import mini
from trainables.data.examples import Example
from trainables.errors import Problem, UserError
from trainables.spec import content_hash
from trainables.tasks import Task
from trainables.tasks.layout import CANDIDATES


class Source(Protocol):
    """Where examples come from. A split or language that a source does not have is an empty tuple of languages."""

    def languages(self, task: Task, split: str) -> tuple[str, ...]:
        """The task's languages that have this split here, in the task's order."""
        ...

    def examples(self, task: Task, split: str, language: str) -> Sequence[Example]:
        """All examples, in the release's order. Raises UserError where the data is missing or malformed."""
        ...

    def left_out(self, task: Task, split: str, language: str) -> str | None:
        """Says what `examples` left out of training data since a test has it; None: nothing, or not read yet."""
        ...

    def fingerprint(self, task: Task, split: str, language: str) -> str:
        """A hash of the examples' content and of what the task makes of them."""
        ...

    def missing(self, task: Task, split: str, language: str) -> Problem:
        """Says what was looked for where."""
        ...


class MiniSource:
    """The embedded benchmark."""

    def languages(self, task: Task, split: str) -> tuple[str, ...]:
        has_split = task.mini is not None and (split != "train" or task.is_trainable)
        return task.languages if has_split else ()

    def examples(self, task: Task, split: str, language: str) -> list[Example]:
        if language not in self.languages(task, split) or task.mini is None:
            raise UserError(self.missing(task, split, language))
        return list(mini.examples(task.mini, split, language))

    def left_out(self, task: Task, split: str, language: str) -> str | None:
        return None

    def fingerprint(self, task: Task, split: str, language: str) -> str:
        return content_hash(["mini", mini.VERSION, task.definition, split, language])

    def missing(self, task: Task, split: str, language: str) -> Problem:
        if task.mini is None:
            hint = "its tasks are called mini-*; for this one say data: {files: DIR}"
            return Problem(f"task '{task.name}' is not in the embedded benchmark", hint=hint)
        return Problem(f"the embedded benchmark has no {split} split of '{task.name}' in '{language}'")


def reference_language(source: Source, task: Task, split: str) -> str | None:
    """The language with which all others of a parallel task's split are compared; None where nothing is parallel."""
    there = source.languages(task, split) if task.parallel else ()
    return task.source_language if task.source_language in there else next(iter(there), None)


def references(source: Source, task: Task, split: str, language: str) -> list[tuple[str, str]]:
    """The other splits that the predictions of a split look at, each with its language.

    For retrieval the candidates in every language that there is, asked for or not: the pool is part of the task. For
    mining the development pools, on which its threshold is chosen.
    """
    if task.kind == "retrieval":
        return [(split + CANDIDATES, one) for one in source.languages(task, split + CANDIDATES)]
    return [("dev", language)] if task.kind == "bitext_mining" and split != "dev" else []


def fingerprint(source: Source, uses: Sequence[tuple[Task, str, str]]) -> str:
    """One hash for all the (task, split, language) that a trial reads."""
    return content_hash(
        [[task.name, split, language, source.fingerprint(task, split, language)] for task, split, language in uses]
    )
