"""What a person sees while a run goes on."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sweep.console import Console
from sweep.ledger import Entry
from sweep.running.progress import Progress
from sweep.search import Outcome, Search
from tests.unit.test_search import GRID, plan_of, score
from trainables.reports import Score


def shown(terminal: bool, error: str | None = None) -> tuple[str, str]:
    """The output after five trials, and the live view while a sixth runs."""
    plan = plan_of(**GRID)
    search = Search(plan)
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal, color_system=None)
    progress = Progress(console)
    now = datetime.now(UTC)
    with progress.running(plan, search, Path("runs/x/logs/1.log")):
        progress.room(2)
        for number in range(5):
            found = search.next()
            assert found is not None
            study, spec = found
            progress.started(study, spec)
            progress.reported(spec.trial_id, {"progress": 0.5, "objective": 12.3})
            failed = error if number == 4 else None
            value = None if failed or spec.phase == "evaluate" else score(spec)
            scores = (Score("mini-bitext", None, "de", "test", "accuracy", True, 50.0, 1.0, 20),)
            entry = Entry(
                spec, now, now + timedelta(seconds=3), value, error=failed,
                scores=scores if spec.phase == "evaluate" else (),
            )  # fmt: skip
            search.finish(Outcome(spec, "failed" if failed else "finished", value))
            progress.finished(study, entry)
        found = search.next()
        assert found is not None
        progress.started(*found)
        progress.begun(found[1].trial_id)
        progress.reported(found[1].trial_id, {"progress": 0.5, "objective": 12.3})
        view = Console(file=io.StringIO(), width=80, color_system=None)
        view.print(progress.view())
    assert isinstance(console.file, io.StringIO)
    assert isinstance(view.file, io.StringIO)
    return console.file.getvalue(), view.file.getvalue()


def test_the_view_fits_80_columns_and_says_everything() -> None:
    _, view = shown(terminal=True)
    assert all(len(line.rstrip()) <= 80 for line in view.splitlines())
    for words in ("5/71 trials", "left", "running", "50%", "12.3", "best so far", "seed 1"):
        assert words in view, view


def test_without_a_terminal_there_is_a_line_a_trial() -> None:
    output, _ = shown(terminal=False)
    lines = output.splitlines()
    assert lines[0] == "small: 71 trials in 17 studies"
    assert lines[2] == "2 trials at a time"
    assert sum(" s" in line and "/71 " in line for line in lines) == 5
    assert "\x1b" not in output


@pytest.mark.parametrize("terminal", [True, False])
def test_failures_are_told_at_once_and_stay_on_the_screen(terminal: bool) -> None:
    output, view = shown(terminal, error="the gradient is nan\nand more")
    assert "the gradient is nan" in output
    assert "1 failed" in view


@pytest.mark.parametrize("terminal", [True, False])
def test_what_waits_for_a_machine_is_said_with_its_reason(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the screen, in the lines of a batch job, and to `sweep status`; as long as it waits, not before a minute."""
    search = Search(plan_of(**GRID))
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal, color_system=None)
    progress = Progress(console)
    with progress.running(search.plan, search, "log"):
        found = search.next()
        assert found is not None
        progress.started(*found)

        def look() -> str:
            progress.look(3, "a machine with 1 GPU", lambda: "no machine; none is to be had")
            view = Console(file=io.StringIO(), width=80, color_system=None)
            view.print(progress.view())
            assert isinstance(view.file, io.StringIO)
            return view.file.getvalue()

        assert "waits" in look()
        assert progress.describe()["waits"] is None
        assert progress.describe()["running"] == []
        monkeypatch.setattr("sweep.running.progress.PATIENCE", 0.0)
        told = "1 trial waits for a machine with 1 GPU for 0 min: no machine; none is to be had"
        assert told in " ".join(look().split())
        look()
        assert progress.describe()["waits"] == told
        assert isinstance(console.file, io.StringIO)
        assert console.file.getvalue().count(told) == (not terminal)  # once; where nothing is live, in a line
        assert "3 trials at a time" in console.file.getvalue()
        progress.begun(found[1].trial_id)
        assert "waits" not in look()
        assert progress.describe()["waits"] is None
        assert [one["study"] for one in progress.describe()["running"]] == [found[0].name]


@pytest.mark.parametrize("terminal", [True, False])
def test_names_and_reasons_are_shown_as_they_are(terminal: bool) -> None:
    """In the lines, and in the live view."""
    output, _ = shown(terminal, error="unknown tag '(S[dcl]\\NP)/PP' [/x] \x07")
    assert r"unknown tag '(S[dcl]\NP)/PP' [/x] \x07" in output
    search = Search(plan_of(conditions=["none", {"name": "nli[en]", "tasks": ["mini-nli"]}], targets=["mini-pos"]))
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal, color_system=None)
    progress = Progress(console)
    with progress.running(search.plan, search, "[/log]"):
        while (found := search.next()) is not None:
            progress.started(*found)
        view = Console(file=io.StringIO(), width=80, color_system=None)
        view.print(progress.view())
    assert isinstance(console.file, io.StringIO)
    assert isinstance(view.file, io.StringIO)
    assert "[/log]" in console.file.getvalue()
    assert "intermediate/nli[en]" in view.file.getvalue()
