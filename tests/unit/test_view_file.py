"""A run without a terminal draws its live view for those who watch from elsewhere."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from rich.text import Text

from sweep.console import Console
from sweep.running import view_file
from sweep.running.progress import Progress
from sweep.running.view_file import drawn
from sweep.search import Search
from tests.unit.test_search import GRID, plan_of


def shown(file: Path) -> str:
    return Text.from_ansi(file.read_text()).plain if file.exists() else ""


def test_the_view_is_in_the_file_while_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_file, "EVERY", 0.01)
    file = tmp_path / "job.log.view"
    plan = plan_of(**GRID)
    progress = Progress(Console(file=io.StringIO()))
    with drawn(progress, str(file)):
        time.sleep(0.05)
        assert not file.exists()  # nothing has begun
        with progress.running(plan, Search(plan), tmp_path / "log"):
            deadline = time.monotonic() + 10
            while f"0/{plan.runs} trials" not in (view := shown(file)):  # the first may be drawn as the run begins
                assert time.monotonic() < deadline, view
                time.sleep(0.01)
    assert "running" in view
    assert all(len(line) <= 80 for line in view.splitlines())


def test_nobody_watches(tmp_path: Path) -> None:
    with drawn(Progress(Console(file=io.StringIO())), None):
        pass
    assert not list(tmp_path.iterdir())
