"""Training XLM-R on one GPU: ours against transformers' Trainer, and both against what the machine can do at most.

Random weights and made-up token ids with the lengths of XNLI-like pairs (48 tokens on average) and QA-like windows
(193, up to 384): speed depends on nothing else. Needs torch, transformers (with accelerate, which its Trainer asks
for), numpy, pyarrow, pyyaml and safetensors, neither Ray nor a network.

    python -m benchmarks.gpu [--models xlm-roberta-base xlm-roberta-large] [--steps 20] [--rounds 3] [--json FILE]

The contestants take turns, and ratios are those of the same round. `limit` is the time that a step's matrix products
and its optimizer need at the rates measured on this machine: 6 operations for each weight of the layers and each token
that is no padding, and for each weight that is trained 28 bytes of AdamW and 4 of clipping (float32 weights, gradients
and two moments, read and written as often as no way of computing can do without). `share` is the limit over the time.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel, get_linear_schedule_with_warmup

from benchmarks.limits import (
    OF_ADAM,
    OF_CLIPPING,
    TRAINING,
    Limits,
    Work,
    layer_weights,
    machine,
    measured_limits,
    synchronise,
)
from benchmarks.rounds import ratio, take_turns, write
from benchmarks.trainers import new_model, trained
from trainables import tasks
from trainables.data import open_source
from trainables.features import Feature
from trainables.models.base import Base
from trainables.models.network import new_network
from trainables.models.shapes import SHAPES, XLM_R
from trainables.models.vocabulary import TrimmedVocabulary
from trainables.spec import TrialSpec
from trainables.store import Store
from trainables.training.adamw import AdamW
from trainables.training.gradient import StepGradient
from trainables.training.mixture import Step
from trainables.training.watch import Watch
from trainables.training.workbench import Workbench

PAD = XLM_R["pad_token_id"]
WORDS = 30_000
"""How many of the vocabulary's tokens occur: about as many as in 100,000 English examples."""


WARM = 3
"""How often all batches are trained on before they count: of a trial of thousands of steps the first ones, in which
kernels are recorded, do not."""


class Lengths(NamedTuple):
    """Of the rows of a task: drawn from a log-normal distribution, cut at `most`."""

    task: str
    mean: float
    spread: float
    most: int


LENGTHS = {
    "xnli-like": Lengths("mnli", 48, 0.45, 128),
    "qa-like": Lengths("squad", 193, 0.4, 384),
}


class Bench(Workbench):
    """A workbench with a model that needs no files."""

    def __init__(self, encoder: Any, device: torch.device) -> None:
        super().__init__(Store(tempfile.mkdtemp()), open_source("mini"), device)
        self._base = Base(encoder, SimpleNamespace(pad_token_id=PAD))  # type: ignore[arg-type]

    def base(self, spec: TrialSpec) -> Base:
        return self._base


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["xlm-roberta-base", "xlm-roberta-large"], choices=[*SHAPES])
    parser.add_argument("--lengths", nargs="+", default=[*LENGTHS], choices=[*LENGTHS])
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    limits = measured_limits(device)
    print(f"{machine(device)}: {limits}")
    found = []
    for model in arguments.models:
        for lengths in arguments.lengths:
            rows = compare(model, lengths, arguments.batch_size, arguments.steps, arguments.rounds, device, limits)
            found += rows
            for row in rows:
                print(
                    f"{model:18} {lengths:10} {row['who']:8} {row['milliseconds']:7.1f} ms a step "
                    f"{row['tokens_per_second']:9,.0f} tokens/s  {row['share']:5.0%} of the limit "
                    f"{row['utilisation']:5.0%} of the products' peak  {row['memory_gb']:5.1f} GB"
                    f"  {row['ratio']:5.2f}x",
                    flush=True,
                )
    write(arguments.json, {"machine": machine(device), "limits": limits._asdict(), "rows": found})


