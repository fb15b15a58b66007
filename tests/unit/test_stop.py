"""Signals: the first ends a run in good order, the second at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.running.stop import SIGNALS, Stop, Stopped


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}  # nohup's tests ignore some
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def ends() -> list[int]:
    return []


@pytest.fixture
def stop(ends: list[int]) -> Stop:
    return Stop(lambda stopped: ends.append(stopped.code))


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_stops_what_is_done_and_says_the_exit_code(stop: Stop, number: signal.Signals) -> None:
    with pytest.raises(Stopped) as caught:
        os.kill(os.getpid(), number)
    assert caught.value.code == 128 + number
    assert not isinstance(caught.value, Exception)  # what retries after errors must not retry after this


def test_a_signal_waits_where_it_would_do_harm(stop: Stop) -> None:
    done = []

    def work() -> None:
        with stop.later():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("this")
            with pytest.raises(Stopped):
                stop.check()
            done.append("that")

    for _ in range(2):  # nothing begins after it
        with pytest.raises(Stopped):
            work()
        assert done == ["this", "that"]


def test_an_error_is_not_hidden_by_a_signal(stop: Stop) -> None:
    def work() -> None:
        with stop.later():
            os.kill(os.getpid(), signal.SIGHUP)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()


def test_the_second_signal_ends_at_once_with_the_code_of_the_first(stop: Stop, ends: list[int]) -> None:
    with pytest.raises(Stopped):
        os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    assert ends == [143]


def test_a_run_that_hangs_ends_all_the_same(ends: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweep.running.stop.GRACE", 0.05)
    stop, ended = Stop(lambda stopped: (ends.append(stopped.code), ended.set())), threading.Event()

    def work() -> None:
        with stop.later():
            os.kill(os.getpid(), signal.SIGTERM)
            assert ended.wait(10)

    with pytest.raises(Stopped):
        work()
    assert ends == [143]


def test_at_once_takes_all_processes_with_it() -> None:
    code = (
        "import os, subprocess, sys; from sweep.running.stop import kill_children;"
        "subprocess.Popen(['setsid', 'sh', '-c', 'sleep 100 & echo $!; wait'], stdout=sys.stdout).poll();"
        "sys.stdin.readline(); kill_children(); os._exit(3)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    grandchild = process.stdout.readline().strip()
    assert Path(f"/proc/{grandchild}").exists()
    process.communicate("now\n", timeout=20)  # it ends when nobody has its output open any more
    assert process.returncode == 3


def test_what_nohup_ignores_stays_ignored(ends: list[int]) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stop = Stop(lambda stopped: ends.append(stopped.code))
    os.kill(os.getpid(), signal.SIGHUP)
    stop.listen()
    os.kill(os.getpid(), signal.SIGHUP)
    stop.check()
    with pytest.raises(Stopped):
        os.kill(os.getpid(), signal.SIGTERM)


def test_it_listens_again_after_others_took_a_signal(stop: Stop) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stop.listen()
    with pytest.raises(Stopped):
        os.kill(os.getpid(), signal.SIGTERM)
