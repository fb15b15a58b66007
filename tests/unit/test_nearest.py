"""Nearest neighbours in blocks are those of brute force, equal ones in their order."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.kinds import nearest as module
from trainables.kinds.nearest import _Directions, margin, nearest

Matrix = np.ndarray


def brute_force(queries: Matrix, vectors: Matrix, k: int) -> tuple[Matrix, Matrix]:
    """Every cosine in double precision, sorted."""
    sought, pool = (one.astype(np.float64) for one in (queries, vectors))
    sought, pool = (one / np.sqrt(np.einsum("nh,nh->n", one, one))[:, None] for one in (sought, pool))
    scores = np.array([np.einsum("nh,nh->n", np.broadcast_to(one, pool.shape), pool) for one in sought])
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(scores, order, axis=1)


def drawn(rng: np.random.Generator, size: int, dimensions: int, spread: float, distinct: int) -> Matrix:
    """Vectors around one direction, of which several are equal, or the same direction in another length."""
    kinds = (1 + spread * rng.normal(size=(distinct, dimensions))).astype(np.float32)
    return kinds[rng.integers(0, distinct, size)] * rng.choice([1, 1, 2], (size, 1)).astype(np.float32)


@given(
    seed=st.integers(0, 2**32),
    sizes=st.tuples(st.integers(1, 12), st.integers(1, 60)),
    dimensions=st.sampled_from([1, 3, 16, 65]),
    spread=st.sampled_from([1.0, 1e-3, 1e-6]),
    distinct=st.integers(1, 60),
    k=st.integers(1, 8),
    blocks=st.tuples(st.integers(1, 5), st.integers(1, 20)),
    crowd=st.sampled_from([0.0, 1 / 16, 1.0]),
)
def test_they_are_those_of_brute_force(
    seed: int,
    sizes: tuple[int, int],
    dimensions: int,
    spread: float,
    distinct: int,
    k: int,
    blocks: tuple[int, int],
    crowd: float,
) -> None:
    """Also where all vectors are as near as single precision can tell, or equal; bit by bit."""
    rng = np.random.default_rng(seed)
    queries, vectors = (drawn(rng, size, dimensions, spread, distinct) for size in sizes)
    k = min(k, len(vectors))
    with mock.patch.multiple(module, QUERIES=blocks[0], CROWD=crowd):
        found = nearest(queries, vectors, k, cells=blocks[0] * blocks[1])
    positions, scores = brute_force(queries, vectors, k)
    assert found.positions.tolist() == positions.tolist()
    assert found.scores.tolist() == scores.tolist()


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), dimensions=st.sampled_from([8, 384, 1024]), spread=st.sampled_from([1.0, 1e-2]))
def test_single_precision_is_wrong_by_the_margin_at_most(seed: int, dimensions: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    one, other = (_Directions(drawn(rng, 20, dimensions, spread, 20)) for _ in range(2))
    everything, cpu = slice(0, 20), torch.device("cpu")
    products = (one.rounded(everything, cpu) @ other.rounded(everything, cpu).T).double().numpy()
    assert np.abs(products - one.exact(everything) @ other.exact(everything).T).max() <= margin(dimensions)


@pytest.mark.parametrize("broken", [0.0, np.nan, np.inf])
def test_what_has_no_direction_is_near_to_nothing(broken: float) -> None:
    whole = 1.0 if broken else 0.0  # one such number spoils the whole vector
    queries = np.array([[1, 0], [whole, broken]], np.float32)
    vectors = np.array([[whole, broken], [-1, 0], [1, 0]], np.float32)
    found = nearest(queries, vectors, 3)
    assert found.positions.tolist() == [[2, 0, 1], [0, 1, 2]]
    assert found.scores.tolist() == [[1, 0, -1], [0, 0, 0]]


def test_no_more_than_a_block_is_in_memory() -> None:
    """Whatever is compared: the largest tensor has so many products."""
    rng = np.random.default_rng(0)
    queries, vectors = (rng.normal(size=(size, 4)).astype(np.float32) for size in (40, 300))
    sizes: list[int] = []
    nonzero = torch.Tensor.nonzero

    def counted(self: torch.Tensor, **options: bool) -> tuple[torch.Tensor, ...]:
        sizes.append(self.numel())
        return nonzero(self, **options)

    with mock.patch.object(torch.Tensor, "nonzero", counted), mock.patch.object(module, "QUERIES", 16):
        nearest(queries, vectors, 4, cells=160)
    assert len(sizes) == 3 * 30
    assert max(sizes) == 160


def test_nothing_is_sought() -> None:
    found = nearest(np.zeros((0, 4), np.float32), np.ones((3, 4), np.float32), 2)
    assert found.positions.shape == found.scores.shape == (0, 2)


def test_products_are_not_rounded_further() -> None:
    before = torch.get_float32_matmul_precision()
    seen = []
    torch.set_float32_matmul_precision("medium")
    try:
        with mock.patch.object(_Directions, "rounded", autospec=True) as rounded:
            rounded.side_effect = lambda *_: seen.append(torch.get_float32_matmul_precision()) or torch.ones(1, 4)
            nearest(np.ones((1, 4), np.float32), np.ones((1, 4), np.float32), 1)
        assert set(seen) == {"highest"}
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
