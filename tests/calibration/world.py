"""Made-up answers of two conditions, of which everything is known: items, languages, seeds, and the true difference.

How good an answer is has a latent number: what the condition can do, plus what the item, the item under this condition,
the item in this run, and the single answer add to it, plus the luck of the run, which is the same for all its answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(64)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
"""Of an average over a normal distribution."""


def ratio(sums: Floats) -> Floats:
    """The mean of the first statistic, in percent."""
    return 100 * np.divide(sums[..., 0], sums[..., 1], out=np.zeros(sums.shape[:-1]), where=sums[..., 1] > 0)


def f1(sums: Floats) -> Floats:
    """Of true positives, predicted and gold, in percent."""
    both = sums[..., 1] + sums[..., 2]
    return 100 * np.divide(2 * sums[..., 0], both, out=np.zeros(sums.shape[:-1]), where=both > 0)


@dataclass(frozen=True)
class Metric:
    """A metric and the answers that it is about.

    Attributes:
        answer: from latent numbers, and from what the item has whoever answers, to statistics (..., k).
        items: draws that of an item.
        expected: statistics (k) of an answer on average, where its latent number is normal with this mean and variance.
    """

    formula: Callable[[Floats], Floats]
    answer: Callable[[Floats, Floats, np.random.Generator], Floats]
    items: Callable[[tuple[int, ...], np.random.Generator], Floats]
    expected: Callable[[float, float], Floats]


def _passes(mean: float, variance: float) -> float:
    return float(stats.norm.cdf(mean / np.sqrt(variance)))


def _nothing(shape: tuple[int, ...], random: np.random.Generator) -> Floats:
    return np.zeros(shape)


def _right(latent: Floats, item: Floats, random: np.random.Generator) -> Floats:
    return np.stack([(latent > 0).astype(float), np.ones_like(latent)], axis=-1)


def _chunks(latent: Floats, gold: Floats, random: np.random.Generator) -> Floats:
    """Each chunk of a sentence is found with the same probability; what is missed is sometimes another one."""
    found = random.binomial(np.broadcast_to(gold, latent.shape).astype(int), stats.norm.cdf(latent))
    others = random.binomial((gold - found).astype(int), 0.6)
    return np.stack([found, found + others, np.broadcast_to(gold, latent.shape)], axis=-1).astype(float)


def _expected_chunks(mean: float, variance: float) -> Floats:
    """A mean of 2.5 chunks. The latent number has the answer's own unit variance in it, as if it had been drawn."""
    found = 2.5 * _passes(mean, variance + 1)
    return np.array([found, found + 0.6 * (2.5 - found), 2.5])


def _mined(latent: Floats, gold: Floats, random: np.random.Generator) -> Floats:
    """A tenth of all sentences has a translation; a few others are mined as well."""
    found = (gold > 0) & (latent > 0)
    wrong = (gold == 0) & (latent < -1.5)
    truth = np.broadcast_to(gold, latent.shape)
    return np.stack([found, found | wrong, truth], axis=-1).astype(float)


def _expected_mined(mean: float, variance: float) -> Floats:
    found = 0.1 * _passes(mean, variance)
    wrong = 0.9 * float(stats.norm.cdf((-1.5 - mean) / np.sqrt(variance)))
    return np.array([found, found + wrong, 0.1])


def _precision(latent: Floats) -> Floats:
    rank = 1 + np.floor(np.exp(1 - 2 * latent))
    return np.where(rank <= 20, 1 / rank, 0.0)


def _ranked(latent: Floats, item: Floats, random: np.random.Generator) -> Floats:
    return np.stack([_precision(latent), np.ones_like(latent)], axis=-1)


def _expected_ranked(mean: float, variance: float) -> Floats:
    points = mean + np.sqrt(variance) * stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    return np.array([float(_precision(points).mean()), 1.0])


