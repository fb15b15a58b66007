"""Who computes which features of a step, and how little padding that needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from trainables.features import IGNORED, Feature
from trainables.kinds import pad


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
