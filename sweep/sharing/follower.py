"""A tracker that is kept up to date while a run goes on: in a thread of its own, for which the run waits at its end, a
few seconds.

A pass is a `sync` of the whole experiment, since a trial may become another thing after it has ended: the winner of its
study. Passes are paced by how long they take, so that many trials do not make many of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sweep.console import counted
from sweep.ledger import Entry
from sweep.sharing.run import runs
from sweep.sharing.sync import sync
from sweep.sharing.tracker import Tracker
from trainables.store import Store

LEAST_PAUSE = 5.0
"""Seconds between two passes, at least."""

SHARE = 20.0
"""How many times as long as a pass the pause after it is: what passes take from the run's own thread is under 5%."""

GRACE = 10.0
"""Seconds that the end of a run waits for the last pass."""

THREAD = "sweep-log-"
"""What the names of the threads begin with."""


def is_at_work() -> bool:
    """Whether some tracker is still waited for, so that Python cannot end by itself.

    It would stop such a thread wherever it is: in native code, of DuckDB say, that is an abort of the whole process.
    """
    return any(thread.name.startswith(THREAD) for thread in threading.enumerate())


class Follower:
    """Called with each trial that ends. Neither that nor `close` raises, whatever the tracker does.

    Args:
        name: what the tracker is called.
        open_tracker: called in the thread: what it imports or asks for may take its time.
    """

    def __init__(self, name: str, store: Store, experiment: str, open_tracker: Callable[[], Tracker]) -> None:
        self.name, self._store, self._experiment, self._open = name, store, experiment, open_tracker
        self._ended: set[str] = set()
        self._there: set[str] = set()
        self._wake, self._closing = threading.Event(), threading.Event()
        self._error: str | None = None
        self._thread = threading.Thread(target=self._follow, name=f"{THREAD}{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def __call__(self, entry: Entry) -> None:
        """A trial ended, and is in the ledger."""
        self._ended.add(entry.spec.trial_id)
        self._wake.set()

    def end(self) -> None:
        """Asks for a last pass, and no more."""
        self._closing.set()
        self._wake.set()

    def close(self, until: float | None = None) -> str | None:
        """Waits for the last pass. Returns what is not there, and why; None: all of it is.

        Args:
            until: the latest, on the monotonic clock; None: GRACE from now.
        """
        self.end()
        self._thread.join(GRACE if until is None else max(0.0, until - time.monotonic()))
        late = self._thread.is_alive()
        missing = len(self._ended - self._there)
        if not late and self._error is None:
            return None
        what = f"{counted(missing, 'trial')} of this run" if missing else "what changed last, such as who won,"
        verb = "are" if missing > 1 else "is"
        why = f"it takes more than {GRACE:g} s" if late else self._error
        return f"{what} {verb} not in {self.name}: {why}"

    def _follow(self) -> None:
        tracker: Tracker | None = None
        while True:
            self._wake.wait()
            self._wake.clear()
            last = self._closing.is_set()  # before the pass: what ended until now is in it
            began = time.monotonic()
            try:
                tracker = tracker or self._open()
                sync(tracker, runs(self._store, [self._experiment]), self._there.add)
                self._error = None
            except BaseException as error:  # of whatever package: it must not end the run
                self._error = f"{type(error).__name__}: {error}".splitlines()[0]
                tracker = None  # what is left of it may be broken
            if last:
                return
            self._closing.wait(max(LEAST_PAUSE, SHARE * (time.monotonic() - began)))
