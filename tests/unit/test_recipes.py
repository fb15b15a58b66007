"""Conditions that say how their tasks and languages are mixed: what a plan makes of them, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sweep.experiment import file as experiment_file
from sweep.planning.plan import Plan
from sweep.planning.planner import make_plan
from sweep.planning.pricing.work import Counter, UnknownError
from tests.conftest import write_experiment
from tests.unit.test_experiment_file import problems
from trainables.data.mini import LANGUAGES
from trainables.recipe import WHOLE, Budget, Ingredient, Recipe

NLI, QA = {"task": "mini-nli"}, {"task": "mini-qa"}


def planned(folder: Path, *conditions: Any, **changes: Any) -> Plan:
    return make_plan(experiment_file.load(str(write_experiment(folder, conditions=["none", *conditions], **changes))))


def recipe(folder: Path, condition: dict[str, Any], **changes: Any) -> Recipe:
    plan = planned(folder, {"name": "it", **condition}, **changes)
    return plan.study("intermediate/it").question.recipe


LONG_FORMS: list[dict[str, Any]] = [
    {"tasks": ["mini-nli", "mini-ner"], "languages": ["de", "en"]},
    {"tasks": [NLI, {"task": "mini-ner", "languages": ["de", "en"]}], "languages": ["en", "de"]},
    {
        "tasks": ["mini-nli", "mini-ner"],
        "languages": ["de", "en"],
        "mixing": {"temperature": 1.0, "language_alpha": 1.0},
    },
    {"tasks": ["mini-nli", "mini-ner"], "languages": ["de", "en"], "mixing": {"cap": 131072}},
    {"tasks": ["mini-nli", "mini-ner"], "languages": ["de", "en"], "budget": {"epochs": 1}},
    {"tasks": ["mini-nli", "mini-ner"], "languages": {"except": [one for one in LANGUAGES if one not in ("de", "en")]}},
]


@pytest.mark.parametrize("condition", LONG_FORMS)
def test_the_same_work_has_the_same_id_however_it_is_written(tmp_path: Path, condition: dict[str, Any]) -> None:
    questions = {
        planned(tmp_path, {"name": "it", **one}).study("intermediate/it").question.question
        for one in (condition, LONG_FORMS[0])
    }
    assert len(questions) == 1


def test_what_was_trained_before_there_were_recipes_keeps_its_id(tmp_path: Path) -> None:
    """Recorded then, but for the version: one task, several of one feature an example, one in all its languages."""
    three = {"name": "three", "tasks": ["mnli", "qqp", "hellaswag"]}
    plan = planned(tmp_path, "mnli", three, {"name": "all", "tasks": ["tydiqa"], "languages": "all"}, data="mock")
    asked = {one.condition: one.question.question for one in plan.studies if one.phase == "intermediate"}
    assert asked == {"mnli": "5a2125e9b64368f9", "three": "68c6fdb01cee83c5", "all": "0015eba431913229"}


def test_what_makes_no_difference_is_not_part_of_the_recipe(tmp_path: Path) -> None:
    english = {"tasks": [{**NLI, "languages": ["en"], "examples": "source"}], "mixing": {"language_alpha": 0.3}}
    assert recipe(tmp_path, english) == WHOLE


def test_each_task_has_its_own_languages_batch_size_and_weight(tmp_path: Path) -> None:
    nli = {**NLI, "languages": ["en"], "weight": 0.5}
    qa = {**QA, "languages": "all", "batch_size": 4, "examples": 300}
    made = recipe(tmp_path, {"tasks": [nli, qa]})
    assert made == Recipe((Ingredient("mini-nli", ("en",), weight=0.5), Ingredient("mini-qa", None, 300, 4)), cap=2**17)


def test_a_cap_is_written_down_where_examples_may_be_cut(tmp_path: Path) -> None:
    """The first version counted features: for one of these it saw others."""
    assert recipe(tmp_path, {"tasks": ["mini-nli", "mini-qa"]}).cap == 2**17
    assert recipe(tmp_path, {"tasks": ["mini-qa"]}).cap is None
    assert recipe(tmp_path, {"tasks": ["mini-nli", "mini-qa"], "mixing": {"cap": 99}}).cap == 99


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ({"examples": 1000}, Budget("examples", 1000)),
        ({"steps": 10}, Budget("steps", 10)),
        ({"epochs": 3}, Budget("epochs", 3)),
    ],
)
def test_a_budget_is_part_of_the_recipe(tmp_path: Path, budget: dict[str, int], expected: Budget) -> None:
    assert recipe(tmp_path, {"tasks": ["mini-nli"], "budget": budget}).budget == expected


def test_in_a_mixture_tasks_keep_the_batch_sizes_of_their_papers(tmp_path: Path) -> None:
    made = recipe(tmp_path, {"tasks": ["mnli", "squad", "cosmosqa"]}, search_space="paper", data="mock")
    assert made.ingredients == (Ingredient("squad", batch_size=8), Ingredient("cosmosqa", batch_size=4))


def test_a_condition_searches_what_it_says(tmp_path: Path) -> None:
    search = {"learning_rate": {"values": [1e-6, 2e-6]}, "batch_size": 2}
    plan = planned(tmp_path, {"name": "it", "tasks": ["mini-nli"], "search": search})
    there, elsewhere = (plan.study(name).parameters for name in ("intermediate/it", "target/it/mini-pos"))
    assert (there["learning_rate"].values, there["batch_size"].first) == ((1e-6, 2e-6), 2)  # type: ignore[union-attr]
    assert there["epochs"] == elsewhere["epochs"]
    assert elsewhere["batch_size"].first == 8  # type: ignore[union-attr]


def test_rows_make_conditions(tmp_path: Path) -> None:
    rows = [{"n": 1, "set": ["en"]}, {"n": 2, "set": ["en", "de"]}, {"n": 4, "set": ["en", "de", "ru", "sw"]}]
    path = write_experiment(
        tmp_path,
        conditions=[
            "none",
            {"for": rows, "name": "nli-{n}", "tasks": [NLI], "languages": "{set}", "budget": {"epochs": "{n}"}},
            {"for": [{"out": "de"}, {"out": "ru"}], "name": "all-but-{out}", "tasks": ["mini-nli"],
             "languages": {"except": ["{out}"]}},
        ],
    )  # fmt: skip
    plan = make_plan(experiment_file.load(str(path)))
    trained = {one.condition: one.question.languages for one in plan.studies if one.phase == "intermediate"}
    assert {name: len(languages) for name, languages in trained.items()} == {
        "nli-1": 1, "nli-2": 2, "nli-4": 4, "all-but-de": 7, "all-but-ru": 7,
    }  # fmt: skip
    assert "de" not in trained["all-but-de"]
    assert plan.study("intermediate/nli-4").question.recipe.budget == Budget("epochs", 4)


BAD: list[tuple[Any, str, str]] = [
    ({"tasks": [{**NLI, "languages": ["xx"]}]}, "unknown language 'xx'", ""),
    ({"tasks": [{"task": "mini-nil"}]}, "unknown task 'mini-nil'", "did you mean 'mini-nli'"),
    ({"tasks": ["mini-nli", NLI]}, "task 'mini-nli' stands here twice", "remove one"),
    ({"tasks": [3]}, "'conditions.1.tasks.0' is 3: no task", "{task: NAME"),
    ({"tasks": [{**NLI, "batchsize": 3}]}, "unknown key 'batchsize'", "did you mean 'batch_size'"),
    ({"tasks": [{**NLI, "examples": "all"}]}, "'conditions.1.tasks.0.examples' is 'all'", ""),
    ({"tasks": [{**NLI, "examples": 0}]}, "'conditions.1.tasks.0.examples' is 0: 1 or more is wanted", ""),
    ({"tasks": [{**NLI, "weight": 0}]}, "weight' is 0: more than 0.0 is wanted", ""),
    ({"tasks": ["mini-nli"], "budget": {"steps": 3, "epochs": 2}}, "'budget' gives steps and epochs", "one of"),
    ({"tasks": ["mini-nli", "mini-qa"], "budget": {"steps": 1}}, "a budget of 1 has nothing for some of 2 tasks", ""),
    ({"tasks": ["mini-nli"], "budget": {}}, "'budget' gives nothing", "one of examples, steps and epochs"),
    ({"tasks": ["mini-nli"], "budget": {"epoch": 2}}, "unknown key 'epoch'", "did you mean 'epochs'"),
    ({"tasks": ["mini-nli"], "mixing": {"temperature": 2.0}}, "condition 'it' mixes no tasks: it has one", "leave out"),
    ({"tasks": ["mini-nli", "mini-qa"], "mixing": {"temprature": 2.0}}, "unknown key 'temprature'", "temperature"),
    ({"tasks": ["mini-nli", "mini-qa"], "mixing": {"language_alpha": 3}}, "language_alpha' is 3: 1.0 or less", ""),
    ({"tasks": ["mini-nli"], "languages": {"except": ["xx"]}}, "unknown language 'xx'", ""),
    ({"tasks": ["mini-nli"], "search": {"learning_rat": 1}}, "unknown hyper-parameter 'learning_rat'", "did you mean"),
    ({"tasks": ["mini-nli"], "search": {"epochs": 3}}, "'epochs' has one value, but is always searched", "two values"),
    ({"tasks": ["mini-nli"], "for": []}, "'for' is no list of rows", "for: [{n: 1"),
    ({"tasks": ["mini-nli"], "for": [{"n": 1}]}, "nothing says {n}", "use it"),
    ({"tasks": ["{nn}"], "for": [{"n": 1}]}, "'{nn}' stands for nothing", ""),
    ({"tasks": ["mini-{n}"], "for": [{"n": ["nli"]}]}, "'{n}' is ['nli'], which is no part of a text", "stand alone"),
]


@pytest.mark.parametrize(("condition", "message", "hint"), BAD)
def test_what_cannot_be_is_refused(tmp_path: Path, condition: dict[str, Any], message: str, hint: str) -> None:
    path = write_experiment(tmp_path, conditions=["none", {"name": "it", **condition}])
    found = problems(path)
    assert any(message in one and hint in one for one in found), found
    assert all(one.startswith(str(path)) for one in found)  # with their lines


def test_a_task_must_have_each_language_that_is_named(tmp_path: Path) -> None:
    both = {"name": "it", "tasks": [NLI, {"task": "squad", "languages": ["sw"]}]}
    (found,) = problems(write_experiment(tmp_path, conditions=["none", both], data="mock"))
    assert "squad" in found
    nothing = {
        "name": "it",
        "tasks": ["mini-nli"],
        "languages": {"except": [*LANGUAGES]},
    }
    (found,) = problems(write_experiment(tmp_path, conditions=["none", nothing]))
    assert "nothing is left of the languages of 'mini-nli'" in found


def test_a_baseline_has_nothing_to_mix(tmp_path: Path) -> None:
    (found,) = problems(write_experiment(tmp_path, conditions=[{"name": "none", "tasks": [], "languages": "all"}]))
    assert "'none' trains nothing" in found


def test_a_recipe_is_priced(tmp_path: Path) -> None:
    """1,000 examples in each language, of one feature each."""
    conditions = [
        {"name": "en", "tasks": ["mini-nli"]},
        {"name": "same", "tasks": [{**NLI, "languages": "all", "examples": "source"}]},
        {"name": "all", "tasks": ["mini-nli"], "languages": "all"},
        {"name": "long", "tasks": ["mini-nli"], "budget": {"epochs": 8}},
        {"name": "short", "tasks": ["mini-nli"], "budget": {"steps": 30}},
        {"name": "few", "tasks": [NLI, "mini-ner"], "budget": {"examples": 500}},
    ]
    experiment = experiment_file.load(str(write_experiment(tmp_path, conditions=conditions, limits={})))
    plan, counter = make_plan(experiment), Counter(experiment)
    features = {
        one.condition: counter.of(one.question, 8).features.expected
        for one in plan.studies
        if one.phase == "intermediate"
    }
    one = features["en"]
    tiny = [{"name": "it", "tasks": ["mini-nli", {**QA, "examples": 1}], "budget": {"examples": 20}}]
    asked = experiment_file.load(str(write_experiment(tmp_path, conditions=tiny, limits={})))
    with pytest.raises(UnknownError, match="a budget of 20 leaves nothing for mini-qa"):
        Counter(asked).of(make_plan(asked).study("intermediate/it").question, 8)
    assert features == {"en": one, "same": one, "all": 8 * one, "long": 8 * one, "short": 240, "few": 500}
