"""Ways to an interval for the difference of two conditions: those that one meets in papers, and the project's."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sweep.statistics.crossed import Estimate, Runs, of_the_recipe, pooled
from sweep.statistics.influence import Formula, leave_out
from sweep.statistics.resampling import resampled, weights
from tests.calibration.world import METRICS, Floats, World

Interval = tuple[float, float]

RESAMPLES = 1000


@functools.cache
def drawn(groups: int, number: int = 0) -> Floats:
    """The same resamples for all repetitions, which are random enough: independent ones for each number."""
    return weights(groups, RESAMPLES, np.random.default_rng([groups, number]))


def runs(sums: Floats, formula: Formula) -> Runs:
    """From sums (seeds, languages, groups, k), as the project has them: the mean over languages."""
    scores, changes = leave_out(formula, sums)
    return Runs(scores.mean(axis=1), changes.mean(axis=1))


def per_language(conditions: Sequence[Floats], formula: Formula, random: np.random.Generator) -> Interval:
    """One seed, each language's examples drawn on their own: what most papers do."""
    first, second = (one[0] for one in conditions[:2])
    total = np.zeros(RESAMPLES)
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        own = drawn(one.shape[0], number)
        total += formula(resampled(other, own)) - formula(resampled(one, own))
    return _percentiles(total / len(first))


def joint(conditions: Sequence[Floats], formula: Formula, random: np.random.Generator) -> Interval:
    """One seed, items drawn once for all languages."""
    return averaged([one[:1] for one in conditions], formula, random)


def averaged(conditions: Sequence[Floats], formula: Formula, random: np.random.Generator) -> Interval:
    """The seeds as they are, items drawn once for all languages and seeds."""
    once = drawn(conditions[0].shape[2])
    first, second = (formula(resampled(one, once)).mean(axis=(0, 1)) for one in conditions[:2])
    return _percentiles(second - first)


def seeds_alone(conditions: Sequence[Floats], formula: Formula, random: np.random.Generator) -> Interval:
    """Mean +- 1.96 std / sqrt(seeds)."""
    first, second = (formula(one.sum(axis=2)).mean(axis=1) for one in conditions[:2])
    half = 1.96 * np.sqrt((np.var(first, ddof=1) + np.var(second, ddof=1)) / len(first))
    return second.mean() - first.mean() - half, second.mean() - first.mean() + half


def multi_bootstrap(conditions: Sequence[Floats], formula: Formula, random: np.random.Generator) -> Interval:
    """Seeds of each side and items drawn at once, percentiles (MultiBERTs)."""
    once = drawn(conditions[0].shape[2])
    sides = []
    for one in conditions[:2]:
        scores = formula(resampled(one, once)).mean(axis=1)  # (seeds, resamples)
        seeds = random.multinomial(len(one), np.full(len(one), 1 / len(one)), RESAMPLES).T / len(one)
        sides.append((seeds * scores).sum(axis=0))
    return _percentiles(sides[1] - sides[0])


def two_way(conditions: Sequence[Floats], formula: Formula, random: np.random.Generator) -> Interval:
    """The project's, with a condition's own seeds alone."""
    return _interval(of_the_recipe(runs(conditions[1], formula), runs(conditions[0], formula)))


def two_way_pooled(conditions: Sequence[Floats], formula: Formula, random: np.random.Generator) -> Interval:
    """The project's: what all conditions say of the spread over seeds."""
    found = [runs(one, formula) for one in conditions[:2]]
    others = [formula(one.sum(axis=2)).mean(axis=1) for one in conditions[2:]]
    pool = pooled([*found, *(Runs(scores, found[0].changes) for scores in others)])
    return _interval(of_the_recipe(found[1], found[0], pool))


def _interval(estimate: Estimate) -> Interval:
    assert estimate.low is not None and estimate.high is not None  # there are groups enough
    return estimate.low, estimate.high


def _percentiles(differences: Floats) -> Interval:
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


Method = Callable[[Sequence[Floats], Formula, np.random.Generator], Interval]

METHODS: Mapping[str, Method] = {
    "one seed, bootstrap per language (the usual)": per_language,
    "one seed, items joint": joint,
    "seeds averaged, items joint": averaged,
    "mean +- 1.96 std / sqrt(seeds)": seeds_alone,
    "multi-bootstrap, percentile": multi_bootstrap,
    "two-way t": two_way,
    "two-way t, pooled over 10 conditions": two_way_pooled,
}
OF_ONE_SEED = (per_language, joint, averaged)
OF_TEN = 10


def coverage(
    world: World, methods: Mapping[str, Method], repetitions: int, random: np.random.Generator
) -> dict[str, float]:
    """By method, how many intervals have the truth in them."""
    formula, truth = METRICS[world.metric].formula, world.truth
    conditions = OF_TEN if two_way_pooled in methods.values() else 2
    hits = dict.fromkeys(methods, 0)
    for _ in range(repetitions):
        answers = world.draw(random, conditions)
        for name, method in methods.items():
            low, high = method(answers, formula, random)
            hits[name] += bool(low <= truth <= high)
    return {name: count / repetitions for name, count in hits.items()}
