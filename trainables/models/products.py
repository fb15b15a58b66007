"""Linear layers on a CPU in float32: by oneDNN, where torch asks MKL, which takes twice as long on what is not Intel's.

Both are exact to float32's rounding. In bfloat16 torch asks oneDNN itself.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

HAS_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def linear(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """hidden (T, K) by weight (N, K), and bias (N,): (T, N)."""
    if HAS_ONEDNN and hidden.device.type == "cpu" and hidden.dtype == torch.float32:
        return _Linear.apply(hidden, weight, bias)
    return functional.linear(hidden, weight, bias)


class _Linear(torch.autograd.Function):
    """`functional.linear`, and its gradients, of which the products are oneDNN's."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(hidden, weight)
        return _product(hidden, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight = ctx.saved_tensors
        of_hidden, of_weight, of_bias = ctx.needs_input_grad
        return (
            _product(gradient, weight.t(), None) if of_hidden else None,
            _product(gradient.t(), hidden.t(), None) if of_weight else None,
            gradient.sum(dim=0) if of_bias else None,
        )


def _product(left: Tensor, right: Tensor, bias: Tensor | None) -> Tensor:
    """left (T, K) by right (N, K), plus bias: (T, N)."""
    return torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], "")
