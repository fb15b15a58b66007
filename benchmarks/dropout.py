"""What dropout costs whose masks do not depend on the micro-batches: an optimizer step with it against PyTorch's own.

    python -m benchmarks.dropout [--model minilm] [--task mini-nli] [--batch-size 16] [--steps 20] [--threads 1]

Every step is computed with dropout off, with PyTorch's masks, and with masks that belong to rows, one after the other.
The ratio is the median over steps of each to PyTorch's own in the same step. Then it is shown what the three change:
the relative difference of a step's gradient between micro-batches of 512 and of 64 tokens.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from typing import Any

import torch

from trainables.data import open_source
from trainables.features import Features
from trainables.models.network import Network, new_network
from trainables.models.vocabulary import TrimmedVocabulary
from trainables.spec import TrialSpec
from trainables.store import Store
from trainables.tasks import Task
from trainables.training.adamw import AdamW
from trainables.training.gradient import StepGradient
from trainables.training.mixture import Mixture, Step
from trainables.training.shares import Part
from trainables.training.workbench import Workbench

CONTESTANTS = {"off": (0.0, "batch"), "batch": (0.1, "batch"), "rows": (0.1, "rows")}
"""Dropout, and what its masks belong to."""


class Contestant:
    """A network that trains with one kind of dropout."""

    def __init__(
        self, bench: Workbench, task: Task, model: str, dropout: float, masks: Any, features: Features
    ) -> None:
        self.bench = bench
        spec = TrialSpec("target", model, (task.name,), ("en",), "benchmark", dropout=dropout, dropout_masks=masks)
        torch.manual_seed(0)
        base = bench.base(spec)
        self.network: Network = new_network(base, [task], dropout, masks=masks).train()
        vocabulary = TrimmedVocabulary(self.network.encoder, features.token_ids(), base.tokenizer.pad_token_id)
        self.gradient = StepGradient(self.network, self.network, [task], spec, bench, vocabulary)
        self.optimizer = AdamW(self.network, 1e-5, 0.01)

    def seconds(self, step: Step) -> float:
        """Trains a step; of the process, as others may use the machine too."""
        begun = time.process_time()
        self.gradient.add(step)
        self.optimizer.clipped_step()
        return time.process_time() - begun

    def difference(self, step: Step) -> float:
        """Of the step's gradient in small micro-batches to that in large ones."""
        found = []
        for tokens in (512, 64):
            self.bench.micro_batch_tokens = tokens
            torch.manual_seed(1)
            self.network.zero_grad()
            self.gradient.add(step)
            found.append(torch.cat([one.grad.flatten() for one in self.network.parameters() if one.grad is not None]))
        self.network.zero_grad()
        self.bench.micro_batch_tokens = 512
        return float((found[1] - found[0]).norm() / found[0].norm())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--task", default="mini-nli")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    bench = Workbench(Store(tempfile.mkdtemp()), open_source("mini"), micro_batch_tokens=512)
    task = bench.task(arguments.task)
    part = Part(arguments.batch_size * arguments.steps)
    spec = TrialSpec("target", arguments.model, (task.name,), ("en",), "benchmark")
    features = bench.features(task, "train", "en", spec, part)
    steps = list(Mixture({arguments.task: {"en": features}}, spec.recipe, arguments.batch_size, 1).steps(1))[
        : arguments.steps
    ]
    ours = {name: Contestant(bench, task, arguments.model, *setup, features) for name, setup in CONTESTANTS.items()}
    times: dict[str, list[float]] = {name: [] for name in ours}
    for number, step in enumerate(steps):  # in turns, and another one first each time
        for turn in range(len(ours)):
            name = [*ours][(number + turn) % len(ours)]
            times[name].append(ours[name].seconds(step))
    print(
        f"{arguments.model}, {arguments.task}, batches of {arguments.batch_size}, {arguments.threads} threads, "
        f"{len(steps)} steps"
    )
    for name, one in ours.items():
        ratios = [own / batch for own, batch in zip(times[name][2:], times["batch"][2:], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{name:6} {statistics.median(times[name][2:]) * 1000:6.0f} ms a step, ratio {middle:.3f} "
            f"(quartiles {low:.3f} to {high:.3f}), gradient in smaller micro-batches {one.difference(steps[0]):.0e} off"
        )


if __name__ == "__main__":
    main()
