"""Being told to stop: Ctrl-C, and what SLURM, Kubernetes, spot machines and closed terminals send."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


GRACE = 20.0
"""Seconds after the first signal in which the run must have ended. Batch systems kill after 30 s."""


class Stopped(BaseException):
    """Somebody ended the run. No error: nothing that deals with errors may take it for one.

    Attributes:
        code: the exit code that shells have for it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


def kill_children() -> None:
    """Ends all processes that this one has started, and those that they have."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    for pid in ours - {os.getpid()}:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)


class Stop:
    """What the signals ask for: the first one ends the run in good order, the next one at once, and so does GRACE.

    Signals that were ignored when the process began (`nohup`) stay ignored.

    Args:
        at_once: ends the process, and with it those of a Ray in this machine.
    """

    def __init__(self, at_once: Callable[[Stopped], object]) -> None:
        self._at_once = at_once
        self._asked: Stopped | None = None
        self._is_later = False
        self._terminals = [fd for fd in (1, 2) if os.isatty(fd)]
        self._heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        self.listen()

    def listen(self) -> None:
        """Takes the signals: again after `ray.init`, whose C++ part takes SIGTERM for crashes, and aborts; and again
        after `ray.shutdown`, when that part leaves it to nobody.
        """
        for number in self._heard:
            signal.signal(number, self._hear)

    @property
    def asked(self) -> bool:
        """Whether there was a signal."""
        return self._asked is not None

    def check(self) -> None:
        """Raises Stopped where there was a signal."""
        if self._asked is not None:
            raise self._asked

    @contextmanager
    def later(self) -> Iterator[None]:
        """While the block lasts a signal waits: for `check`, or for the end of the block."""
        self.check()
        self._is_later = True
        try:
            yield
        finally:
            self._is_later = False
        self.check()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        for fd in self._terminals:
            if not os.isatty(fd):  # closed: to write to it is an error from now on
                os.dup2(os.open(os.devnull, os.O_WRONLY), fd)
        if self._asked is not None:
            self._at_once(self._asked)
            return
        self._asked = Stopped(number)
        patience = threading.Timer(GRACE, self._at_once, [self._asked])
        patience.daemon = True
        patience.start()
        if not self._is_later:
            raise self._asked
