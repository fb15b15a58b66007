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


def micro_batches(features: Sequence[Feature], tokens: int, is_packed: bool = False) -> Iterator[list[Feature]]:
    """Cuts features into groups of similar length, each at most `tokens` large.

    Args:
        is_packed: whether padding, which else counts as much as tokens do, costs nothing.
    """
    group: list[Feature] = []
    size = width = 0
    for feature in sorted(features, key=lambda feature: feature.width, reverse=True):
        own = feature.tokens if is_packed else len(feature.rows) * (width if group else feature.width)
        if group and size + own > tokens:
            yield group
            group, size = [], 0
            own = feature.tokens if is_packed else len(feature.rows) * feature.width
        if not group:
            width = feature.width
        group.append(feature)
        size += own
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


def on_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU's, without waiting for what the device is doing."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
