"""What could have been seen: the smallest difference that a comparison finds, and the seeds that a smaller one takes.

Source: Card et al. 2020 (With little power comes great responsibility, 2010.06595); the power of a t test is that of
the noncentral t distribution, here as a mean over its chi-squared part, which is as exact and never fails to converge.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize, special, stats

from sweep.statistics.crossed import ENOUGH_SEEDS, Parts
from sweep.statistics.influence import Floats
from sweep.statistics.multiplicity import LEVEL

POWER = 0.8
"""The probability with which a difference is to be found."""

MOST_SEEDS = 100
"""Where so many are not enough, examples are what is missing."""

_SLICES = 512
"""Of equal probability, in which the distribution of an error is averaged."""


def power(effect: float, error: float, freedom: float, level: float = LEVEL) -> float:
    """The probability that a two-sided t test finds a true difference of `effect`."""
    return _power(abs(effect) / error, _bounds(freedom, level))


def detectable(error: float, freedom: float, level: float = LEVEL) -> float:
    """The smallest true difference that is found with a probability of POWER, in the units of its standard error."""
    if error <= 0:
        return 0.0
    bounds = _bounds(freedom, level)
    most = 4.0
    while _power(most, bounds) < POWER:
        most *= 2
    return error * float(optimize.brentq(lambda effect: _power(effect, bounds) - POWER, 0, most))


def _bounds(freedom: float, level: float) -> Floats:
    """What a difference has to exceed, in true standard errors: it depends on how its error is estimated."""
    critical = stats.t.isf(level / 2, freedom)
    if not np.isfinite(freedom):
        return np.array([critical])
    middles = (np.arange(_SLICES) + 0.5) / _SLICES
    return np.asarray(critical * np.sqrt(stats.chi2.ppf(middles, freedom) / freedom))


def _power(shift: float, bounds: Floats) -> float:
    return float(np.mean(special.ndtr(shift - bounds) + special.ndtr(-shift - bounds)))


def error_with(parts: Parts, seeds: int, groups: int) -> tuple[float, float]:
    """The standard error with so many seeds on both sides, and its degrees of freedom."""
    first, second = parts.first / seeds, parts.second / seeds
    total = first + second + parts.items
    if total <= 0:
        return 0.0, np.inf
    each = seeds - 1.0
    if parts.pooled and seeds < ENOUGH_SEEDS:
        squares = (first + second) ** 2 / (each * parts.first_conditions)
    else:
        by_side = ((first, parts.first_conditions), (second, parts.second_conditions))
        squares = sum(one**2 / (each * (told if seeds < ENOUGH_SEEDS else 1)) for one, told in by_side)
    squares += parts.items**2 / (groups - 1)
    return float(np.sqrt(total)), total**2 / squares


def seeds_needed(parts: Parts, groups: int, points: float, level: float = LEVEL) -> int | None:
    """The fewest seeds with which a true difference of `points` is found with POWER; None: no number of them is enough.

    If a run's spread, and what the examples leave open, are as they were estimated.
    """
    for seeds in range(2, MOST_SEEDS + 1):
        error, freedom = error_with(parts, seeds, groups)
        if error <= 0 or power(points, error, freedom, level) >= POWER:
            return seeds
    return None
