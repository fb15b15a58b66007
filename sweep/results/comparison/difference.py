"""A row of a comparison: a condition against the baseline, and what may be said of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # numpy and scipy take a while, and the command line needs the names below alone
    from sweep.statistics.crossed import Parts
    from sweep.statistics.multiplicity import Correction
    from sweep.statistics.verdict import Verdict

By = Literal["target", "language", "family", "script", "benchmark"]
"""What a row of a comparison is about."""

Claim = Literal["models", "recipe"]
"""That a difference is one of these models, as they are, or one of the recipe: training it again would show it, too."""


@dataclass(frozen=True)
class Difference:
    """One row: a condition against the baseline on a subject. Numbers are points of the main metric, 0-100.

    Attributes:
        regime: in which languages the targets were trained.
        target: None where the row is about a benchmark.
        subject: what the row is about: the target, or the language, family, script or benchmark.
        languages: those that both sides have, over which the mean is.
        n: examples of one side and seed, over all these languages.
        groups: what of them is drawn as a whole: paragraphs, premises, items that languages share.
        score, baseline_score: means over languages and seeds; None where nothing was scored.
        difference: for the better it is positive (that of error rates is turned round). Of the means over seeds.
        median_difference: of the medians over seeds, which papers report.
        without_source: the difference without the language whose development data chose the winners.
        low, high: the 95 % interval of the difference, under `claim`.
        error, freedom: its standard error, and the degrees of freedom of that (None: of a normal distribution).
        p: of no difference, two-sided; `p_adjusted`: for all rows of its family, by `correction`.
        seeds: of the condition that went in. `planned` were asked for; of those that went in so many `collapsed`, of
            the others so many `failed`, and so many are `missing`: still to run, or left out as asked (`note` says).
        detectable: the smallest difference that would have been found with a probability of 80 %.
        dominated_by: whose variance is most of the error.
        parts: what that variance is made of.
        note: what a reader must know: hidden labels, language sets that differ, and the like.
    """

    experiment: str
    condition: str
    baseline: str
    regime: str
    by: By
    target: str | None
    subject: str
    metric: str
    split: str
    languages: tuple[str, ...]
    n: int
    groups: int
    score: float | None
    baseline_score: float | None
    difference: float | None
    median_difference: float | None
    without_source: float | None
    low: float | None
    high: float | None
    error: float | None
    freedom: float | None
    p: float | None
    p_adjusted: float | None
    correction: Correction
    claim: Claim
    seeds: int
    planned: int
    collapsed: int
    failed: int
    missing: int
    baseline_seeds: int
    baseline_planned: int
    baseline_collapsed: int
    baseline_failed: int
    baseline_missing: int
    detectable: float | None
    dominated_by: Literal["seeds", "examples"] | None
    parts: Parts | None
    verdict: Verdict
    note: str


@dataclass(frozen=True)
class Breadth:
    """In how many of its languages a condition helps a target, at the 5 % level (partial conjunction).

    Attributes:
        helps: the most of which it is shown; 0: of none.
        hurts: likewise.
        languages: of how many.
    """

    experiment: str
    condition: str
    regime: str
    target: str
    helps: int
    hurts: int
    languages: int
