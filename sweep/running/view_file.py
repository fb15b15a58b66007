"""The live view of a run that has no terminal, for who watches from elsewhere: a file, drawn again and again."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sweep.console import Console
from sweep.running.progress import Progress

VIEW = "SWEEP_VIEW"
"""The variable that names the file."""

EVERY = 1.0
"""Seconds between two drawings."""

WIDTH = 80


@contextmanager
def drawn(progress: Progress, file: str | None) -> Iterator[None]:
    """Draws the view into a file as long as the context lasts; without a file nothing is drawn."""
    if file is None:
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_draw, args=(progress, Path(file), ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _draw(progress: Progress, file: Path, ended: threading.Event) -> None:
    beside = file.with_name(f".{file.name}")
    while not ended.wait(EVERY):
        if progress.describe()["experiment"] is None:  # it has not begun
            continue
        page = io.StringIO()
        Console(file=page, force_terminal=True, color_system="256", width=WIDTH).print(progress.view())
        with suppress(OSError):  # a full disk, or Ray has gone with its folder
            beside.write_text(page.getvalue(), encoding="utf-8")
            beside.replace(file)
