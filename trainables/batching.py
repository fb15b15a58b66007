"""Which features make one optimizer step, who computes them, and how little padding that needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from trainables.kinds import IGNORED, Feature, pad

MIXING_CAP = 2**17
"""The most features that a task adds to an epoch of several tasks (Raffel et al. 2020, section 3.5.2)."""


class Step(NamedTuple):
    """One optimizer step: a batch of one task. `weight` counts the loss terms of the whole batch."""

    task: str
    features: list[Feature]

    @property
    def weight(self) -> int:
        return sum(feature.weight for feature in self.features)


def steps_per_epoch(features: Mapping[str, Sequence[Feature]], batch_size: int) -> int:
    """How many optimizer steps an epoch has."""
    return sum(-(-min(len(rows), MIXING_CAP) // batch_size) for rows in features.values())


def epoch_steps(features: Mapping[str, Sequence[Feature]], batch_size: int, seed: int, epoch: int) -> list[Step]:
    """The steps of an epoch: every feature once (at most MIXING_CAP a task), shuffled; tasks take turns at random.

    A function of its arguments alone, the same on every worker.
    """
    rng = np.random.default_rng([seed, epoch])
    steps = []
    for task, rows in features.items():
        order = rng.permutation(len(rows))[:MIXING_CAP]
        for start in range(0, len(order), batch_size):
            steps.append(Step(task, [rows[position] for position in order[start : start + batch_size]]))
    return [steps[position] for position in rng.permutation(len(steps))]


def share(features: Sequence[Feature], rank: int, world_size: int) -> list[Feature]:
    """The part of a batch that one worker computes: every n-th by length, so that all have as much to do.

    Workers must take part in every step: one for which nothing is left gets a feature that counts nothing.
    """
    by_length = sorted(features, key=lambda feature: len(feature.input_ids), reverse=True)
    idle = Feature(by_length[-1].input_ids, 0, [IGNORED] * len(by_length[-1].target), 0)
    return by_length[rank::world_size] or [idle]


def micro_batches(features: Sequence[Feature], tokens: int) -> Iterator[list[Feature]]:
    """Cuts features into rows of similar length, each micro-batch at most `tokens` large with its padding."""
    rows: list[Feature] = []
    for feature in sorted(features, key=lambda feature: len(feature.input_ids), reverse=True):
        width = len(rows[0].input_ids) if rows else 0
        if rows and (len(rows) + 1) * width > tokens:
            yield rows
            rows = []
        rows.append(feature)
    if rows:
        yield rows


class Tensors(NamedTuple):
    """A micro-batch on the CPU: token ids (B, L), attention mask (B, L), targets (B, T)."""

    input_ids: Tensor
    mask: Tensor
    targets: Tensor


def collate(features: Sequence[Feature], pad_id: int) -> Tensors:
    """Pads features to the longest of them."""
    input_ids = pad([feature.input_ids for feature in features], pad_id)
    lengths = torch.tensor([len(feature.input_ids) for feature in features])
    mask = (torch.arange(input_ids.shape[1]) < lengths[:, None]).long()
    return Tensors(input_ids, mask, pad([feature.target for feature in features], IGNORED))
