"""Rows that lie one behind the other, without padding, and their attention: each row's tokens see those of that row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from trainables.models.noise import Noise

SCORES = 2**21
"""The most scores of pairs of tokens that a CPU computes at once: what its cache holds."""

WASTE = 2**17
"""The most scores of padding among them: as many as are computed while another group would be begun."""


class _Group(NamedTuple):
    """Rows of similar length, `rows` of them, whose attention is computed at once.

    Attributes:
        start, stop: where their tokens lie among all.
        width: the length of the longest.
        places: (tokens,) where these lie among rows * width, None: exactly there.
        padding: (rows, width) what is none of them.
    """

    start: int
    stop: int
    rows: int
    width: int
    places: Tensor | None
    padding: Tensor | None


class PackedRows:
    """Where the tokens of a grid (R, L) lie when its padding is left out: T of them, row by row.

    Args:
        mask: (R, L) on the CPU, 1 for tokens. Padding is at the ends of rows.
        device: of the tokens.

    Attributes:
        longest: at least the length of each row.
    """

    def __init__(self, mask: Tensor, device: torch.device) -> None:
        self.grid = tuple(mask.shape)
        lengths = mask.sum(dim=1)
        self.lengths: list[int] = lengths.tolist()
        self.longest = max(self.lengths)
        places = mask.flatten().nonzero().squeeze(1)
        if device.type == "cuda":
            ends = functional.pad(lengths.cumsum(0, dtype=torch.int32), (1, 0))
            self.places, self.ends = (one.pin_memory().to(device, non_blocking=True) for one in (places, ends))
        else:
            self.places = places
            self._groups: dict[int, list[_Group]] = {}

    def mask(self) -> Tensor:
        """(R, L), True for tokens, on the device."""
        is_token = torch.zeros(self.grid, dtype=torch.bool, device=self.places.device)
        is_token.view(-1).index_fill_(0, self.places, True)
        return is_token

    def packed(self, grid: Tensor) -> Tensor:
        """(R, L) to (T,)."""
        return grid.flatten()[self.places]

    def unpacked(self, tokens: Tensor) -> Tensor:
        """(T, H) to (R, L, H), with 0 for padding."""
        rows, width = self.grid
        grid = tokens.new_zeros(rows * width, tokens.shape[1])
        return grid.index_copy(0, self.places, tokens).view(rows, width, -1)

    def groups(self, heads: int) -> list[_Group]:
        """Rows whose attention a CPU computes at once, made once for all layers."""
        if heads not in self._groups:
            self._groups[heads] = list(self._grouped(heads))
        return self._groups[heads]

    def _grouped(self, heads: int) -> Iterator[_Group]:
        start = first = 0
        while first < len(self.lengths):
            stop = first + 1
            while stop < len(self.lengths):
                own = self.lengths[first : stop + 1]
                scores = heads * len(own) * max(own) ** 2
                if scores > SCORES or scores - heads * sum(one**2 for one in own) > WASTE:
                    break
                stop += 1
            group = _group(self.lengths[first:stop], start)
            yield group
            start, first = group.stop, stop


def _group(lengths: list[int], start: int) -> _Group:
    """Rows whose tokens begin at `start`."""
    stop, width = start + sum(lengths), max(lengths)
    if min(lengths) == width:
        return _Group(start, stop, len(lengths), width, None, None)
    padding = torch.arange(width) >= torch.tensor(lengths)[:, None]
    places = padding.logical_not().flatten().nonzero().squeeze(1)
    return _Group(start, stop, len(lengths), width, places, padding)


def attention(qkv: Tensor, rows: PackedRows, p: float, noise: Noise | None) -> Tensor:
    """Softmax attention within each row.

    Args:
        qkv: (T, 3, heads, D), queries, keys and values of all tokens.
        p: the dropout of its weights; `noise` says where its masks come from, on a CPU.

    Returns:
        (T, heads * D).
    """
    if qkv.device.type == "cpu":
        return _CpuAttention.apply(qkv, rows, p, noise)
    if qkv.dtype != torch.float32:
        query, key, value = qkv.unbind(1)
        found = torch.ops.aten._flash_attention_forward(
            query, key, value, rows.ends, rows.ends, rows.longest, rows.longest, p, False, False
        )[0]
        return found.flatten(1)
    grid = rows.unpacked(qkv.flatten(1)).view(*rows.grid, 3, *qkv.shape[2:])
    query, key, value = grid.permute(2, 0, 3, 1, 4)
    found = functional.scaled_dot_product_attention(query, key, value, rows.mask()[:, None, None], dropout_p=p)
    return found.transpose(1, 2).flatten(0, 1).flatten(1)[rows.places]


class _CpuAttention(torch.autograd.Function):
    """In the open: torch's fused kernel for CPUs takes ten times as long for short rows in bfloat16."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, rows: PackedRows, p: float, noise: Noise | None) -> Tensor:
        heads, size = qkv.shape[2:]
        ctx.groups, ctx.grown = rows.groups(heads), 1 / (1 - p)
        found = qkv.new_empty(len(qkv), heads, size)
        saved = []
        for group in ctx.groups:
            query, key, value = _by_head(qkv, group)
            query.mul_(size**-0.5)
            scores = torch.bmm(query, key.transpose(1, 2))
            if group.padding is not None:
                by_row = scores.view(group.rows, heads, group.width, group.width)
                by_row.masked_fill_(group.padding[:, None, None], -torch.inf)
            weights = scores.softmax(dim=-1)
            kept = noise.kept(tuple(weights.shape), p, weights.dtype) if noise is not None and p else None
            result = torch.bmm(weights if kept is None else weights * kept, value)
            if kept is not None:
                result.mul_(ctx.grown)
            _put(found, result[None], group)
            saved += [query, key, value, weights, *([] if kept is None else [kept])]
        ctx.save_for_backward(*saved)
        return found.flatten(1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        everything = ctx.saved_tensors  # once: layers that are computed again have them no second time
        saved, each = iter(everything), len(everything) // len(ctx.groups)
        heads, size = len(everything[0]) // ctx.groups[0].rows, everything[0].shape[2]
        found = gradient.new_empty(len(gradient), 3, heads, size)
        for group in ctx.groups:
            query, key, value, weights, *kept = (next(saved) for _ in range(each))
            (own,) = _by_head(gradient.reshape(-1, 1, heads, size), group)
            by_weights = torch.bmm(own, value.transpose(1, 2))
            dropped = weights
            if kept:
                dropped = weights * kept[0]
                by_weights.mul_(kept[0]).mul_(ctx.grown)
            by_scores = torch.ops.aten._softmax_backward_data(by_weights, weights, -1, weights.dtype)
            parts = own.new_empty(3, *own.shape)
            torch.bmm(by_scores, key, out=parts[0]).mul_(size**-0.5)
            torch.bmm(by_scores.transpose(1, 2), query, out=parts[1])
            torch.bmm(dropped.transpose(1, 2), own, out=parts[2])
            if kept:
                parts[2].mul_(ctx.grown)
            _put(found, parts, group)
        return found, None, None, None


def _by_head(tokens: Tensor, group: _Group) -> Tensor:
    """(T, parts, heads, D) to a group's own (parts, rows * heads, width, D), 0 for padding."""
    own = tokens[group.start : group.stop]
    if group.places is not None:
        own = own.new_zeros(group.rows * group.width, *own.shape[1:]).index_copy_(0, group.places, own)
    _, parts, heads, size = own.shape
    by_head = own.view(group.rows, group.width, parts, heads, size).permute(2, 0, 3, 1, 4)
    return by_head.reshape(parts, group.rows * heads, group.width, size).contiguous()


def _put(target: Tensor, own: Tensor, group: _Group) -> None:
    """Writes a group's own (parts, rows * heads, width, D) to where its tokens are in (T, parts, heads, D)."""
    parts, _, width, size = own.shape
    by_token = own.view(parts, group.rows, -1, width, size).permute(1, 3, 0, 2, 4)
    into = target[group.start : group.stop]
    if group.places is None:
        into.view(by_token.shape).copy_(by_token)
    else:
        torch.index_select(by_token.flatten(0, 1).view(-1, *into.shape[1:]), 0, group.places, out=into)
