"""`sweep launch` as a user meets it: a desk, machines with an sshd, Ray's own `ray up`, jobs and `ray down`."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cluster import machines, namespace
from tests.cluster.machines import Machines, until
from tests.conftest import ROOT, write_experiment

pytestmark = [pytest.mark.cluster, namespace.needs("script", *machines.PROGRAMS), pytest.mark.timeout(400)]

SECRET = "hf_do_not_tell"
TRIALS = 500
"""More than there is time for: the job is stopped, and another form of the experiment comes to an end."""

SPACE = """
sampler: random
intermediate: &both
  all:
    learning_rate: {low: 1e-5, high: 1e-4, log: true, first: 1e-4}
    epochs: {values: [4, 5], first: 4}
    batch_size: 8
    warmup: 0.1
    weight_decay: 0.01
target: *both
"""
"""No two trials are alike, which the ledger would answer."""


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with Machines(tmp_path_factory.mktemp("launch"), 1) as found:
        token = found.run("ray get-auth-token --generate")
        assert token.returncode == 0, token.stdout
        yield found


@pytest.fixture(scope="module")
def command(there: Machines, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The command. The experiment's search space lies on the desk alone; its trials run on the head, where room is."""
    folder = tmp_path_factory.mktemp("experiment")
    space = folder / "my space.yaml"
    space.write_text(SPACE)
    limits = {"train_examples": 240, "eval_examples": 16}
    changes = {
        "limits": limits,
        "search_space": str(space),
        "trials": {"target": TRIALS},
        "resources": {"concurrent": 1},
    }
    file = write_experiment(folder, conditions=["none"], targets=["mini-pos"], **changes)
    on = there.cluster_file(ROOT / "clusters" / "local.yaml")
    on.write_text(on.read_text().replace("--num-cpus=0", "--num-cpus=1").replace("CPU: 0", "CPU: 1"))
    return f"sweep launch {file} --on {on}"


def typed(command: str) -> str:
    """In the project's folder, as the cluster file's mounts ask for."""
    return f"cd {ROOT} && exec {command}"


def launcher(process: subprocess.Popen[str]) -> int:
    """The process of the command itself: `nsenter` stands before it."""
    (pid,) = [one.pid for one in psutil.Process(process.pid).children(recursive=True) if "launch" in one.cmdline()]
    return pid


def test_up_submit_leave_come_back_and_down(there: Machines, command: str) -> None:
    """One story, for each chapter takes up the cluster of the one before."""
    begun = there.popen(typed(command), HF_TOKEN=SECRET)
    said = until(begun, rf" 1/{TRIALS + 1} ")
    assert "starting Ray" in said
    assert "Runs on the cluster, as job sweep-small-" in said
    environments = there.run("cat /proc/$(pgrep -f 'sweep run' | head -1)/environ", on=1)
    assert f"HF_TOKEN={SECRET}" in environments.stdout

    os.kill(launcher(begun), signal.SIGINT)
    rest, _ = begun.communicate(timeout=30)
    assert begun.returncode == 130, rest
    assert f"{command}\n" in rest, "how to come back"
    ((stop, job),) = re.findall(r"(ray exec \S+ 'ray job stop (\S+)')", rest)

    other = there.run(typed(f"{command} seeds=[1,2]"))
    assert other.returncode == 2
    assert f"another form of experiment 'small' runs there, as job {job}" in other.stdout
    wrong = there.desk / "wrong_token"
    wrong.write_text("f" * 64)
    stranger = there.run(typed(command), RAY_AUTH_TOKEN_PATH=str(wrong))
    assert stranger.returncode == 2
    assert "lets only those in who have its token" in stranger.stdout

    watching = there.popen(typed(command))
    until(watching, re.escape(f"It runs there already, as job {job}."))
    until(watching, rf" \d+/{TRIALS + 1} ")
    (tunnel,) = [one for one in psutil.Process(launcher(watching)).children() if one.name() == "ssh"]
    tunnel.kill()  # as when the laptop was closed, or the network away
    until(watching, "The head node is out of reach .*; the sweep goes on there.")
    until(watching, "The head node answers again.")
    stopped = there.run(f"cd {ROOT} && {stop}")
    assert stopped.returncode == 0, stopped.stdout
    words, _ = watching.communicate(timeout=60)
    assert watching.returncode == 128 + signal.SIGTERM, words
    assert "Everything finished is in the store" in words, "it was given the time to end"

    done = max(int(number) for number in re.findall(rf" (\d+)/{TRIALS + 1} ", words))
    command += f" trials.target={done + 8}"
    back = there.run(f"cd {ROOT} && script -qec {shlex.quote(command)} /dev/null", seconds=200, TERM="xterm")
    assert back.returncode == 0, back.stdout
    assert f"Runs on the cluster, as job {job.removesuffix('1')}2." in back.stdout
    assert "of them in the store already" in back.stdout
    assert "best so far, English development score" in back.stdout, "the live view"
    assert not re.search(rf"^\d\d:\d\d:\d\d \d+/{done + 9} ", back.stdout, re.MULTILINE), "a line per trial"
    assert "sweep query" in back.stdout
    assert re.search(r"Machines: 1 head 0\.\d\d h", back.stdout)
    for raw in ("INFO", "WARNING", "Traceback", "None", "entrypoint"):
        assert raw not in said + rest + other.stdout + words + back.stdout, raw

    last = there.run(typed(f"{command} --down when-done"), seconds=200)
    assert last.returncode == 0, last.stdout
    assert "Nothing was left to run." in last.stdout
    assert last.stdout.endswith("It is down.\n")
    assert there.run("pgrep -x gcs_server", on=1).returncode == 1, "Ray runs on"
    for place in (Path("/tmp/ray"), there.home(1), there.desk):
        found = there.run(f"grep -rlE '{SECRET}' {place}", on=1)
        assert found.stdout == "", "a secret lies about"