METRICS: Mapping[str, Metric] = {
    "accuracy": Metric(ratio, _right, _nothing, lambda mean, variance: np.array([_passes(mean, variance), 1.0])),
    "chunk F1": Metric(f1, _chunks, lambda shape, random: 1.0 + random.poisson(1.5, shape), _expected_chunks),
    "BUCC F1": Metric(f1, _mined, lambda shape, random: 1.0 * (random.random(shape) < 0.1), _expected_mined),
    "mAP": Metric(ratio, _ranked, _nothing, _expected_ranked),
}


@dataclass(frozen=True)
class World:
    """What two conditions are tried in.

    Attributes:
        luck: the standard deviation of a run's score over seeds, in points, beside what its answers add.
        level, effect: what the first condition can do, and how much more the second can.
        item, own, fresh: the standard deviations of what an item adds to all answers, to those of a condition, and to
            those of a run; that of a single answer is 1.
        parallel: whether languages have translations of the same items.
        cluster: how many items share all of that, as questions on a paragraph do.
        wilder: how many times as far the second condition's runs spread as all others'.
    """

    metric: str = "accuracy"
    seeds: int = 3
    luck: float = 1.3
    languages: int = 6
    items: int = 500
    level: float = 0.8
    effect: float = 0.0
    item: float = 1.0
    own: float = 0.55
    fresh: float = 0.5
    parallel: bool = True
    cluster: int = 1
    wilder: float = 1.0

    @property
    def groups(self) -> int:
        return self.items // self.cluster

    @property
    def variance(self) -> float:
        """Of a latent number within a run."""
        return self.item**2 + self.own**2 + self.fresh**2 + 1

    def score(self, mean: float) -> float:
        """That of infinitely many answers of a run."""
        metric = METRICS[self.metric]
        return float(metric.formula(metric.expected(mean, self.variance)))

    @cached_property
    def scale(self) -> float:
        """The standard deviation of the luck of a run as a latent number."""
        slope = (self.score(self.level + 0.01) - self.score(self.level - 0.01)) / 0.02
        return self.luck / slope

    @cached_property
    def truth(self) -> float:
        """The second condition's score less the first one's, over all items and seeds there could be."""
        return self._over_seeds(self.level + self.effect, self.wilder) - self._over_seeds(self.level, 1.0)

    def _over_seeds(self, mean: float, wilder: float) -> float:
        return float(
            sum(
                weight * self.score(mean + wilder * self.scale * node)
                for node, weight in zip(NODES, WEIGHTS, strict=True)
            )
        )

    def draw(self, random: np.random.Generator, conditions: int = 2) -> list[Floats]:
        """Sums (seeds, languages, groups, k) of each condition; all but the first can do more by the effect."""
        once = replace(self, languages=1) if self.parallel else self
        shared = once._of_items(random, ())
        metric = METRICS[self.metric]
        item = metric.items((self.languages, self.items), random)
        found = []
        for condition in range(conditions):
            scale = self.scale * (self.wilder if condition == 1 else 1.0)
            luck = scale * random.standard_normal((self.seeds, 1, 1))
            latent = self.level + self.effect * (condition > 0) + luck + self.item * shared
            latent = latent + self.own * once._of_items(random, ()) + self.fresh * once._of_items(random, (self.seeds,))
            latent = latent + random.standard_normal((self.seeds, self.languages, self.items))
            statistics = metric.answer(latent, item, random)
            shape = (self.seeds, self.languages, self.groups, self.cluster, statistics.shape[-1])
            found.append(statistics[:, :, : self.groups * self.cluster].reshape(shape).sum(axis=3))
        return found

    def _of_items(self, random: np.random.Generator, first: tuple[int, ...]) -> Floats:
        """Normal numbers (..., languages, items); half of their variance is their cluster's, where there is one."""
        single = random.standard_normal((*first, self.languages, self.items))
        if self.cluster == 1:
            return single
        groups = random.standard_normal((*first, self.languages, -(-self.items // self.cluster)))
        of_group = np.repeat(groups, self.cluster, axis=-1)[..., : self.items]
        return np.sqrt(0.5) * (single + of_group)
