"""The processes of a command while it runs: when each began, what it is, and the memory that is its own."""

from __future__ import annotations

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

LOOKING = 0.5
"""Seconds between two looks at which processes there are."""

WEIGHING = 10
"""Looks between two at their memory, which takes the kernel some milliseconds for each."""

TITLES = {
    "gcs_server": "Ray's GCS",
    "raylet": "raylet",
    "DashboardAgent": "Ray's agent for reports",
    "RuntimeEnvAgent": "Ray's agent for environments",
    "monitor.py": "Ray's autoscaler",
    "dashboard.py": "Ray's dashboard",
    "log_monitor.py": "Ray's log monitor",
    "IDLE": "Ray's spare process",
    "Broker": "broker",
    "ResourceTrainable": "Tune trial",
    "ImplicitFunc": "Tune trial",
    "TrainController": "Train controller",
    "_Controller": "Train controller",
    "SynchronizationActor": "Train's meeting place",
    "PlacementGroupCleaner": "Train's cleaner",
    "PreemptionWatcher": "Train's watch for notices",
    "TrainStateActor": "Train's state",
    "RayTrainWorker": "worker",
}
"""What a word in a process's title says that it is; of several the first."""


@dataclass
class Process:
    """A process of the command.

    Attributes:
        began: seconds after the command.
        name: what it is.
        memory: the most bytes that no other process had, at any look.
    """

    began: float
    name: str
    memory: int = 0


@dataclass
class Run:
    """A command that has ended.

    Attributes:
        began: in seconds since the epoch.
        seconds: how long it took.
        most: of each name, how many processes there were at a time.
    """

    began: float
    seconds: float
    processes: list[Process]
    most: dict[str, int]

    def first(self, name: str) -> float:
        """Seconds after which the first process of a name began."""
        return min(one.began for one in self.processes if one.name == name)

    def memory(self) -> dict[str, tuple[int, float]]:
        """By name how many processes there were at most, and the MB of the largest of them."""
        largest = {one.name: one.memory for one in sorted(self.processes, key=lambda one: one.memory)}
        return {name: (self.most[name], size / 1e6) for name, size in largest.items() if size}


def run(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Run:
    """Runs a command, whose output goes to a file, and watches its processes.

    Raises:
        RuntimeError: it failed.
    """
    began = time.time()
    with log.open("wb") as file, subprocess.Popen(command, env=environment, stdout=file, stderr=file) as process:
        with _watched(psutil.Process(process.pid)) as (found, most):
            code = process.wait()
        seconds = time.time() - began
    if code:
        raise RuntimeError(f"{' '.join(command)} ended with {code}:\n{log.read_text(errors='replace')[-3000:]}")
    return Run(began, seconds, [*found.values()], dict(most))


@contextmanager
def _watched(root: psutil.Process) -> Iterator[tuple[dict[int, Process], Counter[str]]]:
    found: dict[int, Process] = {}
    most: Counter[str] = Counter()
    ended = threading.Event()

    def watch() -> None:
        looks = 0
        while not ended.wait(LOOKING):
            looks += 1
            with suppress(psutil.Error):
                there = [root, *root.children(recursive=True)]
                for one in there:
                    _look(one, root, found, weighs=looks % WEIGHING == 0)
                most.update(Counter(found[one.pid].name for one in there if one.pid in found) - most)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found, most
    finally:
        ended.set()
        thread.join()


def _look(one: psutil.Process, root: psutil.Process, found: dict[int, Process], weighs: bool) -> None:
    with suppress(psutil.Error, OSError):
        name = "driver" if one == root else _name(one.cmdline())
        known = found.setdefault(one.pid, Process(one.create_time() - root.create_time(), name))
        if name != "Ray's spare process":  # which is what processes are called before and after their work
            known.name = name
        if weighs:
            known.memory = max(known.memory, one.memory_full_info().uss)


def _name(command: Sequence[str]) -> str:
    """Of Ray's actors the title says it, of the others the program or the script."""
    program = " ".join(one for one in command if not one.startswith("-"))
    return next((name for word, name in TITLES.items() if word in program), "others")
