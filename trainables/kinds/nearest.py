"""Exact nearest neighbours by cosine, block by block: memory for a block, whatever the number of vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

QUERIES = 512
"""How many queries are compared with a block at once."""

CELLS = {"cpu": 2**22, "cuda": 2**25}
"""How many products a block has: so many stay in a CPU's cache."""

CROWD = 1 / 16
"""The share of a block's products from which on all of them are computed again: to gather single ones takes longer."""

_NUMBERS = 2**21
"""How many numbers in double precision are gathered at once."""


class Neighbours(NamedTuple):
    """For each query the positions of its nearest vectors and their cosines, both (queries, k), best first."""

    positions: np.ndarray
    scores: np.ndarray


def nearest(queries: np.ndarray, vectors: np.ndarray, k: int, cells: int | None = None) -> Neighbours:
    """The k vectors with the highest cosine to each query; of equal ones those that come first.

    They are those of brute force in double precision, whatever the blocks and the device. The products of a block are
    taken in single precision, where there is a GPU on it, and are wrong by at most `margin`: a candidate that is nearer
    than the k-th best so far has a product of at least that cosine less the margin. Only such ones are computed again,
    in double precision and one order of summation.

    Args:
        queries, vectors: (Q, H) and (V, H); k at most V. What has no direction (zeros, NaN) has the cosine 0 to all.
        cells: how many products a block has, None: what suits the device.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    width = max(k, (cells or CELLS[device.type]) // QUERIES)
    sought, pool = _Directions(queries), _Directions(vectors)
    with _single_precision():
        found = [
            _nearest_to(sought, slice(start, start + QUERIES), pool, k, width, device)
            for start in range(0, len(queries), QUERIES)
        ]
    none = Neighbours(np.zeros((0, k), np.int64), np.zeros((0, k)))
    return Neighbours(*map(np.concatenate, zip(none, *found, strict=True)))


def margin(dimensions: int) -> float:
    """By how much a product of unit vectors in single precision may differ from their cosine.

    With u = 2^-24: rounding while H products are summed, in any order, adds less than H u (1 + H u), as the vectors'
    lengths are 1 (Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1); what the vectors
    themselves and the bound are rounded by adds 7 u. Holds up to 4,000 dimensions.
    """
    return (dimensions + 8) * 2**-24


class _Directions:
    """Vectors as those of length 1: some in single precision on a device, or in double precision."""

    def __init__(self, vectors: np.ndarray) -> None:
        self._vectors = vectors
        step = max(1, _NUMBERS // max(1, vectors.shape[1]))
        parts = (vectors[start : start + step].astype(np.float64) for start in range(0, len(vectors), step))
        lengths = np.sqrt(np.concatenate([np.zeros(0), *(_products(part, part) for part in parts)]))
        self._are_numbers = bool(np.isfinite(lengths).all())
        self._lengths = np.where(np.isfinite(lengths) & (lengths > 0), lengths, np.inf)

    def __len__(self) -> int:
        return len(self._vectors)

    def exact(self, which: slice | np.ndarray) -> np.ndarray:
        """(n, H) in float64."""
        with np.errstate(invalid="ignore"):
            vectors: np.ndarray = self._vectors[which].astype(np.float64) / self._lengths[which, None]
        return vectors if self._are_numbers else np.nan_to_num(vectors, posinf=0, neginf=0)

    def rounded(self, which: slice, device: torch.device) -> Tensor:
        """(n, H) in float32."""
        vectors = torch.from_numpy(self._vectors[which].astype(np.float32, copy=False)).to(device)
        scales = torch.from_numpy((1 / self._lengths[which, None]).astype(np.float32)).to(device)
        return vectors * scales if self._are_numbers else torch.nan_to_num(vectors * scales, posinf=0, neginf=0)


def _nearest_to(
    queries: _Directions, own: slice, pool: _Directions, k: int, width: int, device: torch.device
) -> Neighbours:
    """The neighbours of some queries."""
    sought, near = queries.exact(own), queries.rounded(own, device)
    wrong = margin(sought.shape[1])
    best = Neighbours(np.zeros((len(sought), 0), np.int64), np.zeros((len(sought), 0)))
    for start in range(0, len(pool), width):
        block = slice(start, start + width)
        products = _single_products(near, pool.rounded(block, device))
        if start:  # later ones that are as near as the k-th come too late
            bound = torch.from_numpy((best.scores[:, -1:] - wrong).astype(np.float32)).to(device)
        else:
            bound = products.topk(k, dim=1).values[:, -1:] - 2 * wrong
        rows, places = (one.cpu().numpy() for one in (products >= bound).nonzero(as_tuple=True))
        if len(rows) > CROWD * products.numel():
            rows, places, scores = _crowd(sought, pool.exact(block), k)
        else:
            scores = _scores(sought, rows, pool, places + start)
        best = _merged(best, rows, places + start, scores, k)
    return best


def _scores(sought: np.ndarray, rows: np.ndarray, pool: _Directions, positions: np.ndarray) -> np.ndarray:
    """The cosines of pairs: of the query in each row with the vector at each position."""
    step = max(1, _NUMBERS // max(1, sought.shape[1]))
    parts = (slice(start, start + step) for start in range(0, len(rows), step))
    return np.concatenate(
        [np.zeros(0), *(_products(sought[rows[part]], pool.exact(positions[part])) for part in parts)]
    )


def _crowd(sought: np.ndarray, block: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The k nearest of a block to each query, all computed: their rows, places in the block, and cosines."""
    k = min(k, len(block))
    places, scores = np.zeros((len(sought), k), np.int64), np.zeros((len(sought), k))
    for row, query in enumerate(sought):
        found = _products(block, np.broadcast_to(query, block.shape))
        places[row] = np.argsort(-found, kind="stable")[:k]
        scores[row] = found[places[row]]
    return np.repeat(np.arange(len(sought)), k), places.ravel(), scores.ravel()


def _merged(best: Neighbours, rows: np.ndarray, positions: np.ndarray, scores: np.ndarray, k: int) -> Neighbours:
    """The best k of each query, of those so far and those found."""
    queries, known = best.positions.shape
    rows = np.concatenate([np.repeat(np.arange(queries), known), rows])
    positions = np.concatenate([best.positions.ravel(), positions])
    scores = np.concatenate([best.scores.ravel(), scores])
    order = np.lexsort((positions, -scores, rows))
    counts = np.bincount(rows, minlength=queries)
    chosen = order[(np.cumsum(counts) - counts)[:, None] + np.arange(k)]
    return Neighbours(positions[chosen], scores[chosen])


def _single_products(queries: Tensor, block: Tensor) -> Tensor:
    """The products (Q, n) of float32 vectors, on a CPU by oneDNN: MKL is less than half as fast on those of AMD."""
    if queries.device.type == "cpu" and torch.backends.mkldnn.is_available():
        return functional.linear(queries.to_mkldnn(), block).to_dense()
    return queries @ block.T


@contextmanager
def _single_precision() -> Iterator[None]:
    """Products whose factors are not rounded to TF32 or bfloat16: `margin` counts on it."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _products(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The inner products (n,) of rows (n, H): each is summed in the same order, however many they are."""
    found: np.ndarray = np.einsum("nh,nh->n", one, other)
    return found
