"""False alarms where there is nothing to find: in whole families of comparisons, and in languages that are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweep.statistics.crossed import of_the_recipe, of_these_models, pooled
from sweep.statistics.influence import Formula
from sweep.statistics.multiplicity import LEVEL, helps_in_at_least, holm
from sweep.statistics.swapping import swapped
from tests.calibration.methods import runs
from tests.calibration.world import METRICS, Floats, World


@dataclass(frozen=True)
class FamilyErrors:
    """How many families of null comparisons have a false alarm: with p as it is, and adjusted."""

    uncorrected: float
    holm: float


def family_errors(
    world: World, conditions: int, targets: int, repetitions: int, random: np.random.Generator
) -> FamilyErrors:
    """Conditions that do as the baseline does, on all targets."""
    formula = METRICS[world.metric].formula
    alarms = np.zeros(2)
    for _ in range(repetitions):
        values: list[float] = []
        for _ in range(targets):
            found = [runs(one, formula) for one in world.draw(random, conditions + 1)]
            pool = pooled(found)
            values += [of_the_recipe(one, found[0], pool).p or 0.0 for one in found[1:]]
        alarms += [min(values) <= LEVEL, holm(values).min() <= LEVEL]
    uncorrected, adjusted = alarms / repetitions
    return FamilyErrors(float(uncorrected), float(adjusted))


def too_many_languages(world: World, helped: int, repetitions: int, random: np.random.Generator) -> float:
    """How often "helps in at least k languages" says more than the `helped` first ones, where the others gain nothing.

    The condition helps these so much that they are always found: the worst case for counting others.
    """
    formula = METRICS[world.metric].formula
    wrong = 0
    for _ in range(repetitions):
        first, second = world.draw(random, 2)
        better = second.copy()
        better[:, :helped, :, 0] = better[:, :helped, :, 1]  # all right
        values = []
        for language in range(world.languages):
            sides = [runs(one[:, language : language + 1], formula) for one in (better, first)]
            estimate = of_the_recipe(sides[0], sides[1], pooled(sides))
            p = 1.0 if estimate.p is None else estimate.p
            values.append(p / 2 if estimate.value > 0 else 1 - p / 2)
        wrong += helps_in_at_least(values) > helped
    return wrong / repetitions


def replayed(
    first: Floats, second: Floats, formula: Formula, repetitions: int, random: np.random.Generator
) -> Sequence[float]:
    """The p-values of two models' answers (languages, groups, k) whose names are swapped group by group."""
    found = []
    for _ in range(repetitions):
        sides = swapped(first, second, random.random(first.shape[-2]) < 0.5)
        one, other = (runs(side[None], formula) for side in sides)
        p = of_these_models(one, other).p
        assert p is not None  # they differ somewhere
        found.append(p)
    return found


def distance_from_uniform(values: Sequence[float]) -> float:
    """The largest difference between how many p-values are below a number and that number (Kolmogorov-Smirnov)."""
    ordered = np.sort(values)
    steps = np.arange(1, len(ordered) + 1) / len(ordered)
    return float(max(np.max(steps - ordered), np.max(ordered - steps + 1 / len(ordered))))
