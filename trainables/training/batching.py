"""Which features make one optimizer step, who computes them, and how little padding that needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from trainables.features import IGNORED, Feature
from trainables.kinds import pad
from trainables.kinds.mlm import MaskedAnew
from trainables.training.shares import MIXING_CAP


class Step(NamedTuple):
    """One optimizer step: a batch of one task. `weight` counts the loss terms of the whole batch.

    `place` is the trial's seed, the epoch and the step's place in it.
    """

    task: str
    features: list[Feature]
    place: tuple[int, ...] = ()

    @property
    def weight(self) -> int:
        return sum(feature.weight for feature in self.features)


def epoch_sizes(features: Mapping[str, Sequence[Feature]]) -> dict[str, int]:
    """How many features each task gives to an epoch."""
    alone = len(features) == 1
    return {task: len(rows) if alone else min(len(rows), MIXING_CAP) for task, rows in features.items()}


def steps_per_epoch(features: Mapping[str, Sequence[Feature]], batch_size: int) -> int:
    """How many optimizer steps an epoch has."""
    return sum(-(-size // batch_size) for size in epoch_sizes(features).values())


def epoch_steps(
    features: Mapping[str, Sequence[Feature]], batch_size: int, seed: int, epoch: int, start: int = 0
) -> Iterator[Step]:
    """The steps of an epoch: features in random order, each once at most; tasks take turns at random.

    A function of its arguments alone, the same on every worker. The first `start` steps are left out, unread.
    """
    rng = np.random.default_rng([seed, epoch])
    batches = []
    for task, size in epoch_sizes(features).items():
        order = rng.permutation(len(features[task]))[:size]
        batches += [(task, order[start : start + batch_size]) for start in range(0, len(order), batch_size)]
    for place, position in enumerate(rng.permutation(len(batches))[start:], start=start):
        task, chosen = batches[position]
        yield Step(task, [_taken(features[task], int(one), seed, epoch) for one in chosen], (seed, epoch, place))


def _taken(features: Sequence[Feature], position: int, seed: int, epoch: int) -> Feature:
    """A feature as an epoch sees it."""
    if isinstance(features, MaskedAnew):
        return features.drawn(position, seed, epoch)
    return features[position]


def share(features: Sequence[Feature], rank: int, world_size: int) -> list[Feature]:
    """The part of a batch that one worker computes: every n-th by length, so that all have as much to do.

    Workers must take part in every step: one for which nothing is left gets a feature that counts nothing.
    """
    by_length = sorted(features, key=lambda feature: feature.width, reverse=True)
    last = by_length[-1]
    idle = Feature(last.rows, 0, [IGNORED] * len(last.target), 0)
    return by_length[rank::world_size] or [idle]


def micro_batches(features: Sequence[Feature], tokens: int) -> Iterator[list[Feature]]:
    """Cuts features into groups of similar length, each at most `tokens` large with its padding."""
    group: list[Feature] = []
    rows = width = 0
    for feature in sorted(features, key=lambda feature: feature.width, reverse=True):
        if group and (rows + len(feature.rows)) * width > tokens:
            yield group
            group = []
        if not group:
            rows, width = 0, feature.width
        group.append(feature)
        rows += len(feature.rows)
    if group:
        yield group


def single_rows(features: Sequence[Feature]) -> list[Feature]:
    """Each row as a feature of its own; `example` is its place among all of them."""
    return [Feature([row], place) for place, row in enumerate(row for feature in features for row in feature.rows)]


class Tensors(NamedTuple):
    """A micro-batch on the CPU: token ids (R, L) and attention mask (R, L) of its rows, targets (B, T)."""

    input_ids: Tensor
    mask: Tensor
    targets: Tensor


def collate(features: Sequence[Feature], pad_id: int) -> Tensors:
    """Pads all rows of the features to the longest of them."""
    rows = [row for feature in features for row in feature.rows]
    input_ids = pad(rows, pad_id)
    lengths = torch.tensor([len(row) for row in rows])
    mask = (torch.arange(input_ids.shape[1]) < lengths[:, None]).long()
    return Tensors(input_ids, mask, pad([feature.target for feature in features], IGNORED))
