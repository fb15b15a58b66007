"""CUDA graphs: the hundreds of kernels of a step are recorded once, and started by one call ever after.

With some 1,500 tokens a GPU is done with a kernel before Python has asked for the next one. A recording is of one
shape, so tokens of padding that count nothing are added up to the next of a few sizes, as a row of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from trainables.features import IGNORED, Feature
from trainables.models.network import Network
from trainables.models.packed_rows import PackedRows
from trainables.training.batching import Tensors, collate

SEEN = 3
"""How often a shape has to come before it is recorded: it takes as long as some ten steps."""

MOST = 32
"""The most recordings of a trial."""

WIDTHS = 64
"""Grids are multiples of so many tokens wide."""

Forward = Callable[[Tensor, PackedRows, Tensor], Tensor]
"""From token ids (R, L), where they lie, and targets (R, T) to a loss."""


class Inputs(NamedTuple):
    """What a recording reads, on the device: token ids (R, L), targets (R, T), a factor of the loss."""

    input_ids: Tensor
    targets: Tensor
    scale: Tensor


class _Recording(NamedTuple):
    graph: torch.cuda.CUDAGraph
    inputs: Inputs
    rows: PackedRows
    loss: Tensor


class Graphs:
    """The recordings of a trial on one GPU, each of the whole gradient of a step.

    Parameters keep the memory of their gradients, in which each step's takes the place of the last one's.
    """

    def __init__(self, network: Network, device: torch.device, dtype: torch.dtype) -> None:
        self._encoder, self._device, self._dtype = network.packed_encoder, device, dtype
        parameters: list[Any] = [one for one in network.parameters() if one.requires_grad]
        apart = set(map(id, self._encoder.parameters_apart()))
        self._others = [one for one in parameters if id(one) not in apart]
        self._seen: Counter[tuple] = Counter()
        self._recordings: dict[tuple, _Recording] = {}
        self._pool = torch.cuda.graph_pool_handle()
        for one in parameters:
            one.grad = torch.zeros_like(one)

    def compute(self, task: str, batch: Tensors, scale: float, forward: Forward) -> Tensor | None:
        """Computes the gradient of a step. Returns its loss; None: the shape has no recording (yet).

        Args:
            batch: of `padded` features.
        """
        key = (task, *batch.input_ids.shape, *batch.targets.shape, int(batch.mask.sum()))
        self._seen[key] += 1
        if key not in self._recordings:
            if self._seen[key] < SEEN or len(self._recordings) >= MOST:
                return None
            self._recordings[key] = self._recorded(batch, forward)
        recording = self._recordings[key]
        rows = PackedRows(batch.mask, self._device)
        for target, value in zip(
            (*recording.inputs[:2], recording.rows.places, recording.rows.ends),
            (batch.input_ids.pin_memory(), batch.targets.pin_memory(), rows.places, rows.ends),
            strict=True,
        ):
            target.copy_(value, non_blocking=True)
        recording.inputs.scale.fill_(scale)
        recording.graph.replay()
        return recording.loss.clone()

    def _recorded(self, batch: Tensors, forward: Forward) -> _Recording:
        device = self._device
        inputs = Inputs(batch.input_ids.to(device), batch.targets.to(device), torch.zeros((), device=device))
        rows = PackedRows(batch.mask, device)
        rows.longest = batch.mask.shape[1]

        def run() -> Tensor:
            torch._foreach_zero_([one.grad for one in self._others])
            with self._encoder.apart(self._dtype):
                loss = forward(inputs.input_ids, rows, inputs.targets) * inputs.scale
                loss.backward()
            return loss.detach()

        state = torch.cuda.get_rng_state(device)
        stream = torch.cuda.Stream(device)
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):  # what is allocated and chosen the first time is not for the recording
            run()
        torch.cuda.current_stream(device).wait_stream(stream)
        torch.cuda.set_rng_state(state, device)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            loss = run()
        return _Recording(graph, inputs, rows, loss)


def padded(features: Sequence[Feature], pad_id: int) -> Tensors:
    """Features of one row each as one batch of one of a few shapes: the last row is padding that counts nothing."""
    tokens = sum(feature.tokens for feature in features)
    size = max(WIDTHS, 2 ** (tokens.bit_length() - 4))
    rest = size - tokens % size  # at least one
    width = -(-max(rest, *(feature.width for feature in features)) // WIDTHS) * WIDTHS
    idle = Feature([[pad_id] * rest], 0, [IGNORED] * len(features[0].target), 0)
    batch = collate([*features, idle], pad_id)
    wide = batch.targets.shape[1] > 2
    return Tensors(
        _widened(batch.input_ids, width, pad_id),
        _widened(batch.mask, width, 0),
        _widened(batch.targets, width, IGNORED) if wide else batch.targets,
    )


def _widened(grid: Tensor, width: int, value: int) -> Tensor:
    return torch.nn.functional.pad(grid, (0, width - grid.shape[1]), value=value)
