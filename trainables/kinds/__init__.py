"""Kinds of tasks are code: one module each, with the functions of `Kind`. `kind_of(task)` imports the right one."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from trainables.features import IGNORED, Feature, Numbers
from trainables.spec import content_hash
from trainables.tasks import Task

__all__ = ["IGNORED", "Encoded", "Feature", "Head", "Kind", "Prediction", "kind_of", "linear", "most_common", "pad"]

Prediction = str | tuple[str, ...]
"""A label, an answer's text, or an id; for tagging a tag per word, for mining and retrieval any number of ids."""


_DROPOUT = ("hidden_dropout_prob", "hidden_dropout", "dropout", "classifier_dropout", "mlp_dropout")
_SPREAD = ("initializer_range", "init_std")
"""How architectures call the dropout of their layers, and the spread of their first weights."""


class Encoded(NamedTuple):
    """A split after the network: its examples, its features, and the head's output for each feature.

    An output has no padding: (L, ...) where the head looks at tokens, (rows, ...) for a feature of several rows. They
    are one array where all have one shape.
    """

    examples: Sequence[Any]
    features: Sequence[Feature]
    outputs: Sequence[np.ndarray] | np.ndarray


class Kind(Protocol):
    """From examples to features, from hidden states to predictions, and what to compare them with."""

    def features(self, task: Task, examples: Sequence[Any], tokenizer: PreTrainedTokenizerBase) -> list[Feature]:
        """All features, those of an example side by side."""
        ...

    def head(self, task: Task, config: Any) -> Head:
        """A new head, initialised like the encoder's own layers."""
        ...

    def loss(self, task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
        """The sum of a batch's loss terms: outputs (R, ...) of all rows, targets (B, T) padded with IGNORED.

        Where the head `couples`, the batch is the whole step.
        """
        ...

    def predictions(self, task: Task, split: Encoded, references: Sequence[Encoded]) -> list[Prediction]:
        """One prediction an example; `references` are those that the task names (`trainables.data.references`)."""
        ...

    def confidences(self, task: Task, split: Encoded) -> Sequence[float]:
        """The probability that each prediction is right, as the head has it, from 0 to 1; nothing where it has none."""
        ...

    def gold(self, examples: Sequence[Any], references: Sequence[Encoded]) -> list[Any] | None:
        """What the metric compares the predictions with; None where the release hides it."""
        ...

    def guesses(self, task: Task, examples: Sequence[Any], references: Sequence[Encoded]) -> list[Prediction]:
        """The predictions of somebody who cannot read: their score is the chance level."""
        ...

    def answers(self, predictions: Sequence[Prediction]) -> Sequence[Prediction]:
        """What is answered one by one: where all of it is the same, nothing was read."""
        ...


class Head(nn.Module):
    """Maps hidden states (R, L, H) and the attention mask (R, L) of R rows to outputs.

    Attributes:
        layer: the hidden layer that it reads, None for the last one.
        couples: whether the loss of a row depends on all other rows of the step.
        predicts_tokens: whether it is given the targets and the word embeddings, too (`trainables.kinds.mlm`).
    """

    layer: int | None = None
    couples = False
    predicts_tokens = False


class FirstTokenHead(Head):
    """RoBERTa's: a hidden layer on the first token, then one output a label. Output (R, outputs)."""

    def __init__(self, outputs: int, config: Any) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout_of(config))
        self.dense = linear(config.hidden_size, config.hidden_size, config)
        self.out = linear(config.hidden_size, outputs, config)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        first = self.dropout(hidden[:, 0])
        return self.out(self.dropout(self.dense(first).tanh()))


def dropout_of(config: Any) -> float:
    """The dropout of an encoder's own layers, under whatever name its architecture has it."""
    return float(_first(config, _DROPOUT, 0.1))


def _first(config: Any, names: Sequence[str], default: float) -> Any:
    found = (getattr(config, name, None) for name in names)
    return next((value for value in found if isinstance(value, int | float)), default)


def linear(inputs: int, outputs: int, config: Any) -> nn.Linear:
    """A linear layer initialised as the encoder's pre-training initialised its own (normal, zero bias)."""
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=_first(config, _SPREAD, 0.02))
    nn.init.zeros_(layer.bias)
    return layer


def kind_of(task: Task) -> Kind:
    """The module that implements the task's kind."""
    return cast(Kind, importlib.import_module(f"trainables.kinds.{task.kind}"))


def code_hash(task: Task) -> str:
    """A hash of the code that makes the task's features: they are made anew when it changes."""
    return content_hash(Path(str(importlib.import_module(f"trainables.kinds.{task.kind}").__file__)).read_text())


def most_common(labels: Sequence[str]) -> str:
    """The most frequent label; of several the first in the alphabet."""
    counts = Counter(labels)
    return max(sorted(counts), key=counts.__getitem__)


def gold_labels(examples: Sequence[Any], references: Sequence[Encoded]) -> list[str] | None:
    """The `gold` of kinds with one label an example."""
    labels = [example.label for example in examples if example.label is not None]
    return labels if len(labels) == len(examples) else None


def most_common_label(task: Task, examples: Sequence[Any], references: Sequence[Encoded]) -> list[Prediction]:
    """The `guesses` of kinds with one label an example: always the most common one."""
    return [most_common(gold_labels(examples, references) or [])] * len(examples)


def one_an_example(predictions: Sequence[Prediction]) -> Sequence[Prediction]:
    """The `answers` of kinds that give one to each example."""
    return predictions


def highest(scores: np.ndarray) -> np.ndarray:
    """The probability (...) of the highest of scores (..., K), by softmax."""
    return 1 / np.exp(scores.astype(np.float64) - scores.max(axis=-1, keepdims=True)).sum(axis=-1)


def of_labels(task: Task, split: Encoded) -> Sequence[float]:
    """The `confidences` of kinds with one score a label."""
    return [float(highest(output.reshape(-1))) for output in split.outputs]


def no_probabilities(task: Task, split: Encoded) -> Sequence[float]:
    """The `confidences` of kinds that compare vectors: a cosine is no probability."""
    return ()


def pad(rows: Sequence[Numbers], value: int) -> Tensor:
    """Rows of different lengths as one (R, L) tensor of int64."""
    padded = torch.full((len(rows), max(map(len, rows))), value)
    for position, row in enumerate(rows):
        padded[position, : len(row)] = torch.as_tensor(np.asarray(row, dtype=np.int64))
    return padded
