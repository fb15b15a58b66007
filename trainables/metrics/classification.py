"""Accuracy, also with F1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainables.metrics.metric import Metric, means, paired, ratio

_POSITIVE = "1"  # the label of a duplicate in QQP


def _right(gold: Sequence[str], predicted: Sequence[str], language: str) -> np.ndarray:
    return np.array([[right == guess, 1] for right, guess in paired(gold, predicted, "label")], float)


def _right_and_positive(gold: Sequence[str], predicted: Sequence[str], language: str) -> np.ndarray:
    positives = [
        [right == guess == _POSITIVE, (right == _POSITIVE) + (guess == _POSITIVE)]
        for right, guess in paired(gold, predicted, "label")
    ]
    return np.hstack([_right(gold, predicted, language), np.array(positives, float)])


def _accuracy_f1(sums: np.ndarray) -> dict[str, np.ndarray]:
    right, examples, found, positives = np.moveaxis(sums, -1, 0)
    return {"accuracy": ratio(100 * right, examples), "f1": ratio(100 * 2 * found, positives)}


accuracy = Metric(("accuracy",), _right, means("accuracy"))
"""Share of equal labels. ValueError where the numbers of labels differ or are 0. It sums (right, 1).

Source: XTREME's evaluate.py, for XNLI, PAWS-X and Tatoeba.
"""

accuracy_f1 = Metric(("accuracy", "f1"), _right_and_positive, _accuracy_f1)
"""Accuracy, and F1 of the label "1". ValueError where the numbers of labels differ or are 0.

Source: GLUE, for QQP. Without a true positive F1 is 0. It sums (right, 1, true positives, positives in gold and
predicted).
"""
