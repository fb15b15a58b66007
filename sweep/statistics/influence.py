"""What a score owes to each group of examples: the delete-one-group jackknife of a formula of sums.

Every metric here is a formula of sums of what its examples contribute, so the score without a group is the formula of
the sums less that group's: no resampling, no random numbers, and all groups in one call.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Formula = Callable[[Floats], Floats]
"""From sums (..., k) to scores (...) in percent; the same for sums that are all a hundred times as large."""


def leave_out(formula: Formula, sums: Floats) -> tuple[Floats, Floats]:
    """The score of some examples, and by how much it is above what it is without each group of them.

    Source: Quenouille 1956, Tukey 1958; Efron & Stein 1981 (its variance is on the safe side for formulas of sums).

    Args:
        sums: (..., groups, k): what the metric sums, by group. A group that a language does not have is zero there, and
            its change is zero: so languages with some groups in common are joined on one axis of groups, and a group
            is left out of all of them at once, as the mean over languages of changes is the change of the mean.

    Returns:
        scores (...) and changes (..., groups), in points.
    """
    totals = sums.sum(axis=-2, keepdims=True)
    scores = formula(totals)
    changes = scores - formula(totals - sums)
    absent = ~sums.any(axis=-1)
    return scores[..., 0], np.where(absent, 0.0, changes)


def variance(changes: Floats) -> float:
    """That of a score by its changes (groups), in squared points: the groups are a sample, drawn independently.

    Also of a difference of scores by the difference of their changes. Infinite for fewer than two groups.
    """
    groups = len(changes)
    if groups < 2:
        return float("inf")
    return float((groups - 1) * np.var(changes))


def by_group(statistics: Floats, places: NDArray[np.integer], groups: int) -> Floats:
    """Sums (groups, k) of the statistics (examples, k), each example's at the place of its group."""
    columns = [np.bincount(places, column, groups) for column in statistics.T]
    return np.stack(columns, axis=-1) if columns else np.zeros((groups, 0))
