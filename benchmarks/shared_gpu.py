"""Several trials on one GPU: what two processes that train at the same time do together, over what one does alone.

The training step is that of `benchmarks.gpu`, in as many processes as share the GPU, each held to its part of the
memory as workers with `gpus_per_worker: 0.5` are. One alone and all at once take turns; ratios are those of a round.
Needs neither Ray nor a network.

    python -m benchmarks.shared_gpu [--models xlm-roberta-base] [--batches 60] [--rounds 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from transformers import XLMRobertaConfig

from benchmarks import gpu
from benchmarks.rounds import ratio, show, take_turns, write
from trainables.models.shapes import SHAPES, XLM_R

RESERVED = 1e9
"""Bytes of the GPU that each process takes beside its tensors."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["xlm-roberta-base", "xlm-roberta-large"], choices=[*SHAPES])
    parser.add_argument("--lengths", nargs="+", default=["xnli-like", "qa-like"], choices=[*gpu.LENGTHS])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--batches", type=int, default=60, help="that a process trains on in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(**arguments.child)
        return
    found = []
    for model in arguments.models:
        for lengths in arguments.lengths:
            told = {"model": model, "lengths": lengths, "batch_size": arguments.batch_size}
            row = compare({**told, "batches": arguments.batches}, arguments.processes, arguments.rounds)
            found.append({**told, **row})
    show([
        {
            "model": row["model"], "lengths": row["lengths"], "one alone": f"{row['alone'][-1]:.1f}/s",
            f"{arguments.processes} at once": f"{row['together'][-1]:.1f}/s", "gain": f"{row['gain']:.2f}x",
            "GB of each": f"{row['memory_gb']:.1f}",
        }
        for row in found
    ])  # fmt: skip
    write(arguments.json, {"processes": arguments.processes, "rows": found})


def compare(told: dict[str, Any], processes: int, rounds: int) -> dict[str, Any]:
    """Examples a second of one process and of all of them together, round by round."""
    memory: list[float] = []

    def rate(number: int) -> float:
        results = train_at_once(told, number, 1 / processes)
        memory.extend(one["memory_gb"] for one in results)
        return float(sum(one["examples_per_second"] for one in results))

    rates = take_turns({"alone": lambda _: rate(1), "together": lambda _: rate(processes)}, rounds)
    return {**rates, "gain": ratio(rates["together"], rates["alone"]).median, "memory_gb": max(memory)}


def train_at_once(told: dict[str, Any], number: int, share: float) -> list[dict[str, Any]]:
    """What so many processes tell that begin to train at the same moment, when all of them are warm."""
    command = [sys.executable, "-m", "benchmarks.shared_gpu", "--child", json.dumps({**told, "share": share})]
    with ExitStack() as stack:
        children = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(number)
        ]
        for one in children:
            assert one.stdout is not None and one.stdout.readline() == "ready\n"
        for one in children:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        return [json.loads(one.stdout.readline()) for one in children if one.stdout is not None]


def child(model: str, lengths: str, batch_size: int, batches: int, share: float) -> None:
    """One of them: warms up, says so, waits for the word, trains, and tells how fast."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(share - RESERVED / total)
    config = XLMRobertaConfig(**{key: value for key, value in XLM_R.items() if key != "model_type"}, **SHAPES[model])
    made = [gpu.made_up(gpu.LENGTHS[lengths], batch_size, seed) for seed in range(batches)]
    seconds(config, lengths, made[:4], device)
    print("ready", flush=True)
    sys.stdin.readline()
    took = seconds(config, lengths, made, device)
    peak = torch.cuda.max_memory_allocated() / 1e9 if device.type == "cuda" else 0.0
    print(json.dumps({"examples_per_second": batch_size / took, "memory_gb": peak}), flush=True)


def seconds(config: XLMRobertaConfig, lengths: str, batches: Sequence[Any], device: torch.device) -> float:
    """Of a step."""
    return gpu.ours(config, gpu.LENGTHS[lengths], batches, device)[0]


if __name__ == "__main__":
    main()
