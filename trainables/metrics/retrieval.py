"""F1 of mined sentence pairs, and mean average precision of rankings."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from trainables.metrics.classification import paired

_DEPTH = 20  # places of a ranking that count


def mining_f1(gold: Sequence[Collection[str]], predicted: Sequence[Collection[str]]) -> dict[str, float]:
    """Micro F1, precision and recall of mined pairs, in percent.

    Source: BUCC 2018, as XTREME's evaluate.py computes it: the pairs are a set. 0 where no pair is right.

    Args:
        gold: for each source sentence the ids of its translations, often none.
        predicted: likewise.
    """
    right = in_gold = in_predicted = 0
    for gold_ids, predicted_ids in paired(gold, predicted, "sentence"):
        right += len(set(gold_ids) & set(predicted_ids))
        in_gold += len(set(gold_ids))
        in_predicted += len(set(predicted_ids))
    return {
        "f1": 100 * 2 * right / (in_gold + in_predicted) if right else 0.0,
        "precision": 100 * right / in_predicted if right else 0.0,
        "recall": 100 * right / in_gold if right else 0.0,
    }


def map_at_20(gold: Sequence[Collection[str]], predicted: Sequence[Sequence[str]]) -> dict[str, float]:
    """Mean over queries of the average precision within the first 20 places, in percent.

    Source: XTREME-R, for LAReQA (many right passages per query) and Mewsli-X (one: the reciprocal rank). A perfect
    ranking has 100 also where more than 20 passages are right. A passage counts where it stands first.

    Args:
        gold: for each query the ids of all its right passages. ValueError where a query has none.
        predicted: for each query a ranking of ids, the best first.
    """
    total = 0.0
    pairs = paired(gold, predicted, "query")
    for number, (gold_ids, ranking) in enumerate(pairs):
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
        total += precisions / deepest
    return {"map@20": 100 * total / len(pairs)}
