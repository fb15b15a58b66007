"""What a trial computes, counted before anything is tokenised: features and tokens of an epoch, or of an evaluation.

How many examples there are is read from the files, or known from the release. How many tokens an example has was
measured (tokens.yaml). What is not known is said to be unknown.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from sweep.experiment import Experiment, Places, scored_uses, tasks_used, training_uses
from sweep.planning.pricing.bounds import NOTHING, Bounds, exactly
from trainables.data import Source, mini, mock
from trainables.data.files import ReleaseFolder
from trainables.errors import UserError
from trainables.mirror import Folder, open_folder
from trainables.spec import TrialSpec
from trainables.store import cache_folder
from trainables.tasks import HIDDEN, Task
from trainables.tasks.layout import CANDIDATES
from trainables.training.shares import Size as PartSize
from trainables.training.shares import epoch_features, shares
from trainables.yaml_file import read_yaml

TOKENS = Path(__file__).parent / "tokens.yaml"

MADE_UP = {"mini": mini.SIZES, "mock": mock.SIZES}
"""Examples of each split in each language where they are generated."""

READABLE = 200 * 2**20
"""Bytes of files that are read for counting. Of what lies beyond, a published size is believed if there is one."""


WINDOWED = Bounds(1, 1.08, 1.2)
"""How many more tokens passages have in shorter windows: 1.0 to 1.13 times for SQuAD, XQuAD and TyDiQA, between 100 and
256 tokens instead of 384. More windows repeat the question, but overlap less.
"""

FILLED = 1.2
"""So many windows as would be full: between 1.15 and 1.35 there."""


class UnknownError(Exception):
    """Something that an estimate needs is not known; the text says what."""


@dataclass(frozen=True)
class Work:
    """What is computed in an epoch of training, or in an evaluation.

    Attributes:
        features: that are trained on, or scored.
        tokens: in them, without padding. In an evaluation also those of what predictions refer to.
        scored: tokens that are scored after the epoch; none in an evaluation.
        asked, asked_in_scoring: how many of `tokens` and `scored` are hidden, and looked for in the whole vocabulary.
    """

    features: Bounds
    tokens: Bounds
    scored: Bounds
    asked: Bounds = NOTHING
    asked_in_scoring: Bounds = NOTHING


@dataclass(frozen=True)
class Size:
    """Tokens and features of one example."""

    tokens: Bounds
    features: float


class Counter:
    """Counts the work of an experiment's trials. Whatever was counted once is remembered."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment, self._source = experiment, experiment.source
        data = experiment.data
        self._made_up = MADE_UP.get(data) if isinstance(data, str) else None
        files = data.files if isinstance(data, Places) else None
        folder = None if files is None else open_folder(files)
        self._folder = None if folder is None else ReleaseFolder(folder)
        self._readable = READABLE
        self._counts: dict[tuple[str, str, str], int | str] = {}
        self._languages: dict[tuple[str, str], tuple[str, ...]] = {}
        self.of = functools.cache(self._of)

    def _of(self, question: TrialSpec, batch_size: int = 1) -> Work:
        """The work of a trial with this question and, which matters where steps are counted, with this batch size.

        Raises UnknownError, with everything that is not known.
        """
        tasks = [self._experiment.catalogue[name] for name in question.tasks]
        if question.phase == "evaluate":
            return self._evaluation(question, tasks)
        return self._epoch(question, tasks, batch_size)

    def _epoch(self, question: TrialSpec, tasks: Sequence[Task], batch_size: int) -> Work:
        missing: list[tuple[Task, str, str, str]] = []
        sizes = {task.name: size_of_example(task, "train", question.max_length) for task in tasks}
        there: dict[str, list[PartSize]] = {}
        scored, asked_in_scoring = NOTHING, NOTHING
        for task in tasks:
            counts = self._trained(question, task, missing)
            there[task.name] = [PartSize(count, count * sizes[task.name].features) for count in counts]
            development = self._scored(question, task, training_uses(self._source, task, []), missing)
            scored, asked_in_scoring = scored + development.tokens, asked_in_scoring + development.asked
        _complain(missing)
        if none := [name for name, parts in there.items() if not any(part.examples for part in parts)]:
            raise UnknownError(f"there are no examples of {', '.join(none)}")
        recipe, features, tokens, asked = question.recipe, NOTHING, NOTHING, NOTHING
        batches = {task.name: recipe.of(task.name).batch_size or batch_size for task in tasks}
        try:
            given_by_task = epoch_features(recipe, there, batches)
        except ValueError as error:
            raise UnknownError(str(error)) from error
        for name, given in given_by_task.items():
            features += exactly(sum(given) * recipe.rounds)
            of_task = sizes[name].tokens * (sum(given) * recipe.rounds / sizes[name].features)
            tokens, asked = tokens + of_task, asked + of_task * hidden_share(self._experiment.catalogue[name])
        return Work(features, tokens, scored, asked, asked_in_scoring)

    def _trained(self, question: TrialSpec, task: Task, missing: list[tuple[Task, str, str, str]]) -> list[int]:
        """How many examples a trial takes of a task in each language."""
        wanted = question.languages_of(task.name)
        languages = [one for one in self._there(task, "train") if one in wanted]
        counts = self._known(task, [("train", one) for one in languages], missing)
        in_source = [("train", task.source_language)]
        limit = question.most_examples(task.name, lambda: self._known(task, in_source, missing)[0])
        return counts if limit is None else shares(limit, counts)

    def _evaluation(self, question: TrialSpec, tasks: Sequence[Task]) -> Work:
        missing: list[tuple[Task, str, str, str]] = []
        features, tokens, asked = NOTHING, NOTHING, NOTHING
        for task in tasks:
            uses = scored_uses(self._experiment, self._source, task)
            found = self._scored(question, task, uses, missing)
            features, tokens, asked = features + found.features, tokens + found.tokens, asked + found.asked
        _complain(missing)
        return Work(features, tokens, NOTHING, asked)

    def _scored(
        self,
        question: TrialSpec,
        task: Task,
        uses: Sequence[tuple[str, str]],
        missing: list[tuple[Task, str, str, str]],
    ) -> Work:
        features, tokens = NOTHING, NOTHING
        for split, language in uses:
            for count in self._known(task, [(split, language)], missing):
                examples = count if question.eval_examples is None else min(count, question.eval_examples)
                size = size_of_example(task, split, question.max_length)
                tokens += size.tokens * examples
                if split in task.evaluated:
                    features += exactly(size.features * examples)
        return Work(features, tokens, NOTHING, tokens * hidden_share(task))

    def _known(
        self, task: Task, places: Iterable[tuple[str, str]], missing: list[tuple[Task, str, str, str]]
    ) -> list[int]:
        """The counts of some splits and languages; what is not known is noted, and 0 here."""
        found = []
        for split, language in places:
            count = self._count(task, split, language)
            if isinstance(count, str):
                missing.append((task, split, language, count))
            found.append(0 if isinstance(count, str) else count)
        return found

    def _there(self, task: Task, split: str) -> tuple[str, ...]:
        place = task.name, split
        if place not in self._languages:
            self._languages[place] = self._source.languages(task, split)
        return self._languages[place]

    def _count(self, task: Task, split: str, language: str) -> int | str:
        """How many examples there are, or why that is not known."""
        place = task.name, split, language
        if place not in self._counts:
            self._counts[place] = self._counted(task, split, language)
        return self._counts[place]

    def _counted(self, task: Task, split: str, language: str) -> int | str:
        if self._made_up is not None:
            return self._made_up[split.removesuffix(CANDIDATES)]
        parts = [self._count(self._experiment.catalogue[name], split, language) for name in task.parts]
        if parts:
            unknown = [part for part in parts if isinstance(part, str)]
            return unknown[0] if unknown else sum(part for part in parts if isinstance(part, int))
        published = task.size(split, language)
        if self._is_readable(task, split, language, published):
            try:
                return _remembered(self._source, task, split, language)
            except UserError as error:
                return error.problems[0].message
        return "no files here and no published size" if published is None else published

    def _is_readable(self, task: Task, split: str, language: str, published: int | None) -> bool:
        """Whether a folder has the split, and it is small or nobody else knows its size."""
        if self._folder is None:
            return False
        released = (
            "train" if split == "dev" and task.holdout and not self._folder.holds(task, split, language) else split
        )
        if not self._folder.holds(task, released, language):
            return False
        if published is None:
            return True
        self._readable -= _bytes(self._folder.folder, task, released.removesuffix(CANDIDATES), language)
        return self._readable >= 0


