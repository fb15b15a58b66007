"""Resamples where something needs a distribution: all of them as one matrix product.

Source: Efron 1979; Koehn 2004 (W04-3250) for scores that are no means. A resample of groups is how often each is drawn,
so sums over it are weights times sums.
"""

from __future__ import annotations

import numpy as np

from sweep.statistics.influence import Floats


def weights(groups: int, resamples: int, random: np.random.Generator) -> Floats:
    """How often each group is drawn (resamples, groups). The same ones are for all languages, runs and conditions."""
    return random.multinomial(groups, np.full(groups, 1 / groups), resamples).astype(np.float64)


def resampled(sums: Floats, drawn: Floats) -> Floats:
    """Sums (..., resamples, k) of sums by group (..., groups, k)."""
    return drawn @ sums
