"""The commands that share results, as they are typed."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from tests.conftest import ONE_GROUP, write_experiment
from tests.integration.test_run import sweep
from tests.unit.test_driver import Rig
from tests.unit.test_views import ONE_TARGET, play
from trainables.store import checkpoint_name

pytestmark = pytest.mark.integration

needs_tensorboard = pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not installed")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return play(Rig(tmp_path_factory.mktemp("sharing"), **{**ONE_TARGET, "limits": {}}))


@needs_tensorboard
def test_sync_says_what_it_did_and_how_to_look(rig: Rig, tmp_path: Path) -> None:
    trials = len(rig.trials("select distinct trial_id from trials"))
    first, second = (sweep("sync", rig.store.root, "--to", "tensorboard", "--output", tmp_path) for _ in range(2))
    assert first.stdout.splitlines() == [f"{trials} trials written to tensorboard", f"tensorboard --logdir {tmp_path}"]
    assert second.stdout.splitlines()[0] == f"0 trials written to tensorboard, {trials} were there"
    assert (first.returncode, second.returncode) == (0, 0)


def test_a_card_is_printed_or_written(rig: Rig, tmp_path: Path) -> None:
    printed = sweep("card", rig.store.root, "--condition", "none")
    written = sweep("card", rig.store.root, "--condition", "none", "--output", tmp_path / "README.md")
    assert (tmp_path / "README.md").read_text() == printed.stdout
    assert ModelCard(printed.stdout).data.eval_results
    assert written.stdout == ""
    assert (printed.returncode, written.returncode) == (0, 0)


def test_a_model_without_its_weights_is_refused_with_what_to_do(rig: Rig, tmp_path: Path) -> None:
    where = [rig.store.root, "--condition", "mini-nli", "--output", tmp_path / "out"]
    done = sweep("export", *where, "--as", "transformers")
    assert done.returncode == 2
    assert "sweep run EXPERIMENT keep=models" in done.stderr
    assert "Traceback" not in done.stderr
    done = sweep("export", *where, "--target", "mini-pos")
    assert done.returncode == 2
    assert "add --as transformers" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@needs_tensorboard
def test_a_run_is_logged_and_its_model_is_published(tmp_path: Path) -> None:
    """The real thing: a run with `--log`, whose winner is written as a folder, with its card."""
    path = write_experiment(
        tmp_path, conditions=["none"], targets=["mini-pos"], trials={"target": 1}, limits={}, keep="models",
        languages=["en"], search_space="smoke", resources=ONE_GROUP,
    )  # fmt: skip
    done = sweep("run", path, "--log", f"tensorboard={tmp_path / 'tb'}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not in tensorboard" not in done.stdout
    trials = {file.parent.name for file in (tmp_path / "tb").rglob("events.out.tfevents.*")}
    store = tmp_path / "store"
    assert trials == set(re.findall(r"[0-9a-f]{16}", sweep("query", store, "select trial_id from trials").stdout))
    out = tmp_path / "out"
    done = sweep("export", store, "--condition", "none", "--as", "transformers", "--output", out)
    assert done.returncode == 0, done.stderr
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= {file.name for file in out.iterdir()}
    assert ModelCard((out / "README.md").read_text()).data.pipeline_tag == "token-classification"
    assert checkpoint_name("").rpartition("/")[0] in {file.name for file in store.iterdir()}
