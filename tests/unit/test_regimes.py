"""In which languages targets are trained: what regimes come to in a plan, in a search, and in tables."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from search_spaces import Choices
from sweep.experiment import file as experiment_file
from sweep.planning.plan import Plan
from sweep.planning.planner import make_plan
from tests.conftest import write_experiment
from tests.unit.test_driver import Rig
from tests.unit.test_experiment_file import problems
from tests.unit.test_views import failing, play, rows
from trainables import tasks
from trainables.spec import TrialSpec

GRID = {
    "conditions": ["none", "mini-nli"],
    "languages": ["en", "de", "ru"],
    "targets": ["mini-pos", "mini-ner", "mini-bitext"],
}
TWO = {"targets": ["mini-pos"], "languages": ["en", "de"]}
FEW = {"few-shot": {"languages": ["de", "ru"], "examples": [5, 10]}}


def planned(folder: Path, *regimes: Any, **changes: Any) -> Plan:
    path = write_experiment(folder, **{**GRID, "regimes": [*regimes], **changes})
    return make_plan(experiment_file.load(str(path)))


def names(plan: Plan, beginning: str) -> set[str]:
    return {study.name.removeprefix(beginning) for study in plan.studies if study.name.startswith(beginning)}


def test_without_regimes_targets_are_trained_in_english_and_nothing_changes(tmp_path: Path) -> None:
    plan = planned(tmp_path, "zero-shot")
    assert plan == make_plan(experiment_file.load(str(write_experiment(tmp_path, **GRID))))
    assert {study.regime for study in plan.studies if study.phase != "intermediate"} == {"zero-shot"}
    assert names(plan, "target/none/") == {"mini-pos", "mini-ner"}


def test_in_language_is_one_training_in_all_languages_or_one_in_each(tmp_path: Path) -> None:
    plan = planned(
        tmp_path, "zero-shot", "in-language", {"in-language": {"languages": ["en", "de", "sw"], "each": True}}
    )
    assert names(plan, "target/none/mini-pos") == {"", "/in-language", "/in-language-de", "/in-language-sw"}
    together = plan.study("target/mini-nli/mini-pos/in-language")
    assert len(together.question.languages) == 8
    assert (together.parent, together.trials) == ("intermediate/mini-nli", plan.study("target/none/mini-pos").trials)
    alone = plan.study("evaluate/none/mini-pos/in-language-de")
    assert (alone.question.languages, alone.regime, alone.parent) == (
        ("de",), "in-language-each", "target/none/mini-pos/in-language-de",
    )  # fmt: skip
    assert plan.study("evaluate/none/mini-pos/in-language").question.languages == ("de", "en", "ru")
    assert plan.study("evaluate/none/mini-pos/in-language").source_language == "en"  # whose development data chose it
    assert names(plan, "evaluate/none/untrained") == {""}


def test_few_shot_goes_on_from_the_winner_in_english(tmp_path: Path) -> None:
    plan = planned(tmp_path, FEW, {"few-shot": {"languages": ["de"], "examples": [5], "epochs": 7}}, seeds=[1, 2])
    study = plan.study("target/mini-nli/mini-pos/few-shot-5-de")
    assert (study.parent, study.runs, study.goes_on, study.trials) == ("target/mini-nli/mini-pos", 2, True, 1)
    assert (study.question.train_examples, study.question.head, study.question.languages) == (5, "mini-pos", ("de",))
    assert names(plan, "evaluate/none/mini-pos") == {
        f"/few-shot-{count}-{language}" for count in (5, 10) for language in ("de", "ru")
    }


def test_an_entry_may_be_for_some_targets(tmp_path: Path) -> None:
    plan = planned(tmp_path, "zero-shot", {"in-language": {"targets": ["mini-ner"]}})
    assert names(plan, "target/none/") == {"mini-pos", "mini-ner", "mini-ner/in-language"}


def translation(folder: Path, **changes: Any) -> Path:
    """A task with the examples of mini-pos in other languages, said to be translations."""
    values = yaml.safe_load((tasks.FOLDER / "mini-pos.yaml").read_text())
    path = folder / "pos-mt.yaml"
    path.write_text(
        yaml.safe_dump({**values, "name": "pos-mt", "training_set": "pos-mt", "translates": "mini-pos", **changes})
    )
    return path


def test_translate_train_sees_the_translation_with_the_ranges_of_the_training_set(tmp_path: Path) -> None:
    plan = planned(
        tmp_path, "zero-shot", {"translate-train": {"targets": ["mini-pos"]}}, tasks=[str(translation(tmp_path))]
    )
    study = plan.study("target/none/mini-pos/translate-train")
    assert (study.question.tasks, study.training_set) == (("pos-mt",), "mini-pos")
    assert study.parameters == plan.study("target/none/mini-pos").parameters
    assert plan.study("evaluate/none/mini-pos/translate-train").question.head == "pos-mt"
    assert plan.study("evaluate/none/mini-pos").question.head is None


BAD: list[tuple[list[Any], str, str]] = [
    (["zero-shoot"], "unknown regime 'zero-shoot'", "did you mean 'zero-shot'"),
    ([3], "'regimes.0' is 3: no regime", "one of zero-shot, translate-train"),
    (["few-shot"], "few-shot of what?", "examples: [10, 100]"),
    ([{"few-shot": {"languages": ["de"]}}], "'regimes.0.few-shot.examples' is missing", ""),
    ([{"in-language": {"eech": True}}], "unknown key 'eech'", "did you mean 'each'"),
    ([{"in-language": {"languages": ["xx"]}}], "unknown language 'xx'", ""),
    (["zero-shot", "zero-shot"], "stands here twice", "remove one"),
    (["translate-train"], "translate-train of mini-pos: training set 'mini-pos' has no translation", "targets: [...]"),
    ([{"in-language": {"targets": ["mini-bitext"]}}], "'mini-bitext' is no target that is trained for", "mini-ner"),
]


@pytest.mark.parametrize(("regimes", "message", "hint"), BAD)
def test_what_cannot_be_is_refused(tmp_path: Path, regimes: list[Any], message: str, hint: str) -> None:
    found = problems(write_experiment(tmp_path, **{**GRID, "regimes": regimes}))
    assert any(message in one and hint in one for one in found), found


def test_a_regime_without_data_is_refused(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, data="mock", targets=["xnli", "panx"], regimes=["in-language"])
    (found,) = problems(path)
    assert "in-language of xnli: 'mnli' has training data in en" in found
    assert "{in-language: {targets: [...]}}" in found


def test_what_is_translated_is_no_data_in_a_language(tmp_path: Path) -> None:
    task = str(translation(tmp_path, translates="pos-mt"))
    path = write_experiment(tmp_path, **{**GRID, "targets": ["pos-mt"], "tasks": [task], "regimes": ["in-language"]})
    (found,) = problems(path)
    assert "training set 'pos-mt' has only translations in other languages" in found


def test_a_sequel_has_the_winners_hyper_parameters_on_every_seed(tmp_path: Path) -> None:
    longer = {"few-shot": {"languages": ["de"], "examples": [5], "epochs": 7}}
    rig = Rig(tmp_path, **{**GRID, "targets": ["mini-pos"], "regimes": ["zero-shot", longer], "seeds": [1, 2]})
    met: dict[str, TrialSpec] = {}
    while (found := rig.start()) is not None:
        met[found[0].trial_id] = found[0]
        rig.end(found[0])
    sequels = [spec for spec in met.values() if spec.head is not None]
    assert len(sequels) == 4  # two conditions, two seeds
    for spec in sequels:
        parent = met[spec.parent or ""]
        assert (parent.tasks, parent.seed) == (spec.tasks, spec.seed)
        assert {**spec.hyperparameters, "epochs": 0} == {**parent.hyperparameters, "epochs": 0}
        assert spec.epochs == 7
    scored = [
        spec for spec in met.values() if spec.phase == "evaluate" and spec.parent in {one.trial_id for one in sequels}
    ]
    assert {spec.languages for spec in scored} == {("de",)}
    roles = rig.trials("select role, count(*) as n from trials where regime = 'few-shot-5' group by role order by 1")
    assert roles == [{"role": "evaluation", "n": 4}, {"role": "sequel", "n": 4}]
    assert {met[one].phase for one in rig.weights()} == {"intermediate"}  # what went on is scored, and gone
    assert rig.driver.search.is_over


def test_a_sequel_waits_for_its_winner_and_fails_with_it(tmp_path: Path) -> None:
    few = {"few-shot": {"languages": ["de"], "examples": [5, 10]}}
    values = {**GRID, **TWO, "regimes": ["zero-shot", few], "seeds": [1, 2]}
    rig = play(Rig(tmp_path, **values), ends=failing("target", seed=2))
    sql = "select condition, regime, seeds, failed from counts order by all"
    assert rows(rig, sql) == [
        *(("mini-nli", regime, "1 of 2", 1) for regime in ("few-shot-10", "few-shot-5", "zero-shot")),
        *(("none", regime, "2 of 2", 0) for regime in ("few-shot-10", "few-shot-5", "zero-shot")),
    ]
    assert rig.driver.search.is_over


def test_means_of_trainings_in_each_language_are_one_row(tmp_path: Path) -> None:
    values = {**GRID, **TWO}
    each = {"in-language": {"languages": ["de"], "each": True}}
    rig = play(Rig(tmp_path, **values, regimes=["zero-shot", each]))
    sql = "select condition, regime, languages, mean from means order by all"
    assert rows(rig, sql) == [
        ("mini-nli", "in-language-each", 1, 65.0),
        ("mini-nli", "zero-shot", 2, 75.0),
        ("none", "in-language-each", 1, 60.0),
        ("none", "zero-shot", 2, 70.0),
    ]
    assert rows(rig, "select regime, language, delta from transfer order by all") == [
        ("in-language-each", "de", 5.0), ("zero-shot", "de", 5.0), ("zero-shot", "en", 5.0),
    ]  # fmt: skip
    sql = "select regime, seen from best where language = 'de' and main and condition = 'none' order by all"
    assert rows(rig, sql) == [("in-language-each", True), ("zero-shot", False)]


def test_a_plan_of_before_there_were_regimes_is_zero_shot(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, **{**GRID, **TWO}))
    told = json.loads(rig.plan.to_json())
    for study in told["studies"]:
        del study["regime"], study["goes_on"]
    again = Plan.from_json(json.dumps(told).encode())
    assert {study.regime for study in again.studies} == {"zero-shot"}
    plain = tuple(dataclasses.replace(study, regime="zero-shot") for study in rig.plan.studies)
    assert again == dataclasses.replace(rig.plan, studies=plain)
    assert isinstance(again.studies[0].parameters["batch_size"], Choices)
