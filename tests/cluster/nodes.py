"""Machines of a cluster, each with a network of its own, on one: they can be killed, drained, and cut off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from tests.cluster import namespace

NETWORK = "10.9.1"
HEAD = 1
MEMORY = "--object-store-memory=100000000"


class Nodes:
    """A head without CPUs, and machines with one CPU each that are added by number, from 2.

    They share files and processes, and nothing else: each has a network namespace with an address of its own on a
    bridge. Everything ends with the context.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._keeper = namespace.popen("ip link add bridge type bridge; ip link set bridge up; cat", folder)
        self._inside = ("nsenter", "--target", str(_child(self._keeper.pid)), "--net", "--mount", "--pid")

    def __enter__(self) -> Nodes:
        # /run/netns has to be this namespace's own, or the networks of two tests would meet
        self.run("mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns")
        self._connect(HEAD)
        self.on(HEAD, f"ray start --head --port=6379 --num-cpus=0 --include-dashboard=false {MEMORY}", self.ip(HEAD))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._keeper.kill()
        self._keeper.wait()

    @staticmethod
    def ip(number: int) -> str:
        """A machine's address."""
        return f"{NETWORK}.{number}"

    @property
    def address(self) -> str:
        """The cluster's."""
        return f"{self.ip(HEAD)}:6379"

    def add(self, number: int, cpus: int = 1) -> None:
        """A machine comes, or comes back."""
        if not self.run(f"ip netns list | grep -w node{number} || true"):
            self._connect(number)
        self.on(number, f"ray start --address={self.address} --num-cpus={cpus} {MEMORY}", self.ip(number))

    def kill(self, number: int) -> None:
        """A machine loses its power."""
        self.run(f"ip netns pids node{number} | xargs --no-run-if-empty kill -9")

    def terminate(self, number: int) -> None:
        """A machine's `ray start` is told to end, as Kubernetes, Docker and SLURM do: it drains itself."""
        self.run(f"kill $(ip netns pids node{number} | xargs ps -o pid=,args= -p | grep 'ray start' | cut -c1-8)")

    def drain(self, number: int, seconds: int) -> None:
        """A machine is given notice, as clouds do with spot machines; then it is lost."""
        (node_id,) = [one["NodeID"] for one in self.alive() if one["NodeManagerAddress"] == self.ip(number)]
        told = "DRAIN_NODE_REASON_PREEMPTION --reason-message spot"
        command = f"ray drain-node --address={self.address} --node-id={node_id} --reason={told}"
        self.on(HEAD, f"{command} --deadline-remaining-seconds={seconds}")

    def cut(self, number: int, up: bool = False) -> None:
        """A machine's network goes away, or is there again."""
        self.run(f"ip link set veth{number} {'up' if up else 'down'}")

    def alive(self) -> list[dict[str, str]]:
        """Ray's view of the machines that are there."""
        code = f"import ray, json; ray.init('{self.address}', log_to_driver=False); print(json.dumps(ray.nodes()))"
        found = json.loads(self.on(HEAD, f'python -c "{code}" 2>/dev/null').splitlines()[-1])
        return [one for one in found if one["Alive"]]

    def on(self, number: int, command: str, address: str = "") -> str:
        """Runs a command on a machine; `address` is added as Ray's own option for it."""
        own = f" --node-ip-address={address}" if address else ""
        return self.run(f"ip netns exec node{number} {command}{own}")

    def start(self, number: int, command: str) -> subprocess.Popen[str]:
        """Starts a command on a machine."""
        return subprocess.Popen(
            [*self._inside, "bash", "-c", f"exec ip netns exec node{number} {command}"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, script: str) -> str:
        """Runs a script in the namespace of all of them, and returns what it prints."""
        done = subprocess.run(
            [*self._inside, "bash", "-c", script], env=self._environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout

    @property
    def _environment(self) -> dict[str, str]:
        return {**namespace.outer_environment(), "HOME": str(self.folder / "home")}

    def _connect(self, number: int) -> None:
        one = f"node{number}"
        self.run(
            f"ip netns add {one} && ip link add veth{number} type veth peer name eth0 netns {one}"
            f" && ip link set veth{number} master bridge up"
            f" && ip -n {one} address add {self.ip(number)}/24 dev eth0 && ip -n {one} link set eth0 up"
            f" && ip -n {one} link set lo up"
        )


def wait_for(happened: Callable[[], bool], seconds: float = 60) -> None:
    """Raises TimeoutError where something does not happen."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"still waiting after {seconds} s")
        time.sleep(0.2)


def _child(pid: int) -> int:
    """The first process in the namespace that another one made."""
    file = Path(f"/proc/{pid}/task/{pid}/children")
    wait_for(lambda: bool(file.read_text().split()))
    child = int(file.read_text().split()[0])
    wait_for(lambda: os.readlink(f"/proc/{child}/ns/mnt") != os.readlink("/proc/self/ns/mnt"))
    return child
