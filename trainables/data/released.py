"""Examples as they were released, in folders and on the hub, and what tasks make of them."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Protocol

from trainables.data import leaks
from trainables.data.demands import unmet
from trainables.data.examples import Example, MultipleChoice, Passage, Question
from trainables.data.pool import Pool
from trainables.errors import Problem, UserError
from trainables.spec import content_hash
from trainables.tasks import Task

log = logging.getLogger("sweep")

DIVISION = 2
"""Bumped by hand when parts are joined, or examples held back, in another way: what is kept of the old way, such as
features and counts, is not taken for the new.
"""


class Place(Protocol):
    """Where splits lie as they were released: a folder, the hub."""

    def holds(self, task: Task, split: str, language: str) -> bool:
        """Whether the split is there."""
        ...

    def read(self, task: Task, split: str, language: str) -> Sequence[Example]:
        """The examples of a split that is there. Raises UserError where it is malformed."""
        ...

    def version(self, task: Task, split: str, language: str) -> str:
        """A hash of the content of a split that is there, and of how it is read."""
        ...

    def absent(self, task: Task, split: str, language: str) -> Problem:
        """Says what was looked for where."""
        ...

    def where(self, task: Task, split: str, language: str) -> str:
        """What a split that is there is read from, for messages."""
        ...


class ReleasedSource:
    """The source over one or more places (see `trainables.data.source.Source`).

    Of each split and language the first place that has it counts. A task with `parts` has what all its parts have, in
    turn, so that a limit takes as many of each. A task with `holdout` and no dev split holds back the last of each
    language's training examples: its share of them, rounded, at least one. Those with a common passage stay together.
    Before that, training examples are left out that have a text of the tests of the tasks that `without` names.

    Args:
        tasks: where parts are looked up.
    """

    def __init__(self, places: Sequence[Place], tasks: Mapping[str, Task]) -> None:
        self._places, self._tasks = places, tasks
        self._left_out: dict[tuple[str, str, str], str] = {}

    def languages(self, task: Task, split: str) -> tuple[str, ...]:
        if task.parts:
            had = [set(self.languages(part, split)) for part in self._parts(task)]
            return tuple(language for language in task.languages if all(language in one for one in had))
        return tuple(one for one in task.languages if self._holder(task, self._released(task, split, one), one))

    def examples(self, task: Task, split: str, language: str) -> Sequence[Example]:
        """All examples, with ids made unique: behind the second of an id stands #2.

        Raises:
            UserError: files are missing or malformed, or lack what training and scoring need.
        """
        if task.parts:
            parts = [self.examples(part, split, language) for part in self._parts(task)]
            return _with_own_ids(_in_turn(parts))
        released = self._released(task, split, language)
        place = self._held(task, split, language)
        found = _with_own_ids(self._clean(task, released, language, place.read(task, released, language)))
        if problems := unmet(task, split, found, place.where(task, released, language)):
            raise UserError(problems)
        if not self._holds_back(task, split, language):
            return found
        held_back = _last_passages(found, max(1, round(task.holdout * len(found))))
        if split == "dev" and found and not held_back:
            message = f"the training examples of '{task.name}' in '{language}' have one passage: none can be held back"
            raise UserError(Problem(message, hint="give the task a dev split of its own"))
        return [example for example in found if (_passage(example) in held_back) == (split == "dev")]

    def fingerprint(self, task: Task, split: str, language: str) -> str:
        if task.parts:
            parts = [self.fingerprint(part, split, language) for part in self._parts(task)]
            return content_hash([task.definition, parts, DIVISION])
        place, released = self._held(task, split, language), self._released(task, split, language)
        division = [DIVISION] if self._holds_back(task, split, language) else []
        tests = [
            [other.name, scored, self._held_against(task, other, scored, language).version(other, scored, language)]
            for other, scored in self._tests(task, released, language)
        ]
        rule = [leaks.RULE, tests] if tests else []
        version = place.version(task, released, language)
        return content_hash([version, split, language, task.definition, *division, *rule])

    def left_out(self, task: Task, split: str, language: str) -> str | None:
        if task.parts:
            found = [self.left_out(part, split, language) for part in self._parts(task)]
            return "; ".join(filter(None, found)) or None
        return self._left_out.get((task.name, self._released(task, split, language), language))

    def missing(self, task: Task, split: str, language: str) -> Problem:
        for part in self._parts(task):
            if language not in self.languages(part, split):
                return self.missing(part, split, language)
        problems = [place.absent(task, split, language) for place in self._places]
        hints = dict.fromkeys(problem.hint for problem in problems if problem.hint)
        return Problem("; ".join(problem.message for problem in problems), hint="; ".join(hints) or None)

    def _clean(self, task: Task, released: str, language: str, found: Sequence[Example]) -> Sequence[Example]:
        """Training examples without those that have a text of the tests that the task names."""
        whole, told = len(found), []
        for other, scored in self._tests(task, released, language):
            place = self._held_against(task, other, scored, language)
            clean = leaks.without(found, leaks.held(place.read(other, scored, language)))
            if len(clean) < len(found):
                told.append(f"{len(found) - len(clean)} in the {scored} split of '{other.name}'")
            found = clean
        if whole and not found:
            message = f"all {whole} training examples of '{task.name}' in '{language}' are of tests: {', '.join(told)}"
            raise UserError(Problem(message, hint="is it the test itself that is read as training data?"))
        if told:
            message = f"training examples of '{task.name}' in '{language}' are left out: of {whole} there are "
            self._left_out[task.name, released, language] = message + ", and ".join(told)
            log.info("%s%s", message, ", and ".join(told))
        return found

    def _tests(self, task: Task, released: str, language: str) -> Iterator[tuple[Task, str]]:
        """The tasks that training data must have nothing of, with each split by which they are scored."""
        for name in task.without if released == "train" else ():
            other = self._tasks[name]
            named = {split for layouts in (other.files, other.hub) for layout in layouts for split in layout.splits}
            if language in other.languages:
                yield from ((other, scored) for scored in other.evaluated if scored in named)

    def _held_against(self, task: Task, other: Task, scored: str, language: str) -> Place:
        """Where a test lies that training data must have nothing of. Raises UserError where it is not there."""
        place = self._holder(other, scored, language)
        if place is None:
            missing = self.missing(other, scored, language)
            message = f"'{task.name}' is trained on without what is in '{other.name}', which is not there: "
            hint = f"or train on it as it is: a task of your own, as {task.name}.yaml but for `without`"
            hints = "; ".join(filter(None, [missing.hint, hint]))
            raise UserError(Problem(message + missing.message, hint=hints))
        return place

    def _parts(self, task: Task) -> list[Task]:
        return [self._tasks[name] for name in task.parts]

    def _holder(self, task: Task, split: str, language: str) -> Place | None:
        return next((place for place in self._places if place.holds(task, split, language)), None)

    def _held(self, task: Task, split: str, language: str) -> Place:
        place = self._holder(task, self._released(task, split, language), language)
        if place is None:
            raise UserError(self.missing(task, split, language))
        return place

    def _holds_back(self, task: Task, split: str, language: str) -> bool:
        return bool(task.holdout) and split in ("train", "dev") and self._holder(task, "dev", language) is None

    def _released(self, task: Task, split: str, language: str) -> str:
        """The split whose examples, or a share of them, make up this one."""
        return "train" if split == "dev" and self._holds_back(task, split, language) else split


def _in_turn(parts: Sequence[Sequence[Example]]) -> list[Example]:
    """One example of each part, again and again: any number from the start has as many of each, as long as they last.

    In which order is drawn for each turn (the same in every run), so that every n-th has as many of each too.
    """
    rng = random.Random(0)
    turns = (rng.sample(turn, len(turn)) for turn in zip_longest(*parts))
    return [example for turn in turns for example in turn if example is not None]


def _last_passages(examples: Sequence[Example], wanted: int) -> set[str]:
    """The last passages, in the order in which they come up, with as near as possible to `wanted` examples.

    Never all of them: none where there is only one.
    """
    sizes = Counter(map(_passage, examples))
    held_back: set[str] = set()
    count = 0
    for passage in list(sizes)[:0:-1]:
        if held_back and abs(count + sizes[passage] - wanted) >= abs(count - wanted):
            break
        held_back.add(passage)
        count += sizes[passage]
    return held_back


def _passage(example: Example) -> str:
    """What examples are about that must not be cut apart. Those of other kinds stand for themselves."""
    return example.context if isinstance(example, Question | MultipleChoice) else example.id


def _with_own_ids(found: Sequence[Example]) -> Sequence[Example]:
    """Answers are looked up by id, and TyDiQA's and joined tasks' ids are not unique. Passages keep theirs."""
    if isinstance(found, Pool):
        return found
    released = {example.id for example in found}
    seen: Counter[str] = Counter()
    unique: list[Example] = []
    for example in found:
        seen[example.id] += 1
        if seen[example.id] == 1 or isinstance(example, Passage):
            unique.append(example)
            continue
        while (own_id := f"{example.id}#{seen[example.id]}") in released:  # which is another one's already
            seen[example.id] += 1
        unique.append(replace(example, id=own_id))
    return unique
