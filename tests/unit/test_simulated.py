"""Simulated stores: what is in them is what the truth says, as the tasks' own metrics see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep.experiment import Experiment
from sweep.planning.plan import Study
from sweep.results.query import query
from tests.conftest import experiment_values
from tests.simulated import End, Simulation, Truth, simulated
from trainables.metrics import METRICS
from trainables.metrics.checklist import Expected
from trainables.reports import ERROR_RATE
from trainables.spec import TrialSpec
from trainables.tasks import Catalogue, Task

EVERY_METRIC = [
    "xnli",
    "xcopa",
    "udpos",
    "panx",
    "xquad",
    "mlqa",
    "tatoeba",
    "bucc2018",
    "lareqa",
    "multichecklist",
    "qqp",
]

EXACT = Truth(seeds=0, apart=0, intermediate=0, rates=0, languages=(8.0, 0.0))
"""Nothing is left to chance but examples."""


def rows(simulation: Simulation, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in query(simulation.store, sql).to_pylist()]


def recomputed(task: Task, language: str, gold: list[list[str]], predicted: list[str]) -> float:
    """The main score of predictions as they stand in the store."""
    several = task.kind in ("tagging", "retrieval", "bitext_mining")
    guesses: list[Any] = [one.split() for one in predicted] if several else predicted
    right: list[Any] = gold if several or task.kind == "span_qa" else [one for (one,) in gold]
    return METRICS[task.metric](right, guesses, language)[task.main_metric]


def test_scores_are_those_of_the_predictions_in_the_store(tmp_path: Path) -> None:
    simulation = simulated(
        tmp_path, data="mock", conditions=["none"], targets=EVERY_METRIC, languages=["en", "de", "zh"], examples=20
    )
    found = query(simulation.store, "from predictions where phase = 'evaluate' order by position").to_pandas()
    scores = {
        (target, language, split): value
        for target, language, split, value in rows(
            simulation,
            "select target, language, split, value from scores where phase = 'evaluate' and metric in "
            "('accuracy', 'f1', 'map@20') and not (target = 'qqp' and metric = 'f1')",
        )
    }
    catalogue, seen = Catalogue(), set()
    for key, of_split in found.groupby(["target", "language", "split"]):
        task = catalogue[key[0]]
        if task.metric == ERROR_RATE:  # in which the store does not say which case an answer is of
            continue
        gold = [[*one] for one in of_split["gold"]]
        assert recomputed(task, key[1], gold, [*of_split["prediction"]]) == pytest.approx(scores[key], abs=1e-9), key
        assert METRICS[task.metric].formula(np.stack([*of_split["statistics"]]).sum(0))[task.main_metric] == (
            pytest.approx(scores[key], abs=1e-9)
        )
        seen.add(task.metric)
    assert seen == {METRIC for name in EVERY_METRIC if (METRIC := catalogue[name].metric) != ERROR_RATE}


def test_cases_that_fail_are_counted_by_test(tmp_path: Path) -> None:
    simulation = simulated(
        tmp_path, data="mock", conditions=["none"], targets=["multichecklist"], languages=["en"], examples=90
    )
    told = dict(rows(simulation, "select metric, value from scores where phase = 'evaluate'"))
    overall = told.pop(ERROR_RATE)
    assert set(told) == {f"{ERROR_RATE}/{name}" for name in ("comparison", "negation", "property")}
    assert overall == pytest.approx(sum(told.values()) / 3)
    expected = [Expected(("yes",), test, "0") for test in ("comparison", "negation")]
    assert METRICS[ERROR_RATE](expected, ["no", "yes"], "en")[ERROR_RATE] == 50  # as the metric counts


@pytest.mark.parametrize("target", EVERY_METRIC)
def test_the_score_of_many_examples_is_the_true_one(tmp_path: Path, target: str) -> None:
    truth = Truth(
        gains={"mnli": 6.0},
        **{name: getattr(EXACT, name) for name in ("seeds", "apart", "intermediate", "rates", "languages")},
    )
    changes = {
        "data": "mock",
        "conditions": ["none", "mnli"],
        "targets": [target],
        "trials": {"intermediate": 1, "target": 1},
    }
    simulation = simulated(tmp_path, truth, examples=6000, languages=["en", "de", "sw"], **changes)
    task = Catalogue()[target]
    for condition, gain in (("none", 0.0), ("mnli", 6.0)):
        sql = f"select language, value from scores where main and winner and condition = '{condition}'"
        for language, value in rows(simulation, sql):
            true = truth.of_baseline(task, language) + gain
            assert value == pytest.approx(100 - true if task.metric == ERROR_RATE else true, abs=2.5), (
                condition,
                language,
            )


def test_languages_seeds_and_unevenness_are_as_said(tmp_path: Path) -> None:
    truth = Truth(gains={"mini-nli": {"mini-pos": 5.0}}, uneven=3.0)
    even = [truth.gain("mini-nli", "mini-pos"), truth.gain("mini-nli", "mini-qa"), truth.gain("none", "mini-pos")]
    assert even == [5.0, 0.0, 0.0]
    experiment = Experiment.model_validate(experiment_values(tmp_path / "store"))
    simulation = Simulation(experiment, truth)
    uneven = simulation._uneven("mini-nli", Catalogue()["mini-pos"], ["en", "de", "fr"])
    assert sum(uneven.values()) == pytest.approx(0)
    assert len(set(uneven.values())) == 3
    draws = [truth.normal("training", number) for number in range(2000)]
    assert np.std(draws) == pytest.approx(1, abs=0.05)
    assert truth.normal("training", 1) == draws[1]


def test_a_simulation_says_the_same_again_and_goes_on_where_it_ended(tmp_path: Path) -> None:
    of = {"seeds": [1, 2], "conditions": ["none", "mini-nli"]}
    sql = "select condition, target, language, seed, metric, value from scores where winner order by all"
    one, two = (rows(simulated(tmp_path / name, Truth(), **of), sql) for name in "ab")
    assert one == two
    cut_off = iter(range(10**9))
    part = simulated(tmp_path / "c", ends=lambda study, spec: "missing" if next(cut_off) > 9 else "well", **of)
    assert len(part.search.outcomes) < len(simulated(tmp_path / "a", Truth(), **of).search.outcomes)
    assert rows(simulated(tmp_path / "c", Truth(), **of), sql) == one


def test_trials_end_as_they_are_told_to(tmp_path: Path) -> None:
    told: dict[tuple[str, int], End] = {("mini-nli", 2): "failed", ("mini-nli", 3): "missing", ("none", 2): "collapsed"}

    def ends(study: Study, spec: TrialSpec) -> End:
        return told.get((study.condition, spec.seed), "well") if spec.phase == "target" else "well"

    simulation = simulated(tmp_path, ends=ends, seeds=[1, 2, 3], targets=["mini-nli"], examples=300)
    counts = "select condition, planned, finished, failed, collapsed from counts order by all"
    assert rows(simulation, counts) == [("mini-nli", 3, 1, 1, 0), ("none", 3, 3, 0, 1)]
    fallen = rows(simulation, "select avg(value) from scores where winner and main and seed = 2 and condition = 'none'")
    assert fallen[0][0] == pytest.approx(100 / 3, abs=6)


def test_translations_are_the_same_items_and_as_easy(tmp_path: Path) -> None:
    simulation = simulated(tmp_path, conditions=["none"], targets=["mini-nli"], examples=900)
    sql = """
        select corr(en.statistics[1], de.statistics[1])
        from predictions as en join predictions as de using (trial_id, target, split, item, "group")
        where en.language = 'en' and de.language = 'de' and phase = 'evaluate'
    """
    assert rows(simulation, sql.replace("phase", "en.phase"))[0][0] > 0.15


def test_hidden_labels_are_hidden(tmp_path: Path) -> None:
    simulation = simulated(tmp_path, Truth(hidden=frozenset({"mini-nli"})), conditions=["none"], targets=["mini-nli"])
    assert rows(simulation, "select distinct value from scores where winner and split = 'test'") == [(None,)]
    assert rows(
        simulation, "select count(gold), count(statistics) from predictions where winner and split = 'test'"
    ) == [(0, 0)]
