"""What an epoch's steps came to, summed where it is computed: each look at it waits for a GPU."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainables.reports import TrialError

LOOKED_EVERY = 50
"""Steps after which somebody looks on a GPU."""


class Watch:
    """The loss of an epoch so far, and whether all gradients were finite.

    Args:
        loss: the sum of this worker's from before.
    """

    def __init__(self, loss: float, device: torch.device) -> None:
        self._sums = torch.tensor([loss, 0.0], dtype=torch.float64).to(device)

    def add(self, loss: Tensor, norm: Tensor) -> None:
        """Notes a step's loss and the norm of its gradient."""
        self._sums += torch.stack([loss.double(), norm.double()])

    def is_due(self, step: int) -> bool:
        """Whether it is time to look: a CPU has nothing to wait for."""
        return self._sums.device.type == "cpu" or step % LOOKED_EVERY == 0

    def loss(self) -> float:
        """The sum of this worker's losses. Raises TrialError where a gradient was not finite, on all workers alike."""
        loss, norms = self._sums.tolist()
        if not math.isfinite(norms):
            raise TrialError(f"the gradient is {norms}")
        return loss
