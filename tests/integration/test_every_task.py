"""Every shipped task, from examples to a submission: the rehearsal that `sweep run every-task` is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from sweep.experiment import file as experiment_file
from sweep.experiment.file import SHIPPED
from sweep.ledger import Ledger
from sweep.planning import precision
from sweep.planning.planner import make_plan
from sweep.results.export import official_tasks
from sweep.results.query import query
from sweep.scoring import benchmark
from sweep.search import Search
from tests.integration.test_run import sweep
from trainables import tasks
from trainables.store import Store

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the finished experiment."""
    store = tmp_path_factory.mktemp("every-task") / "store"
    done = sweep("run", "every-task", f"store={store}", "resources.concurrent=1")
    assert done.returncode == 0, done.stdout + done.stderr
    return store


def test_no_task_is_left_out() -> None:
    experiment = experiment_file.load("every-task")
    met = {name for condition in experiment.conditions for name in condition.names}
    met |= {task.name for task in experiment.target_tasks}
    assert met == {name for name in tasks.names() if not tasks.load(name).mini}


def test_every_target_is_scored_and_every_training_set_trained_on(rehearsed: Path) -> None:
    experiment = experiment_file.load("every-task")
    rows = query(Store(str(rehearsed)), "select * from best where main").to_pylist()
    scored = {(row["condition"], row["target"], row["language"]) for row in rows if row["mean"] is not None}
    assert scored == {
        (condition.name, target.name, language)
        for condition in experiment.conditions
        for target in experiment.target_tasks
        for language in target.languages
        if language in experiment.languages
    }
    assert all(0 <= row["mean"] <= 100 for row in rows)
    (everything,) = query(
        Store(str(rehearsed)), "select spec, objective from trials where study = 'intermediate/everything'"
    ).to_pylist()
    assert len(json.loads(everything["spec"])["tasks"]) == 33
    assert everything["objective"] is not None


def test_copa_starts_from_what_siqa_left(rehearsed: Path) -> None:
    (row,) = query(
        Store(str(rehearsed)),
        "select parent.study from trials join trials as parent on parent.trial_id = trials.parent "
        "where trials.study = 'target/none/copa'",
    ).to_pylist()
    assert row["study"] == "target/none/siqa"


def test_a_submission_scores_what_the_ledger_says(rehearsed: Path, tmp_path: Path) -> None:
    folders = tmp_path / "submission", tmp_path / "gold"
    arguments = ["export", rehearsed, "--condition", "everything", "--output", folders[0], "--labels", folders[1]]
    done = sweep(*arguments)
    assert done.returncode == 0, done.stderr
    assert "limits.eval_examples was set" in done.stderr
    again = sweep(*arguments)
    assert again.returncode == 2
    assert f"'{folders[0]}' is not empty" in again.stderr
    told = query(
        Store(str(rehearsed)),
        "select target, language, metric, mean from best where condition = 'everything' and split = 'test'",
    ).to_pylist()
    compared = 0
    for name in ("xtreme", "xtreme-r"):
        scored = sweep("score", "--benchmark", name, "--predictions", folders[0], "--labels", folders[1], "--json")
        assert scored.returncode == 1, "the experiment has four languages only"
        scores = json.loads(scored.stdout)
        assert scores["overall"] is None
        for row in told:
            found = scores["tasks"].get(row["target"], {"languages": {}})["languages"].get(row["language"])
            if found is not None:
                assert found[row["metric"]] == pytest.approx(row["mean"], abs=1e-9), row
                compared += 1
    assert compared > 50
    experiment = experiment_file.load("every-task")
    assert {row["target"] for row in told} == {target.name for target in experiment.target_tasks}
    assert set(official_tasks()) < {row["target"] for row in told}


def test_a_run_goes_on_in_the_precision_in_which_it_began(rehearsed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the CPU has where it goes on: nothing is left to run."""
    experiment = experiment_file.load("every-task", [f"store={rehearsed}"])
    assert experiment.precision == "auto"
    for has_bf16 in (True, False):
        monkeypatch.setattr(precision, "cpu_has_bf16", lambda has_bf16=has_bf16: has_bf16)
        assert Search(make_plan(experiment), Ledger(Store(str(rehearsed))).outcomes()).is_over


def test_a_benchmark_as_targets_ends_with_its_table(rehearsed: Path) -> None:
    """Another experiment in the store: from then on each is asked for by its name."""
    overrides = [
        "name=benchmark",
        "targets=xtreme",
        "conditions=[none]",
        f"store={rehearsed}",
        "resources.concurrent=1",
    ]
    done = sweep("run", "every-task", *overrides)
    assert done.returncode == 0, done.stdout + done.stderr
    for task in benchmark.load("xtreme").tasks:
        (line,) = [line for line in done.stdout.splitlines() if line.startswith(f" {task.name} ")]
        assert float(line.split()[-1]) >= 0
    asked = sweep("query", rehearsed, "from best")
    assert asked.returncode == 2
    assert "--experiment benchmark or --experiment every-task" in asked.stderr


def test_trials_that_were_there_are_exported_for_an_experiment_that_shares_them(
    rehearsed: Path, tmp_path: Path
) -> None:
    values = yaml.safe_load((SHIPPED / "every-task.yaml").read_text())
    renamed = [values["conditions"][0], {**values["conditions"][1], "name": "all"}]
    path = tmp_path / "renamed.yaml"
    path.write_text(yaml.safe_dump({**values, "name": "renamed", "store": str(rehearsed), "conditions": renamed}))
    assert "Nothing was left to run." in sweep("run", path).stdout
    folders = [tmp_path / "renamed", tmp_path / "first"]
    for folder, condition, name in zip(folders, ("all", "everything"), ("renamed", "every-task"), strict=True):
        done = sweep("export", rehearsed, "--condition", condition, "--output", folder, "--experiment", name)
        assert done.returncode == 0, done.stderr
    files = [{one.relative_to(folder): one.read_bytes() for one in folder.rglob("*.*")} for folder in folders]
    assert files[0] == files[1]
    assert len(files[0]) > 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--condition", "everythin"], "did you mean 'everything'?"),
        (["--condition", "none", "--seed", "9"], "has no winners with seed 9"),
        (["--condition", "none", "--experiment", "every"], "did you mean 'every-task'?"),
    ],
)
def test_a_wrong_export_is_answered(rehearsed: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    arguments = arguments if "--experiment" in arguments else [*arguments, "--experiment", "every-task"]
    done = sweep("export", rehearsed, *arguments, "--output", tmp_path / "new")
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "new").exists()
