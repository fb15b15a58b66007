"""A run's temporary folder: gone with the run, or with the next one, and nobody else's ever."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from sweep.running.scratch import scratch

HOLD = """
import subprocess, sys
from sweep.running.scratch import scratch
with scratch() as folder:
    (folder / "session").mkdir()
    with (folder / "session" / "log").open("w") as log:
        agent = subprocess.Popen(["sleep", "100"], stdout=log, start_new_session=True)
    print(folder, agent.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="s-", dir="/tmp"))  # short, as sockets want it
    monkeypatch.setenv("RAY_TMPDIR", str(made))
    yield made
    shutil.rmtree(made)


class Another(NamedTuple):
    """Another process with its folder, and one that it has started."""

    process: subprocess.Popen[str]
    folder: Path
    agent: int


def another() -> Another:
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder, agent = process.stdout.readline().split()
    return Another(process, Path(folder), int(agent))


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_all_that_is_temporary_goes_with_it(place: Path) -> None:
    with scratch() as folder:
        assert folder.parent == place
        assert folder.stat().st_mode & 0o777 == 0o700
        left = Path(tempfile.mkdtemp())
        assert left.parent == folder
    assert not list(place.iterdir())
    assert Path(tempfile.gettempdir()) != folder


def test_it_goes_with_an_error_too(place: Path) -> None:
    with pytest.raises(KeyboardInterrupt), scratch():
        raise KeyboardInterrupt
    assert not list(place.iterdir())


def test_the_living_keep_theirs_and_those_of_the_dead_go(place: Path) -> None:
    process, folder, agent = another()
    with scratch() as own:
        assert set(place.iterdir()) == {own, folder}
    assert (folder / "session").is_dir()
    assert lives(agent)
    process.kill()
    process.wait()
    assert (folder / "session").is_dir()
    with scratch() as own:
        assert set(place.iterdir()) == {own}
    deadline = time.monotonic() + 10
    while lives(agent) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not lives(agent)


def test_what_is_not_known_for_sure_stays(place: Path) -> None:
    process, folder, agent = another()
    process.kill()
    process.wait()
    os.kill(agent, signal.SIGKILL)
    elsewhere = place / "sweep-run-elsewhere"
    shutil.copytree(folder, elsewhere)
    (lock,) = elsewhere.glob("*.lock")
    lock.rename(elsewhere / "another-machine.lock")
    (place / "sweep-run-new").mkdir()
    (place / "session_of_another_ray").mkdir()
    (place / "sweep-run-link").symlink_to(folder)
    with scratch() as own:
        kept = {elsewhere, place / "sweep-run-new", place / "session_of_another_ray", place / "sweep-run-link"}
        assert set(place.iterdir()) == {own, *kept}


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_another_user_s_stays(place: Path) -> None:
    process, folder, agent = another()
    process.kill()
    process.wait()
    os.kill(agent, signal.SIGKILL)
    os.chown(folder, 12345, 12345)
    with scratch():
        assert folder.is_dir()


def test_a_place_with_too_long_a_name_is_left_for_the_next(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = place / ("long" * 10)
    long.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(long))
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    with scratch() as folder:
        assert folder.parent == place