def hidden_share(task: Task) -> float:
    """Of a task's tokens those that are hidden and looked for in the whole vocabulary."""
    return HIDDEN if task.kind == "mlm" else 0


def with_all_embeddings(experiment: Experiment) -> list[str]:
    """The tasks whose trials train the embeddings of all tokens, and not only of those that occur."""
    return [task.name for task in tasks_used(experiment) if hidden_share(task)]


def _remembered(source: Source, task: Task, split: str, language: str) -> int:
    """How many examples a source has, read once on this machine: the next time only the content's hash is looked at."""
    place = cache_folder() / "counts" / source.fingerprint(task, split, language)
    with suppress(OSError, ValueError):
        return int(place.read_text(encoding="ascii"))
    count = len(source.examples(task, split, language))
    with suppress(OSError):  # then it is counted again
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(str(count), encoding="ascii")
    return count


def epochs(parameter: Any) -> Bounds:
    """The fewest, the mean and the most that a search may try: of values, of a range, or of cases of either."""
    if hasattr(parameter, "cases"):
        cases = [epochs(one) for _, one in dict(parameter.cases).items()]
        return Bounds(
            min(one.low for one in cases), fmean(one.expected for one in cases), max(one.high for one in cases)
        )
    if hasattr(parameter, "values"):
        return Bounds(min(parameter.values), fmean(parameter.values), max(parameter.values))
    low, high = parameter.low, parameter.high
    return Bounds(low, (low * high) ** 0.5 if parameter.log else (low + high) / 2, high)


