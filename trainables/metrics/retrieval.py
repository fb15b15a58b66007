"""F1 of mined sentence pairs, and mean average precision of rankings."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from trainables.metrics.metric import Metric, f1, means, paired

_DEPTH = 20  # places of a ranking that count


def _pairs(gold: Sequence[Collection[str]], predicted: Sequence[Collection[str]], language: str) -> np.ndarray:
    sets = [(set(right), set(found)) for right, found in paired(gold, predicted, "sentence")]
    return np.array([[len(right & found), len(right), len(found)] for right, found in sets], float)


def _average_precision(
    gold: Sequence[Collection[str]], predicted: Sequence[Sequence[str]], language: str
) -> np.ndarray:
    found = np.ones((len(gold), 2))
    for number, (gold_ids, ranking) in enumerate(paired(gold, predicted, "query")):
        if isinstance(gold_ids, str) or not gold_ids:  # a bare str is a collection too: of its letters
            raise ValueError(f"query {number}: a non-empty collection of right ids is needed, not {gold_ids!r}")
        left = set(gold_ids)
        deepest = min(len(left), _DEPTH)
        precisions = 0.0
        hits = 0
        for place, own_id in enumerate(ranking[:_DEPTH], start=1):
            if own_id in left:
                left.remove(own_id)
                hits += 1
                precisions += hits / place
        found[number, 0] = precisions / deepest
    return found


mining_f1 = Metric(("f1", "precision", "recall"), _pairs, f1)
"""Micro F1, precision and recall of mined pairs. It sums (right, gold, predicted) pairs.

Source: BUCC 2018, as XTREME's evaluate.py computes it: the pairs are a set. 0 where no pair is right. Gold are for each
source sentence the ids of its translations, often none; predicted likewise.
"""

map_at_20 = Metric(("map@20",), _average_precision, means("map@20"))
"""Mean over queries of the average precision within the first 20 places. It sums (average precision, 1).

Source: XTREME-R, for LAReQA (many right passages per query) and Mewsli-X (one: the reciprocal rank). A perfect ranking
has 100 also where more than 20 passages are right. A passage counts where it stands first. Gold are for each query the
ids of all its right passages, ValueError where it has none; predicted is a ranking of ids, the best first.
"""
