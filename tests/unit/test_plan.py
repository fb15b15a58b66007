"""The plan: what an experiment comes to."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from sweep.cli import app
from sweep.experiment import file as experiment_file
from sweep.ledger import Ledger
from sweep.planning.plan import Plan
from sweep.planning.planner import make_plan
from tests.conftest import write_experiment
from tests.unit.test_driver import Rig
from tests.unit.test_ledger import entry
from tests.unit.test_search import GRID, plan_of
from trainables.spec import CODE_VERSION, content_hash
from trainables.store import Store


def test_equal_experiments_have_equal_plans() -> None:
    assert plan_of(**GRID) == plan_of(**GRID)
    assert plan_of(**GRID).hash == plan_of(**GRID).hash


def test_a_changed_experiment_has_another_plan() -> None:
    hashes = {
        plan_of(**{**GRID, **change}).hash
        for change in ({}, {"seeds": [1]}, {"languages": ["en"]}, {"trials": {"target": 9}}, {"dropout": 0.0})
    }
    assert len(hashes) == 5


def test_studies_and_trials_are_counted() -> None:
    plan = plan_of(**GRID)
    # 2 conditions with intermediate training, 3 conditions x 2 training sets, 3 x (2 + untrained) evaluations
    assert [study.phase for study in plan.studies] == ["intermediate"] * 2 + ["target"] * 6 + ["evaluate"] * 9
    # a search and two further seeds; evaluations of three seeds, but of one for the untouched model
    assert plan.runs == 2 * (3 + 2) + 6 * (4 + 2) + 8 * 3 + 1
    assert plan.fine_tuning_runs == 2 * 5 + 6 * 6


def test_trials_of_models_that_are_told_texts_apart_have_other_ids(tmp_path: Path) -> None:
    """By the files of the model's folder: of the models that come with the package none is."""
    folder = tmp_path / "bert"
    folder.mkdir()
    found = []
    for types in (1, 2):
        (folder / "config.json").write_text(json.dumps({"model_type": "bert", "type_vocab_size": types}))
        plan = make_plan(experiment_file.load(str(write_experiment(tmp_path, model=str(folder), max_length=64))))
        found.append({study.question.token_types for study in plan.studies})
    assert found == [{False}, {True}]
    assert {study.question.token_types for study in plan_of(**GRID).studies} == {False}


def test_a_training_set_comes_after_another(tmp_path: Path) -> None:
    changes = {"data": "mock", "conditions": ["none", "mnli"], "targets": ["xcopa"], "languages": ["sw"]}
    plan = make_plan(experiment_file.load(str(write_experiment(tmp_path, **changes))))
    waits = {study.name: study.parent for study in plan.studies}
    assert waits == {
        "intermediate/mnli": None,
        "target/none/siqa": None,
        "target/none/copa": "target/none/siqa",
        "target/mnli/siqa": "intermediate/mnli",
        "target/mnli/copa": "target/mnli/siqa",
        "evaluate/none/copa": "target/none/copa",
        "evaluate/mnli/copa": "target/mnli/copa",
    }
    assert plan.naive_runs == 2 * 2 + 3 * 2  # a loop trains siqa and copa, after mnli where that is the condition


def test_how_much_the_encoder_sees_is_part_of_every_spec(tmp_path: Path) -> None:
    plan = make_plan(experiment_file.load(str(write_experiment(tmp_path, max_length=64))))
    assert {study.phase for study in plan.studies} == {"intermediate", "target", "evaluate"}
    assert {study.question.max_length for study in plan.studies} == {64}


def test_which_weights_are_kept_is_part_of_the_specs_of_training(tmp_path: Path) -> None:
    plan = make_plan(experiment_file.load(str(write_experiment(tmp_path, checkpoint="best"))))
    kept = {(study.phase, study.question.checkpoint) for study in plan.studies}
    assert kept == {("intermediate", "best"), ("target", "best"), ("evaluate", "last")}


