"""Real sweeps in processes of their own, and ways to kill parts of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import yaml

from sweep.results.query import query
from tests.conftest import experiment_values
from trainables.store import Store

SWEEP = str(Path(sys.executable).with_name("sweep"))

VICTIMS: Mapping[str, str] = {
    "actor": "ray::ResourceTrainable",  # the Tune trial
    "worker": "ray::RayTrainWorker",
    "raylet": "raylet/raylet",
}
"""What stands in the command of the processes that a sweep consists of; `driver` is its own."""


def write_sweep(folder: Path, name: str, epochs: Sequence[int] = (3, 2, 4), **changes: Any) -> Path:
    """A sweep of 34 trials on the embedded benchmark, with its store beside it.

    They learn something, and each saves its state once or more.

    Args:
        epochs: what a trial may have, the default first. Fifty take some seconds.
    """
    ranges = {
        "learning_rate": {"values": [1e-3, 2e-3, 4e-3], "first": 2e-3},
        "epochs": {"values": sorted(epochs), "first": epochs[0]},
        "batch_size": 8,
        "warmup": 0.1,
        "weight_decay": 0.01,
    }
    space = folder / f"{name}-space.yaml"
    space.write_text(yaml.safe_dump({section: {"all": ranges} for section in ("intermediate", "target")}))
    values = experiment_values(
        folder / name,
        **{
            "search_space": str(space),
            "trials": {"intermediate": 3, "target": 4},
            "seeds": [1, 2],
            "conditions": ["none", "mini-nli"],
            "targets": ["mini-pos", "mini-ner", "mini-bitext"],
            "limits": {"train_examples": 160, "eval_examples": 16},
            "retries": 20,
            **changes,
        },
    )
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


class Sweep:
    """A running `sweep run`: its process, and what it has printed so far."""

    def __init__(self, path: Path, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [SWEEP, "run", str(path), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def output(self) -> str:
        """All that it has printed."""
        return "".join(self.lines)

    @property
    def is_running(self) -> bool:
        """Whether its own process lives."""
        return self.process.poll() is None

    def wait(self, seconds: float = 240) -> int:
        """Its exit code."""
        code = self.process.wait(timeout=seconds)
        self._reader.join(10)
        return code

    def wait_for(self, happened: Callable[[Sweep], bool], seconds: float = 120) -> bool:
        """Waits until something is the case, or the process ends; says whether it is."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if happened(self):
                return True
            if not self.is_running:
                return happened(self)
            time.sleep(0.02)
        raise TimeoutError(f"still waiting after {seconds} s:\n{self.output}")

    def parts(self, victim: str) -> list[psutil.Process]:
        """The living processes of one sort."""
        try:
            own = psutil.Process(self.process.pid)
            if victim == "driver":
                return [own] if own.is_running() else []
            return [one for one in own.children(recursive=True) if VICTIMS[victim] in _command(one)]
        except psutil.NoSuchProcess:
            return []

    def kill(self, victim: str, number: int = 0) -> bool:
        """Kills one process of a sort, with no chance to say anything; False where there is none."""
        found = self.parts(victim)
        if not found:
            return False
        try:
            found[number % len(found)].send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            return False
        return True

    def end(self) -> None:
        """Ends it and all that it has started, whatever state it is in."""
        try:
            everything = [*psutil.Process(self.process.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            everything = []
        if self.is_running:
            self.process.kill()
        for one in everything:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait(timeout=30)


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def results(store: Path) -> dict[tuple[Any, ...], float | None]:
    """Every score and every development score of a store, by what it is about."""
    opened = Store(str(store))
    scores = query(opened, "select trial_id, target, language, split, metric, value from scores").to_pylist()
    objectives = query(opened, "select trial_id, objective from trials").to_pylist()
    found: dict[tuple[Any, ...], float | None] = {
        (row["trial_id"], row["target"], row["language"], row["split"], row["metric"]): row["value"] for row in scores
    }
    return found | {(row["trial_id"],): row["objective"] for row in objectives}


def leftovers(store: Path) -> list[str]:
    """Files that only a run that goes on may have."""
    names = [path.relative_to(store) for path in store.rglob("*") if path.is_file()]
    found = [path for path in names if path.parts[0] in ("states", "run.json") or path.name.startswith(".")]
    return [path.as_posix() for path in found]


def entries(store: Path) -> dict[str, bytes]:
    """The trials' own files of the ledger."""
    return {path.stem: path.read_bytes() for path in (store / "ledger" / "trials").glob("*.parquet")}
