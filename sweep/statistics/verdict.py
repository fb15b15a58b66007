"""What is said of a difference."""

from __future__ import annotations

from typing import Literal

from sweep.statistics.multiplicity import LEVEL

Verdict = Literal["better", "worse", "not decided", "no scores"]


def verdict(difference: float | None, p_adjusted: float | None) -> Verdict:
    """In words. A difference of which nothing sure can be said is not decided; one without scores is none."""
    if difference is None:
        return "no scores"
    if p_adjusted is None or p_adjusted > LEVEL:
        return "not decided"
    return "better" if difference > 0 else "worse"
