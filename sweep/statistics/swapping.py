"""Replays in which there is nothing to find: the answers of two conditions, with their names swapped group by group.

Source: approximate randomisation, Noreen 1989; Riezler & Maxwell 2005 (W05-0908). A test that is right calls as many of
them a difference as its level says.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sweep.statistics.influence import Floats


def swapped(first: Floats, second: Floats, is_swapped: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Both sides' sums (..., groups, k) with those of some groups (groups) exchanged."""
    mask = is_swapped[:, None]
    return np.where(mask, second, first), np.where(mask, first, second)
