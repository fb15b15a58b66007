"""What a metric is: a formula of sums over examples, stated once.

So a score is that of any set of examples whose statistics are added up: of a whole split, of a part of it, of a sample
drawn with replacement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

Gold = TypeVar("Gold")
Predicted = TypeVar("Predicted")


def _of_one_part(gold: Sequence[Any]) -> Sequence[str]:
    return ()


@dataclass(frozen=True)
class Metric:
    """The scores of predictions, in percent; a perplexity is from 1 to infinity.

    Attributes:
        names: of its scores, the main one first.
        statistics: from gold, predicted and the code of their language to what is summed of each example (examples, k).
            ValueError where gold and predicted do not belong together, or there is nothing to score.
        formula: from sums (..., k) to the scores by name (...): a ratio of sums, the same whatever they are multiplied
            with, and 0 where it has none, as in the official scorers. All metrics with the same names share it.
        parts: the parts of gold that have scores of their own (`error_rate/{part}`), in the order of their columns: as
            many columns each. The formula takes the mean over them. Most metrics have none.
    """

    names: tuple[str, ...]
    statistics: Callable[[Sequence[Any], Sequence[Any], str], np.ndarray]
    formula: Callable[[np.ndarray], dict[str, np.ndarray]]
    parts: Callable[[Sequence[Any]], Sequence[str]] = _of_one_part

    @property
    def main(self) -> str:
        """The score that is reported first, and by which models are chosen where a task names no others."""
        return self.names[0]

    def __call__(self, gold: Sequence[Any], predicted: Sequence[Any], language: str = "") -> dict[str, float]:
        """The scores by name, those of parts behind the others. Raises as `statistics` does."""
        return self.scores(self.statistics(gold, predicted, language), gold)

    def scores(self, statistics: np.ndarray, gold: Sequence[Any]) -> dict[str, float]:
        """The scores by name of all examples, from the statistics of each."""
        sums = statistics.sum(axis=0)
        found = self.formula(sums)
        parts = self.parts(gold)
        for part, columns in zip(parts, np.split(sums, len(parts) or 1), strict=False):
            found |= {f"{name}/{part}": value for name, value in self.formula(columns).items()}
        return {name: float(value) for name, value in found.items()}


def paired(gold: Sequence[Gold], predicted: Sequence[Predicted], noun: str) -> list[tuple[Gold, Predicted]]:
    """Each gold `noun` with its prediction. ValueError where their numbers differ or there is nothing to score."""
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold {noun}s but {len(predicted)} predicted ones")
    if not gold:
        raise ValueError(f"no {noun}s to score")
    return list(zip(gold, predicted, strict=True))


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part / whole`, 0 where there is no whole."""
    there = np.not_equal(whole, 0)
    return np.where(there, part, 0.0) / np.where(there, whole, 1.0)


def means(*names: str) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """The formula of scores that are means, in percent: the last sum is that of the weights, mostly the examples."""
    return lambda sums: {name: ratio(100 * sums[..., at], sums[..., -1]) for at, name in enumerate(names)}


def f1(sums: np.ndarray) -> dict[str, np.ndarray]:
    """The formula of micro F1, precision and recall, in percent: of what is right, what is gold, what is predicted."""
    right, gold, predicted = np.moveaxis(sums, -1, 0)
    return {
        "f1": ratio(100 * 2 * right, gold + predicted),
        "precision": ratio(100 * right, predicted),
        "recall": ratio(100 * right, gold),
    }
