"""What starting a trial costs: ours against the pattern that Ray documents, a TorchTrainer for each trial of a Tune
function (`benchmarks.documented`).

The same model, task and examples, one trial at a time, one worker with one CPU; the two take turns. A trial's start is
the moment when its slot is free: the one before has ended. From then it counts until its first optimizer step. Of our
trials the first one starts the group; it is told apart, by phases, from when processes began. Memory is what no other
process has (USS), the most that was seen of each while a trial ran.

    python -m benchmarks.trial_overhead [--trials 6] [--documented 2] [--rounds 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks import documented, processes
from benchmarks.rounds import show, write
from sweep.ledger import Ledger
from trainables.models.minilm import minilm_folder
from trainables.store import Store

EXAMPLES = 16
RATES = [1e-5 * (1 + number) for number in range(40)]


@dataclass(frozen=True)
class Found:
    """One round of a contestant: seconds of each start but the first, the phases of the first, and MB by process."""

    starts: list[float]
    phases: dict[str, float]
    memory: dict[str, tuple[int, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=6, help="of ours in a round, less the first")
    parser.add_argument("--documented", type=int, default=2, help="trials of the documented pattern in a round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    minilm_folder()  # made once; neither is to wait for it
    rounds = [(ours(arguments.trials + 1), theirs(arguments.documented)) for _ in range(arguments.rounds)]
    own, other = zip(*rounds, strict=True)
    print("\na start, seconds")
    show([_row("ours, warm", own), _row("documented", other)])
    ratios = [statistics.median(two.starts) / statistics.median(one.starts) for one, two in rounds]
    print(f"documented over ours, round by round: {', '.join(f'{one:,.0f}x' for one in ratios)}")
    for name, found in (("ours: the first trial of a run", own), ("documented: the first trial", other)):
        print(f"\n{name}, seconds, by round")
        show([{"phase": phase, **_cells([one.phases[phase] for one in found])} for phase in found[0].phases])
    print("\nMB of each process while one trial runs")
    for name, found in (("ours", own), ("documented", other)):
        memory = found[-1].memory
        total = sum(count * size for count, size in memory.values())
        show([
            *({"process": f"{name}: {one}", "how many": f"{count}", "MB": f"{size:.0f}"}
              for one, (count, size) in memory.items()),
            {"process": f"{name}: all", "how many": f"{sum(count for count, _ in memory.values())}",
             "MB": f"{total:.0f}"},
        ])  # fmt: skip
    write(arguments.json, {"ratios": ratios, "ours": [asdict(one) for one in own],
                           "documented": [asdict(one) for one in other]})  # fmt: skip


def _row(name: str, found: tuple[Found, ...]) -> dict[str, str]:
    starts = [start for one in found for start in one.starts]
    shown = {"median": statistics.median(starts), "least": min(starts), "most": max(starts)}
    return {"": name, "trials": f"{len(starts)}", **{key: f"{value:.3f}" for key, value in shown.items()}}


def _cells(figures: list[float]) -> dict[str, str]:
    return {f"round {number}": f"{one:.2f}" for number, one in enumerate(figures, start=1)}


def ours(trials: int) -> Found:
    """A `sweep run` of so many trials, one at a time."""
    with tempfile.TemporaryDirectory(prefix="to", dir=os.environ.get("RAY_TMPDIR")) as name:
        folder = Path(name)
        searched = {"learning_rate": {"values": RATES[:trials]}, "epochs": {"values": [1, 2]}}
        both = {"all": {**searched, "batch_size": 8, "warmup": 0.1, "weight_decay": 0.01}}
        (folder / "space.yaml").write_text(yaml.safe_dump({"sampler": "random", "intermediate": both, "target": both}))
        experiment = {
            "name": "starts", "model": "minilm", "data": "mini", "store": str(folder / "store"), "dropout": 0.0,
            "search_space": str(folder / "space.yaml"), "trials": {"target": trials}, "conditions": ["none"],
            "targets": ["mini-nli"], "precision": "fp32", "languages": ["en"], "resources": {"concurrent": 1},
            "limits": {"train_examples": EXAMPLES, "eval_examples": EXAMPLES},
        }  # fmt: skip
        (folder / "experiment.yaml").write_text(yaml.safe_dump(experiment))
        run = processes.run([sys.executable, "-m", "sweep", "run", str(folder / "experiment.yaml")], {**os.environ},
                            folder / "log")  # fmt: skip
        columns = ["phase", "started_at", "finished_at", "startup_seconds"]
        rows = Ledger(Store(str(folder / "store"))).read(columns).to_pylist()
    rows = sorted((row for row in rows if row["phase"] == "target"), key=lambda row: row["started_at"])
    steps = [row["started_at"].timestamp() + row["startup_seconds"] for row in rows]
    ends = [row["finished_at"].timestamp() for row in rows]
    taken = rows[0]["started_at"].timestamp() - run.began
    at = {
        "the command: plan, checks": run.first("raylet"),
        "Ray and the broker": run.first("Train controller"),
        "the group's controller": run.first("worker"),
        "the worker: imports, base weights, tokenizer": taken,
        "features, network, optimizer": steps[0] - run.began,
    }
    times = [0.0, *at.values()]
    phases = {phase: time - before for phase, time, before in zip(at, times[1:], times, strict=False)}
    phases["from the group's start to the first step"] = steps[0] - run.began - at["Ray and the broker"]
    phases["all"] = steps[0] - run.began
    return Found([step - end for step, end in zip(steps[1:], ends, strict=False)], phases, run.memory())


def theirs(trials: int) -> Found:
    """So many trials of the documented pattern, one at a time."""
    stage = documented.Stage("nli", [(rate, 1) for rate in RATES[:trials]], 8, EXAMPLES, EXAMPLES)
    with tempfile.TemporaryDirectory(prefix="to", dir=os.environ.get("RAY_TMPDIR")) as name:
        folder = Path(name)
        run = documented.run([stage], folder)
        (told,) = json.loads((folder / "found.json").read_text())
    rows: list[Any] = sorted(told, key=lambda row: row["started"])
    free = [rows[0]["started"], *(row["ended"] for row in rows)]
    phases = {"from Tune's start of it to the first step": rows[0]["first_step"] - rows[0]["started"],
              "all": rows[0]["first_step"] - run.began}  # fmt: skip
    return Found([row["first_step"] - one for row, one in zip(rows, free, strict=False)], phases, run.memory())


if __name__ == "__main__":
    main()