def test_how_sentences_become_vectors_is_part_of_the_spec(tmp_path: Path) -> None:
    changes = {"conditions": ["none"], "sentence_vectors": {"layer": "7/14", "pooling": "cls"}}
    plan = make_plan(experiment_file.load(str(write_experiment(tmp_path, **changes))))
    told = {study.name: (study.question.layer, study.question.pooling) for study in plan.studies}
    assert told == {
        "target/none/mini-pos": (None, None),
        "evaluate/none/mini-pos": (None, None),
        "evaluate/none/untrained": ("1/2", "cls"),
    }


def test_the_vectors_that_are_scored_are_those_that_are_trained(tmp_path: Path) -> None:
    """Where translations are trained on; other training knows no such vectors."""
    ranking = {"name": "mini-ranking", "tasks": ["mini-ranking"], "languages": ["de"]}
    changes = {"conditions": ["none", "mini-nli", ranking], "sentence_vectors": {"layer": "7/14"}}
    plan = make_plan(experiment_file.load(str(write_experiment(tmp_path, **changes))))
    told = {study.name: study.question.layer for study in plan.studies if study.question.layer}
    evaluations = {f"evaluate/{condition}/untrained": "1/2" for condition in ("none", "mini-nli", "mini-ranking")}
    assert told == {**evaluations, "intermediate/mini-ranking": "1/2"}


def test_targets_that_share_a_training_set_share_its_trials(shared_data: Path) -> None:
    loaded = experiment_file.load("real", [f"data.files={shared_data}"])
    plan = make_plan(loaded)
    assert sum(study.training_set == "mnli" and study.phase == "target" for study in plan.studies) == 3
    assert plan.study("evaluate/none/squad").question.tasks == ("xquad",)
    assert plan.study("evaluate/mnli/untrained").parent == "intermediate/mnli"
    assert plan.study("evaluate/none/untrained").parent is None


def test_a_loop_that_shares_nothing_trains_more() -> None:
    plan = plan_of(**{**GRID, "seeds": [1]})
    # per target: baseline 4; conditions 3 + 4; the untrained one: baseline 0, conditions 3
    assert plan.naive_runs == 2 * (4 + 7 + 7) + (0 + 3 + 3)


def test_another_language_of_training_is_another_question() -> None:
    conditions = [
        "none",
        {"name": "a", "tasks": ["mini-nli"]},
        {"name": "b", "tasks": ["mini-nli"], "languages": "all"},
    ]
    plan = plan_of(conditions=conditions)
    one, two = plan.study("intermediate/a").question, plan.study("intermediate/b").question
    assert one.languages == ("en",)
    assert len(two.languages) == 8
    assert one.question != two.question
    assert one.data != two.data


def test_conditions_that_are_the_same_work_have_the_same_trials() -> None:
    conditions = ["none", {"name": "a", "tasks": ["mini-nli"]}, {"name": "b", "tasks": ["mini-nli"]}]
    plan = plan_of(conditions=conditions)
    assert plan.study("intermediate/a").question == plan.study("intermediate/b").question


def shown(path: Path, *arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["plan", str(path), "--json", *arguments])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.output)
    return found


def test_the_command_tells_apart_what_is_to_run_what_is_there_and_what_failed(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, trials={"intermediate": 3, "target": 2})
    before = shown(path)
    assert {key: sum(one[key] for one in before["studies"]) for key in ("to_run", "in_store", "failed")} == {
        "to_run": before["trials"],
        "in_store": 0,
        "failed": 0,
    }
    assert not (tmp_path / "store").exists()  # it runs nothing and writes nothing
    rig = Rig(tmp_path, trials={"intermediate": 3, "target": 2})
    spec = rig.run(stop_at="intermediate")
    assert spec is not None
    rig.end(spec, error="the gradient is nan")
    while (spec := rig.run(stop_at="target")) is not None and spec.parent is None:
        rig.end(spec)
    studies = {one["name"]: (one["to_run"], one["in_store"], one["failed"]) for one in shown(path)["studies"]}
    assert studies["intermediate/mini-nli"] == (0, 2, 1)
    assert studies["target/none/mini-pos"] == (0, 2, 0)
    assert studies["target/mini-nli/mini-pos"] == (2, 0, 0)
    more = {one["name"]: one["to_run"] for one in shown(path, "trials.target=5")["studies"]}
    assert more["target/none/mini-pos"] == 3


