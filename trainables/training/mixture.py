"""Which features make an optimizer step: how a trial's tasks and languages take turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from trainables.features import Feature, Features
from trainables.kinds.mlm import Masks
from trainables.recipe import Recipe
from trainables.reports import Trained, TrialError
from trainables.training.shares import Size, epoch_features


class Step(NamedTuple):
    """One optimizer step: a batch of one task. `weight` counts the loss terms of the whole batch.

    `place` is the trial's seed, the round (an epoch, but for a budget of several) and the step's place in it. The mean
    of the loss terms is multiplied by `scale`.
    """

    task: str
    features: list[Feature]
    place: tuple[int, ...] = ()
    scale: float = 1.0

    @property
    def weight(self) -> int:
        return sum(feature.weight for feature in self.features)


@dataclass(frozen=True)
class _Deck:
    """Features that are drawn like cards: each once before any of them comes again.

    Attributes:
        start: the position of the first among all of the task.
        first: of each feature the position, within the deck, of the first feature of the same example.
        drawn: how many a round takes.
    """

    start: int
    first: np.ndarray
    drawn: int

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """A round's features (drawn, 2): their positions, and how often each was drawn before.

        Whole passes, then as many whole examples as the rest allows.
        """
        size = len(self.first)
        passes, rest = divmod(self.drawn, size) if size else (0, 0)
        drawn = [rng.permutation(size) for _ in range(passes)]
        if rest:
            order = rng.permutation(size)
            place = np.empty(size, np.int64)
            place[order] = np.arange(size)
            taken = np.lexsort((np.arange(size), place[self.first]))[:rest]  # example by example
            drawn.append(order[np.isin(order, taken)])
        positions = np.concatenate([*drawn, np.zeros(0, np.int64)]) + self.start
        return np.stack([positions, np.arange(len(positions)) // max(size, 1)], axis=1)


class _TrainingSet:
    """A task's features in all languages, of which rounds are drawn."""

    def __init__(self, task: str, by_language: Mapping[str, Features], drawn: list[int], recipe: Recipe, size: int):
        self.task, self.batch_size, self.scale = task, size, recipe.of(task).weight
        self.features = Features.joined([*by_language.values()])
        self.languages = [*by_language]
        self.language = np.repeat(np.arange(len(by_language)), [len(one) for one in by_language.values()])
        self.lengths = self.features.lengths()
        firsts = [_first_of_example(one.examples()) for one in by_language.values()]
        starts = np.cumsum([0, *map(len, firsts)])
        self.is_first = np.concatenate([one == np.arange(len(one)) for one in firsts])
        if recipe.language_alpha == 1:  # in proportion to what there is: one deck, as if it were one language
            joined = np.concatenate([one + start for one, start in zip(firsts, starts, strict=False)])
            self.decks = [_Deck(0, joined, sum(drawn))]
        else:
            parts = zip(starts, firsts, drawn, strict=False)
            self.decks = [_Deck(int(start), first, count) for start, first, count in parts]

    @property
    def steps(self) -> int:
        """How many steps a round has."""
        return -(-sum(deck.drawn for deck in self.decks) // self.batch_size)

    def batches(self, rng: np.random.Generator) -> list[np.ndarray]:
        """The features of a round's steps, as `_Deck.draw` tells them."""
        drawn = [deck.draw(rng) for deck in self.decks]
        order = drawn[0] if len(drawn) == 1 else rng.permutation(np.concatenate(drawn))
        return [order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size)]


class Mixture:
    """The steps of a trial's epochs, functions of its seed and the epoch alone: the same on every worker, after any
    interruption.

    Without a recipe every feature comes once in an epoch, of several tasks with at most MIXING_CAP examples of each, in
    random order; tasks take turns at random.

    Args:
        features: of each task by language, those that count.
        batch_size: of tasks for which the recipe says no other.
        masks: of tasks whose masks each round draws anew.

    Raises:
        TrialError: a budget is too small for all tasks.
    """

    def __init__(
        self,
        features: Mapping[str, Mapping[str, Features]],
        recipe: Recipe,
        batch_size: int,
        seed: int,
        masks: Mapping[str, Masks] | None = None,
    ) -> None:
        self._seed, self._masks = seed, masks or {}
        self._rounds = recipe.rounds
        self._told: list[dict[tuple[str, str], np.ndarray]] = []  # by epoch, what it trains on
        batch_sizes = {task: recipe.of(task).batch_size or batch_size for task in features}
        sizes = {
            task: [Size(len(np.unique(one.examples())), len(one)) for one in parts.values()]
            for task, parts in features.items()
        }
        try:
            drawn = epoch_features(recipe, sizes, batch_sizes)
        except ValueError as error:
            raise TrialError(str(error)) from error
        self._sets = [
            _TrainingSet(task, parts, drawn[task], recipe, batch_sizes[task]) for task, parts in features.items()
        ]

    @property
    def steps_per_epoch(self) -> int:
        """How many optimizer steps an epoch has."""
        return self._rounds * self._steps_per_round

    @property
    def _steps_per_round(self) -> int:
        return sum(one.steps for one in self._sets)

    def steps(self, epoch: int, start: int = 0) -> Iterator[Step]:
        """The steps of an epoch. The first `start` are left out, unread."""
        skipped, start = divmod(start, self._steps_per_round)
        for number in [*self._rounds_of(epoch)][skipped:]:
            for place, (one, chosen) in enumerate(self._round(number)[start:], start=start):
                features = [one.features[position] for position in chosen[:, 0]]
                if (masks := self._masks.get(one.task)) is not None:
                    keys = ((self._seed, number, *drawn) for drawn in chosen.tolist())
                    features = [masks.anew(feature, key) for feature, key in zip(features, keys, strict=True)]
                yield Step(one.task, features, (self._seed, number, place), one.scale)
            start = 0

    def trained(self, epochs: int) -> tuple[Trained, ...]:
        """What so many epochs train on: a row for each task and language."""
        while len(self._told) < epochs:
            self._told.append(self._trained_in(len(self._told) + 1))
        total: dict[tuple[str, str], np.ndarray] = {}
        for place, counts in (one for told in self._told[:epochs] for one in told.items()):
            total[place] = total.get(place, 0) + counts
        return tuple(Trained(*place, *map(int, total[place])) for place in sorted(total))

    def _trained_in(self, epoch: int) -> dict[tuple[str, str], np.ndarray]:
        """By task and language the steps, examples and tokens of an epoch."""
        found: dict[tuple[str, str], np.ndarray] = {}
        for one, chosen in (batch for number in self._rounds_of(epoch) for batch in self._round(number)):
            positions = chosen[:, 0]
            languages = one.language[positions]
            for at in np.unique(languages).tolist():
                place, of_language = (one.task, one.languages[at]), positions[languages == at]
                counts = np.array([1, one.is_first[of_language].sum(), one.lengths[of_language].sum()])
                found[place] = found.get(place, 0) + counts
        return found

    def _rounds_of(self, epoch: int) -> range:
        return range((epoch - 1) * self._rounds + 1, epoch * self._rounds + 1)

    def _round(self, number: int) -> list[tuple[_TrainingSet, np.ndarray]]:
        rng = np.random.default_rng([self._seed, number])
        batches = [(one, chosen) for one in self._sets for chosen in one.batches(rng)]
        return [batches[position] for position in rng.permutation(len(batches))]


def _first_of_example(examples: np.ndarray) -> np.ndarray:
    """For each feature the position of the first one of the same example; those of an example lie side by side."""
    starts = np.flatnonzero(np.diff(examples, prepend=-1))
    return np.repeat(starts, np.diff(starts, append=len(examples)))
