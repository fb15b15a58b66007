"""Fine-tuning: a trial of ours against transformers' Trainer, and both against what the machine can do at most.

The same weights, examples, batch size and optimizer (AdamW, weight decay 0.01, gradients clipped at norm 1), dropout as
the model has it. Needs SWEEP_TEST_DATA, and the package accelerate, which the Trainer asks for.

    python -m benchmarks.train [--lengths xnli-like] [--steps 8] [--rounds 3] [--json FILE]

The contestants take turns, and ratios are those of the same round. The Trainer runs in fp32 with dynamic padding, its
defaults; in bf16; in bf16 with batches grouped by length; in fp32 padded to the maximum, as example scripts do. The
limit is the time that a step's matrix products and its optimizer need at the rates that this machine is measured to
have: 6 operations for each weight of the layers and each token that is no padding, and 32 bytes for each weight that is
trained, of word embeddings those that occur.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import ours, trainers
from benchmarks.examples import LENGTHS, Bench, Lengths, grouped, trained_weights, with_weights
from benchmarks.limits import (
    OF_ADAM,
    OF_CLIPPING,
    TRAINING,
    Work,
    best,
    layer_weights,
    machine,
    measured_limits,
)
from benchmarks.rounds import take_turns, write
from benchmarks.standings import show_standings, standings
from benchmarks.trainers import WARM
from trainables.features import Feature, Features
from trainables.models.base import Base
from trainables.recipe import Budget, Recipe
from trainables.spec import TrialSpec
from trainables.tasks import Task
from trainables.training.fine_tune import training_features
from trainables.training.mixture import Mixture

CPU = torch.device("cpu")
OURS = ("ours", "ours bf16")
CONTESTANTS = (*OURS, "trainer", "trainer bf16", "trainer bf16 grouped", "trainer padded")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--lengths", nargs="+", default=[*LENGTHS], choices=[*LENGTHS])
    parser.add_argument("--contestants", nargs="+", default=[*CONTESTANTS], choices=CONTESTANTS)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=8, help="of a round; of qa-like a quarter of them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pieces", type=int, default=30_000, help="of the vocabulary that occur in training data")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    bench, limits = Bench(arguments.pieces), measured_limits(CPU)
    print(machine(CPU))
    rows: list[dict[str, Any]] = []
    for name in arguments.lengths:
        lengths = LENGTHS[name]
        steps = max(1, round(arguments.steps * lengths.share))
        contest = Contest(bench, arguments.model, lengths, arguments.batch_size, steps, arguments.rounds)
        contestants = contest.contestants()
        rates = take_turns({who: contestants[who] for who in arguments.contestants}, arguments.rounds)
        limits = best(limits, measured_limits(CPU))
        found = standings(rates, contest.tokens, arguments.batch_size, contest.work, limits, OURS)
        print(f"\n{arguments.model}, {name}: {contest}\n{limits}")
        show_standings(found, arguments.batch_size)
        rows += [{"model": arguments.model, "lengths": name, **row} for row in found]
    write(arguments.json, {"machine": machine(CPU), "limits": limits._asdict(), "rows": rows})


@dataclass(frozen=True)
class Contest:
    """Training on rows of certain lengths."""

    bench: Bench
    model: str
    lengths: Lengths
    batch_size: int
    steps: int
    rounds: int

    def __str__(self) -> str:
        return (
            f"{self.task.name}, {self.tokens:.1f} tokens on average, up to {self.features.lengths().max()}, batches of "
            f"{self.batch_size}, {self.steps} steps, {self.rounds} rounds; {self.pieces:,} pieces of the vocabulary, "
            f"so that the optimizer moves {self.work.bytes / 1e9:.2f} GB a step"
        )

    @cached_property
    def task(self) -> Task:
        return self.bench.task(self.lengths.trained)

    @cached_property
    def base(self) -> Base:
        return self.bench.base(self.spec(0))

    @cached_property
    def features(self) -> Features:
        return training_features(self.spec(0), self.bench, self.task)["en"]

    @cached_property
    def tokens(self) -> float:
        """Of an example, on average."""
        return float(self.features.lengths().mean())

    @cached_property
    def pieces(self) -> int:
        """How much of the vocabulary a trial of ours trains."""
        return len(np.unique(self.features.token_ids()))

    @cached_property
    def work(self) -> Work:
        """What an average step needs."""
        operations = TRAINING * layer_weights(self.base.encoder.config) * self.tokens * self.batch_size
        return Work(operations, trained_weights(self.base, self.pieces) * (OF_ADAM + OF_CLIPPING))

    def spec(self, number: int, precision: Any = "fp32") -> TrialSpec:
        """The trial of a round: two epochs of some steps, of which the second counts."""
        return TrialSpec(
            "target",
            self.model,
            (self.task.name,),
            ("en",),
            "benchmark",
            seed=number + 1,
            learning_rate=1e-5,
            epochs=2,
            batch_size=self.batch_size,
            warmup=0.0,
            weight_decay=0.01,
            precision=precision,
            eval_examples=8,
            recipe=Recipe(budget=Budget("steps", self.steps)),
        )

    def batches(self, number: int) -> list[list[Feature]]:
        """Of that trial's first epoch as many as do not count, then those of its second."""
        spec = self.spec(number)
        epochs = Mixture({self.task.name: {"en": self.features}}, spec.recipe, self.batch_size, spec.seed)
        return [step.features for step in (*islice(epochs.steps(1), WARM), *epochs.steps(2))]

    def grouped_batches(self, number: int) -> list[list[Feature]]:
        """As many that the Trainer groups by length."""
        torch.manual_seed(number)
        shift = (number + 0.5) / self.rounds
        return self.batches(number)[:WARM] + grouped(self.features, self.batch_size, self.steps, shift)

    def contestants(self) -> dict[str, Callable[[int], float]]:
        """By name what gives the tokens a second of a round."""
        return {
            "ours": lambda number: ours.trained(self.bench, self.spec(number)).rate,
            "ours bf16": lambda number: ours.trained(self.bench, self.spec(number, "bf16")).rate,
            "trainer": lambda number: self.trainer(number, self.batches),
            "trainer bf16": lambda number: self.trainer(number, self.batches, bf16=True),
            "trainer bf16 grouped": lambda number: self.trainer(number, self.grouped_batches, bf16=True),
            "trainer padded": lambda number: self.trainer(number, self.batches, self.lengths.width),
        }

    def trainer(
        self,
        number: int,
        batches: Callable[[int], list[list[Feature]]],
        width: int | None = None,
        bf16: bool = False,
    ) -> float:
        """The Trainer's tokens a second."""
        torch.manual_seed(number)
        model, pad_id = with_weights(self.base, self.task), self.base.tokenizer.pad_token_id
        return trainers.trained(model, self.task, batches(number), pad_id, CPU, width, bf16=bf16).rate


if __name__ == "__main__":
    main()
