"""The official scores, each a pure function of gold and predicted, in percent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainables.metrics.classification import accuracy
from trainables.metrics.question_answering import squad
from trainables.metrics.tagging import entity_f1, pos_f1

__all__ = ["MAIN", "METRICS", "Metric", "accuracy", "entity_f1", "pos_f1", "squad"]

Metric = Callable[[Sequence[Any], Sequence[Any]], dict[str, float]]

METRICS: Mapping[str, Metric] = {"accuracy": accuracy, "entity_f1": entity_f1, "pos_f1": pos_f1, "squad": squad}

# The score that is reported first and by which models are chosen.
MAIN: Mapping[str, str] = {"accuracy": "accuracy", "entity_f1": "f1", "pos_f1": "f1", "squad": "f1"}