def test_trials_of_an_earlier_version_of_the_maths_run_again_and_that_is_said(tmp_path: Path) -> None:
    path = write_experiment(tmp_path)
    Rig(tmp_path).run()
    assert shown(path)["of_earlier_code"] == 0
    assert {one["to_run"] for one in shown(path)["studies"]} == {0}
    ledger = Ledger(Store(str(tmp_path / "store")))
    old = [dataclasses.replace(one.spec, code=CODE_VERSION - 1) for one in ledger.outcomes()]
    shutil.rmtree(tmp_path / "store")
    for spec in old:
        ledger.write(entry(spec))
    assert shown(path)["of_earlier_code"] == len(old)
    assert sum(one["to_run"] for one in shown(path)["studies"]) == len(old)
    said = CliRunner().invoke(app, ["plan", str(path)]).output
    assert f"{len(old)} trials in the store are of an earlier version of the training maths" in said


def test_a_plan_comes_back_from_a_store_as_it_was() -> None:
    joint = {"strategy": "joint", "warm_start": True, "pruning": "median", "search_space": "wide"}
    for changes in ({}, joint, {"evaluate": {"top": 2}}):
        plan = plan_of(**{**GRID, **changes})
        assert Plan.from_json(plan.to_json()) == plan


def test_more_evaluations_leave_everything_else_as_it_was() -> None:
    few, many = plan_of(**GRID), plan_of(**GRID, evaluate={"top": 3})
    assert [dataclasses.replace(study, top=1) for study in many.studies] == list(few.studies)
    assert (many.fine_tuning_runs, many.naive_runs) == (few.fine_tuning_runs, few.naive_runs)
    # two more of each search that something is scored after: of all pairs, and of conditions for what needs no training
    assert many.runs == few.runs + 2 * (6 + 2)
    assert plan_of(**GRID, evaluate={"top": 1}).hash == few.hash != many.hash
    most = plan_of(**GRID, evaluate={"top": 99})
    assert {study.top for study in most.studies if study.phase == "evaluate"} == {1, 3, 4}  # as many as are tried


def test_plans_of_before_are_read_and_keep_their_hash() -> None:
    plan = plan_of(**GRID)
    values = json.loads(plan.to_json())
    for study in values["studies"]:
        del study["top"]
    before = Plan.from_json(json.dumps(values).encode())
    assert before == plan
    # as it was made before there was a `top`
    assert before.hash == content_hash([repr(study) for study in plan.studies])
    assert "top" not in repr(plan)


def test_the_command_counts_what_is_scored_beside_the_winners(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, trials={"intermediate": 1, "target": 3})
    Rig(tmp_path, trials={"intermediate": 1, "target": 3}).run()
    assert sum(one["to_run"] for one in shown(path)["studies"]) == 0
    to_run = {one["name"]: one["to_run"] for one in shown(path, "evaluate.top=2")["studies"]}
    assert {name: count for name, count in to_run.items() if count} == {
        "evaluate/none/mini-pos": 1,
        "evaluate/mini-nli/mini-pos": 1,
    }
    assert shown(path, "evaluate.top=2")["price"]["trials"] == 2


def test_the_papers_grid_shares_most_of_its_work() -> None:
    """11 conditions, all targets of XTREME, 3 seeds: xquad and mlqa share squad, two targets need no training."""
    plan = make_plan(experiment_file.load("paper", ["data=mock"]))
    conditions = {study.condition for study in plan.studies}
    assert len(conditions) == 11
    searches, pairs = 10 * (4 + 2), 11 * 6 * (8 + 2)
    assert plan.fine_tuning_runs == searches + pairs == 720
    # A loop over conditions and targets trains xquad and mlqa apart, and each target's intermediate training anew.
    assert plan.naive_runs == 11 * 7 * (8 + 2) + 10 * 9 * (4 + 2) == 1310
