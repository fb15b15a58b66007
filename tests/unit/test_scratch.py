"""A run's temporary folder: gone with the run, or with the next one, and nobody else's ever."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.running.scratch import scratch

HOLD = """
import sys
from sweep.running.scratch import scratch
with scratch() as folder:
    (folder / "session").mkdir()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="s-", dir="/tmp"))  # short, as sockets want it
    monkeypatch.setenv("RAY_TMPDIR", str(made))
    yield made
    shutil.rmtree(made)


def another() -> tuple[subprocess.Popen[str], Path]:
    """Another process with its folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


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
    process, folder = another()
    with scratch() as own:
        assert set(place.iterdir()) == {own, folder}
    assert (folder / "session").is_dir()
    process.kill()
    process.wait()
    assert (folder / "session").is_dir()
    with scratch() as own:
        assert set(place.iterdir()) == {own}


def test_what_is_not_known_for_sure_stays(place: Path) -> None:
    process, folder = another()
    process.kill()
    process.wait()
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
    process, folder = another()
    process.kill()
    process.wait()
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
