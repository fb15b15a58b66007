"""What a machine can do at most, measured, and what a step of training needs of it.

python -m benchmarks.limits
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from torch import Tensor
from transformers import PretrainedConfig

OF_ADAM, OF_CLIPPING = 28, 4
"""Bytes for each trained float32 weight that no way of computing can do without: AdamW reads the weight, its gradient
and two moments, and writes three of them; before that the norm of all gradients reads each."""

FORWARD, TRAINING = 2, 6
"""Operations for each weight of a matrix and each token: forward alone, and with both gradients."""


class Limits(NamedTuple):
    """Operations of large matrix products and bytes moved, all in a second."""

    fp32: float
    bf16: float
    bytes: float

    def products(self, precision: str) -> float:
        """The rate of products in `fp32` or `bf16`."""
        return self.bf16 if precision == "bf16" else self.fp32

    def __str__(self) -> str:
        return (
            f"matrix products {self.fp32 / 1e9:,.0f} GFLOP/s in fp32, {self.bf16 / 1e9:,.0f} in bf16; "
            f"memory {self.bytes / 1e9:,.1f} GB/s"
        )


class Work(NamedTuple):
    """What has to be done for some tokens, without padding; that of attention, some percent more, is not counted.

    Attributes:
        operations: of matrix products.
        bytes: that the optimizer moves.
    """

    operations: float
    bytes: float = 0

    def products_seconds(self, limits: Limits, precision: str) -> float:
        """The time of its matrix products alone."""
        return self.operations / limits.products(precision)

    def seconds(self, limits: Limits, precision: str) -> float:
        """The time of all of it, at the rates of the machine."""
        return self.products_seconds(limits, precision) + self.bytes / limits.bytes


def layer_weights(config: PretrainedConfig) -> int:
    """Weights in the matrices of an encoder's layers, as BERT and XLM-R have them."""
    width = config.hidden_size
    return config.num_hidden_layers * width * (4 * width + 2 * config.intermediate_size)


def measured_limits(device: torch.device) -> Limits:
    """The rates of large products, and that of copying in memory, bytes read and written counted.

    On a CPU products in fp32 are those of the faster library: torch takes MKL, which is slow on AMD's.
    """
    rates = []
    for dtype in (torch.float32, torch.bfloat16):
        ways: list[Callable[[Tensor, Tensor], Tensor]] = [torch.matmul]
        if device.type == "cpu" and torch.backends.mkldnn.is_available():
            ways.append(by_onednn)
        rates.append(max(products_rate(way, dtype, device) for way in ways))
    source = torch.empty(2**29 if device.type == "cuda" else 2**25, device=device)
    target = torch.empty_like(source)
    copy = fastest_seconds(lambda: target.copy_(source), device)
    fp32, bf16 = rates
    return Limits(fp32, bf16, 2 * source.numel() * source.element_size() / copy)


def products_rate(multiply: Callable[[Tensor, Tensor], Tensor], dtype: torch.dtype, device: torch.device) -> float:
    """Operations a second of a large product."""
    size = 8192 if device.type == "cuda" else 2048
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    return 2 * size**3 / fastest_seconds(lambda: multiply(left, right), device)


def by_onednn(left: Tensor, right: Tensor) -> Tensor:
    """The product of a matrix and the transpose of another, on a CPU."""
    found: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], "")
    return found


def best(*measured: Limits) -> Limits:
    """Of each rate the highest: what a machine did once it can do."""
    return Limits(*map(max, zip(*measured, strict=True)))


def fastest_seconds(work: Callable[[], Any], device: torch.device, times: int = 10) -> float:
    """How long some work takes at least."""
    found = []
    for _ in range(times):
        synchronise(device)
        begun = time.perf_counter()
        work()
        synchronise(device)
        found.append(time.perf_counter() - begun)
    return min(found)


def synchronise(device: torch.device) -> None:
    """Waits for the GPU, where there is one."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def machine(device: torch.device) -> str:
    """The device and the versions that numbers depend on."""
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, {versions}"
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {torch.get_num_threads()} threads, {versions}"


def main() -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"{machine(device)}\n{measured_limits(device)}")
    print(f"torch.matmul in fp32 {products_rate(torch.matmul, torch.float32, device) / 1e9:,.0f} GFLOP/s")


if __name__ == "__main__":
    main()
