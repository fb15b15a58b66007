"""What several tests need: real data where it is there, and a small experiment on the embedded benchmark."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import settings

ROOT = Path(__file__).parent.parent
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test asks a model hub
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # read when ray is imported, by whichever test comes first
settings.register_profile("noisy machine", deadline=None)  # how long an example takes says nothing on a shared core
settings.load_profile("noisy machine")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real release files (`SWEEP_TEST_DATA`)."""
    folder = Path(os.environ.get("SWEEP_TEST_DATA", ROOT / ".." / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set SWEEP_TEST_DATA")
    return folder


ONE_GROUP = {"concurrent": 1}
"""For runs of which more than one trial at a time shows nothing: a worker group is half a dozen processes to start."""


def experiment_values(store: Path, **changes: Any) -> dict[str, Any]:
    """A small valid experiment on the embedded benchmark, as YAML values."""
    return {
        "name": "small",
        "model": "random:tiny",
        "data": "mini",
        "store": str(store),
        "search_space": "quick",
        "trials": {"intermediate": 2, "target": 2},
        "conditions": ["none", "mini-nli"],
        "targets": ["mini-pos", "mini-bitext"],
        "languages": ["en", "de"],
        "limits": {"train_examples": 32, "eval_examples": 16},
        "precision": "fp32",  # whatever machine the tests run on
        **changes,
    }


def write_experiment(folder: Path, **changes: Any) -> Path:
    """That experiment as a file."""
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(experiment_values(folder / "store", **changes), sort_keys=False), encoding="utf-8")
    return path
