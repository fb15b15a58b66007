"""What an insurance against lost machines costs: an epoch with its state saved at the end against the same without.

python -m benchmarks.state [--model minilm] [--task mini-nli] [--examples 200] [--repeats 3]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time

import torch

from trainables.data import open_source
from trainables.models.checkpoint import load_checkpoint
from trainables.spec import TrialSpec
from trainables.store import Store, checkpoint_name, state_name
from trainables.training.fine_tune import fine_tune
from trainables.training.state import Progress, TrialState
from trainables.training.workbench import Workbench


class Watch:
    """Takes the time of a trial's saves, and the size of what they write."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.bytes = 0

    def watched(self, save: object) -> object:
        def run(state: TrialState, at: Progress) -> None:
            begun = time.perf_counter()
            save(state, at)  # type: ignore[operator]
            self.seconds.append(time.perf_counter() - begun)
            self.bytes = state._bench.store.size(state._name)

        return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--task", default="mini-nli")
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(arguments, Workbench(Store(folder), open_source("mini")))


def measure(arguments: argparse.Namespace, bench: Workbench) -> None:
    """Trains once, and prints what the saves took of it."""
    spec = TrialSpec(
        "target",
        arguments.model,
        (arguments.task,),
        ("en",),
        "benchmark",
        learning_rate=1e-5,
        epochs=arguments.repeats + 2,
        batch_size=16,
        warmup=0.1,
        weight_decay=0.01,
        train_examples=arguments.examples,
        eval_examples=20,
    )
    watch = Watch()
    TrialState.save = watch.watched(TrialState.save)  # type: ignore[assignment, method-assign]
    epochs, begun = [], 0.0
    assert spec.epochs is not None
    for report in fine_tune(spec, bench, time.time()):
        if 1 < report.epoch < spec.epochs:  # the first one warms up, and the last one saves no state
            epochs.append(time.perf_counter() - begun)
        begun = time.perf_counter()
    saves = watch.seconds[1:]
    ratios = [epoch / (epoch - save) for epoch, save in zip(epochs, saves, strict=True)]
    begun = time.perf_counter()
    weights = load_checkpoint(bench.store, spec.trial_id)
    loading = time.perf_counter() - begun
    assert not bench.store.exists(state_name(spec.trial_id))
    print(f"{arguments.model}, {arguments.examples} examples of {arguments.task}, {torch.get_num_threads()} threads")
    print(f"state       {watch.bytes / 2**20:7.0f} MiB, saved in {statistics.median(saves):.2f} s")
    print(f"epoch       {statistics.median(epochs):7.2f} s with its state saved")
    print(f"ratio       {statistics.median(ratios):7.3f} with against without")
    size = bench.store.size(checkpoint_name(spec.trial_id)) / 2**20
    print(f"checkpoint  {size:7.0f} MiB, {len(weights)} tensors, read and checked in {loading:.2f} s")


if __name__ == "__main__":
    main()
