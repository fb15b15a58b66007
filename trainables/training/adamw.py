"""AdamW with decoupled weight decay, whose gradients are clipped on the way: nothing waits for a GPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from trainables.models.network import Network

EPSILON = 1e-8
MAX_NORM = 1.0


class AdamW(torch.optim.AdamW):
    """Torch's fused one, with weight decay on matrices and none on biases and LayerNorm; of what is trained.

    It divides the gradients by what their norm exceeds MAX_NORM by, while it reads them, and does nothing at all where
    the norm is not finite: whoever finds that out later finds the weights from before.
    """

    keeps_gradients = False
    """Whether gradients stay where they are, for CUDA graphs that write to that place, instead of being dropped."""

    def __init__(self, network: Network, learning_rate: float, weight_decay: float) -> None:
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        groups: list[dict[str, Any]] = [
            {"params": [one for one in trained if one.ndim > 1], "weight_decay": weight_decay},
            {"params": [one for one in trained if one.ndim <= 1], "weight_decay": 0.0},
        ]
        super().__init__(groups, lr=learning_rate, eps=EPSILON, fused=True)

    def clipped_step(self) -> Tensor:
        """A step with the gradients that are there, which are dropped then. Returns their norm from before."""
        gradients = [one.grad for group in self.param_groups for one in group["params"] if one.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        self.grad_scale = (norm / MAX_NORM).clamp(min=1.0)
        self.found_inf = norm.isfinite().logical_not().float()
        self.step()
        if not self.keeps_gradients:
            self.zero_grad()
        # Torch's fused step forgets to say that it changed them, and a network keeps rounded copies.
        torch.autograd.graph.increment_version(one for group in self.param_groups for one in group["params"])
        return norm
