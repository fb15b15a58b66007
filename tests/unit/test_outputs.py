"""Outputs of a split: in the features' order and without padding, whatever the order in which they were computed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainables.training import outputs as module
from trainables.training.outputs import Outputs, batches

features = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=3), min_size=1, max_size=12)


def computed(lengths: np.ndarray, of_tokens: bool, tokens: int, wait: int) -> Outputs:
    """Row i says (i, i), or of its j-th token (i, j); of padding -1."""
    found = Outputs(lengths)
    order = np.argsort(-lengths, kind="stable")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AT_ONCE", wait)
        for part in batches(lengths[order], tokens):
            rows = order[part]
            if of_tokens:
                columns = np.arange(lengths[rows].max())
                said = np.stack(np.broadcast_arrays(rows[:, None], columns), axis=-1).astype(np.float32)
                said[columns >= lengths[rows, None]] = -1
            else:
                said = np.stack([rows, rows], axis=1).astype(np.float32)
            found.add(rows, torch.from_numpy(said))
        found.settle()
    return found


@given(features, st.integers(1, 40), st.sampled_from([1, 20, 10_000]))
def test_vectors_come_back_by_feature(rows: list[list[int]], tokens: int, wait: int) -> None:
    counts = np.array([len(own) for own in rows])
    found = computed(np.concatenate(rows), False, tokens, wait).by_feature(counts)
    numbers = iter(range(counts.sum()))
    for output, count in zip(found, counts, strict=True):
        own = [[next(numbers)] * 2 for _ in range(count)]
        assert output.tolist() == (own if count > 1 else own[0])
    assert isinstance(found, np.ndarray) == (len(set(counts)) == 1)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 40), st.sampled_from([1, 20, 10_000]))
def test_tokens_come_back_without_padding(lengths: list[int], tokens: int, wait: int) -> None:
    found = computed(np.array(lengths), True, tokens, wait).by_feature(np.ones(len(lengths), int))
    said = [[[row, place] for place in range(length)] for row, length in enumerate(lengths)]
    assert [output.tolist() for output in found] == said


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 200))
def test_batches_respect_their_size(lengths: list[int], tokens: int) -> None:
    ordered = np.array(sorted(lengths, reverse=True))
    parts = [ordered[part] for part in batches(ordered, tokens)]
    assert np.concatenate(parts).tolist() == ordered.tolist()
    assert all(len(part) == 1 or len(part) * part[0] <= tokens for part in parts)


def test_no_rows_have_no_outputs() -> None:
    assert len(Outputs(np.zeros(0, np.int64)).by_feature(np.zeros(0, np.int64))) == 0


def test_results_are_copied_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device is not waited for after each micro-batch."""
    copies: list[int] = []
    copied = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda one: copies.append(one.numel()) or copied(one))
    computed(np.full(50, 4), False, tokens=8, wait=20)
    assert copies == [20] * 5


class Workers:
    """Threads in place of processes: what torch.distributed does among them."""

    def __init__(self, count: int) -> None:
        self._barrier = Barrier(count, timeout=30)
        self._given: list[Any] = []

    def _everyones(self, own: Any) -> list[Any]:
        self._given.append(own)
        self._barrier.wait()
        found = [*self._given]
        if self._barrier.wait() == 0:
            self._given = []
        self._barrier.wait()
        return found

    def all_gather_object(self, found: list[Any], own: Any) -> None:
        found[:] = self._everyones(own)

    def all_reduce(self, own: torch.Tensor) -> None:
        own.copy_(torch.stack(self._everyones(own.clone())).sum(dim=0))


@pytest.mark.parametrize("of_tokens", [False, True])
@pytest.mark.parametrize("count", [3, 7])
def test_all_workers_have_all_outputs(of_tokens: bool, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that had no row to compute."""
    workers, lengths = 4, np.arange(count) % 3 + 1
    monkeypatch.setattr(module, "distributed", Workers(workers))
    monkeypatch.setattr(module, "AT_ONCE", 4)

    def of_worker(rank: int) -> list[list[Any]]:
        found = Outputs(lengths)
        for row in range(rank, count, workers):
            said = [[[row, place] for place in range(lengths[row])]] if of_tokens else [[row, row]]
            found.add(np.array([row]), torch.tensor(said, dtype=torch.float32))
        found.settle()
        found.exchange(workers, torch.device("cpu"))
        return [output.tolist() for output in found.by_feature(np.ones(count, int))]

    with ThreadPoolExecutor(workers) as pool:
        found = [*pool.map(of_worker, range(workers))]
    expected = [
        [[row, place] for place in range(length)] if of_tokens else [row, row] for row, length in enumerate(lengths)
    ]
    assert found == [expected] * workers
