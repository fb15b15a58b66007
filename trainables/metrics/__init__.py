"""The official scores, each a pure function of gold and predicted, in percent; a perplexity is from 1 to infinity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainables.metrics.checklist import error_rate
from trainables.metrics.classification import accuracy, accuracy_f1
from trainables.metrics.language import perplexity
from trainables.metrics.question_answering import mlqa, squad, squad2
from trainables.metrics.retrieval import map_at_20, mining_f1
from trainables.metrics.tagging import entity_f1, pos_f1, tag_accuracy

__all__ = [
    "MAIN",
    "METRICS",
    "SCORES",
    "Metric",
    "accuracy",
    "accuracy_f1",
    "entity_f1",
    "error_rate",
    "map_at_20",
    "mining_f1",
    "mlqa",
    "perplexity",
    "pos_f1",
    "squad",
    "squad2",
    "tag_accuracy",
]

Metric = Callable[[Sequence[Any], Sequence[Any], str], dict[str, float]]
"""From gold, predicted and the code of their language to the scores by name."""


def _in_any_language(metric: Callable[[Sequence[Any], Sequence[Any]], dict[str, float]]) -> Metric:
    return lambda gold, predicted, language: metric(gold, predicted)


METRICS: Mapping[str, Metric] = {
    "accuracy": _in_any_language(accuracy),
    "accuracy_f1": _in_any_language(accuracy_f1),
    "entity_f1": _in_any_language(entity_f1),
    "pos_f1": _in_any_language(pos_f1),
    "tag_accuracy": _in_any_language(tag_accuracy),
    "squad": _in_any_language(squad),
    "squad2": _in_any_language(squad2),
    "mlqa": mlqa,
    "error_rate": error_rate,
    "mining_f1": _in_any_language(mining_f1),
    "map_at_20": _in_any_language(map_at_20),
    "perplexity": _in_any_language(perplexity),
}

SCORES: Mapping[str, tuple[str, ...]] = {
    "accuracy": ("accuracy",),
    "accuracy_f1": ("accuracy", "f1"),
    "entity_f1": ("f1", "precision", "recall"),
    "pos_f1": ("f1", "precision", "recall"),
    "tag_accuracy": ("accuracy",),
    "squad": ("f1", "exact_match"),
    "squad2": ("f1", "exact_match"),
    "mlqa": ("f1", "exact_match"),
    "error_rate": ("error_rate",),
    "mining_f1": ("f1", "precision", "recall"),
    "map_at_20": ("map@20",),
    "perplexity": ("likelihood", "perplexity"),
}
"""The names of each metric's scores, the main one first. That of errors has one more for each test of its suite."""

MAIN: Mapping[str, str] = {metric: names[0] for metric, names in SCORES.items()}
"""The score that is reported first, and by which models are chosen where a task names no others."""
