"""Dropout whose masks belong to rows: neither padding, nor micro-batches, nor the number of workers change them.

PyTorch draws a mask for a whole tensor, so a row's part of it depends on which other rows are in the tensor. Here each
row of a step has a random generator of its own, from which each place of the network draws in turn, for the row's own
tokens alone. Attention has to be computed in the open for that: the fused kernels draw their masks themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

KIN = ("bert", "roberta", "xlm-roberta", "camembert")
"""The model types whose dropout is all in modules that can be replaced."""

ATTENTION = "dropout_by_rows"
"""The name of this way of computing attention."""

Key = Sequence[int]
"""What a row's random numbers come from: seed, epoch, step, place in the step."""


class RowMasks:
    """The random generators of the rows that are in the network, and their lengths."""

    def __init__(self) -> None:
        self._rows: list[tuple[torch.Generator, int]] = []

    def begin(self, keys: Sequence[Key], lengths: Sequence[int], device: torch.device) -> None:
        """A forward pass of so many rows begins."""
        seeds = [int.from_bytes(hashlib.blake2b(repr([*key]).encode(), digest_size=4).digest()) for key in keys]
        generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
        self._rows = list(zip(generators, lengths, strict=True))

    def kept(self, values: Tensor, p: float) -> Tensor:
        """1 for what is kept, 0 for what is dropped, and 0 at padding.

        Args:
            values: (R, H) of rows, (R, L, H) of tokens, or (R, heads, L, L) of pairs of tokens.
        """
        mask = torch.zeros_like(values)
        for part, (generator, length) in zip(mask, self._rows, strict=True):
            own = part[:, :length, :length] if part.ndim == 3 else part[:length] if part.ndim == 2 else part
            own.bernoulli_(1 - p, generator=generator)
        return mask


class RowDropout(nn.Dropout):
    """Dropout with the masks of rows."""

    def __init__(self, p: float, masks: RowMasks) -> None:
        super().__init__(p)
        self._masks = masks

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or not self.p:
            return input
        return input * self._masks.kept(input.detach(), self.p).div_(1 - self.p)


def drop_by_rows(network: nn.Module, encoder: PreTrainedModel) -> RowMasks:
    """Replaces all dropout of a network whose encoder is BERT or one of its kin; `begin` comes before each pass."""
    masks = RowMasks()
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Dropout):
                setattr(module, name, RowDropout(child.p, masks).train(child.training))
    encoder.set_attn_implementation(ATTENTION)
    return masks


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """As transformers' own ones: queries, keys and values (R, heads, L, head's width) to outputs (R, L, heads, ...)."""
    if not dropout:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, is_causal=False, **more
        )
    scores = query @ key.transpose(2, 3) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    if attention_mask is not None:
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    drop: Any = module.dropout  # the attention layer's own
    weights = drop(scores.softmax(dim=-1))
    return (weights.to(value.dtype) @ value).transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION, _attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
