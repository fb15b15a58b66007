"""Every file that was ever below a folder: a run removes its own at its end."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PAUSE = 0.05
"""Seconds between two looks."""


class Watch:
    """Files by the names that they had, kept by a further name on the same disk, so with all that was written later."""

    def __init__(self, folder: Path, kept: Path) -> None:
        self._folder, self._kept = folder, kept
        self.files: dict[Path, Path] = {}

    def look(self) -> None:
        """Keeps what is new."""
        for place, _, names in os.walk(self._folder):
            for path in (Path(place, name) for name in names):
                with suppress(OSError):  # it is gone again
                    info = path.lstat()
                    kept = self._kept / str(info.st_ino)
                    if stat.S_ISREG(info.st_mode) and not kept.exists():
                        kept.hardlink_to(path)
                        self.files[path] = kept

    def named(self, part: str) -> str:
        """The content of all files with a part in their names."""
        return "".join(kept.read_text(errors="replace") for path, kept in self.files.items() if part in path.name)

    def holding(self, text: str) -> list[Path]:
        """The files that hold a text."""
        return [path for path, kept in self.files.items() if text.encode() in kept.read_bytes()]


@contextmanager
def watch(folder: Path, kept: Path) -> Iterator[Watch]:
    """Watches a folder as long as the block lasts. Both folders are on one disk, and neither is in the other."""
    watching, ended = Watch(folder, kept), threading.Event()

    def look_again() -> None:
        while not ended.wait(PAUSE):
            watching.look()

    thread = threading.Thread(target=look_again, daemon=True)
    thread.start()
    try:
        yield watching
    finally:
        ended.set()
        thread.join()
        watching.look()
