"""Two texts, one label: natural language inference, paraphrases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from trainables.data.examples import TextPair
from trainables.kinds import IGNORED, Feature, Head, Prediction, linear, most_common
from trainables.tasks import Task


def features(task: Task, examples: Sequence[TextPair], tokenizer: PreTrainedTokenizerBase) -> list[Feature]:
    """`<s> a </s></s> b </s>`; of a pair that is too long the longer text loses its end first."""
    encoded = tokenizer(
        [example.text_a for example in examples],
        [example.text_b for example in examples],
        truncation="longest_first",
        max_length=task.max_length,
        return_attention_mask=False,
    )["input_ids"]
    label_ids = {label: index for index, label in enumerate(task.labels)}
    targets = (IGNORED if example.label is None else label_ids[example.label] for example in examples)
    return [
        Feature(input_ids, position, [target])
        for position, (input_ids, target) in enumerate(zip(encoded, targets, strict=True))
    ]


class ClassificationHead(Head):
    """RoBERTa's: a hidden layer on the first token. Output (B, labels)."""

    def __init__(self, task: Task, config: Any) -> None:
        super().__init__()
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.dense = linear(config.hidden_size, config.hidden_size, config)
        self.out = linear(config.hidden_size, len(task.labels), config)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        first = self.dropout(hidden[:, 0])
        return self.out(self.dropout(self.dense(first).tanh()))


head = ClassificationHead


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """The sum of the pairs' cross-entropies."""
    return functional.cross_entropy(outputs, targets[:, 0], ignore_index=IGNORED, reduction="sum")


def predictions(
    task: Task, examples: Sequence[TextPair], features: Sequence[Feature], outputs: Sequence[np.ndarray]
) -> list[Prediction]:
    """The most probable label."""
    return [task.labels[int(output.argmax())] for output in outputs]


def gold(examples: Sequence[TextPair]) -> list[str] | None:
    """The labels."""
    labels = [example.label for example in examples if example.label is not None]
    return labels if len(labels) == len(examples) else None


def guesses(task: Task, examples: Sequence[TextPair]) -> list[Prediction]:
    """Always the most common label."""
    return [most_common(gold(examples) or [])] * len(examples)