def size_of_example(task: Task, split: str, max_length: int | None = None) -> Size:
    """The size of a task's examples, or of its kind's, cut to some length. Raises UnknownError."""
    table = _tokens()
    role = "candidates" if split.endswith(CANDIDATES) else "train" if split == "train" else "scored"
    for section, name in (("tasks", task.name), ("kinds", task.kind)):
        row = table[section].get(name, {}).get(role)
        if row is not None:
            size = Size(Bounds(*row["tokens"]), row["features"])
            return _cut(size, task, max_length) if max_length and max_length < task.max_length else size
    raise UnknownError(f"how many tokens an example of '{task.name}' has was never measured")


def _cut(size: Size, task: Task, length: int) -> Size:
    """A size where the encoder sees fewer tokens at once than the task says, as the size was measured.

    Passages are read in more windows: see WINDOWED. Of all others the rows are cut: none is longer than that, and none
    loses a larger part than the longest.
    """
    tokens = size.tokens
    if task.kind == "span_qa":
        return Size(tokens * WINDOWED, max(size.features, FILLED * tokens.expected / length))
    rows = {"multiple_choice": len(task.labels), "bitext_retrieval": 2, "bitext_ranking": 2, "retrieval": 2}
    most = length * rows.get(task.kind, 1)
    lowest = tokens.low * length / task.max_length
    return Size(Bounds(min(lowest, most), min(tokens.expected, most), min(tokens.high, most)), size.features)


@functools.cache
def _tokens() -> dict[str, Any]:
    values: dict[str, Any] = read_yaml(TOKENS).values
    return values


def _bytes(folder: Folder, task: Task, split: str, language: str) -> int:
    """The size of all files that may hold a split in a language: of several layouts' files the sum."""
    patterns = {
        pattern.replace("{lang}", layout.codes.get(language, language))
        for layout in task.files
        for pattern in layout.splits.get(split, ())
    }
    return sum(folder.size(path) for pattern in patterns for path in folder.find(pattern))


def _complain(missing: Sequence[tuple[Task, str, str, str]]) -> None:
    """Says all sizes that are not known in one sentence."""
    if not missing:
        return
    places: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for task, split, language, why in missing:
        places[task.name, why][split].append(language)
    parts = []
    for (name, why), splits in places.items():
        where = "; ".join(f"{split}: {', '.join(dict.fromkeys(ones))}" for split, ones in splits.items())
        parts.append(f"the size of '{name}' ({where}) is not known: {why}")
    raise UnknownError("; ".join(parts))