def compare(
    model: str, kind: str, batch_size: int, steps: int, rounds: int, device: torch.device, limits: Limits
) -> list[dict[str, Any]]:
    """A row for each contestant, the medians over the rounds; ratios are to the Trainer with bf16."""
    lengths = LENGTHS[kind]
    batches = [made_up(lengths, batch_size, seed) for seed in range(steps)]
    config = XLMRobertaConfig(**{key: value for key, value in XLM_R.items() if key != "model_type"}, **SHAPES[model])
    tokens = sum(len(row) for batch in batches for feature in batch for row in feature.rows) / steps
    contestants: dict[str, Callable[[], tuple[float, int]]] = {
        "ours": lambda: ours(config, lengths, batches, device),
        "trainer": lambda: trainer(config, lengths, batches, device),
    }
    memory, weights = dict.fromkeys(contestants, 0), dict.fromkeys(contestants, 0)

    def turn(name: str, _: int) -> float:
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        took, weights[name] = contestants[name]()
        if device.type == "cuda":
            memory[name] = torch.cuda.max_memory_allocated()
        return took

    seconds = take_turns({name: partial(turn, name) for name in contestants}, rounds)
    rows = []
    for name, times in seconds.items():
        took = statistics.median(times)
        work = Work(TRAINING * layer_weights(config) * tokens, weights[name] * (OF_ADAM + OF_CLIPPING))
        limit, needed = work.seconds(limits, "bf16"), work.products_seconds(limits, "bf16")
        rows.append(
            {
                "model": model, "lengths": kind, "batch_size": batch_size, "who": name,
                "milliseconds": took * 1000, "tokens_per_second": tokens / took, "share": limit / took,
                "utilisation": needed / took, "limit_milliseconds": limit * 1000, "memory_gb": memory[name] / 1e9,
                "trained_weights": weights[name], "ratio": ratio(seconds["trainer"], times).median, "rounds": times,
            }
        )  # fmt: skip
    return rows


def made_up(lengths: Lengths, batch_size: int, seed: int) -> list[Feature]:
    """A batch of rows whose tokens are as frequent as Zipf's law says, and whose targets are the first ones."""
    rng = np.random.default_rng(seed)
    mean = np.log(lengths.mean) - lengths.spread**2 / 2
    drawn = np.clip(rng.lognormal(mean, lengths.spread, batch_size).round(), 8, lengths.most).astype(int)
    frequency = 1 / np.arange(1, WORDS + 1)
    target = [0] if lengths.task == "mnli" else [0, 1]
    return [
        Feature([[0, *(4 + rng.choice(WORDS, size - 2, p=frequency / frequency.sum())).tolist(), 2]], place, target)
        for place, size in enumerate(drawn)
    ]


def ours(
    config: XLMRobertaConfig, lengths: Lengths, batches: Sequence[list[Feature]], device: torch.device
) -> tuple[float, int]:
    """Seconds a step as `trainables.training.fine_tune` takes it, and how many weights are trained."""
    torch.manual_seed(0)
    bench = Bench(XLMRobertaModel(config, add_pooling_layer=False), device)
    task = bench.task(lengths.task)
    spec = TrialSpec("target", "made-up", (task.name,), ("en",), "made-up", learning_rate=1e-5, precision="bf16")
    network = new_network(bench.base(spec), [task], None)
    met = np.unique(np.concatenate([np.asarray(row) for batch in batches for one in batch for row in one.rows]))
    occurring = np.unique(np.concatenate([met, np.arange(4 + WORDS)]))
    vocabulary = TrimmedVocabulary(network.encoder, occurring, PAD)
    network.to(device).train()
    gradient = StepGradient(network, network, [task], spec, bench, vocabulary)
    optimizer = AdamW(network, 1e-5, 0.01)
    optimizer.keeps_gradients = gradient.keeps_gradients
    schedule = get_linear_schedule_with_warmup(optimizer, 2, len(batches) * (WARM + 1))
    watch = Watch(0.0, device)
    begun = 0.0
    for turn in range(WARM + 1):
        if turn == WARM:
            synchronise(device)
            begun = time.perf_counter()
        for batch in batches:
            watch.add(gradient.add(Step(task.name, batch)), optimizer.clipped_step())
            vocabulary.record_step(schedule.get_last_lr()[0], 0.01)
            schedule.step()
    watch.loss()
    took = (time.perf_counter() - begun) / len(batches)
    return took, sum(one.numel() for one in network.parameters() if one.requires_grad)


def warm_up(batches: Sequence[list[Feature]]) -> int:
    """Steps that do not count: kernels are chosen and memory is asked for."""
    return max(1, len(batches) // 4)


def trainer(
    config: XLMRobertaConfig, lengths: Lengths, batches: Sequence[list[Feature]], device: torch.device
) -> tuple[float, int]:
    """Seconds a step of the Trainer in bf16, which pads a batch to its longest row, and how many weights it trains."""
    torch.manual_seed(0)
    task, warm = tasks.load(lengths.task), warm_up(batches)
    model = new_model(config, task)
    took = trained(model, task, batches, PAD, device, warm=warm, bf16=True).seconds / (len(batches) - warm)
    return took, model.num_parameters()


if __name__ == "__main__":
    main()
