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
