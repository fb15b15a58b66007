"""How long an optimizer step takes, and how much memory: ours against the textbook's, in one run.

The textbook pads the batch to its longest row, which goes through transformers' own layers, and trains the embeddings
of the whole vocabulary; ours trims the vocabulary and computes no padding. Both give the same gradient, in float32;
dropout is off.

    python -m benchmarks.step [--model minilm] [--task mini-nli] [--batch-size 16] [--steps 10]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from trainables.data import open_source
from trainables.kinds import kind_of
from trainables.models.network import Network, new_network
from trainables.models.vocabulary import TrimmedVocabulary
from trainables.spec import TrialSpec
from trainables.store import Store
from trainables.training.adamw import AdamW
from trainables.training.batching import collate
from trainables.training.gradient import StepGradient
from trainables.training.mixture import Mixture, Step
from trainables.training.shares import Part
from trainables.training.workbench import Workbench


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--task", default="mini-nli")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10)
    arguments = parser.parse_args()
    bench = Workbench(Store(tempfile.mkdtemp()), open_source("mini"))
    task = bench.task(arguments.task)
    spec = TrialSpec("target", arguments.model, (task.name,), ("en",), "benchmark", learning_rate=1e-5)
    base, part = bench.base(spec), Part(arguments.batch_size * arguments.steps)
    features = bench.features(task, "train", "en", spec, part)
    steps = list(Mixture({task.name: {"en": features}}, spec.recipe, arguments.batch_size, 1).steps(1))[
        : arguments.steps
    ]
    pad_id = base.tokenizer.pad_token_id

    ours = new_network(base, [task], 0.0).train()
    vocabulary = TrimmedVocabulary(ours.encoder, features.token_ids(), pad_id)
    gradient = StepGradient(ours, ours, [task], spec, bench, vocabulary)
    textbook = new_network(base, [task], 0.0).train()
    encoder: Any = textbook.encoder
    head: Any = textbook.heads[task.name]
    table = encoder.get_input_embeddings()
    table.weight = nn.Parameter(table.weight.detach().clone())

    def padded(step: Step) -> None:
        batch = collate(step.features, pad_id)
        states = encoder(input_ids=batch.input_ids, attention_mask=batch.mask)
        outputs = head(states.last_hidden_state, batch.mask)
        kind_of(task).loss(task, outputs, batch.targets).div(step.weight).backward()

    def seconds(network: Network, add_gradient: Callable[[Step], object]) -> Callable[[Step], float]:
        optimizer = AdamW(network, 1e-5, 0.01)

        def run(step: Step) -> float:
            begun = time.perf_counter()
            add_gradient(step)
            optimizer.clipped_step()
            return time.perf_counter() - begun

        return run

    contestants = {"textbook": seconds(textbook, padded), "ours": seconds(ours, gradient.add)}
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for step in steps:  # in turns, so that a noisy moment meets both
        for name, run in contestants.items():
            times[name].append(run(step))
    medians = {name: statistics.median(ones[1:]) for name, ones in times.items()}
    # weights, gradients and AdamW's two moments, in float32
    memory = {name: 16 * sum(p.numel() for p in network.parameters()) for name, network in
              {"textbook": textbook, "ours": ours}.items()}  # fmt: skip
    print(f"{arguments.model}, {arguments.task}, batches of {arguments.batch_size}, {torch.get_num_threads()} threads")
    for name in contestants:
        print(f"{name:9} {medians[name] * 1000:7.0f} ms a step  {memory[name] / 2**20:7.0f} MiB of training state")
    print(
        f"ratio     {medians['ours'] / medians['textbook']:7.2f}             {memory['ours'] / memory['textbook']:7.2f}"
    )


if __name__ == "__main__":
    main()
