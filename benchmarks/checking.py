"""What reading all data before a run costs: the first time, and again when nothing has changed.

An experiment on as many examples as the paper's tasks have together, in lines of JSON like MNLI's: `sweep plan --check`
twice, each in a process of its own. The peer in the same run is `json.loads` of the same lines in a bare loop.

python -m benchmarks.checking --examples 3000000
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

TASK = {
    "name": "pairs", "kind": "pair_classification", "title": "Pairs", "metric": "accuracy", "languages": ["en"],
    "training_set": "pairs", "score_on": "dev", "labels": ["entailment", "neutral", "contradiction"],
    "files": [{"format": "jsonl", "train": ["train.jsonl"], "dev": ["dev.jsonl"],
               "columns": {"text_a": "sentence1", "text_b": "sentence2", "label": "gold_label", "id": "pairID"}}],
}  # fmt: skip
EXPERIMENT = {
    "name": "checking", "model": "random:tiny", "search_space": "smoke", "conditions": ["none"], "targets": ["pairs"],
    "trials": {"intermediate": 1, "target": 1},
}  # fmt: skip


def write(path: Path, examples: int) -> None:
    """Lines of JSON with the words, and about the length, of MNLI's."""
    rng = random.Random(0)
    words = [f"word{number}" for number in range(5000)]
    with path.open("w", encoding="utf-8") as file:
        for number in range(examples):
            row = {
                "pairID": f"{number}e",
                "sentence1": " ".join(rng.choices(words, k=20)),
                "sentence2": " ".join(rng.choices(words, k=10)),
                "gold_label": rng.choice(TASK["labels"]),
            }
            file.write(json.dumps(row) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=3_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write(folder / "train.jsonl", arguments.examples)
        write(folder / "dev.jsonl", 1000)
        (folder / "pairs.yaml").write_text(yaml.safe_dump(TASK))
        values = {
            **EXPERIMENT,
            "tasks": [str(folder / "pairs.yaml")],
            "data": {"files": made},
            "store": f"{made}/store",
        }
        (folder / "e.yaml").write_text(yaml.safe_dump(values))
        begun = time.monotonic()
        with (folder / "train.jsonl").open(encoding="utf-8") as file:
            for line in file:
                json.loads(line)
        bare = time.monotonic() - begun
        megabytes = (folder / "train.jsonl").stat().st_size / 1e6
        print(f"{arguments.examples} examples, {megabytes:.0f} MB; json.loads alone: {bare:.1f} s")
        small = {**EXPERIMENT, "data": "mini", "targets": ["mini-pos"], "store": f"{made}/store"}
        (folder / "small.yaml").write_text(yaml.safe_dump(small))
        check(folder / "small.yaml")  # the cache has the model's tokenizer from now on
        for name in ("first", "again"):
            took, peak = check(folder / "e.yaml")
            print(f"{name}  {took:6.1f} s  {took / bare:5.2f} of json.loads  at most {peak:.0f} MB")


def check(experiment: Path) -> tuple[float, float]:
    """Seconds, and the most megabytes that the command took."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "sweep", "plan", str(experiment), "--check"]
    environment = {**os.environ, "SWEEP_CACHE": str(experiment.parent / "cache")}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, f"{shlex.join(command)} ended with {status}"
    return time.monotonic() - begun, used.ru_maxrss / 1000


if __name__ == "__main__":
    main()
