"""Kinds of tasks are code: one module each, with the functions of `Kind`. `kind_of(task)` imports the right one."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from trainables.tasks import Task

IGNORED = -100
"""A target that counts nowhere: padding, second sub-tokens, hidden labels."""

Prediction = str | tuple[str, ...]
"""A label, an answer's text or the position of a translation; for tagging a tag per word."""


@dataclass(slots=True)
class Feature:
    """One row of the encoder's input, made of an example or of a part of it.

    Attributes:
        input_ids: token ids with the special tokens, not padded.
        example: the position of its example.
        target: what the loss compares with: one class, a class per token, or the start and end of a span.
        weight: how many terms it adds to the loss: the loss of a step is their mean over the whole batch.
        origin: what decoding needs to get from tokens back to the example.
    """

    input_ids: list[int]
    example: int
    target: list[int] = field(default_factory=lambda: [IGNORED])
    weight: int = 1
    origin: Any = None


class Kind(Protocol):
    """From examples to features, from hidden states to predictions, and what to compare them with."""

    def features(self, task: Task, examples: Sequence[Any], tokenizer: PreTrainedTokenizerBase) -> list[Feature]:
        """All features, those of an example side by side."""
        ...

    def head(self, task: Task, config: Any) -> Head:
        """A new head, initialised like the encoder's own layers."""
        ...

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The sum of the loss's terms over a batch: outputs (B, ...), targets (B, T), padded with IGNORED."""
        ...

    def predictions(
        self, task: Task, examples: Sequence[Any], features: Sequence[Feature], outputs: Sequence[np.ndarray]
    ) -> list[Prediction]:
        """One prediction an example, from the head's outputs for each feature (without padding)."""
        ...

    def gold(self, examples: Sequence[Any]) -> list[Any] | None:
        """What the metric compares the predictions with; None where the release hides it."""
        ...

    def guesses(self, task: Task, examples: Sequence[Any]) -> list[Prediction]:
        """The predictions of somebody who cannot read: their score is the chance level."""
        ...


class Head(nn.Module):
    """Maps hidden states (B, L, H) and the attention mask (B, L) to outputs.

    `layer` is the hidden layer that it reads, None for the last one.
    """

    layer: int | None = None


def linear(inputs: int, outputs: int, config: Any) -> nn.Linear:
    """A linear layer initialised as the encoder's pre-training initialised its own (normal, zero bias)."""
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=config.initializer_range)
    nn.init.zeros_(layer.bias)
    return layer


def kind_of(task: Task) -> Kind:
    """The module that implements the task's kind."""
    return cast(Kind, importlib.import_module(f"trainables.kinds.{task.kind}"))


def most_common(labels: Sequence[str]) -> str:
    """The most frequent label; of several the first in the alphabet."""
    return max(sorted(set(labels)), key=labels.count)


def pad(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    """Rows of different lengths as one (B, T) tensor of int64."""
    width = max(map(len, rows))
    return torch.tensor([[*row, *[value] * (width - len(row))] for row in rows])
