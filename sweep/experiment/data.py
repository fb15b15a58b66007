"""All the data of an experiment, read before anything runs, so that every mistake in it is said at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import trainables.data
import trainables.tasks
from sweep.experiment import Experiment, uses
from trainables.data import Source, reference_language
from trainables.data.demands import hopeless
from trainables.data.examples import Example
from trainables.data.items import translated
from trainables.data.labels import labels_of, unseen
from trainables.errors import Problem, UserError
from trainables.reports import ERROR_RATE
from trainables.spec import content_hash
from trainables.store import cache_folder
from trainables.tasks import Task

FOLDER = "checked"
"""Where the cache folder has a file for each split that was read and found right: it says what is odd about it."""


def read_all_data(experiment: Experiment) -> list[Problem]:
    """Reads every split that the experiment uses, once and for all: what was right stays right while nothing changes.

    Returns:
        What is odd and no mistake: gold that a model cannot predict, since its training data has no such label or
        no passage that answer, training examples that are left out since a test has them, and splits that should be
        translations of each other and are not.

    Raises:
        UserError: with the problems of all splits.
    """
    source, problems = experiment.source, dict[Problem, None]()
    odd: list[Problem] = []
    known: dict[str, set[str]] = {}  # by training set, whose labels are those of its training data
    compared = _Compared(source)
    for task, split, language in uses(experiment):
        try:
            told = source.fingerprint(task, split, language), compared.fingerprint(task, split, language)
            mark = _mark(*told, str(task.grouped_by))
            if mark.exists() and not task.learns_labels:
                with suppress(OSError, ValueError):
                    odd += [Problem(message, hint=hint) for message, hint in json.loads(mark.read_text("utf-8"))]
                continue
            examples = source.examples(task, split, language)
            odd_ones = source.left_out(task, split, language) or hopeless(task, split, language, examples)
            found = [*_told(task, odd_ones), *_told_apart(compared.reason(task, split, language, examples))]
        except UserError as error:
            problems.update(dict.fromkeys(error.problems))
            continue
        with suppress(OSError):  # a machine whose cache cannot be written reads the data anew each time
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.write_text(json.dumps([[one.message, one.hint] for one in found]), encoding="utf-8")
        odd += found
        if task.learns_labels and split == "train" and language == task.source_language:
            known.setdefault(task.name, set()).update(label for one in examples for label in labels_of(one))
        elif task.learns_labels and (labels := unseen(known.get(task.training_set or "", ()), examples)) is not None:
            message = (
                f"the {split} split of '{task.name}' in '{language}' has labels that training never sees: {labels}"
            )
            odd.append(Problem(message, hint="no model predicts them, so they count as wrong"))
    if problems:
        raise UserError(problems)
    return list(dict.fromkeys(odd))


class _Compared:
    """The language with which all others of a parallel task's split are compared, read once for all of them."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._read: dict[tuple[str, str, str], Sequence[Example]] = {}

    def fingerprint(self, task: Task, split: str, language: str) -> str:
        """Of what a split is compared with, if anything."""
        other = self._other(task, split, language)
        return self._source.fingerprint(task, split, other) if other else ""

    def reason(self, task: Task, split: str, language: str, examples: Sequence[Example]) -> str | None:
        """Says why a split that should be is no translation of another one."""
        if (other := self._other(task, split, language)) is None:
            return None
        try:
            found = translated(examples, self._examples(task, split, other))
        except UserError as error:  # of a language that nobody may have asked for
            found = str(error.problems[0])
        whose = f"the {split} split of '{task.name}' in '{language}' is not parallel to that in '{other}'"
        return f"{whose}: {found}" if isinstance(found, str) else None

    def _examples(self, task: Task, split: str, language: str) -> Sequence[Example]:
        place = task.name, split, language
        if place not in self._read:
            self._read = {place: self._source.examples(task, split, language)}
        return self._read[place]

    def _other(self, task: Task, split: str, language: str) -> str | None:
        other = reference_language(self._source, task, split) if split in task.evaluated else None
        return None if other == language else other


def _told_apart(told: str | None) -> list[Problem]:
    hint = "`parallel` in the task's file says so; they are drawn apart when scores are resampled"
    return [Problem(told, hint=hint)] if told else []


def _told(task: Task, told: str | None) -> list[Problem]:
    is_of_tests = task.metric == ERROR_RATE
    hint = "whatever is predicted, their cases fail" if is_of_tests else "`without` in the task's file says so"
    return [Problem(told, hint=hint)] if told else []


def _mark(*fingerprints: str) -> Path:
    return cache_folder() / FOLDER / content_hash([*fingerprints, _readers()])


@cache
def _readers() -> str:
    """A hash of the code that finds mistakes: what an earlier one found right is read again."""
    folders = (Path(str(package.__file__)).parent for package in (trainables.data, trainables.tasks))
    return content_hash(
        [path.read_text(encoding="utf-8") for folder in folders for path in sorted(folder.glob("*.py"))]
    )
