"""The training maths, written down: whoever changes it must change CODE_VERSION, or old results pass for new ones.

To record the curves of a new version: python -m tests.integration.test_loss_curves
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path

import pytest
import torch

from tests.integration.test_fine_tune import SPEC, lively_parent, run
from trainables.data import open_source
from trainables.spec import CODE_VERSION, TrialSpec
from trainables.store import Store
from trainables.training.workbench import Workbench

pytestmark = pytest.mark.integration
RECORD = Path(__file__).parent.parent / "golden" / "loss_curves.json"

BASE = dataclasses.replace(SPEC, learning_rate=5e-3, epochs=4, batch_size=5, warmup=0.2, train_examples=None)
SPECS: dict[str, TrialSpec] = {
    **{kind: dataclasses.replace(BASE, tasks=(task,)) for kind, task in {
        "pair_classification": "qqp", "multiple_choice": "siqa", "tagging": "panx", "span_qa": "squad",
        "unanswerable": "squad2", "retrieval": "lareqa", "text_classification": "sib200",
    }.items()},
    "mlm": dataclasses.replace(BASE, tasks=("wiki_mlm",)),
    "bitext_ranking": dataclasses.replace(BASE, tasks=("opus100",), languages=("de",)),
    "several tasks": dataclasses.replace(BASE, phase="intermediate", tasks=("qqp", "panx", "squad2")),
    "dropout": dataclasses.replace(BASE, tasks=("qqp",), dropout=0.1),
    "another seed": dataclasses.replace(BASE, tasks=("qqp",), seed=2),
}  # fmt: skip


def curve(spec: TrialSpec, bench: Workbench) -> list[float]:
    """The mean training loss of each epoch, in one thread: sums in another order round otherwise."""
    torch.set_num_threads(1)
    reports = run(dataclasses.replace(spec, parent=lively_parent(bench.store)), bench)
    return [report.loss for report in reports if report.loss is not None]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return Workbench(Store(str(tmp_path_factory.mktemp("store"))), open_source("mock"))


@pytest.mark.parametrize("name", SPECS)
def test_the_maths_is_that_of_its_version(name: str, bench: Workbench) -> None:
    recorded = json.loads(RECORD.read_text())
    assert recorded["code_version"] == CODE_VERSION, f"record the new version's curves: {__doc__}"
    found = curve(SPECS[name], bench)
    # Rounding alone moves them by some 1e-6, another epsilon of Adam or another norm of clipping by more.
    assert found == pytest.approx(recorded["curves"][name], rel=1e-4), "bump trainables.spec.CODE_VERSION and record"


def test_the_curves_tell_changes_apart() -> None:
    curves = json.loads(RECORD.read_text())["curves"]
    assert len({round(values[-1], 4) for values in curves.values()}) == len(SPECS)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        place = Workbench(Store(scratch), open_source("mock"))
        curves = {name: curve(spec, place) for name, spec in SPECS.items()}
    RECORD.parent.mkdir(exist_ok=True)
    RECORD.write_text(json.dumps({"code_version": CODE_VERSION, "curves": curves}, indent=1) + "\n")
