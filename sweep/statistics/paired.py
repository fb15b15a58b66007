"""Two models on the same examples, each right or wrong: exact where they differ on few."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import stats

FEW = 50
"""Discordant pairs below which no normal distribution is used."""


@dataclass(frozen=True)
class Discordant:
    """McNemar's test.

    Attributes:
        first, second: how often that model alone is right.
        p: two-sided, exact.
        low, high: the 95 % interval of the difference in points, given how many pairs are discordant.
    """

    first: int
    second: int
    p: float
    low: float
    high: float


def mcnemar(first: int, second: int, examples: int, confidence: float = 0.95) -> Discordant:
    """Whether two models differ by more than chance on `examples` examples, from the pairs that they differ on.

    Source: McNemar 1947, the exact conditional form; the interval is that of Clopper & Pearson 1934 for the share of
    discordant pairs that the first model has right, so it has 0 in it just where p is above 1 - confidence.
    """
    pairs = first + second
    if not pairs:
        return Discordant(0, 0, 1.0, 0.0, 0.0)
    test = stats.binomtest(first, pairs)
    share = test.proportion_ci(confidence, "exact")
    points = 100 * pairs / examples
    return Discordant(first, second, float(test.pvalue), points * (2 * share.low - 1), points * (2 * share.high - 1))
