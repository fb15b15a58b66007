"""The arithmetic of a trial, and which CPUs have it. Without torch: what plans needs it, too."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Precision = Literal["fp32", "bf16"]
"""IEEE's float32 throughout, or products of matrices in bfloat16 (autocast) with float32 weights."""

INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}
"""With one of these a CPU multiplies bfloat16 numbers faster than float32 ones, as Linux calls them."""

CPUINFO = Path("/proc/cpuinfo")
"""Where Linux says what a machine's CPU has."""


def cpu_has_bf16(cpuinfo: Path = CPUINFO) -> bool:
    """Whether this machine's CPU has bf16; False where nothing tells. Others compute it more slowly than fp32."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:  # not on Linux
        return False
    flags = next((line.partition(":")[2] for line in lines if line.startswith("flags")), "")
    return not INSTRUCTIONS.isdisjoint(flags.split())
