"""Batches: every feature on one worker, little padding."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trainables.features import IGNORED, Feature
from trainables.training.batching import collate, micro_batches, share

lengths = st.lists(st.integers(1, 40), min_size=1, max_size=60)


def rows(sizes: list[int]) -> list[Feature]:
    return [Feature([[5] * size], number, [number % 3]) for number, size in enumerate(sizes)]


@given(lengths, st.integers(1, 8))
def test_workers_share_a_batch(sizes: list[int], workers: int) -> None:
    batch = rows(sizes)
    shares = [share(batch, rank, workers) for rank in range(workers)]
    counted = [row.example for part in shares for row in part if row.weight]
    assert sorted(counted) == list(range(len(batch)))
    assert all(part for part in shares)  # nobody may miss a step
    idle = [row for part in shares for row in part if not row.weight]
    assert all(set(row.target) == {IGNORED} for row in idle)


@given(lengths, st.integers(1, 200))
def test_micro_batches_respect_their_size(sizes: list[int], tokens: int) -> None:
    batches = list(micro_batches(rows(sizes), tokens))
    assert sorted(row.example for batch in batches for row in batch) == list(range(len(sizes)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(row.width for row in batch) <= tokens


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20), st.integers(1, 60))
def test_the_rows_of_a_feature_stay_together(sizes: list[int], tokens: int) -> None:
    features = [Feature([[5] * size, [6] * (size + 1), [7]], number, [0]) for number, size in enumerate(sizes)]
    for batch in micro_batches(features, tokens):
        assert len(batch) == 1 or 3 * len(batch) * batch[0].width <= tokens
        assert collate(batch, 1).input_ids.shape == (3 * len(batch), batch[0].width)


def test_collating_pads_ids_and_targets() -> None:
    batch = collate([Feature([[5, 6, 7]], 0, [1]), Feature([[5]], 1, [2, 0])], pad_id=1)
    assert batch.input_ids.tolist() == [[5, 6, 7], [5, 1, 1]]
    assert batch.mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch.targets.tolist() == [[1, IGNORED], [2, 0]]
