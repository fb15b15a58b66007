"""The official scores. Importable without torch: whoever analyses predictions needs them, too."""

from __future__ import annotations

from collections.abc import Mapping

from trainables.metrics.checklist import error_rate
from trainables.metrics.classification import accuracy, accuracy_f1
from trainables.metrics.language import perplexity
from trainables.metrics.metric import Metric
from trainables.metrics.question_answering import mlqa, squad, squad2
from trainables.metrics.retrieval import map_at_20, mining_f1
from trainables.metrics.tagging import entity_f1, pos_f1, tag_accuracy

__all__ = [
    "METRICS",
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

METRICS: Mapping[str, Metric] = {
    "accuracy": accuracy,
    "accuracy_f1": accuracy_f1,
    "entity_f1": entity_f1,
    "pos_f1": pos_f1,
    "tag_accuracy": tag_accuracy,
    "squad": squad,
    "squad2": squad2,
    "mlqa": mlqa,
    "error_rate": error_rate,
    "mining_f1": mining_f1,
    "map_at_20": map_at_20,
    "perplexity": perplexity,
}
"""By the names that task files and benchmarks give them."""
