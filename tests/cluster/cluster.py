"""A sweep on a cluster of machines that go and come back."""

from __future__ import annotations

import itertools
import re
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.cluster.machines import Machines

HEAD = "10.9.0.1:6379"
MEMORY = "--object-store-memory=100000000"


class Cluster:
    """A head without CPUs, which is machine 1, and a `sweep run` on it; machines with one CPU each join it."""

    def __init__(self, machines: Machines) -> None:
        self.machines = machines
        self.lines: list[tuple[float, str]] = []
        self._ray(1, f"--head --port=6379 --num-cpus=0 --include-dashboard=false {MEMORY}")

    def join(self, number: int) -> None:
        self._ray(number, f"--address={HEAD} --num-cpus=1 {MEMORY}")

    def comes_back(self, number: int) -> None:
        """A machine that was killed, drained or cut off joins again, with nothing of before."""
        self.machines.kill(number)
        self.machines.start(number)
        self.join(number)

    def drain(self, number: int, seconds: int) -> None:
        """As clouds do with spot machines."""
        drain(self.machines, number, seconds)

    def is_member(self, number: int) -> bool:
        """Whether the cluster has a machine, as far as it knows."""
        return bool(node_ids(self.machines, number))

    @property
    def is_running(self) -> bool:
        """Whether the sweep goes on."""
        return self._process.poll() is None

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
        say(self.machines, number, f"ray start --node-ip-address=10.9.0.{number} {options}")


def drain(machines: Machines, number: int, seconds: int, **environment: str) -> None:
    """Gives a machine of a cluster notice."""
    (told,) = node_ids(machines, number, **environment)
    reason = "--reason=DRAIN_NODE_REASON_PREEMPTION --reason-message=spot"
    command = f"ray drain-node --address={HEAD} --node-id={told} {reason} --deadline-remaining-seconds={seconds}"
    say(machines, 1, command, **environment)


def node_ids(machines: Machines, number: int, **environment: str) -> list[str]:
    """What the cluster calls a machine; nothing while it is none of its members."""
    alive = f"one['Alive'] and one['NodeManagerAddress'] == '10.9.0.{number}'"
    listed = f"print('nodes', *(one['NodeID'] for one in ray.nodes() if {alive}))"
    command = f"python -c \"import ray; ray.init('auto', log_to_driver=False); {listed}\""
    return re.findall(r"^nodes(.*)$", say(machines, 1, command, **environment), re.MULTILINE)[0].split()


def say(machines: Machines, number: int, command: str, **environment: str) -> str:
    """What a command says that must end well; by ssh, which takes no variables along but these."""
    variables = " ".join(f"export {name}={value};" for name, value in environment.items())
    done: subprocess.CompletedProcess[str] = machines.run(f"{variables} {command}", on=number)
    assert done.returncode == 0, done.stdout
    return done.stdout
