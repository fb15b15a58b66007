"""docs/results.md: every column of every file and view stands there, nothing else does, and its Python runs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from sweep.ledger.tables import PREDICTIONS, SCORES, TRIALS
from sweep.results.query import VIEWS, query
from tests.conftest import ROOT
from tests.simulated import simulated
from trainables.data import kept
from trainables.store import Store

TEXT = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
FILES = {"ledger/trials": TRIALS, "ledger/scores": SCORES, "ledger/predictions": PREDICTIONS, "examples": kept.SCHEMA}


def documented(part: str) -> dict[str, list[str]]:
    """The columns that a part of the document has in the tables of its sections, by section."""
    (text,) = re.findall(rf"^## {part}\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S)
    sections = re.split(r"^### ", text, flags=re.M)[1:]
    return {
        section.partition("\n")[0]: [
            name
            for line in section.splitlines()
            if line.startswith("| `")
            for name in re.findall(r"`(\w+)`", line.split("|")[1])
        ]
        for section in sections
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return simulated(tmp_path_factory.mktemp("doc"), examples=20, targets=["mini-pos", "mini-qa"], seeds=[1, 2]).store


def test_every_file_is_documented_column_by_column() -> None:
    told = documented("Files")
    assert told.keys() == FILES.keys()
    for name, schema in FILES.items():
        assert sorted(told[name]) == sorted(schema.names)


def test_every_view_is_documented_column_by_column(store: Store) -> None:
    told = documented("Views")
    assert told.keys() == {*VIEWS}
    for view in VIEWS:
        assert sorted(told[view]) == sorted(query(store, f"from {view} limit 0").column_names), view


def test_its_python_runs(store: Store) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", TEXT, re.M | re.S)
    assert len(blocks) == 5
    for block in blocks:
        assert "runs/demo" in block
        *before, last = ast.parse(block.replace("runs/demo", store.uri)).body
        space: dict[str, object] = {}
        exec(compile(ast.Module(before, []), "results.md", "exec"), space)
        assert isinstance(last, ast.Expr)
        assert len(eval(compile(ast.Expression(last.value), "results.md", "eval"), space)) > 0


def test_its_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT):
        assert (ROOT / "docs" / Path(link)).exists(), link
