"""Results that are not what they should be: whoever asks is told so in words, whatever they ask with.

The store is a simulated one of which something is missing, cut, changed, newer, or named by somebody who means ill.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from sweep.cli import app
from sweep.ledger import Entry, Ledger
from sweep.ledger.ledger import FOLDER as LEDGER
from sweep.ledger.tables import TRIALS
from sweep.planning.history import FOLDER as PLANS
from tests.simulated import Truth, simulated
from trainables import sealed
from trainables.data import kept
from trainables.sealed import SealedFile
from trainables.store import Store

QUESTIONS = {
    "best": ["query", "STORE", "from best"],
    "trials": ["query", "STORE", "from trials"],
    "predictions": ["query", "STORE", "from predictions"],
    "diagnostics": ["query", "STORE", "from diagnostics"],
    "compare": ["compare", "STORE"],
    "table": ["table", "STORE"],
    "report": ["report", "STORE", "--output", "OUT/report.html"],
    "plot": ["plot", "STORE", "differences", "--output", "OUT/figure.svg"],
    "card": ["card", "STORE", "--condition", "mini-nli"],
    "export": ["export", "STORE", "--condition", "none", "--output", "OUT/export"],
    "sync": ["sync", "STORE", "--to", "tensorboard", "--output", "OUT/sync"],
    "status": ["status", "STORE"],
}
"""Everything that reads results."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    simulated(folder, Truth(), 24, seeds=[1, 2], targets=["mini-nli"], trials={"intermediate": 1, "target": 1})
    return folder / "store"


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "store"))


def ask(name: str, store: Path, folder: Path) -> Result:
    (folder / "out").mkdir(exist_ok=True)
    words = [word.replace("STORE", str(store)).replace("OUT", str(folder / "out")) for word in QUESTIONS[name]]
    return CliRunner().invoke(app, words)


def told(done: Result) -> str:
    """What was said, after a look that it was said in words: no traceback, and 2 if it was an error.

    An export of nothing, as of this benchmark, ends with 1.
    """
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    assert done.exit_code in (0, 1, 2), done.output
    if done.exit_code == 2:
        assert "error: " in done.output
    assert "Traceback" not in done.output
    return done.output


def test_of_a_whole_store_everything_is_answered(store: Path, tmp_path: Path) -> None:
    for name in QUESTIONS:
        done = ask(name, store, tmp_path)
        told(done)
        if name in ("export", "card"):  # of no benchmark; with limits
            assert done.exit_code
        else:
            assert done.exit_code == 0, done.output


# What a store can be that is none, or not yet, or no longer


def nowhere(store: Path) -> None:
    shutil.rmtree(store)


def empty(store: Path) -> None:
    shutil.rmtree(store)
    store.mkdir()


def file(store: Path) -> None:
    shutil.rmtree(store)
    store.write_text("a file")


def planned_alone(store: Path) -> None:
    shutil.rmtree(store / LEDGER)


def without_plans(store: Path) -> None:
    shutil.rmtree(store / PLANS)


def half_written(store: Path) -> None:
    """Killed before the first trial's own row was there."""
    shutil.rmtree(store / LEDGER / "trials")


def without_predictions(store: Path) -> None:
    shutil.rmtree(store / LEDGER / "predictions")


def without_scores(store: Path) -> None:
    shutil.rmtree(store / LEDGER / "scores")


def without_examples(store: Path) -> None:
    shutil.rmtree(store / kept.FOLDER)


def cut(folder: str) -> Callable[[Path], None]:
    def spoil(store: Path) -> None:
        for one in sorted((store / folder).iterdir()):
            one.write_bytes(one.read_bytes()[:-100])

    return spoil


def changed(folder: str) -> Callable[[Path], None]:
    """A bit of each file's pages is another one."""

    def spoil(store: Path) -> None:
        for one in sorted((store / folder).iterdir()):
            content = bytearray(one.read_bytes())
            content[20] ^= 1
            one.write_bytes(bytes(content))

    return spoil


def strange(folder: str) -> Callable[[Path], None]:
    """Something else has that name."""

    def spoil(store: Path) -> None:
        for one in sorted((store / folder).iterdir()):
            one.write_bytes(b"PAR1" + bytes(200) + b"PAR1")

    return spoil


EMPTY = {
    nowhere: "no experiment was run|there is no store",
    empty: "no experiment was run|there is no ledger",
    file: "no experiment was run|there is no store",
    without_plans: "no experiment was run",
}
"""What is no store of results at all, and what everything says of it."""

UNFINISHED = (planned_alone, half_written, without_predictions, without_scores)
"""Stores in which no trial is there as a whole, so that nothing can be said yet."""

FOLDERS = (f"{LEDGER}/trials", f"{LEDGER}/scores", f"{LEDGER}/predictions", kept.FOLDER, PLANS)


@pytest.mark.parametrize("spoil", EMPTY)
def test_what_is_no_store_is_refused_whatever_is_asked(
    spoil: Callable[[Path], None], store: Path, tmp_path: Path
) -> None:
    spoil(store)
    for name in QUESTIONS:
        done = ask(name, store, tmp_path)
        assert re.search(EMPTY[spoil], told(done)), name
        assert done.exit_code == 2, name


@pytest.mark.parametrize("spoil", UNFINISHED)
def test_a_store_without_a_whole_trial_says_so(spoil: Callable[[Path], None], store: Path, tmp_path: Path) -> None:
    spoil(store)
    said = {name: told(ask(name, store, tmp_path)) for name in QUESTIONS}
    for name in ("best", "trials", "predictions", "diagnostics"):
        assert "no trial has finished" in said[name] or "is there as a whole" in said[name]
    assert "Nothing sure can be said yet" in said["compare"]
    assert "2 are still to run" in said["compare"]
    assert "there is nothing to compare yet" in said["table"]
    assert "0 of 10 trials done" in said["status"]


