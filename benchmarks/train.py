"""Fine-tuning: a trial of ours against transformers' Trainer, and both against what the machine can do at most.

The same weights, examples, batch size and optimizer (AdamW, weight decay 0.01, gradients clipped at norm 1), dropout as
the model has it. Needs SWEEP_TEST_DATA, and the package accelerate, which the Trainer asks for.

    python -m benchmarks.train [--lengths xnli-like] [--steps 8] [--rounds 3] [--json FILE]

The contestants take turns, and ratios are those of the same round. The Trainer runs in fp32 with dynamic padding, its
defaults; in bf16; in bf16 with batches grouped by length; in fp32 padded to the maximum, as example scripts do. `limit`
is the time that a step's matrix products and its optimizer need at the highest rates measured between the rounds: 6
operations for each weight of the layers and each token that is no padding, and 32 bytes for each weight that is
trained, of word embeddings those that occur.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import ours, trainers
from benchmarks.examples import LENGTHS, Bench, grouped, trained_weights, with_weights
from benchmarks.limits import (
    OF_ADAM,
    OF_CLIPPING,
    TRAINING,
    Limits,
    Work,
    best,
    layer_weights,
    machine,
    measured_limits,
)
from benchmarks.rounds import ratio, show, take_turns, write
from benchmarks.trainers import WARM
from trainables.recipe import Budget, Recipe
from trainables.spec import TrialSpec
from trainables.training.fine_tune import training_features
from trainables.training.mixture import Mixture

CPU = torch.device("cpu")
PRECISION = {
    "ours": "fp32",
    "ours bf16": "bf16",
    "trainer": "fp32",
    "trainer bf16": "bf16",
    "trainer bf16 grouped": "bf16",
    "trainer padded": "fp32",
}
"""The contestants."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--lengths", nargs="+", default=[*LENGTHS], choices=[*LENGTHS])
    parser.add_argument("--contestants", nargs="+", default=[*PRECISION], choices=[*PRECISION])
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=8, help="of a round; of qa-like a quarter of them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pieces", type=int, default=30_000, help="of the vocabulary that occur in training data")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    bench = Bench(arguments.pieces)
    print(machine(CPU))
    found = []
    for lengths in arguments.lengths:
        rows = compare(lengths, bench, arguments)
        found += rows
        show([printed(row) for row in rows])
    write(arguments.json, {"machine": machine(CPU), "command": vars(arguments) | {"json": None}, "rows": found})


def compare(lengths: str, bench: Bench, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each contestant."""
    place, size = LENGTHS[lengths], arguments.batch_size
    steps = max(1, round(arguments.steps * place.steps))
    task = bench.task(place.trained)

    def spec_of(number: int, precision: Any) -> TrialSpec:
        return TrialSpec(
            "target",
            arguments.model,
            (task.name,),
            ("en",),
            "benchmark",
            seed=number + 1,
            learning_rate=1e-5,
            epochs=2,
            batch_size=size,
            warmup=0.0,
            weight_decay=0.01,
            precision=precision,
            eval_examples=8,
            recipe=Recipe(budget=Budget("steps", steps)),
        )

    spec = spec_of(0, "fp32")
    base, features = bench.base(spec), training_features(spec, bench, task)
    pad_id, tokens = base.tokenizer.pad_token_id, features["en"].lengths().mean()

    def batches(number: int) -> list[Any]:
        """One of our trial's first epoch, then those of its second."""
        own = spec_of(number, "fp32")
        epochs = Mixture({task.name: features}, own.recipe, size, own.seed)
        return [step.features for step in (*islice(epochs.steps(1), WARM), *epochs.steps(2))]

    def grouped_batches(number: int) -> list[Any]:
        torch.manual_seed(number)
        shift = (number + 0.5) / arguments.rounds
        return batches(number)[:WARM] + grouped(features["en"], size, steps, shift)

    def trainer(made: Callable[[int], list[Any]], width: int | None = None, bf16: bool = False) -> Callable[..., float]:
        def run(number: int) -> float:
            torch.manual_seed(number)
            model = with_weights(base, task)
            return trainers.trained(model, task, made(number), pad_id, CPU, width, bf16=bf16).rate

        return run

    limits: list[Limits] = []

    def limit(number: int) -> float:
        limits.append(measured_limits(CPU))
        return limits[-1].bytes

    contestants: dict[str, Callable[[int], float]] = {
        "ours": lambda number: ours.trained(bench, spec_of(number, "fp32")).rate,
        "ours bf16": lambda number: ours.trained(bench, spec_of(number, "bf16")).rate,
        "trainer": trainer(batches),
        "trainer bf16": trainer(batches, bf16=True),
        "trainer bf16 grouped": trainer(grouped_batches, bf16=True),
        "trainer padded": trainer(batches, width=place.width),
    }
    asked = {name: run for name, run in contestants.items() if name in arguments.contestants}
    rates = take_turns({"limit": limit, **asked}, arguments.rounds)
    most = best(limits)
    pieces = len(np.unique(features["en"].token_ids()))
    work = Work(
        TRAINING * layer_weights(base.encoder.config) * tokens * size,
        trained_weights(base, pieces) * (OF_ADAM + OF_CLIPPING),
    )
    print(
        f"\n{arguments.model}, {lengths}: {task.name}, {tokens:.1f} tokens on average, up to "
        f"{features['en'].lengths().max()}, batches of {size}, {steps} steps, {arguments.rounds} rounds; "
        f"{pieces:,} pieces trained\n{most}; the optimizer moves {work.bytes / 1e9:.2f} GB a step"
    )
    rows = []
    for name in asked:
        precision = PRECISION[name]
        took = tokens * size / statistics.median(rates[name])  # seconds of an average step
        rows.append(
            {
                "model": arguments.model, "lengths": lengths, "batch_size": size, "who": name, "precision": precision,
                "tokens_per_second": statistics.median(rates[name]),
                "examples_per_second": statistics.median(rates[name]) / tokens,
                "milliseconds": took * 1000,
                "share": work.seconds(most, precision) / took,
                "products_share": work.products_seconds(most, precision) / took,
                "limits": most._asdict(), "rounds": rates[name],
                "over": {mine: ratio(rates[mine], rates[name])._asdict()
                         for mine in ("ours", "ours bf16") if mine in rates},
            }
        )  # fmt: skip
    return rows


def printed(row: dict[str, Any]) -> dict[str, str]:
    """A row as people read it."""
    return {
        "": row["who"],
        "examples/s": f"{row['examples_per_second']:.1f}",
        "tokens/s": f"{row['tokens_per_second']:,.0f}",
        "ms a step": f"{row['milliseconds']:,.0f}",
        "of the limit": f"{row['share']:.0%}",
        "of products alone": f"{row['products_share']:.0%}",
        **{f"{mine} over it": f"{one['median']:.2f}x ({one['least']:.2f} to {one['most']:.2f})"
           for mine, one in row["over"].items()},
    }  # fmt: skip


if __name__ == "__main__":
    main()
