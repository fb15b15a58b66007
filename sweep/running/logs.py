"""What Ray and the libraries behind it say, in the store: of every run what its driver heard, of a breakdown all."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sweep.running.scratch import RAY
from trainables.store import Store

MOST = 2**20
"""The bytes at the end of each of Ray's own files that are kept."""


class Logs:
    """The logs of one run.

    Args:
        scratch: the run's folder, in which Ray's own files lie as long as the run lasts.

    Attributes:
        file: what the driver hears, as long as the run lasts.
        told: where it is found in the end.
        breakdown: where Ray's own files are found if it broke down.
    """

    def __init__(self, store: Store, scratch: Path) -> None:
        self._store, self._scratch = store, scratch
        self._name = f"logs/{datetime.now():%Y%m%d-%H%M%S}"
        self.told = store.path(f"{self._name}.log")
        self.breakdown = store.path(f"{self._name}-ray")
        self.file = Path(self.told) if store.is_local else scratch / "run.log"

    def save(self, broke_down: bool) -> None:
        """Puts into the store what is not there yet. A store that is away takes none: there are worse things then."""
        with suppress(OSError):
            if not self._store.is_local:
                self._store.write(f"{self._name}.log", self.file.read_bytes())
            if broke_down:
                for path in (self._scratch / RAY / "session_latest" / "logs").glob("*"):
                    if path.is_file() and path.stat().st_size:
                        self._store.write(f"{self._name}-ray/{path.name}", _end(path))


def _end(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - MOST), os.SEEK_SET)
        return file.read()