def test_without_examples_what_needs_them_says_so_and_the_rest_is_answered(store: Path, tmp_path: Path) -> None:
    without_examples(store)
    said = {name: told(ask(name, store, tmp_path)) for name in QUESTIONS}
    assert "is not there" in said["export"]
    assert "mini-nli" in said["best"]


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("how", [cut, changed, strange])
def test_a_damaged_file_is_named_and_never_answered_from(
    how: Callable[[str], Callable[[Path], None]], folder: str, whole: Path, store: Path, tmp_path: Path
) -> None:
    how(folder)(store)
    for name in ("best", "diagnostics", "report"):
        done = ask(name, store, tmp_path)
        said = told(done)
        if done.exit_code == 0:  # it has read nothing of them
            assert said == told(ask(name, whole, tmp_path))
        else:
            assert f"{folder}/" in said


@pytest.mark.parametrize("folder", [f"{LEDGER}/trials", PLANS])
def test_results_of_a_newer_version_are_refused_by_name(folder: str, store: Path, tmp_path: Path) -> None:
    for one in (store / folder).iterdir():
        if folder == PLANS:
            one.write_text(json.dumps({**json.loads(one.read_text()), "version": 99}))
        else:
            table = SealedFile(Store(str(store)), f"{folder}/{one.name}").table(TRIALS.names, TRIALS)
            about = SealedFile(Store(str(store)), f"{folder}/{one.name}").about
            one.write_bytes(sealed.write(table, {**about, "version": 99}))
    for name in QUESTIONS:
        done = ask(name, store, tmp_path)
        assert "99" in told(done) or "newer" in told(done), name
        assert done.exit_code == 2


# Names and texts of somebody who means ill

TEXTS = pa.list_(pa.string())

ILL = "x<b>&\\input{y}|%$#_^~"
"""A condition: what more a name may not have is refused before anything runs."""

ORDERS = "\x1b[2J\u202e\x07"
"""In what a ledger holds of trials and data: clears the screen, turns text round, rings."""


@pytest.fixture(scope="module")
def ill(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ill")
    conditions = ["none", {"name": ILL, "tasks": ["mini-nli"]}]
    changes = {"conditions": conditions, "targets": ["mini-pos"], "trials": {"intermediate": 1, "target": 1}}
    simulation = simulated(folder, Truth(), 24, seeds=[1, 2], **changes)
    spec = next(one.spec for one in simulation.search.outcomes.values() if one.spec.phase == "target")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    Ledger(simulation.store).write(Entry(spec, at, at, error=f"{ORDERS} <script>alert(1)</script>"))
    for name in simulation.store.list(kept.FOLDER, ".parquet"):
        table = SealedFile(simulation.store, name).table(kept.SCHEMA.names, kept.SCHEMA)
        texts = pa.array([[f"{ORDERS}{text}" for text in one] for one in table["texts"].to_pylist()], TEXTS)
        about = pq.read_schema(simulation.store.path(name)).metadata
        told = table.set_column(table.column_names.index("texts"), kept.SCHEMA.field("texts"), texts)
        simulation.store.write(name, sealed.write(told.replace_schema_metadata(about)))
    return folder / "store"


def test_nothing_in_a_ledger_gives_a_terminal_orders(ill: Path, tmp_path: Path) -> None:
    for name in QUESTIONS:
        said = told(ask(name, ill, tmp_path))
        assert not {*ORDERS} - {*"[2J"} & {*said}, name
    assert "\\x1b[2J" in told(ask("trials", ill, tmp_path))
    assert "\\x1b[2J" in told(ask("predictions", ill, tmp_path))


@pytest.mark.parametrize("command", [["query", "STORE", "from means"], ["compare", "STORE"], ["table", "STORE"]])
def test_nothing_in_a_ledger_is_latex_or_html(command: list[str], ill: Path) -> None:
    words = [word.replace("STORE", str(ill)) for word in command]
    latex = CliRunner().invoke(app, [*words, "--format", "latex"])
    assert latex.exit_code == 0, latex.output
    assert r"\input" not in latex.output
    assert r"\textbackslash{}input" in latex.output
    page = CliRunner().invoke(app, [*words, "--format", "html"])
    assert page.exit_code == 0, page.output
    assert "<b>" not in page.output
    markdown = CliRunner().invoke(app, [*words, "--format", "markdown"])
    assert markdown.exit_code == 0, markdown.output
    assert "<b>" not in markdown.output


# Questions that have no answer

COMPARING = ("compare", "table", "report", "plot")


@pytest.mark.parametrize("name", COMPARING)
@pytest.mark.parametrize(
    ("option", "value", "near"), [("--baseline", "mini-nil", "mini-nli"), ("--experiment", "smal", "small")]
)
def test_a_condition_or_experiment_that_is_not_there_is_named_with_the_nearest(
    name: str, option: str, value: str, near: str, whole: Path, tmp_path: Path
) -> None:
    words = [word.replace("STORE", str(whole)).replace("OUT", str(tmp_path)) for word in QUESTIONS[name]]
    done = CliRunner().invoke(app, [*words, option, value])
    assert done.exit_code == 2
    assert f"'{value}'" in told(done)
    assert near in told(done)
    assert not list(tmp_path.iterdir())
