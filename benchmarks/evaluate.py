"""Scoring: an evaluation of ours against transformers' `Trainer.predict`, and both against what the machine can do.

The same weights and examples. Ours makes predictions and scores of what the network says; the Trainer, which gives the
network's outputs alone, has no metric to compute. Needs SWEEP_TEST_DATA, and the package accelerate.

    python -m benchmarks.evaluate [--lengths xnli-like] [--examples 512] [--rounds 5] [--json FILE]

The contestants take turns, and ratios are those of the same round. The Trainer predicts in fp32 with 8 examples at a
time, its defaults; with 32; with 32 in bf16, by autocast or with all weights in bf16. The limit is the time of the
matrix products at the rate that this machine is measured to have: 2 operations for each weight of the layers and each
token that is no padding.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import ours
from benchmarks.examples import LENGTHS, Bench, Lengths, with_weights
from benchmarks.limits import FORWARD, Work, best, layer_weights, machine, measured_limits
from benchmarks.rounds import take_turns, write
from benchmarks.standings import show_standings, standings
from benchmarks.trainers import Measured, predictor, tokens_of
from trainables.spec import TrialSpec
from trainables.training.evaluate import head_name, load_split

CPU = torch.device("cpu")
SIZE = 32
OURS = ("ours", "ours bf16")
TRAINERS: dict[str, dict[str, Any]] = {
    "trainer": {},
    "trainer 32": {"per_device_eval_batch_size": SIZE},
    "trainer 32 bf16": {"per_device_eval_batch_size": SIZE, "bf16": True},
    "trainer 32 all bf16": {"per_device_eval_batch_size": SIZE, "bf16_full_eval": True},
}
"""The peers, and their TrainingArguments."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--lengths", nargs="+", default=[*LENGTHS], choices=[*LENGTHS])
    parser.add_argument("--examples", type=int, default=512, help="of a round; of qa-like a quarter of them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    bench, limits = Bench(0), measured_limits(CPU)
    print(machine(CPU))
    rows: list[dict[str, Any]] = []
    for name in arguments.lengths:
        lengths = LENGTHS[name]
        examples = max(1, round(arguments.examples * lengths.share))
        contestants, tokens, features, operations = contest(bench, arguments.model, lengths, examples)
        rates = take_turns(contestants, arguments.rounds)
        limits = best(limits, measured_limits(CPU))
        found = standings(rates, tokens, SIZE, Work(operations * SIZE), limits, OURS)
        print(
            f"\n{arguments.model}, {name}: {lengths.scored}, {features} rows, {tokens:.1f} tokens on average, "
            f"{arguments.rounds} rounds\n{limits}"
        )
        show_standings(found, SIZE)
        rows += [{"model": arguments.model, "lengths": name, **row} for row in found]
    write(arguments.json, {"machine": machine(CPU), "limits": limits._asdict(), "rows": rows})


def contest(
    bench: Bench, model: str, lengths: Lengths, examples: int
) -> tuple[dict[str, Callable[[int], float]], float, int, float]:
    """What gives each contestant's tokens a second, warm; of a row the tokens; the rows; of a row the operations."""

    def spec(precision: Any = "fp32") -> TrialSpec:
        task = (lengths.scored,)
        return TrialSpec("evaluate", model, task, ("en",), "benchmark", precision=precision, eval_examples=examples)

    base, task = bench.base(spec()), bench.task(lengths.scored)
    features = load_split(spec(), bench, task, "test", "en").features
    tokens = tokens_of([features]) / len(features)
    pad_id, head = base.tokenizer.pad_token_id, bench.task(head_name(task))
    predictors = {
        name: predictor(with_weights(base, head), features, pad_id, CPU, **settings)
        for name, settings in TRAINERS.items()
    }

    def rate(predict: Callable[[], Measured], _: int) -> float:
        return predict().rate

    ours.scored(bench, spec())  # reads and keeps the examples
    contestants: dict[str, Callable[[int], float]] = {
        "ours": lambda number: ours.scored(bench, spec()).rate,
        "ours bf16": lambda number: ours.scored(bench, spec("bf16")).rate,
        **{name: partial(rate, predict) for name, predict in predictors.items()},
    }
    return contestants, tokens, len(features), FORWARD * layer_weights(base.encoder.config) * tokens


if __name__ == "__main__":
    main()
