"""Seeds and examples at once: the variance of a difference between two conditions whose runs saw the same examples.

Two crossed random effects. With Y(seed, group) as what a group contributes to a run's score,

    V = V_seed + V_item - V_interaction

as each of the first two has the interaction of both in it. Degrees of freedom are Satterthwaite's.

Sources: Owen 2007 (The pigeonhole bootstrap, arXiv 0712.1111); Sellam et al. 2022 (MultiBERTs, 2106.16163), whose
bootstrap this replaces, as percentiles over three seeds are too narrow; Satterthwaite 1946; Miller 2024 (2411.00640)
for groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from sweep.statistics.influence import Floats, variance

ENOUGH_SEEDS = 6
"""With so many on both sides their own variances are used; with fewer, what all conditions say together."""

CONFIDENCE = 0.95
"""Of intervals."""

UNEVEN = 0.01
"""A condition whose seeds spread so improbably far spreads otherwise than those that it is pooled with."""


@dataclass(frozen=True)
class Runs:
    """A condition's runs on a subject.

    Attributes:
        scores: (seeds): in points.
        changes: (seeds, groups): those of `influence.leave_out`. The groups are the same, in one order, for all
            conditions.
        trained: whether they depend on a seed; the model as it was downloaded does not.
        collapsed: whether some of them ended at chance. Their spread says nothing of others, nor others' of theirs.
    """

    scores: Floats
    changes: Floats
    trained: bool = True
    collapsed: bool = False

    @property
    def seeds(self) -> int:
        """How many runs there are."""
        return len(self.scores)


@dataclass(frozen=True)
class Spread:
    """The variance of a single run over seeds, in squared points, and the degrees of freedom behind it.

    Attributes:
        conditions: how many have told it.
    """

    variance: float
    freedom: float
    conditions: int = 1


@dataclass(frozen=True)
class Parts:
    """What the variance of a difference is made of, in squared points.

    Attributes:
        first, second: of a single run of either side, over seeds; 0 of what depends on none.
        items: of the examples, which is left however many seeds there are.
        first_conditions, second_conditions: how many conditions have told that of the runs.
        pooled: whether both come from the same pool.
    """

    first: float
    second: float
    items: float
    first_conditions: int = 1
    second_conditions: int = 1
    pooled: bool = False


@dataclass(frozen=True)
class Estimate:
    """A difference in points, and how sure it is.

    Attributes:
        error: its standard error, None where nothing can be said of it; then so are all that follow from it.
        freedom: the degrees of freedom of `error`.
        low, high: the interval of CONFIDENCE.
        p: two-sided, of no difference.
        dominated_by: whose variance is the larger part.
    """

    value: float
    error: float | None = None
    freedom: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    dominated_by: Literal["seeds", "examples"] | None = None
    parts: Parts | None = None


def spread(runs: Runs) -> Spread | None:
    """That of a condition by its own seeds; None with fewer than two."""
    if not runs.trained:
        return Spread(0.0, np.inf)
    if runs.seeds < 2:
        return None
    return Spread(float(np.var(runs.scores, ddof=1)), runs.seeds - 1)


def pooled(conditions: Iterable[Runs]) -> Spread | None:
    """What all conditions of a target say together, as if runs of all of them had the same spread.

    Those without training say nothing of it, and those with collapsed runs something else. None where no condition
    has two seeds.
    """
    found = [one for runs in conditions if runs.trained and not runs.collapsed and (one := spread(runs)) is not None]
    freedom = sum(one.freedom for one in found)
    if not freedom:
        return None
    return Spread(sum(one.variance * one.freedom for one in found) / freedom, freedom, len(found))


def is_uneven(runs: Runs, pool: Spread | None) -> bool:
    """Whether a condition's seeds spread farther than the pool that is used for it says (F test)."""
    own = spread(runs)
    if own is None or pool is None or not runs.trained or runs.collapsed or runs.seeds >= ENOUGH_SEEDS:
        return False
    if not pool.variance:
        return own.variance > 0
    return float(stats.f.sf(own.variance / pool.variance, own.freedom, pool.freedom)) < UNEVEN


