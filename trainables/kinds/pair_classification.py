"""Two texts, one label: natural language inference, paraphrases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from trainables.data.examples import TextPair
from trainables.kinds import (
    IGNORED,
    Encoded,
    Feature,
    FirstTokenHead,
    Prediction,
    gold_labels,
    most_common_label,
    of_labels,
    one_an_example,
)
from trainables.tasks import Task

gold = gold_labels
guesses = most_common_label
answers = one_an_example
confidences = of_labels


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
    targets = (IGNORED if example.label is None else label_ids.get(example.label, IGNORED) for example in examples)
    return [
        Feature([input_ids], position, [target], int(target != IGNORED))
        for position, (input_ids, target) in enumerate(zip(encoded, targets, strict=True))
    ]


def head(task: Task, config: Any) -> FirstTokenHead:
    """Output (B, labels)."""
    return FirstTokenHead(len(task.labels), config)


def loss(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    """The sum of the pairs' cross-entropies."""
    return functional.cross_entropy(outputs, targets[:, 0], ignore_index=IGNORED, reduction="sum")


def predictions(task: Task, split: Encoded, references: Sequence[Encoded]) -> list[Prediction]:
    """The most probable label."""
    return [task.labels[int(output.argmax())] for output in split.outputs]
