"""How long a small grid takes: `sweep run` against the pattern that Ray documents (`benchmarks.documented`).

mini-qa after mini-nli and without it: some trials of inference, as many of questions from the best one of them, as many
from the pre-trained model, and the winners' scores in two languages. The documented pattern does the very trials that
`sweep run` did: the same learning rates, epochs, examples and batch size, as many at a time, each with one CPU. Wall
clock of the whole command, Ray's start included; the two take turns.

    python -m benchmarks.sweep [--trials 3] [--examples 64] [--rounds 1] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks import documented, processes
from benchmarks.rounds import ratio, show, write
from sweep.ledger import Ledger
from trainables.models.minilm import minilm_folder
from trainables.store import Store

LANGUAGES = ("en", "de")
SCORED = 50
"""Examples of a split that is scored."""

BATCH = 8
AT_ONCE = len(os.sched_getaffinity(0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=64, help="that each trial trains on")
    parser.add_argument("--trials", type=int, default=3, help="of each search")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    minilm_folder()  # made once; neither is to wait for it
    seconds: dict[str, list[float]] = {"ours": [], "documented": []}
    for _ in range(arguments.rounds):
        took, trials = ours(arguments.trials, arguments.examples)
        seconds["ours"].append(took)
        seconds["documented"].append(theirs(arguments.examples, trials))
    found = ratio(seconds["documented"], seconds["ours"])
    print(f"{sum(map(len, trials.values()))} fine-tunings of {arguments.examples} examples, {AT_ONCE} at a time")
    show([{"": name, **{f"round {n}": f"{one:.0f} s" for n, one in enumerate(ones, 1)}}
          for name, ones in seconds.items()])  # fmt: skip
    print(f"documented over ours: {found.median:.1f}x ({found.least:.1f} to {found.most:.1f})")
    write(arguments.json, {"seconds": seconds, "ratio": found._asdict(), "examples": arguments.examples})


def ours(count: int, examples: int) -> tuple[float, dict[str, list[tuple[float, int]]]]:
    """Seconds of a `sweep run`, and the learning rate and epochs of its trials by what they train and start from."""
    with tempfile.TemporaryDirectory(prefix="sw", dir=os.environ.get("RAY_TMPDIR")) as name:
        folder = Path(name)
        experiment = {
            "name": "grid", "model": "minilm", "data": "mini", "store": str(folder / "store"), "dropout": 0.0,
            "precision": "fp32", "search_space": "quick", "trials": {"intermediate": count, "target": count},
            "conditions": ["none", {"name": "nli", "tasks": ["mini-nli"], "languages": ["en"]}],
            "targets": ["mini-qa"], "languages": [*LANGUAGES],
            "limits": {"train_examples": examples, "eval_examples": SCORED},
        }  # fmt: skip
        (folder / "experiment.yaml").write_text(yaml.safe_dump(experiment))
        command = [sys.executable, "-m", "sweep", "run", str(folder / "experiment.yaml")]
        run = processes.run(command, {**os.environ}, folder / "log")
        columns = ["phase", "parent", "learning_rate", "epochs"]
        rows = Ledger(Store(str(folder / "store"))).read(columns).to_pylist()
    trials: dict[str, list[tuple[float, int]]] = {"nli": [], "qa after nli": [], "qa": []}
    for row in rows:
        if row["phase"] != "evaluate":
            kind = "nli" if row["phase"] == "intermediate" else "qa after nli" if row["parent"] else "qa"
            trials[kind].append((row["learning_rate"], row["epochs"]))
    return run.seconds, trials


def theirs(examples: int, trials: dict[str, list[tuple[float, int]]]) -> float:
    """Seconds of the documented pattern for the same trials."""
    given: dict[str, Any] = {
        "batch_size": BATCH, "train_examples": examples, "eval_examples": SCORED, "at_once": AT_ONCE
    }  # fmt: skip
    stages = [
        documented.Stage("nli", trials["nli"], **given),
        documented.Stage("qa", trials["qa after nli"], languages=LANGUAGES, starts_from=0, **given),
        documented.Stage("qa", trials["qa"], languages=LANGUAGES, **given),
    ]
    with tempfile.TemporaryDirectory(prefix="sw", dir=os.environ.get("RAY_TMPDIR")) as name:
        run = documented.run(stages, Path(name))
        told = json.loads((Path(name) / "found.json").read_text())
    assert [len(one) for one in told] == [len(one) for one in trials.values()]
    return run.seconds


if __name__ == "__main__":
    main()
