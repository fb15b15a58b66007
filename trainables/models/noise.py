"""Dropout's masks on a CPU, where torch's own take a fifth of a training step.

Sixteen random bits decide on a number, so the probability is right to 1/65536. A mask is 0 and 1: what is kept grows by
1/(1 - p) afterwards, in float32, so that its expectation stays the same in bfloat16, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

LEVELS = 2**16


class Noise:
    """Masks in the order in which they are asked for, which nothing but a key decides.

    Args:
        key: numbers; the same key gives the same masks, on any machine.
    """

    def __init__(self, *key: int) -> None:
        self._bits = np.random.SFC64(np.random.SeedSequence(key))

    def kept(self, shape: tuple[int, ...], p: float, dtype: torch.dtype) -> Tensor:
        """1 for what is kept, 0 for what is dropped."""
        size = int(np.prod(shape))
        drawn = torch.from_numpy(self._bits.random_raw(-(-size // 4)).view(np.int16))[:size].view(shape)
        under = round(p * LEVELS) - LEVELS // 2 - 1  # the largest that is dropped
        kept = drawn.clamp_(under, under + 1).sub_(under)
        if dtype == torch.bfloat16:  # by its bits, as torch has no fast way from int16
            return kept.mul_(ONE).view(torch.bfloat16)
        return kept.to(dtype)


ONE = torch.ones((), dtype=torch.bfloat16).view(torch.int16).item()


class _AddDropped(torch.autograd.Function):
    """hidden + added * mask * scale."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, added: Tensor, mask: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(mask)
        ctx.scale = scale
        return torch.addcmul(hidden, added, mask, value=scale)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        (mask,) = ctx.saved_tensors
        return gradient, (gradient * mask).mul_(ctx.scale), None, None


def add_dropped(hidden: Tensor, added: Tensor, p: float, noise: Noise | None) -> Tensor:
    """hidden + dropout(added), both (T, H).

    Args:
        noise: where its mask comes from; None: from torch, as on a GPU.
    """
    if not p:
        return hidden + added
    if noise is None:
        return hidden + functional.dropout(added, p)
    return _AddDropped.apply(hidden, added, noise.kept(tuple(added.shape), p, added.dtype), 1 / (1 - p))
