"""What a search with fewer trials would have found, and what one more may bring.

Source: Dodge et al. 2019 (1909.03004) ask for the expected best score after k trials. Their estimate draws the k with
replacement, which is too low; here is the unbiased one, the mean over all subsets of k of the trials that there are
(Tang et al. 2020, 2004.13705).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln

from sweep.statistics.influence import Floats


def expected_best(scores: Sequence[float]) -> Floats:
    """The expected best of 1, 2, ... n trials (n), given the scores of n, in whichever order.

    Unbiased where trials are independent of each other. Those of a sampler that learns are not: then it is what as many
    of these very trials would have had, in a random order.
    """
    values = np.sort(np.asarray(scores, float))
    count = len(values)
    drawn, below = np.arange(1, count + 1)[:, None], np.arange(count)[None, :]
    # The best of k is the i-th (from 0) in the share C(i, k - 1) / C(n, k) of the subsets.
    possible = below >= drawn - 1
    logarithm = _choose(np.maximum(below, drawn - 1), drawn - 1) - _choose(np.full_like(drawn, count), drawn)
    return np.asarray(np.where(possible, np.exp(logarithm), 0.0) @ values)


def last_gain(scores: Sequence[float]) -> float | None:
    """What the last trial brought, by expectation over their order; None with fewer than two.

    The expected best grows ever more slowly, so one more trial is expected to bring this at most.
    """
    if len(scores) < 2:
        return None
    second, best = sorted(scores)[-2:]
    return (best - second) / len(scores)


def _choose(count: np.ndarray, some: np.ndarray) -> Floats:
    """The logarithm of how many ways there are to choose some of so many."""
    return np.asarray(gammaln(count + 1.0) - gammaln(some + 1.0) - gammaln(count - some + 1.0))
