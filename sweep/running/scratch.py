"""A run's folder for what it needs for a while: gone at its end, and if it was killed, when the next run begins."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "sweep-run-"

RAY = "ray"
"""The folder in it that is Ray's, which opens its own to everybody."""

LONGEST = 20
"""Characters of a folder in which Ray can work below ours: its sockets' paths have 107 at most."""


@contextmanager
def scratch() -> Iterator[Path]:
    """A new folder, in RAY_TMPDIR, TMPDIR or /tmp: the first whose name is short enough. Temporary files go there too.

    The process holds a lock in it, which ends with the process, whatever ends it. So a later run of the same user on
    the same machine can tell the folders of the dead, and removes them.
    """
    places = _places()
    for place in places:
        for folder in place.glob(f"{PREFIX}*"):
            with suppress(OSError):  # somebody else's, or somebody is faster
                _remove_if_dead(folder)
    folder, lock = _make(places[0])
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _places() -> list[Path]:
    named = [Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()).absolute(), Path(tempfile.gettempdir())]
    fit = [place for place in named if len(str(place)) <= LONGEST and os.access(place, os.W_OK)]
    return list(dict.fromkeys([*fit, Path("/tmp")]))  # noqa: S108 - the folder below it is of a new name, and ours alone


def _make(place: Path) -> tuple[Path, int]:
    """Locked before it has the name by which others look for it."""
    hidden = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=place))
    lock = os.open(hidden / _lock_name(), os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return hidden.rename(place / hidden.name.removeprefix(".")), lock


def _remove_if_dead(folder: Path) -> None:
    info = folder.lstat()
    if folder.is_symlink() or info.st_uid != os.getuid():
        return
    lock = os.open(folder / _lock_name(), os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _kill_users(folder)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _kill_users(folder: Path) -> None:
    """Ends what works in a folder: Ray's agents outlive its other processes by a minute."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # another user's, or it has just ended
            pid = int(link.parts[2])
            if pid != os.getpid() and link.readlink().is_relative_to(folder):
                os.kill(pid, signal.SIGKILL)


def _lock_name() -> str:
    """Says on which machine: a folder may be on a disk of several, and locks need not be seen by all of them."""
    return f"{socket.gethostname()}.lock"
