"""Results that are not what they should be: whoever asks is told so in words, whatever they ask with.

The store is a simulated one of which something is missing, cut, changed, newer, or named by somebody who means ill.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sweep.cli import app
from sweep.ledger.ledger import FOLDER as LEDGER
from sweep.planning.history import FOLDER as PLANS
from tests.simulated import Truth, simulated
from trainables.data import kept

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
    """What was said, after a look that it was said in words: no traceback, and 2 if it was an error."""
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    assert done.exit_code in (0, 2), done.output
    if done.exit_code:
        assert "error: " in done.output
    assert "Traceback" not in done.output
    return done.output


def test_of_a_whole_store_everything_is_answered(store: Path, tmp_path: Path) -> None:
    for name in QUESTIONS:
        print(name, told(ask(name, store, tmp_path))[:300])


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


STATES = [
    nowhere, empty, file, planned_alone, without_plans, half_written, without_predictions, without_scores, without_examples,
]  # fmt: skip
FOLDERS = [f"{LEDGER}/trials", f"{LEDGER}/scores", f"{LEDGER}/predictions", kept.FOLDER, PLANS, "runs"]


@pytest.mark.parametrize("spoil", STATES)
def test_try(spoil, store, tmp_path):
    spoil(store)
    bad = []
    for name in QUESTIONS:
        done = ask(name, store, tmp_path)
        ok = done.exception is None or isinstance(done.exception, SystemExit)
        print(spoil.__name__, name, done.exit_code, done.output[:300].replace(str(store), "STORE") if done.exit_code or not ok else "", "" if ok else repr(done.exception)[:300])


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("how", [cut, changed, strange])
def test_try2(how, folder, store, tmp_path):
    if not (store / folder).exists():
        print("no", folder); return
    how(folder)(store)
    for name in QUESTIONS:
        done = ask(name, store, tmp_path)
        ok = done.exception is None or isinstance(done.exception, SystemExit)
        print(how.__name__, folder, name, done.exit_code, done.output[:220].replace(str(store), "STORE") if done.exit_code or not ok else "", "" if ok else repr(done.exception)[:300])
