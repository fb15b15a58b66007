"""What a head node needs: the memory of its processes while 1, 2 and 4 trials run, and what each further trial adds.

A real head as `ray up` starts it, with autoscaler and dashboard but without CPUs, and beside it, on the same machine, a
real worker node, whose processes are not counted: on a cluster they are elsewhere. On these a real `sweep run` of a
tiny model. Memory is the proportional set size: pages that processes share are counted once, in parts. Two cores are
enough, as it waits until all is up: python -m benchmarks.head
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import yaml

BIN = Path(sys.executable).parent
STEADY = 20.0
"""Seconds for which all worker groups have been there when it is measured: Ray's spare processes have gone by then."""

PATIENCE = 300.0
"""Seconds in which they must have come."""

WORKER = "RayTrainWorker"
"""What the title of a worker's process has in it."""

AUTOSCALER = {
    "cluster_name": "measured", "max_workers": 0, "upscaling_speed": 1.0, "idle_timeout_minutes": 5, "docker": {},
    "provider": {
        "type": "fake_multinode", "use_node_id_as_ip": True, "disable_node_updaters": True,
        "disable_launch_config_check": True,
    },
    "auth": {"ssh_user": "x"}, "head_node_type": "head",
    "available_node_types": {"head": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0}},
    "file_mounts": {}, "cluster_synced_files": [], "file_mounts_sync_continuously": False, "rsync_exclude": [],
    "rsync_filter": [], "initialization_commands": [], "setup_commands": [], "head_setup_commands": [],
    "worker_setup_commands": [], "head_start_ray_commands": [], "worker_start_ray_commands": [],
}  # fmt: skip
"""An autoscaler that has nothing to start: its process is there."""


class Head:
    """A head, and a worker node for so many trials, with all that is theirs in a folder."""

    def __init__(self, folder: Path, trials: int) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.environment = {**os.environ, "HOME": str(folder), "RAY_TMPDIR": str(folder), "RAY_FAKE_CLUSTER": "1"}
        (folder / "autoscaler.json").write_text(json.dumps(AUTOSCALER))
        port = self.address.partition(":")[2]
        self._ray("--head", f"--port={port}", "--num-cpus=0", "--dashboard-port=0", f"--temp-dir={folder}",
                  f"--autoscaling-config={folder}/autoscaler.json")  # fmt: skip
        before = set(self.processes())
        self._ray(f"--address={self.address}", f"--num-cpus={trials}")
        self.elsewhere = set(self.processes()) - before

    def _ray(self, *options: str) -> None:
        here = ["--node-ip-address=127.0.0.1", "--object-store-memory=100000000"]
        command: list[str | Path] = [BIN / "ray", "start", *here, *options]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def processes(self) -> Iterator[psutil.Process]:
        """Those that have a file of the folder open: all of Ray's have their logs there."""
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                links = Path(f"/proc/{process.pid}/fd").iterdir()
                if process.pid != os.getpid() and any(one.readlink().is_relative_to(self.folder) for one in links):
                    yield process

    def here(self) -> list[psutil.Process]:
        """Those of the head."""
        found = []
        for process in self.processes():
            with suppress(psutil.Error):
                if process not in self.elsewhere and not self.elsewhere & set(process.parents()):
                    found.append(process)
        return found

    def workers(self) -> int:
        """How many worker groups there are."""
        return sum(WORKER in title(process) for process in self.processes())

    def end(self) -> None:
        """Ends all processes."""
        while left := list(self.processes()):
            for process in left:
                with suppress(psutil.Error):
                    process.kill()


@contextmanager
def head(trials: int) -> Iterator[Head]:
    """For as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="h", dir="/tmp", ignore_cleanup_errors=True) as name:
        one = Head(Path(name), trials)
        try:
            yield one
        finally:
            one.end()


def title(process: psutil.Process) -> str:
    """What a process says that it is."""
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def sort(process: psutil.Process) -> str:
    """What a process is, in a word: Ray's actors have it in their titles, the others in their programs' names."""
    told = title(process)
    if " run " in told and "sweep" in told:
        return "driver"
    if actor := re.match(r"ray::([\w.]+)", told):
        return actor[1].partition(".")[0]
    found = re.search(r"(\w+)\.py\b", told)
    return found[1] if found else Path(told.partition(" ")[0]).name


def memory(process: psutil.Process) -> float:
    """In MB."""
    return process.memory_full_info().pss / 1e6


def measure(one: Head, trials: int) -> Mapping[str, list[float]]:
    """Runs so many trials at a time; the processes of the head then, by sort."""
    experiment = {
        "name": "measured", "model": "random:tiny", "data": "mini", "store": str(one.folder / f"store-{trials}"),
        "search_space": "quick", "trials": {"intermediate": 100, "target": 100, "parallel": trials},
        "conditions": ["none", "mini-nli"], "targets": ["mini-pos", "mini-qa"], "resources": {"concurrent": trials},
    }  # fmt: skip
    path = one.folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(experiment))
    command: list[str | Path] = [BIN / "sweep", "run", path, "--address", one.address]
    with (
        (one.folder / "run.log").open("wb") as log,
        subprocess.Popen(command, env=one.environment, stdout=log, stderr=log) as run,
    ):
        since, deadline = None, time.monotonic() + PATIENCE
        while since is None or time.monotonic() - since < STEADY:
            assert run.poll() is None and time.monotonic() < deadline, (one.folder / "run.log").read_text()
            time.sleep(1.0)
            since = (since or time.monotonic()) if one.workers() == trials else None
        found = defaultdict(list)
        for process in one.here():  # the driver has its log of Ray there, too
            with suppress(psutil.Error):
                found[sort(process)].append(memory(process))
        run.send_signal(signal.SIGTERM)
    while one.workers():
        time.sleep(1.0)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[1, 2, 4], help="at a time")
    arguments = parser.parse_args()
    totals = {}
    for trials in arguments.trials:
        with head(trials) as one:
            found = measure(one, trials)
        totals[trials] = sum(map(sum, found.values()))
        print(f"{trials} at a time: {totals[trials]:.0f} MB on the head")
        for name, sizes in sorted(found.items(), key=lambda item: -sum(item[1])):
            print(f"  {len(sizes):2} {name:24} {sum(sizes) / len(sizes):5.0f} MB each")
    least, most = min(totals), max(totals)
    if most > least:
        each = (totals[most] - totals[least]) / (most - least)
        print(f"without trials {totals[least] - least * each:.0f} MB, and {each:.0f} MB for each trial at a time")


if __name__ == "__main__":
    main()
