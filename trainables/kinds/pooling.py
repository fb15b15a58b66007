"""Sentences as vectors without a trained head: one hidden layer, pooled."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from trainables.kinds import Head
from trainables.tasks import Task


class PoolingHead(Head):
    """The mean over all tokens, special ones included, of one hidden layer; or its first token. Output (R, H)."""

    def __init__(self, task: Task, config: Any) -> None:
        super().__init__()
        self.layer = round((1 if task.layer is None else task.layer) * config.num_hidden_layers)
        self.pooling = task.pooling

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        if self.pooling == "cls":
            return hidden[:, 0]
        weights = mask[:, :, None].to(hidden.dtype)
        return (hidden * weights).sum(dim=1) / weights.sum(dim=1)


def nothing(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    """The loss of a task that is never trained."""
    return outputs.sum() * 0
