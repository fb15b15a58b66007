"""What is so in a simulated store: the true scores, and how easy each example is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from tests.forms import form_of
from trainables.data import kept
from trainables.spec import content_hash
from trainables.tasks import Task


@dataclass(frozen=True)
class Truth:
    """What is so, in points of a target's main metric (0-100) where nothing else is said. More is better throughout.

    The score that is expected of a condition's winner is `level` + what the language has + `gains`, and what chance in
    training adds: draws of normal distributions with these standard deviations. Whether an example is right is then
    drawn from how easy it is: `groups` to `by_condition` are the shares of the variance of that which come from its
    group, itself, itself in this language and itself under this condition; what is left is each prediction's own.

    Attributes:
        gains: by condition what it adds to the baseline, on all targets, or by target.
        level: the baseline in a target's source language, or by target. Of error rates what is not failed.
        languages: how much lower other languages are: the mean, and their standard deviation around it.
        uneven: the standard deviation of a condition's gain over languages; their mean is the gain exactly.
        seeds: of a training on a target's training set, for all its targets and languages.
        apart: the same, for each target by itself.
        intermediate: of an intermediate training, for everything that starts from it.
        rates: what each doubling or halving of the published learning rate takes away.
        group_size: how many examples of a parallel task are drawn as one.
        hidden: targets whose test labels nobody has.
        seed: of all that is drawn.
    """

    gains: Mapping[str, float | Mapping[str, float]] = field(default_factory=dict)
    level: float | Mapping[str, float] = 70.0
    languages: tuple[float, float] = (8.0, 4.0)
    uneven: float = 0.0
    seeds: float = 1.0
    apart: float = 0.3
    intermediate: float = 0.5
    rates: float = 0.5
    groups: float = 0.1
    items: float = 0.3
    by_language: float = 0.2
    by_condition: float = 0.1
    group_size: int = 3
    hidden: frozenset[str] = frozenset()
    seed: int = 1

    def gain(self, condition: str, target: str) -> float:
        """What a condition adds to the baseline's mean over languages."""
        of_condition = self.gains.get(condition, 0.0)
        return of_condition if isinstance(of_condition, int | float) else of_condition.get(target, 0.0)

    def of_baseline(self, target: Task, language: str) -> float:
        """The baseline's score that is expected in a language."""
        level = self.level if isinstance(self.level, int | float) else self.level.get(target.name, 70.0)
        mean, deviation = self.languages
        return level - (0 if language == target.source_language else abs(mean + deviation * self.normal(language)))

    def normal(self, *names: object) -> float:
        """A standard normal number, always the same for the same names."""
        return float(self.generator(*names).standard_normal())

    def generator(self, *names: object) -> np.random.Generator:
        return np.random.default_rng(int(content_hash([self.seed, *map(str, names)]), 16))


PLAIN = Truth()
"""In which no condition helps."""


class Split:
    """A split's examples: which sort each is of, and how easy."""

    def __init__(self, truth: Truth, task: Task, name: str, language: str, size: int) -> None:
        self.task, self.name, self.language = task, name, language
        self.form, self._truth = form_of(task), truth
        self.drawn_with = () if task.parallel else (language,)
        rng = truth.generator("examples", task.name, name, *self.drawn_with)
        numbers = np.arange(size)
        self.groups = numbers // truth.group_size
        of_groups, of_items = (rng.standard_normal(size, np.float32) for _ in range(2))
        self.sorts = rng.integers(len(self.form.gold), size=size)
        own = truth.generator("language", task.name, name, language).standard_normal(size, np.float32)
        shares = np.sqrt([truth.groups, truth.items, truth.by_language]).astype(np.float32)
        self.easy = shares[0] * of_groups[self.groups] + shares[1] * of_items + shares[2] * own
        self.ids = np.array([str(number) for number in numbers], object)
        self.fingerprint = content_hash(["simulated", truth.seed, task.name, name, language, size])

    def predictions(self, outcomes: np.ndarray) -> list[str]:
        if not self.form.by_id:
            found: list[str] = self.form.predicted[outcomes].tolist()
            return found
        places = (np.arange(len(outcomes)) + 1 - outcomes) % len(outcomes)
        return list(self.ids[places])

    def table(self) -> pa.Table:
        """As a trial that reads them keeps them."""
        form, sorts = self.form, self.sorts.tolist()
        prefix = "" if self.task.parallel else f"{self.language}/"
        is_hidden = self.task.name in self._truth.hidden and self.name == "test"
        gold = [(one,) for one in self.ids] if form.by_id else [form.gold[sort] for sort in sorts]
        words = np.array([sum(len(text.split()) for text in texts) for texts in form.texts])
        columns = {
            "position": np.arange(len(sorts)),
            "example": self.ids,
            "item": [f"{prefix}{one}" for one in self.ids],
            "group": [f"{prefix}{group * self._truth.group_size}" for group in self.groups.tolist()],
            "gold": [None] * len(sorts) if is_hidden else gold,
            "texts": [form.texts[sort] for sort in sorts],
            "tokens": 2 * words[self.sorts] + 4,
            "words": words[self.sorts],
        }
        told = {"task": self.task.name, "kind": self.task.kind, "metric": self.task.metric}
        about = {**told, "split": self.name, "language": self.language, "parts": json.dumps([*form.names])}
        return pa.Table.from_pydict(columns, schema=kept.SCHEMA.with_metadata(about))