def of_these_models(first: Runs, second: Runs) -> Estimate:
    """The difference between these very models: examples are random, seeds are as they are."""
    value = _difference(first, second)
    items = _items(first, second)
    parts = Parts(0.0, 0.0, items)
    return _estimate(value, [(items, first.changes.shape[1] - 1.0)], items, "examples", parts)


def of_the_recipe(first: Runs, second: Runs, pool: Spread | None = None) -> Estimate:
    """The difference between two recipes: seeds are random, too, those of either side drawn on their own.

    Args:
        pool: what is known of a run's spread from all conditions; used where either side has fewer than ENOUGH_SEEDS.

    Raises:
        ValueError: a side that depends on seeds has fewer than two.
    """
    if any(one.trained and one.seeds < 2 for one in (first, second)):
        raise ValueError("of a recipe nothing can be said from one seed")
    enough = all(one.seeds >= ENOUGH_SEEDS for one in (first, second) if one.trained)
    spreads = [_spread_of(one, None if enough else pool) for one in (first, second)]
    by_pool = [one is pool for one in spreads]
    shares = [one.variance / runs.seeds for one, runs in zip(spreads, (first, second), strict=True)]
    items, interaction = _items(first, second), _interaction(first) + _interaction(second)
    if all(by_pool):
        components = [(sum(shares), spreads[0].freedom)]
    else:
        components = [(share, one.freedom) for share, one in zip(shares, spreads, strict=True)]
    groups = first.changes.shape[1]
    components.append((items, groups - 1.0))
    freedom = sum((one.seeds - 1.0) * (groups - 1.0) for one in (first, second))
    total = max(sum(shares) + items - interaction, sum(shares), items)  # estimates may say less than either part
    left = max(items - interaction, 0.0)
    conditions = [one.conditions for one in spreads]
    parts = Parts(spreads[0].variance, spreads[1].variance, left, conditions[0], conditions[1], all(by_pool))
    larger: Literal["seeds", "examples"] = "seeds" if sum(shares) > left else "examples"
    return _estimate(_difference(first, second), [*components, (interaction, freedom)], total, larger, parts)


def _spread_of(runs: Runs, pool: Spread | None) -> Spread:
    own = spread(runs)
    assert own is not None  # the caller has looked
    return own if pool is None or not runs.trained or runs.collapsed else pool


def _difference(first: Runs, second: Runs) -> float:
    return float(first.scores.mean() - second.scores.mean())


def _items(first: Runs, second: Runs) -> float:
    """The variance over groups of the difference of what they contribute, on average over seeds."""
    return variance(first.changes.mean(axis=0) - second.changes.mean(axis=0))


def _interaction(runs: Runs) -> float:
    """What of that is due to these seeds' own answers: the residual of a two-way layout."""
    seeds, groups = runs.changes.shape
    if seeds < 2 or groups < 2 or not runs.trained:
        return 0.0
    own = runs.changes - runs.changes.mean(axis=1, keepdims=True)
    residuals = own - own.mean(axis=0)
    return float(np.sum(residuals**2) * (groups - 1) / (groups * seeds * (seeds - 1)))


def _estimate(
    value: float,
    components: Sequence[tuple[float, float]],
    total: float,
    larger: Literal["seeds", "examples"],
    parts: Parts,
) -> Estimate:
    if not np.isfinite(total) or (total <= 0 and value):  # as good as no examples
        return Estimate(value)
    if total <= 0:  # all answers are the same
        return Estimate(value, 0.0, np.inf, value, value, 1.0, larger, parts)
    error = float(np.sqrt(total))
    freedom = total**2 / sum(share**2 / of_share for share, of_share in components if share)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    p = float(2 * stats.t.sf(abs(value) / error, freedom))
    return Estimate(value, error, freedom, value - half, value + half, p, larger, parts)
