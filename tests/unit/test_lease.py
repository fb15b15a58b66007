"""One run at a time on a store, whatever became of the one before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sweep.running import lease
from trainables.errors import UserError
from trainables.store import Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    for name, value in {"BEAT": 0.05, "SILENCE": 0.4, "SETTLING": 0.05}.items():
        monkeypatch.setattr(lease, name, value)
    return Store(str(tmp_path / "store"))


def hold(store: Store, waited: list[Mapping[str, Any]] | None = None) -> Any:
    return lease.hold(store, lambda: {"experiment": "x"}, (waited if waited is not None else []).append)


def leave_behind(store: Store, **changes: Any) -> dict[str, Any]:
    """The record of a run that did not give the store back."""
    record = {"run": "other", "host": "elsewhere", "pid": 1, "started": 0.0, "beat": time.time(), **changes}
    store.write(lease.NAME, json.dumps(record).encode())
    return record


def test_a_store_is_held_by_one_run_and_given_back(store: Store) -> None:
    with hold(store):
        record = lease.read(store)
        assert record is not None
        assert (record["pid"], record["experiment"]) == (os.getpid(), "x")
        with pytest.raises(UserError, match=rf"another run works on the store.*process {os.getpid()}"), hold(store):
            pass
    assert lease.read(store) is None
    with hold(store):
        pass


def test_a_run_of_another_process_is_refused(store: Store) -> None:
    code = f"""
import sys, time
from sweep.running import lease
from trainables.store import Store
with lease.hold(Store({store.uri!r}), dict, print):
    print("held", flush=True)
    time.sleep(60)
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=f"process {other.pid} on "), hold(store):
            pass
        other.kill()
        other.wait()
        began = time.monotonic()
        with hold(store):  # its process is gone, so nobody has to be waited for
            assert time.monotonic() - began < 0.3
    finally:
        other.kill()
        other.wait()


def test_a_record_of_another_machine_is_watched_before_it_is_taken_over(store: Store) -> None:
    left = leave_behind(store)
    waited: list[Mapping[str, Any]] = []
    with hold(store, waited):
        record = lease.read(store)
        assert record is not None
        assert record["pid"] == os.getpid()
    assert waited == [left]


def test_a_living_run_of_another_machine_is_refused_whatever_its_clock_says(store: Store) -> None:
    leave_behind(store, beat=0.0)

    left = lease.Lease(store, dict)
    with pytest.raises(UserError, match="process 1 on elsewhere"):
        left.take(lambda record: _beats_later(store, record))


def _beats_later(store: Store, record: Mapping[str, Any]) -> None:
    threading.Timer(0.1, lambda: leave_behind(store, **{**record, "beat": 1.0})).start()


def test_a_run_that_is_taken_over_notices(store: Store) -> None:
    with hold(store) as held:
        leave_behind(store)
        assert held.lost.wait(2)
    record = lease.read(store)
    assert record is not None
    assert record["run"] == "other"  # it is not this run's to remove


def test_signs_of_life_say_how_far_the_run_is(store: Store) -> None:
    told = {"done": 1}
    with lease.hold(store, lambda: dict(told), print):
        first = lease.read(store)
        told["done"] = 2
        time.sleep(0.2)
        second = lease.read(store)
    assert first is not None
    assert second is not None
    assert (first["done"], second["done"]) == (1, 2)
    assert second["beat"] > first["beat"]
    assert lease.is_alive({**second, "host": "elsewhere"})
    assert not lease.is_alive({**second, "host": "elsewhere", "beat": time.time() - 9})


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null"])
def test_a_damaged_record_does_not_shut_the_store_for_good(store: Store, content: bytes) -> None:
    store.write(lease.NAME, content)
    with hold(store):
        pass
    assert lease.read(store) is None


@pytest.mark.parametrize(
    "changes",
    [{"pid": "x"}, {"pid": 10**30}, {"pid": -1}, {"beat": "late"}, {"beat": 1e300}, {"host": 3}, {"running": [1]},
     {"running": [{"study": "x", "settings": "y", "progress": "half"}]}, {"started": None}, {"waits": ["x"]}],
)  # fmt: skip
def test_a_record_that_is_none_is_of_no_run(store: Store, changes: dict[str, Any]) -> None:
    leave_behind(store, **changes)
    record = lease.read(store)
    assert record == {"run": "", "host": "?", "pid": 0, "beat": 0.0}
    assert not lease.is_alive(record)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]", b"3", b"{", b"[" * 100_000, b'{"run": "\\ud800"}'])
def test_a_file_that_is_no_record_is_of_no_run(store: Store, content: bytes) -> None:
    store.write(lease.NAME, content)
    assert lease.read(store) == {"run": "", "host": "?", "pid": 0, "beat": 0.0}
