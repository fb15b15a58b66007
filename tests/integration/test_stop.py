"""A run that is stopped or killed: what is finished stays, nothing else does, and other Rays are let be."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ONE_GROUP, write_experiment

pytestmark = pytest.mark.integration
SWEEP = str(Path(sys.executable).with_name("sweep"))


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where Ray is told to work, on a machine that remembers two dead Rays, and has somebody else's session."""
    made = Path(tempfile.mkdtemp(prefix="s-", dir="/tmp"))
    monkeypatch.setenv("RAY_TMPDIR", str(made))
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    (made / "ray" / "session_of_somebody").mkdir(parents=True)
    (made / "ray" / "ray_current_cluster").write_text("127.0.0.1:2")
    yield made
    shutil.rmtree(made, ignore_errors=True)


def start(path: Path, *arguments: str) -> subprocess.Popen[str]:
    """In a session of its own, as a terminal or a batch system starts it."""
    command = [SWEEP, "run", str(path), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    before = ""
    for line in process.stdout:
        before += line
        if words in line:
            return before
    pytest.fail(f"no '{words}' in: {before}")


def left_of(process: subprocess.Popen[str]) -> list[str]:
    """Processes of its session that are still there, a moment later."""
    deadline = time.monotonic() + 10
    while True:
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(session) == process.pid and state != "Z":
                found.append((folder / "cmdline").read_text())
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def rays(place: Path) -> set[str]:
    return {one.name for one in place.iterdir()} - {"ray"}


@pytest.mark.parametrize(
    ("number", "everybody", "when"),
    [
        (signal.SIGTERM, False, " 3/"),  # Kubernetes, a spot machine's own script
        pytest.param(signal.SIGHUP, True, " 3/", marks=pytest.mark.faults),  # a closed terminal
        # systemd, SLURM; no trial has ended
        pytest.param(signal.SIGTERM, True, " at a time", marks=pytest.mark.faults),
        # Ctrl-C, while Ray starts
        pytest.param(signal.SIGINT, True, "Ray's own messages", marks=pytest.mark.faults),
    ],
)
def test_a_signal_stops_it_and_the_command_it_tells_goes_on(
    place: Path, tmp_path: Path, number: signal.Signals, everybody: bool, when: str
) -> None:
    path = write_experiment(tmp_path, limits={"train_examples": 200, "eval_examples": 16}, resources=ONE_GROUP)
    store = tmp_path / "a store"
    process = start(path, f"store={store}")
    read_until(process, when)
    began = time.monotonic()
    (os.killpg if everybody else os.kill)(process.pid, number)
    rest, errors = process.communicate(timeout=60)
    assert time.monotonic() - began < 25  # batch systems kill after 30 s
    assert (process.returncode, errors) == (128 + number, ""), rest + errors
    told = rest.partition("Stopped. Everything finished is in the store; to go on:")[2].strip()
    assert shlex.split(told)[-3:] == ["run", str(path), f"store={store}"]
    assert f"RAY_TMPDIR={place}" in told
    assert left_of(process) == []
    orderly = "/" in when  # else Ray may die first, or take long to start: then the next run tidies up
    if orderly:
        assert rays(place) == set()
        assert not (store / "run.json").exists()
    assert (place / "ray" / "session_of_somebody").is_dir()
    finished = len(list((store / "ledger" / "trials").glob("*.parquet")))
    assert finished >= (3 if orderly else 0)
    planned = subprocess.run(told.replace(" run ", " plan ", 1), shell=True, capture_output=True, text=True, timeout=60)
    assert planned.returncode == 0, planned.stderr
    assert finished == 0 or f"{finished} in the store already" in planned.stdout


@pytest.mark.faults
def test_the_second_signal_ends_it_at_once_and_leaves_no_ray(place: Path, tmp_path: Path) -> None:
    process = start(
        write_experiment(tmp_path, limits={"train_examples": 200, "eval_examples": 16}, resources=ONE_GROUP)
    )
    read_until(process, " 1/")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=60)
    assert time.monotonic() - began < 5
    assert (process.returncode, errors) == (143, "")
    assert "to go on:" in rest
    assert left_of(process) == []


@pytest.mark.slow
def test_what_a_killed_run_left_goes_with_the_next_which_ends_and_leaves_nothing(place: Path, tmp_path: Path) -> None:
    path = write_experiment(tmp_path, resources=ONE_GROUP)
    killed = start(path)
    read_until(killed, " 1/")
    killed.kill()
    killed.communicate(timeout=60)
    (dead,) = rays(place)
    assert (place / dead).stat().st_mode & 0o777 == 0o700  # whatever Ray does to its own
    process = start(path)
    read_until(process, " at a time")
    (living,) = rays(place)
    assert living != dead
    assert left_of(killed) == []
    _, errors = process.communicate(timeout=250)
    assert (process.returncode, errors) == (0, "")
    assert rays(place) == set()
    assert not list(tmp_path.glob("store/logs/*-ray"))  # nothing broke down


@pytest.mark.faults
def test_what_ray_wrote_before_it_broke_down_is_where_the_run_says(place: Path, tmp_path: Path) -> None:
    process = start(write_experiment(tmp_path, resources=ONE_GROUP))
    read_until(process, " 1/")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (raylet,) = [one for one in children if Path(f"/proc/{one}/comm").read_text().strip() == "raylet"]
    os.kill(int(raylet), signal.SIGKILL)
    told = read_until(process, "its logs: ")
    place_told = Path(told.rpartition("its logs: ")[2].partition(")")[0])
    assert place_told.parent == tmp_path / "store" / "logs"
    assert "raylet.out" in {one.name for one in place_told.iterdir()}
    read_until(process, " at a time")  # it started over
    assert len(rays(place)) == 1
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 143
