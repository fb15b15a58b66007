"""Where results come from: the record of a run, and how trials, SQL and the doctor find it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from sweep.ledger import runs
from sweep.results.query import query
from sweep.running.doctor import store as doctor
from sweep.running.provenance import provenance
from tests.unit.test_driver import Rig
from tests.unit.test_views import ONE_TARGET, play
from trainables.errors import UserError
from trainables.reports import Report
from trainables.store import Store

FILE = "name: small  # says who runs it\nseeds: [1]\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with a commit, in which the command runs."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "experiment.yaml").write_text(FILE)
    git("init", "-q")
    git("add", ".")
    git("-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qm", "one")
    return folder


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def test_a_run_says_by_which_code_it_is(repository: Path) -> None:
    found = provenance("small", FILE, "sweep run experiment.yaml seeds=[1]")
    assert (found["git_commit"], found["git_dirty"]) == (git("rev-parse", "HEAD"), False)
    assert (found["file"], found["command"]) == (FILE, "sweep run experiment.yaml seeds=[1]")
    for name in ("python", "torch", "ray", "transformers", "datasets", "sweep"):
        assert found[name][0].isdigit(), name
    (repository / "notes.txt").write_text("nobody knows this file")
    assert not provenance("small", FILE, None)["git_dirty"]
    (repository / "experiment.yaml").write_text(FILE + "# changed")
    assert provenance("small", FILE, None)["git_dirty"]


def test_outside_of_a_repository_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    found = provenance("small", None, None)
    assert (found["git_commit"], found["git_dirty"]) == (None, None)
    monkeypatch.setenv("PATH", str(tmp_path))  # no git at all
    assert provenance("small", None, None)["git_commit"] is None


def test_trials_name_the_run_that_made_them(tmp_path: Path) -> None:
    rig = Rig(tmp_path, **ONE_TARGET, resources={"workers": 2, "gpus_per_worker": 1})
    first = rig.driver.run = runs.record(rig.store, provenance("small", FILE, "sweep run x"))
    play(rig, ends=lambda study, spec: {} if spec.phase == "evaluate" else {"report": REPORT})
    sql = """
    select distinct run, runs.file, command, trials.host, workers, gpus,
           round(gpu_hours * 3600 / seconds, 3) as rate, peak_memory, losses
    from trials join runs using (run, experiment) where phase = 'target'
    """
    (row,) = query(rig.store, sql).to_pylist()
    assert row == {
        "run": first, "file": FILE, "command": "sweep run x", "host": "node", "workers": 2, "gpus": 2.0, "rate": 2.0,
        "peak_memory": 10**9, "losses": [1.5, 0.5],
    }  # fmt: skip
    again = runs.record(rig.store, provenance("small", FILE, "sweep run x"))
    assert again != first
    assert runs.runs(rig.store)["run"].to_pylist() == [first, again]


REPORT = Report(1.0, objective=50.0, curve=(40.0, 50.0), losses=(1.5, 0.5), host="node", workers=2, peak_memory=10**9)


def test_what_a_trial_is_stands_in_columns(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, **ONE_TARGET, dropout=0.0, max_length=64))
    sql = """
    select distinct model, tasks, languages, precision, dropout, max_length, train_examples, token_types, lora, recipe,
           code
    from trials where phase = 'intermediate'
    """
    (row,) = query(rig.store, sql).to_pylist()
    spec = next(one.spec for one in rig.ledger.outcomes() if one.spec.phase == "intermediate")
    assert row == {
        "model": "random:tiny", "tasks": ["mini-nli"], "languages": ["en"], "precision": "fp32", "dropout": 0.0,
        "max_length": 64, "train_examples": 32, "token_types": spec.token_types, "lora": None, "recipe": "{}",
        "code": spec.code,
    }  # fmt: skip


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-5], lambda text: text.replace("small", "other"), lambda _: "[]"]
)
def test_a_record_that_is_not_what_was_written_is_named(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    rig = play(Rig(tmp_path, **ONE_TARGET))
    run = runs.record(rig.store, provenance("small", FILE, None))
    name = f"runs/{run}.json"
    assert json.loads(rig.store.read(name))["file"] == FILE
    rig.store.write(name, damage(rig.store.read(name).decode()).encode())
    with pytest.raises(UserError, match=rf"{name}: is not the record of a run"):
        query(rig.store, "from runs")
    (fault,) = [one for one in doctor.check(rig.store).faults if one.finding.check == "runs"]
    assert (fault.finding.level, fault.file, fault.cure) == ("wrong", name, "set aside")
    assert any(name in one for one in doctor.mend(rig.store, lambda found: None))
    assert query(rig.store, "from runs").num_rows == 0


def test_a_store_without_runs_has_none(tmp_path: Path) -> None:
    assert runs.runs(Store(str(tmp_path))).num_rows == 0
