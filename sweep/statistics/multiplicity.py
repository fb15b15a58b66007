"""Many comparisons at once: p-values as they are once one knows how many were made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Correction = Literal["holm", "bh"]

LEVEL = 0.05
"""At which something is said to be decided."""


def holm(values: Sequence[float]) -> NDArray[np.float64]:
    """Adjusted p-values: with those of at most LEVEL called real, any false alarm at all has that probability.

    Source: Holm 1979. Whatever the comparisons have to do with each other.
    """
    p = np.asarray(values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = p[order] * np.arange(len(p), 0, -1)
    return _in_place(np.maximum.accumulate(steps), order)


def benjamini_hochberg(values: Sequence[float]) -> NDArray[np.float64]:
    """Adjusted p-values: of those called real, so many are false alarms on average.

    Source: Benjamini & Hochberg 1995; Benjamini & Yekutieli 2001 for comparisons that go up and down together, as those
    of languages with the same seeds and items do.
    """
    p = np.asarray(values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    return _in_place(np.minimum.accumulate(steps[::-1])[::-1], order)


ADJUSTED: Mapping[Correction, Callable[[Sequence[float]], NDArray[np.float64]]] = {
    "holm": holm,
    "bh": benjamini_hochberg,
}
"""By correction, from p-values to adjusted ones."""


def level_needed(others: Sequence[float], correction: Correction) -> float:
    """The largest p at which a comparison is decided, the other ones of its family being as they are.

    Args:
        others: their p-values, as they were before any correction.
    """
    p = np.sort(np.asarray(others, dtype=np.float64))
    count = len(p) + 1
    if correction == "holm":  # it stops at the first that is not decided: one behind all that are needs least
        parts = np.arange(count, 0, -1.0)
        place = np.append(p * parts[:-1] > LEVEL, True).argmax()
    else:  # whatever lies under the last one that is decided is, too: it may go there, and take its place
        parts = count / np.arange(1, count + 1)
        place = np.flatnonzero(np.append(True, p * count / np.arange(2, count + 1) <= LEVEL))[-1]
    return float(LEVEL / parts[place])


def helps_in_at_least(values: Sequence[float], level: float = LEVEL / 2) -> int:
    """In how many of some languages an effect is shown: the most k for which "in at least k" is.

    Source: partial conjunction, Benjamini & Heller 2008, with Simes' combination, for comparisons that go up and down
    together. That fewer than k have it has a p-value of at most `level`.

    Args:
        values: the one-sided p-value of each language.
    """
    p = np.sort(np.asarray(values, dtype=np.float64))
    for k in range(1, len(p) + 1):
        rest = p[k - 1 :]
        if np.min(rest * len(rest) / np.arange(1, len(rest) + 1)) > level:
            return k - 1
    return len(p)


def _in_place(steps: NDArray[np.float64], order: NDArray[np.intp]) -> NDArray[np.float64]:
    adjusted = np.empty_like(steps)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
