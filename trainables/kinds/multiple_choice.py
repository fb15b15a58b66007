"""A context and several continuations or answers, of which one is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from trainables.data.examples import MultipleChoice
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


def features(task: Task, examples: Sequence[MultipleChoice], tokenizer: PreTrainedTokenizerBase) -> list[Feature]:
    """A row `<s> context </s></s> choice </s>` for each choice; the longer text loses its end first."""
    encoded = iter(
        tokenizer(
            [example.context for example in examples for _ in example.choices],
            [choice for example in examples for choice in example.choices],
            truncation="longest_first",
            max_length=task.max_length,
            return_attention_mask=False,
        )["input_ids"]
    )
    rows = ([next(encoded) for _ in example.choices] for example in examples)
    targets = (IGNORED if example.label is None else int(example.label) for example in examples)
    return [
        Feature(choices, position, [target], int(target != IGNORED))
        for position, (choices, target) in enumerate(zip(rows, targets, strict=True))
    ]


def head(task: Task, config: Any) -> FirstTokenHead:
    """Output (R, 1): how well a row's choice fits."""
    return FirstTokenHead(1, config)


def loss(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    """The sum of the questions' cross-entropies over their choices."""
    scores = outputs.view(len(targets), -1)
    return functional.cross_entropy(scores, targets[:, 0], ignore_index=IGNORED, reduction="sum")


def predictions(task: Task, split: Encoded, references: Sequence[Encoded]) -> list[Prediction]:
    """The position of the choice that fits best."""
    return [str(int(output.argmax())) for output in split.outputs]
