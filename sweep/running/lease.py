"""Who works on a store: one run at a time. What the run says of itself is what `sweep status` shows of it."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Annotated, Any

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field

from trainables.errors import Problem, UserError
from trainables.spec import content_hash
from trainables.store import Store, cache_folder

NAME = "run.json"
BEAT = 10.0
"""Seconds between two signs of life."""

SILENCE = 60.0
"""Seconds without a sign of life after which a run on another machine is taken for dead."""

SETTLING = 1.0
"""Seconds after which one of two runs that wrote at the same time sees that it was not the last."""

Record = Mapping[str, Any]

Time = Annotated[float, Field(ge=0, le=1e11)]
"""Seconds since the epoch, so few that they have a date."""


class _Running(BaseModel):
    model_config = ConfigDict(extra="allow")
    study: str
    settings: str
    progress: Annotated[float, Field(ge=0, le=1)]


class _Record(BaseModel):
    """What must be right in a record before anything of it is used."""

    model_config = ConfigDict(extra="allow")
    run: str = ""
    host: str = "?"
    pid: Annotated[int, Field(ge=0, lt=2**31)] = 0
    beat: Time = 0.0
    started: Time = 0.0
    experiment: str | None = None
    running: list[_Running] = []
    waits: str | None = None


class Lease:
    """A run's hold on a store, kept alive by a thread. `lost` is set when another run took the store over."""

    def __init__(self, store: Store, describe: Callable[[], Record]) -> None:
        self._store, self._describe = store, describe
        self._own = {"run": uuid.uuid4().hex, "host": socket.gethostname(), "pid": os.getpid(), "started": time.time()}
        self.lost = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def take(self, wait: Callable[[Record], None]) -> None:
        """Takes the store. `wait` is told of a run that shows no sign of life, before it is watched for a while.

        Raises:
            UserError: another run works on it.
        """
        found = read(self._store)
        if found is not None and not _is_gone(found):
            wait(found)
            self._watch(found)
        self._write()
        if not self._store.is_local:
            time.sleep(SETTLING)
        if (now := read(self._store)) is None or now["run"] != self._own["run"]:
            raise UserError(_in_use(self._store, now))
        self._thread.start()

    def release(self) -> None:
        """Gives the store back."""
        self._ended.set()
        self._thread.join()
        if not self.lost.is_set():
            self._store.delete(NAME)

    def _watch(self, found: Record) -> None:
        """Clocks of two machines may differ, so what counts is whether the record changes."""
        deadline = time.monotonic() + SILENCE
        while time.monotonic() < deadline:
            time.sleep(min(1.0, SILENCE / 10))
            now = read(self._store)
            if now is None:
                return
            if now != found:
                raise UserError(_in_use(self._store, now))

    def _keep(self) -> None:
        while not self._ended.wait(BEAT):
            with suppress(OSError):  # a store that is away for a while; the next beat tries again
                found = read(self._store)
                if found is not None and found["run"] != self._own["run"]:
                    self.lost.set()
                    return
                self._write()

    def _write(self) -> None:
        record = {**self._own, "beat": time.time(), **self._describe()}
        self._store.write(NAME, json.dumps(record, indent=1).encode())


@contextmanager
def hold(store: Store, describe: Callable[[], Record], wait: Callable[[Record], None]) -> Iterator[Lease]:
    """The store for this run alone, as long as the context lasts. See `Lease.take`.

    Two runs of one user on one machine exclude each other by a file lock, which ends with its process. For all others
    there is a record in the store with the run's last sign of life.
    """
    locks = cache_folder() / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    guard = FileLock(locks / f"store-{content_hash([store.root, store.is_local])}.lock")
    try:
        guard.acquire(timeout=0)
    except Timeout:
        raise UserError(_in_use(store, read(store))) from None
    lease = Lease(store, describe)
    try:
        lease.take(wait)
        try:
            yield lease
        finally:
            lease.release()
    finally:
        guard.release()


def read(store: Store) -> Record | None:
    """What the run that holds the store said last; None where there is none. A record that is none is of no run."""
    nobody = _Record().model_dump(include={"run", "host", "pid", "beat"})
    try:
        return {**nobody, **_Record.model_validate_json(store.read(NAME)).model_dump(exclude_unset=True)}
    except FileNotFoundError:
        return None
    except ValueError:
        return nobody


def is_alive(record: Record) -> bool:
    """Whether the run gave a sign of life lately, going by this machine's clock."""
    return not _is_gone(record) and time.time() - record["beat"] < SILENCE


def _is_gone(record: Record) -> bool:
    """Whether the run's process was on this machine and is no more."""
    if record["host"] != socket.gethostname():
        return False
    try:
        os.kill(record["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return record["pid"] in (0, os.getpid())


def _in_use(store: Store, record: Record | None) -> Problem:
    if record is None:
        return Problem(f"another run is taking the store '{store.uri}'", hint="start this one when it has ended")
    ago = max(0, time.time() - record["beat"])
    who = f"process {record['pid']} on {record['host']}, last sign of life {ago:.0f} s ago"
    message = f"another run works on the store '{store.uri}': {who}"
    return Problem(message, hint="wait for its end, or give this experiment another store: store=DIR")
