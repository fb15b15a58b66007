"""The plan: what an experiment comes to."""

from __future__ import annotations

from pathlib import Path

from sweep import experiment_file
from sweep.plan import make_plan
from tests.conftest import write_experiment
from tests.unit.test_search import GRID, plan_of


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


def test_how_sentences_become_vectors_is_part_of_the_spec(tmp_path: Path) -> None:
    changes = {"conditions": ["none"], "sentence_vectors": {"layer": "7/14", "pooling": "cls"}}
    plan = make_plan(experiment_file.load(str(write_experiment(tmp_path, **changes))))
    told = {study.name: (study.question.layer, study.question.pooling) for study in plan.studies}
    assert told == {
        "target/none/mini-pos": (None, None),
        "evaluate/none/mini-pos": (None, None),
        "evaluate/none/untrained": ("1/2", "cls"),
    }


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
