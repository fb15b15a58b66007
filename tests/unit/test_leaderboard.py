"""The leaderboard: groups and overall as the benchmarks aggregate, what is missing said. Languages to join with."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest

from sweep.planning.plan import Study
from sweep.results.languages import languages
from sweep.results.official import OVERALL
from sweep.results.query import query
from sweep.scoring import benchmark
from tests.unit.test_driver import Rig
from tests.unit.test_views import failing, play
from trainables.metrics import METRICS
from trainables.reports import Report, Score
from trainables.spec import TrialSpec
from trainables.tasks import Catalogue

TASKS = {task.name: task for name in benchmark.names() for task in benchmark.load(name).tasks}

SMALL = {
    "data": "mock",
    "conditions": ["none", "mnli"],
    "seeds": [1, 2],
    "trials": {"intermediate": 1, "target": 1},
    "languages": "all",
}


def made_up(task: str, language: str, metric: str, seed: int, condition: str) -> float:
    """A score that differs in all of them."""
    place = TASKS[task].languages.index(language)
    return 40 + place / 7 + len(task) + 3 * (metric == "f1") + seed * (1 + 0.5 * (condition != "none"))


def scoring(
    ends: Callable[[Study, TrialSpec], dict[str, Any]] = lambda study, spec: {}, without: str = ""
) -> Callable[[Study, TrialSpec], dict[str, Any]]:
    """Evaluations give all scores of their metrics, in all languages but `without`."""

    def end(study: Study, spec: TrialSpec) -> dict[str, Any]:
        said = ends(study, spec)
        if said or spec.phase != "evaluate":
            return said
        scores = tuple(
            Score(
                task, task, language, split, metric, (split, place) == ("test", 0),
                made_up(task, language, metric, spec.seed, study.condition) - 20 * (split == "dev"), 1.0, 100,
            )
            for task in spec.tasks
            for language in TASKS[task].languages
            if language != without
            for split in ("dev", "test")
            for place, metric in enumerate(METRICS[TASKS[task].metric].names)
        )  # fmt: skip
        return {"report": Report(1.0, scores=scores)}

    return end


def found(rig: Rig, **wanted: str) -> dict[str, Any]:
    where = " and ".join(f"{name} = '{value}'" for name, value in wanted.items())
    (row,) = query(rig.store, f"from leaderboard where {where}").to_pylist()
    return row


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return play(Rig(tmp_path_factory.mktemp("xtreme"), **SMALL, targets="xtreme"), ends=scoring())


@pytest.mark.parametrize("condition", ["none", "mnli"])
def test_groups_and_overall_are_those_of_the_official_aggregation(full: Rig, condition: str) -> None:
    known = benchmark.load("xtreme")
    by_seed = []
    for seed in (1, 2):
        # Nothing is trained for retrieval, so without an intermediate task it has one seed.
        seeds = {task.name: 1 if condition == "none" and task.name in known.groups["retrieval"] else seed
                 for task in known.tasks}  # fmt: skip
        by_seed.append(
            known.aggregate(
                {
                    (task.name, language): {
                        metric: made_up(task.name, language, metric, seeds[task.name], condition)
                        for metric in METRICS[task.metric].names
                    }
                    for task in known.tasks
                    for language in task.languages
                }
            )
        )
    for group in (*known.groups, OVERALL):
        official = [scores.overall if group == OVERALL else scores.groups[group] for scores in by_seed]
        row = found(full, benchmark="xtreme", condition=condition, task_group=group)
        assert row["score"] == pytest.approx(fmean(official), abs=1e-9)
        if row["planned"] > 1:
            assert row["std"] == pytest.approx(stdev(official), abs=1e-9)
        else:
            assert (condition, group) == ("none", "retrieval")
        assert (row["tasks"], row["missing"], row["seeds"]) == (
            row["of_tasks"],
            None,
            f"{row['planned']} of {row['planned']}",
        )


def test_a_group_with_a_missing_task_has_no_score_and_says_so(full: Rig) -> None:
    row = found(full, benchmark="xtreme-r", condition="mnli", task_group="classification")
    assert (row["score"], row["tasks"], row["of_tasks"], row["missing"]) == (None, 1, 2, ["xcopa"])
    assert row["seeds"] == "0 of 2"


def test_a_language_that_is_missing_leaves_its_task_without_a_score(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, **SMALL, targets=["xnli", "pawsx"]), ends=scoring(without="ko"))
    row = found(rig, benchmark="xtreme", condition="none", task_group="classification")
    assert (row["score"], row["tasks"], row["missing"]) == (None, 1, ["pawsx"])


def test_a_seed_that_failed_is_not_in_the_mean_and_told(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, **SMALL, targets=["xnli", "pawsx"]), ends=scoring(failing("evaluate", 2, "mnli")))
    row = found(rig, benchmark="xtreme", condition="mnli", task_group="classification")
    assert (row["seeds"], row["failed"], row["tasks"], row["std"]) == ("1 of 2", 1, 2, None)
    whole = found(rig, benchmark="xtreme", condition="none", task_group="classification")
    assert whole["seeds"] == "2 of 2"


def test_limits_are_told(full: Rig, tmp_path: Path) -> None:
    assert found(full, benchmark="xtreme", condition="none", task_group="qa")["capped"] is True  # of `small`
    free = play(Rig(tmp_path, **SMALL, limits={}, targets=["xnli", "pawsx"]), ends=scoring())
    assert found(free, benchmark="xtreme", condition="none", task_group="classification")["capped"] is False


def test_an_experiment_on_other_tasks_is_on_no_leaderboard(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, targets=["mini-pos"], trials={"intermediate": 1, "target": 1}))
    assert query(rig.store, "from leaderboard").num_rows == 0


def test_every_language_of_a_shipped_task_is_known() -> None:
    known = {row["language"]: row for row in languages().to_pylist()}
    catalogue = Catalogue()
    assert {language for name in catalogue for language in catalogue[name].languages} <= set(known)
    assert math.fsum(row["xlmr_share"] for row in known.values()) == pytest.approx(100)
    unseen = {code for code, row in known.items() if not row["xlmr_gib"]}
    of_benchmarks = {language for task in TASKS.values() for language in task.languages}
    assert of_benchmarks & unseen == {"ht", "qu", "wo", "yo"}  # as XTREME-R says of XLM-R
    assert of_benchmarks - {row["language"] for row in known.values() if row["in_mbert"]} == {"qu", "wo"}


def test_languages_are_joined_with_scores(full: Rig) -> None:
    sql = """
        select family, script, count(distinct language) as languages
        from best join languages using (language)
        where target = 'xnli' and main and condition = 'none'
        group by all order by languages desc, family, script limit 2
    """
    rows = [tuple(row.values()) for row in query(full.store, sql).to_pylist()]
    assert rows == [("IE: Germanic", "Latin", 2), ("IE: Romance", "Latin", 2)]
