"""Accuracy, and the pairing of gold with predicted that every metric starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Gold = TypeVar("Gold")
Predicted = TypeVar("Predicted")

_POSITIVE = "1"  # the label of a duplicate in QQP


def paired(gold: Sequence[Gold], predicted: Sequence[Predicted], noun: str) -> list[tuple[Gold, Predicted]]:
    """Each gold `noun` with its prediction. ValueError where their numbers differ or there is nothing to score."""
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold {noun}s but {len(predicted)} predicted ones")
    if not gold:
        raise ValueError(f"no {noun}s to score")
    return list(zip(gold, predicted, strict=True))


def accuracy(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, float]:
    """Share of equal labels, in percent. ValueError where the numbers of labels differ or are 0.

    Source: XTREME's evaluate.py, for XNLI, PAWS-X and Tatoeba.
    """
    pairs = paired(gold, predicted, "label")
    return {"accuracy": 100 * sum(right == guess for right, guess in pairs) / len(pairs)}


def accuracy_f1(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, float]:
    """Accuracy, and F1 of the label "1", in percent. ValueError where the numbers of labels differ or are 0.

    Source: GLUE, for QQP. Without a true positive F1 is 0.
    """
    found = accuracy(gold, predicted)
    right = sum(pair == (_POSITIVE, _POSITIVE) for pair in zip(gold, predicted, strict=True))
    positive = sum(label == _POSITIVE for label in (*gold, *predicted))
    return {**found, "f1": 100 * 2 * right / positive if right else 0.0}
