"""A sweep on machines that go: with notice, without, and whose network is away. It comes out as if nothing had been."""

from __future__ import annotations

import itertools
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import namespace
from tests.cluster.machines import PROGRAMS, Machines
from tests.faults.sweeps import SPACE, Sweep, entries, leftovers, results, write_sweep

pytestmark = [namespace.needs(*PROGRAMS), pytest.mark.timeout(900)]

HEAD = "10.9.0.1:6379"
MEMORY = "--object-store-memory=100000000"
LASTING = {"targets": ["mini-pos", "mini-bitext"], "trials": {"intermediate": 2, "target": 3}}


def write_lasting(folder: Path, name: str, **changes: Any) -> Path:
    """A sweep of 18 trials of some seconds each: long enough to lose a machine on the way."""
    path = write_sweep(folder, name, **{**LASTING, **changes})
    space = {section: {"all": {**ranges["all"], "epochs": {"values": [40, 50, 60], "first": 50}}}
             for section, ranges in SPACE.items()}  # fmt: skip
    (folder / "space.yaml").write_text(yaml.safe_dump(space))
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[Any, ...], float | None]:
    """What comes out of the sweep where nothing happens."""
    path = write_lasting(tmp_path_factory.mktemp("calm"), "undisturbed")
    run = Sweep(path)
    assert run.wait(300) == 0, run.output
    return results(path.with_suffix(""))


class Cluster:
    """A head without CPUs, which is machine 1, and a `sweep run` on it; machines with one CPU each join it."""

    def __init__(self, machines: Machines) -> None:
        self.machines = machines
        self.lines: list[tuple[float, str]] = []
        self._ray(1, f"--head --port=6379 --num-cpus=0 --include-dashboard=false {MEMORY}")

    def join(self, number: int) -> None:
        self._ray(number, f"--address={HEAD} --num-cpus=1 {MEMORY}")

    def drain(self, number: int, seconds: int) -> None:
        """As clouds do with spot machines."""
        nodes = (
            "import ray; ray.init('auto', log_to_driver=False); print('nodes', *(one['NodeID'] for one in ray.nodes()"
        )
        found = self._say(
            1, f"python -c \"{nodes} if one['Alive'] and one['NodeManagerAddress'] == '10.9.0.{number}'))\""
        )
        (told,) = re.findall(r"^nodes (\w+)$", found, re.MULTILINE)
        reason = "--reason=DRAIN_NODE_REASON_PREEMPTION --reason-message=spot"
        self._say(
            1, f"ray drain-node --address={HEAD} --node-id={told} {reason} --deadline-remaining-seconds={seconds}"
        )

    def run(self, path: Path, *arguments: str) -> None:
        command = " ".join(["sweep", "run", str(path), "--address", "auto", *arguments])
        self._process = self.machines.popen(command, on=1)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self, seconds: float = 300) -> int:
        code = self._process.wait(seconds)
        self._reader.join(10)
        return code

    def wait_for(self, happened: Callable[[str], bool], seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not happened(self.output):
            assert time.monotonic() < deadline and self._process.poll() is None, self.output
            time.sleep(0.1)

    @property
    def output(self) -> str:
        return "".join(line for _, line in list(self.lines))

    @property
    def done(self) -> int:
        """Trials that have ended."""
        return len(re.findall(r"^[\d:]+ \d+/\d+ ", self.output, re.MULTILINE))

    @property
    def longest_pause(self) -> float:
        """Seconds between two trials that ended, at most."""
        moments = [moment for moment, line in self.lines if re.match(r"[\d:]+ \d+/\d+ ", line)]
        return max((after - before for before, after in itertools.pairwise(moments)), default=0.0)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append((time.monotonic(), line))

    def _ray(self, number: int, options: str) -> None:
        self._say(number, f"ray start --node-ip-address=10.9.0.{number} {options}")

    def _say(self, number: int, command: str) -> str:
        done: subprocess.CompletedProcess[str] = self.machines.run(command, on=number)
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Machines(tmp_path, 3) as machines:
        yield Cluster(machines)


@pytest.mark.cluster
def test_machines_come_and_go_and_nothing_is_lost(
    cluster: Cluster, tmp_path: Path, undisturbed: dict[tuple[Any, ...], float | None]
) -> None:
    """One is given notice, another is killed, a third comes back: what ran on them goes on elsewhere."""
    path = write_lasting(tmp_path, "disturbed")
    store = path.with_suffix("")
    cluster.join(2)
    cluster.join(3)
    cluster.run(path)
    cluster.wait_for(lambda output: cluster.done >= 3)
    cluster.drain(2, 15)
    cluster.wait_for(lambda output: "its machine was given notice" in output or "1 trial at a time" in output)
    before = entries(store)
    cluster.machines.kill(2)
    cluster.machines.start(2)
    cluster.join(2)
    cluster.wait_for(lambda output: "2 trials at a time" in output.split("1 trial at a time")[-1])
    cluster.machines.kill(3)
    assert cluster.wait() == 0, cluster.output
    assert results(store) == undisturbed
    assert leftovers(store) == []
    after = entries(store)
    assert {name: after[name] for name in before} == before  # nothing was written twice
    assert cluster.longest_pause < 60
