"""The notebook of the documents runs from its first cell to its last, on a store made for it."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT
from tests.simulated import Truth, simulated

NOTEBOOK = ROOT / "docs" / "results.ipynb"

pytestmark = pytest.mark.integration


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = Truth(gains={"mini-nli": 30.0})
    made = simulated(tmp_path, truth, targets=["mini-pos", "mini-qa"], seeds=[1, 2, 3], limits={})
    monkeypatch.setenv("SWEEP_STORE", made.store.uri)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert all(output.output_type != "error" for output in outputs)
    shown = [output["data"].get("text/html", "") for output in outputs if "data" in output]
    assert "what it gives" in shown[0]
    assert any("better" in text for text in shown)


def test_it_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
