"""How often a test calls a difference where there is none: tried on the answers that there are.

With labels swapped (`swapping`) two models become two mixtures of both, between which nothing differs but chance. The
seeds of one condition, split in two, are two recipes of which the same is true.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from sweep.statistics.crossed import Runs, Spread, of_the_recipe, of_these_models
from sweep.statistics.influence import Floats
from sweep.statistics.multiplicity import LEVEL
from sweep.statistics.swapping import swapped

FEWEST_SEEDS = 4
"""That can be split in two halves of which each tells how far its seeds spread."""


@dataclass(frozen=True)
class Rate:
    """How many of some replays called a difference.

    Attributes:
        low, high: the 95 % interval of the share (Clopper & Pearson 1934): what so few replays leave open.
    """

    replays: int
    alarms: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.alarms / self.replays


def rate(values: Floats, level: float = LEVEL) -> Rate:
    """That of the p-values of some replays; ValueError for none."""
    alarms = int(np.sum(np.asarray(values) < level))
    interval = stats.binomtest(alarms, len(values)).proportion_ci(0.95, "exact")
    return Rate(len(values), alarms, float(interval.low), float(interval.high))


def of_swapped_labels(first: Runs, second: Runs, replays: int, random: np.random.Generator) -> Floats:
    """The p-values (replays) of two sides whose answers to half of the groups were exchanged, by chance.

    Each side's seeds are put together before, as this says nothing of seeds: swapping mixes them. Scores that are no
    means of examples are taken as linear in what each group changes.
    """
    one, other = (_contributions(side) for side in (first, second))
    found = []
    for is_swapped in random.random((replays, one.shape[1])) < 0.5:
        sides = swapped(one[..., None], other[..., None], is_swapped)
        mixed = [_runs(side[..., 0]) for side in sides]
        estimate = of_these_models(*mixed)
        found.append(1.0 if estimate.p is None else estimate.p)
    return np.array(found)


def of_split_seeds(runs: Runs, pool: Spread | None = None) -> Floats:
    """The p-values of one half of the seeds against the other, for each way to halve them.

    None with fewer than FEWEST_SEEDS, or where nothing depends on seeds.
    """
    if not runs.trained or runs.seeds < FEWEST_SEEDS:
        return np.zeros(0)
    estimates = (of_the_recipe(_some(runs, half), _some(runs, rest), pool) for half, rest in _halves(runs.seeds))
    return np.array([1.0 if one.p is None else one.p for one in estimates])


def _contributions(runs: Runs) -> Floats:
    """What each group adds to the mean score over seeds (1, groups)."""
    changes = runs.changes.mean(axis=0, keepdims=True)
    return np.asarray(changes + runs.scores.mean() / changes.shape[1])


def _runs(contributions: Floats) -> Runs:
    scores = contributions.sum(axis=1)
    return Runs(scores, contributions - scores[:, None] / contributions.shape[1])


def _halves(seeds: int) -> Iterator[tuple[list[int], list[int]]]:
    """Each way to split them once; of an odd number the halves differ by one."""
    for half in combinations(range(seeds), seeds // 2):
        if seeds % 2 or 0 in half:
            yield [*half], [one for one in range(seeds) if one not in half]


def _some(runs: Runs, places: list[int]) -> Runs:
    return Runs(runs.scores[places], runs.changes[places], runs.trained, runs.collapsed)
