"""A tracker beside a run: it gets what the ledger gets, and whatever it does, the run does not wait for it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sweep.console import counted
from sweep.sharing import follower as module
from sweep.sharing.follower import Follower
from sweep.sharing.run import Run
from sweep.sharing.tracker import Tracker
from tests.unit.test_driver import Rig
from tests.unit.test_views import ONE_TARGET, play


class Kept:
    """A tracker in memory."""

    shown_by = "looking at it"

    def __init__(self, before: Callable[[], object] = lambda: None) -> None:
        self.runs: dict[str, Run] = {}
        self.before = before

    def held(self, experiment: str) -> Mapping[str, str]:
        return {trial_id: run.digest for trial_id, run in self.runs.items()}

    def put(self, run: Run) -> None:
        self.before()
        self.runs[run.trial_id] = run

    def flush(self) -> None:
        """It is there."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_PAUSE", 0.01)
    monkeypatch.setattr(module, "SHARE", 0.0)
    monkeypatch.setattr(module, "GRACE", 60.0)


def followed(folder: Path, open_tracker: Callable[[], Tracker]) -> tuple[Rig, Follower]:
    """A rig whose trials are followed."""
    rig = Rig(folder, **ONE_TARGET)
    follower = Follower("kept", rig.store, rig.plan.experiment, open_tracker)
    rig.driver.on_entry = follower
    follower.start()
    return rig, follower


def test_all_trials_are_there_at_the_end_each_as_it_is_then(tmp_path: Path) -> None:
    kept = Kept()
    rig, follower = followed(tmp_path, lambda: kept)
    play(rig)
    assert follower.close() is None
    ended = rig.trials("select trial_id, bool_or(winner) as winner from trials group by all")
    assert {one["trial_id"]: str(one["winner"]).lower() for one in ended} == {
        trial_id: run.tags["winner"] for trial_id, run in kept.runs.items()
    }


def test_trials_are_there_while_the_run_goes_on(tmp_path: Path) -> None:
    kept = Kept()
    rig, follower = followed(tmp_path, lambda: kept)
    begun = rig.start()
    assert begun is not None
    rig.end(begun[0])
    until = time.monotonic() + 20
    while begun[0].trial_id not in kept.runs:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert follower.close() is None


def test_a_run_with_nothing_left_to_do_brings_its_trackers_up_to_date(tmp_path: Path) -> None:
    kept = Kept()
    rig = play(Rig(tmp_path, **ONE_TARGET))
    follower = Follower("kept", rig.store, rig.plan.experiment, lambda: kept)
    follower.start()
    assert follower.close() is None
    assert kept.runs.keys() == {one["trial_id"] for one in rig.trials("from trials")}


def raising() -> None:
    raise RuntimeError("the server is away\nfor good")


def leaving() -> None:
    raise SystemExit(3)


@pytest.mark.parametrize("fault", [raising, leaving])
def test_a_tracker_that_raises_breaks_nothing_and_it_is_said(tmp_path: Path, fault: Callable[[], None]) -> None:
    rig, follower = followed(tmp_path, lambda: Kept(fault))
    play(rig)
    assert rig.driver.search.is_over
    missing = follower.close()
    trials = len(rig.trials("select distinct trial_id from trials"))
    assert missing is not None
    assert missing.startswith(f"{trials} trials of this run are not in kept: ")
    assert ("RuntimeError: the server is away" in missing) == (fault is raising)
    assert "\n" not in missing


def test_a_package_that_cannot_be_opened_is_as_one_that_raises(tmp_path: Path) -> None:
    def broken() -> Tracker:
        raise ImportError("libtracker.so is not there")

    rig, follower = followed(tmp_path, broken)
    play(rig)
    assert "ImportError: libtracker.so is not there" in str(follower.close())


@pytest.mark.parametrize("place", ["open", "put"])
def test_a_tracker_that_hangs_holds_nobody_up(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run takes as long as without it, and its end at most the grace longer."""
    monkeypatch.setattr(module, "GRACE", 1.0)
    for_ever = threading.Event()

    def hanging() -> Tracker:
        for_ever.wait()
        return Kept()

    rig, follower = followed(tmp_path, hanging if place == "open" else lambda: Kept(for_ever.wait))
    play(rig)
    assert rig.driver.search.is_over
    begun = time.monotonic()
    missing = follower.close()
    assert time.monotonic() - begun < module.GRACE + 1
    assert missing is not None
    assert "it takes more than 1 s" in missing
    for_ever.set()


HANGING = """
import sys, threading
import sweep.cli
from sweep.sharing import follower
from trainables.store import Store

class Hanging:
    def held(self, experiment): return {}
    def put(self, run): threading.Event().wait()
    def flush(self): pass

follower.GRACE = float(sys.argv[2])

def app():
    one = follower.Follower("kept", Store(sys.argv[1]), "small", Hanging)
    one.start()
    print(one.close())
    raise SystemExit(1)

sweep.cli.app = app
sweep.cli.main()
"""


@pytest.mark.parametrize("grace", [0.0, 0.05, 0.2, 0.8])
def test_a_process_ends_as_it_would_though_its_tracker_hangs(tmp_path: Path, grace: float) -> None:
    """Wherever the thread is then: it imports, asks DuckDB, or waits for ever."""
    rig = play(Rig(tmp_path, **ONE_TARGET))
    command = [sys.executable, "-c", HANGING, rig.store.root, str(grace)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert f"is not in kept: it takes more than {grace:g} s" in done.stdout
    assert (done.returncode, done.stderr) == (1, "")


def test_a_slow_tracker_takes_what_it_can_and_the_rest_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.1)
    monkeypatch.setattr("sweep.sharing.sync.AT_ONCE", 1)
    some = threading.Semaphore(3)  # so many it takes at once, and no more before the end
    kept = Kept(lambda: some.acquire(timeout=60))
    rig, follower = followed(tmp_path, lambda: kept)
    play(rig)
    until = time.monotonic() + 20
    while len(kept.runs) < 3:
        assert time.monotonic() < until
        time.sleep(0.01)
    ended = len(rig.trials("select distinct trial_id from trials"))
    assert ended > 3
    assert str(follower.close()).startswith(f"{counted(ended - 3, 'trial')} of this run")
    some.release(ended)


def test_a_tracker_that_comes_back_has_all_of_it(tmp_path: Path) -> None:
    kept = Kept()
    tried = threading.Semaphore(0)
    away = iter([True, True])

    def coming_back() -> Tracker:
        tried.release()
        if next(away, False):
            raise ConnectionError("refused")
        return kept

    rig, follower = followed(tmp_path, coming_back)
    begun = rig.start()
    assert begun is not None
    rig.end(begun[0])
    assert tried.acquire(timeout=20)
    play(rig)
    assert tried.acquire(timeout=20)
    assert follower.close() is None
    assert kept.runs.keys() == {one["trial_id"] for one in rig.trials("from trials")}
