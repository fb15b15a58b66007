"""What a head says of a whole split: one array, whatever the order in which its rows are computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, distributed

from trainables.training.batching import on_device

AT_ONCE = 2**22
"""How many numbers wait on the device until they are copied, and how many workers exchange at once."""


def batches(lengths: np.ndarray, tokens: int) -> Iterator[slice]:
    """Cuts rows, the longest first, into groups of at most `tokens` with their padding."""
    start = 0
    while start < len(lengths):
        stop = start + max(1, tokens // int(lengths[start]))
        yield slice(start, min(stop, len(lengths)))
        start = stop


class Outputs:
    """Outputs of rows, without padding: (rows, n), or of heads that look at tokens (tokens, n).

    Args:
        lengths: the tokens of all rows.
    """

    def __init__(self, lengths: np.ndarray) -> None:
        self._lengths = lengths
        self._starts = np.concatenate([[0], np.cumsum(lengths)])
        self._waiting: list[tuple[np.ndarray, Tensor]] = []
        self._numbers = 0
        self._values: np.ndarray | None = None
        self._of_tokens = False

    def add(self, rows: np.ndarray, result: Tensor) -> None:
        """Outputs (R, n) or (R, L, n) of some rows. They stay on their device until there are many."""
        self._of_tokens = result.ndim == 3
        places = rows
        if self._of_tokens:
            lengths = self._lengths[rows]
            columns = np.arange(result.shape[1])
            real = columns < lengths[:, None]
            places = (self._starts[rows, None] + columns)[real]
            kept = on_device(torch.from_numpy(np.flatnonzero(real)), result.device)
            result = result.flatten(0, 1).index_select(0, kept)
        self._waiting.append((places, result))
        self._numbers += result.numel()
        if self._numbers >= AT_ONCE:
            self.settle()

    def settle(self) -> None:
        """Copies what waits."""
        if not self._waiting:
            return
        places, results = zip(*self._waiting, strict=True)
        self._waiting, self._numbers = [], 0
        self._all(results[0].shape[-1])[np.concatenate(places)] = torch.cat(results).float().cpu().numpy()

    def exchange(self, world_size: int, device: torch.device) -> None:
        """Gives all workers what each of them has: every row is of one of them, and 0 for the others."""
        shapes = [None if self._values is None else (self._of_tokens, self._values.shape[1])] * world_size
        distributed.all_gather_object(shapes, shapes[0])
        self._of_tokens, width = next(one for one in shapes if one is not None)
        values = self._all(width)
        step = max(1, AT_ONCE // width)
        for start in range(0, len(values), step):
            part = torch.from_numpy(values[start : start + step]).to(device)
            distributed.all_reduce(part)
            values[start : start + step] = part.cpu().numpy()

    def by_feature(self, counts: np.ndarray) -> Sequence[np.ndarray] | np.ndarray:
        """(features, n), (features, rows, n) where all have as many, or views of one array.

        Args:
            counts: how many rows each feature has: one, where the head looks at tokens.
        """
        values = self._all(0)
        if self._of_tokens:
            return [values[start:stop] for start, stop in pairwise(self._starts)]
        most = counts.max(initial=1)
        if (counts == most).all():
            return values if most == 1 else values.reshape(len(counts), most, -1)
        stops = np.cumsum(counts)
        several = zip(stops - counts, stops, strict=True)
        return [values[start] if stop == start + 1 else values[start:stop] for start, stop in several]

    def _all(self, width: int) -> np.ndarray:
        if self._values is None:
            count = self._starts[-1] if self._of_tokens else len(self._lengths)
            self._values = np.zeros((count, width), np.float32)
        return self._values
