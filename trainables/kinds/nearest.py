"""Exact nearest neighbours by inner product."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

_CELLS = 2**27
"""How many products are held in memory at once."""


class Neighbours(NamedTuple):
    """For each query the positions of its nearest vectors and their inner products, both (queries, k), best first."""

    positions: np.ndarray
    scores: np.ndarray


def nearest(queries: np.ndarray, vectors: np.ndarray, k: int) -> Neighbours:
    """The k vectors with the largest inner product with each query, computed where there is a GPU for it.

    Args:
        queries, vectors: (Q, H) and (V, H) of one floating-point type; k at most V.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pool = torch.from_numpy(vectors).to(device)
    step = max(1, _CELLS // max(1, len(vectors)))
    found = [
        (torch.from_numpy(queries[start : start + step]).to(device) @ pool.T).topk(k, dim=1)
        for start in range(0, len(queries), step)
    ]
    positions, scores = (torch.cat([part[which].cpu() for part in found]).numpy() for which in (1, 0))
    return Neighbours(positions, scores)
