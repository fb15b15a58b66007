"""The audits: the luck of searches and of choosing, and false alarms. By hand where that can be."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.planning.plan import Study
from sweep.results import audit
from sweep.results.audit.alarms import together
from sweep.results.query import connected
from sweep.statistics.crossed import Runs, pooled
from sweep.statistics.expected_best import expected_best, last_gain
from sweep.statistics.replays import of_split_seeds, of_swapped_labels, rate
from sweep.statistics.selection import Block, choices
from tests.simulated import End, Simulation, Truth, simulated
from trainables.metrics import METRICS
from trainables.spec import TrialSpec

SCORES = st.lists(st.floats(0, 100, allow_nan=False), min_size=1, max_size=7)


@given(SCORES)
def test_the_expected_best_is_the_mean_over_all_subsets(scores: list[float]) -> None:
    by_hand = [np.mean([max(some) for some in combinations(scores, count)]) for count in range(1, len(scores) + 1)]
    assert expected_best(scores) == pytest.approx(by_hand)


@given(SCORES)
def test_the_expected_best_grows_ever_more_slowly_up_to_the_best(scores: list[float]) -> None:
    curve = expected_best(scores)
    gains = np.diff(curve)
    assert curve[-1] == pytest.approx(max(scores))
    assert (gains >= -1e-9).all()
    assert (np.diff(gains) <= 1e-9).all()
    assert last_gain(scores) == (None if len(scores) < 2 else pytest.approx(gains[-1], abs=1e-9))


def test_a_search_of_a_thousand_trials_has_numbers() -> None:
    curve = expected_best(np.arange(1200.0).tolist())
    assert np.isfinite(curve).all()
    assert curve[0] == pytest.approx(599.5)


def accuracy(sums: np.ndarray) -> np.ndarray:
    return METRICS["accuracy"].formula(sums)["accuracy"]


def accuracy_sums(right: list[list[int]]) -> np.ndarray:
    """(trials, groups, 2)"""
    return np.stack([np.array(right, float), np.ones_like(right, float)], axis=-1)


def test_a_trial_that_is_best_on_every_example_is_always_chosen() -> None:
    sums = accuracy_sums([[1, 1, 1, 0], [1, 0, 1, 0], [0, 0, 1, 0]])
    chosen = choices([Block([sums], accuracy)], 500, np.random.default_rng(1))
    assert set(chosen[0].tolist()) == {0}  # also where the second is as good: the first one wins


def test_of_two_trials_that_are_right_on_other_examples_each_is_chosen_as_often_as_by_hand() -> None:
    """Two groups: both are drawn twice or once each. The first is behind only where the second group is drawn twice."""
    sums = accuracy_sums([[1, 0], [0, 1]])
    chosen = choices([Block([sums], accuracy)], 8000, np.random.default_rng(1))
    assert np.mean(chosen[0] == 1) == pytest.approx(1 / 4, abs=0.02)


def test_of_two_equally_good_trials_the_lucky_one_is_kept_in_three_of_four_samples() -> None:
    """And not in two: the samples are drawn around the lead that was seen."""
    random, kept = np.random.default_rng(2), []
    for _ in range(200):
        sums = accuracy_sums(random.integers(0, 2, (2, 400)).tolist())
        if sums[0, :, 0].sum() < sums[1, :, 0].sum():
            sums = sums[::-1]
        kept.append(np.mean(choices([Block([sums], accuracy)], 100, random)[0] == 0))
    assert np.mean(kept) == pytest.approx(0.75, abs=0.03)


def test_all_studies_see_the_same_samples_and_blocks_are_averaged() -> None:
    sums = accuracy_sums(np.random.default_rng(0).integers(0, 2, (4, 30)).tolist())
    chosen = choices([Block([sums, sums], accuracy)], 300, np.random.default_rng(1))
    assert (chosen[0] == chosen[1]).all()
    assert len(set(chosen[0].tolist())) > 1
    # A second task on which the last trial is far better than the others decides.
    other = accuracy_sums([[0] * 30] * 3 + [[1] * 30])
    both = choices([Block([sums], accuracy), Block([other], accuracy)], 300, np.random.default_rng(1))
    assert np.mean(both[0] == 3) > 0.99


def runs_of(random: np.random.Generator, seeds: int, groups: int, spread: float, ease: np.ndarray) -> Runs:
    """Runs whose answers share how easy the groups are, in points."""
    own = ease + random.standard_normal((seeds, groups)) + spread * random.standard_normal((seeds, 1))
    answers = 70 + 10 * own
    scores = answers.mean(axis=1)
    return Runs(scores, (answers - scores[:, None]) / (groups - 1))


def test_swapped_labels_raise_as_many_false_alarms_as_the_level_says_even_where_there_is_a_difference() -> None:
    random = np.random.default_rng(3)
    values = []
    for _ in range(40):
        ease = random.standard_normal(200)
        first, second = (runs_of(random, 3, 200, 0.1, ease) for _ in range(2))
        better = Runs(first.scores + 5, first.changes, first.trained)
        values.append(of_swapped_labels(better, second, 100, random))
    found = rate(np.concatenate(values))
    assert found.replays == 4000
    assert found.share == pytest.approx(0.05, abs=0.012)


def test_split_seeds_of_one_recipe_raise_as_many_false_alarms_as_the_level_says() -> None:
    random = np.random.default_rng(4)
    values = []
    for _ in range(150):
        ease = random.standard_normal(100)
        conditions = [runs_of(random, 6, 100, 0.3, ease) for _ in range(4)]
        values.append(of_split_seeds(conditions[0], pooled(conditions)))
    assert len(values[0]) == 10  # ways to halve six
    assert rate(np.concatenate(values)).share == pytest.approx(0.05, abs=0.03)


def test_what_cannot_be_split_is_not() -> None:
    ease = np.zeros(30)
    random = np.random.default_rng(0)
    assert len(of_split_seeds(runs_of(random, 3, 30, 1.0, ease))) == 0
    assert len(of_split_seeds(runs_of(random, 4, 30, 1.0, ease))) == 3
    assert len(of_split_seeds(runs_of(random, 5, 30, 1.0, ease))) == 10


def test_a_rate_has_the_interval_of_so_many_replays() -> None:
    found = rate(np.array([0.01] * 5 + [0.5] * 95))
    assert (found.replays, found.alarms, found.share) == (100, 5, 0.05)
    assert (found.low, found.high) == (pytest.approx(0.0164, abs=1e-3), pytest.approx(0.1128, abs=1e-3))


TRIALS: dict[str, Any] = {"trials": {"intermediate": 3, "target": 6}, "targets": ["mini-nli", "mini-qa", "mini-bitext"]}

Read = Callable[[duckdb.DuckDBPyConnection], Any]


def read(simulation: Simulation, what: Read) -> Any:
    with connected(simulation.store) as connection:
        return what(connection)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """All trials are scored on all targets; in one search some fail."""

    def ends(study: Study, spec: TrialSpec) -> End:
        return "failed" if study.name == "target/none/mini-nli" and spec.epochs == 1 else "well"

    truth = Truth(gains={"mini-nli": 20.0}, level=60.0)
    return simulated(tmp_path_factory.mktemp("audit"), truth, 200, ends=ends, evaluate={"top": 6}, **TRIALS)


def test_searches_of_a_store(store: Simulation) -> None:
    found = {one.study: one for one in read(store, audit.searches)}
    assert set(found) == {study.name for study in store.plan.studies if study.phase != "evaluate"}
    for study in store.plan.studies:
        if study.phase == "evaluate":
            continue
        one, winner = found[study.name], store.search.winner(study, 1)
        assert winner is not None
        assert one.curve[-1] == pytest.approx(winner.objective)
        assert one.trials + one.left_out == study.trials
        assert len(one.curve) == one.trials
    fallen = found["target/none/mini-nli"]
    assert fallen.left_out > 0
    assert f"without {fallen.left_out} trial" in fallen.note


def test_selections_of_a_store(store: Simulation) -> None:
    found = {(one.condition, one.target): one for one in read(store, audit.selections)}
    # The untouched model is scored on mini-bitext, and nothing was chosen for it.
    assert set(found) == {(c, t) for c in ("none", "mini-nli") for t in TRIALS["targets"]} - {("none", "mini-bitext")}
    for (condition, target), one in found.items():
        assert one.kept is not None
        assert one.kept + sum(share for _, share in one.rivals) == pytest.approx(1)
        study = store.plan.study(f"target/{condition}/{target}" if target != "mini-bitext" else "intermediate/mini-nli")
        assert one.scored == one.trials == sum(outcome.objective is not None for outcome in store.search.ended(study))
        assert (one.examples, one.groups) == (200, 67)
        assert one.score is not None and one.oracle is not None and one.mean is not None
        assert one.cost == pytest.approx(one.oracle - one.score)
        assert one.oracle >= max(one.score, one.mean)
        if condition == "none":
            assert one.difference is one.flips is None
        else:
            assert one.difference == pytest.approx(20, abs=10)
            assert (one.flips, one.unknown) == (0.0, 0.0)  # no choice turns a gain of 20 points round
            assert one.low is not None and one.high is not None
            assert one.low <= one.difference <= one.high
        assert one.note == ""


def test_scores_that_tell_are_those_of_the_ledger(store: Simulation) -> None:
    one = next(one for one in read(store, audit.selections) if (one.condition, one.target) == ("none", "mini-qa"))
    of_it = "main and rank is not null and condition = 'none' and target = 'mini-qa'"
    sql = f"select avg(value) from scores where {of_it} group by rank order by rank"
    scores = [value for (value,) in read(store, lambda connection: connection.sql(sql).fetchall())]
    assert one.score == pytest.approx(scores[0])
    assert one.oracle == pytest.approx(max(scores))
    assert one.mean == pytest.approx(np.mean(scores))
    assert one.oracle_rank == 1 + int(np.argmax(scores))


def test_without_scores_of_other_trials_it_is_said_what_is_missing(tmp_path: Path) -> None:
    simulation = simulated(tmp_path / "one", Truth(), 60, **TRIALS)
    for one in read(simulation, audit.selections):
        assert one.kept is not None
        assert one.oracle is one.cost is one.mean is None
        assert one.note == "the winner alone is scored on the target: with evaluate: {top: K} others are, too"
    some = simulated(tmp_path / "some", Truth(seeds=0.1, apart=0.1, rates=0.05), 60, evaluate={"top": 2}, **TRIALS)
    rows = [one for one in read(some, audit.selections) if one.unknown]
    assert rows
    assert all(f"{one.unknown:.0%} of the samples choose a trial that is not scored" in one.note for one in rows)
    alone = simulated(tmp_path / "alone", Truth(), 60, trials={"intermediate": 1, "target": 1})
    assert {one.note for one in read(alone, audit.selections)} == {"of a single trial nothing was chosen"}


def test_a_search_that_others_examples_would_turn_round_is_told_from_one_that_they_would_not(tmp_path: Path) -> None:
    close, clear = (
        simulated(tmp_path / str(rates), Truth(rates=rates, seeds=0.1, apart=0.1), 200, conditions=["none"], **TRIALS)
        for rates in (0.0, 30.0)
    )
    kept = [np.mean([one.kept for one in read(of, audit.selections)]) for of in (close, clear)]
    assert kept[0] < 0.75 < kept[1]


def test_objectives_that_are_means_of_scores_or_tasks_are_found(tmp_path: Path) -> None:
    """mini-qa is chosen by its F1 alone; squad by the mean of F1 and exact match; a condition of two tasks by both."""
    both = {"name": "both", "tasks": ["mnli", "squad", "wiki_mlm"]}  # of which the last one does not choose
    simulation = simulated(
        tmp_path,
        Truth(),
        60,
        data="mock",
        conditions=["none", both],
        targets=["tatoeba", "xquad"],
        languages=["en", "de"],
    )
    found = read(simulation, audit.selections)
    assert {(one.condition, one.target, one.examples) for one in found} == {
        ("both", "tatoeba", 180),
        ("both", "xquad", 60),
        ("none", "xquad", 60),
    }
    assert all(one.kept is not None for one in found)


def test_false_alarms_of_a_store(tmp_path: Path) -> None:
    simulation = simulated(
        tmp_path,
        Truth(gains={"mini-nli": 5.0}, seeds=0.5),
        300,
        conditions=["none", "mini-nli"],
        targets=["mini-nli", "mini-pos", "mini-bitext"],
        trials={"intermediate": 1, "target": 1},
        seeds=[1, 2, 3, 4],
    )
    found = read(simulation, lambda connection: audit.false_alarms(connection, replays=100))
    told = {(one.condition, one.target, one.method) for one in found}
    swaps = {("mini-nli", target, "swapped labels") for target in ("mini-nli", "mini-pos", "mini-bitext")}
    splits = {(name, target, "split seeds") for name in ("none", "mini-nli") for target in ("mini-nli", "mini-pos")}
    assert told == swaps | splits | {("mini-nli", "mini-bitext", "split seeds")}  # the untouched model has no seeds
    assert all(one.rate.replays == (100 if one.method == "swapped labels" else 3) for one in found)
    swapped = together(found, "swapped labels")
    assert swapped is not None
    assert swapped.replays == 300
    assert swapped.share < 0.12
    again = read(simulation, lambda connection: audit.false_alarms(connection, replays=100))
    assert again == found


def test_what_false_alarms_cannot_say_is_said(tmp_path: Path) -> None:
    simulation = simulated(tmp_path, Truth(), 30, targets=["mini-nli"], trials={"intermediate": 1, "target": 1})
    notes = {one.method: one.note for one in read(simulation, audit.false_alarms)}
    assert notes["swapped labels"] == "fewer than 20 groups of examples that both have answered"
    more = simulated(tmp_path / "more", Truth(), 90, targets=["mini-nli"], trials={"intermediate": 1, "target": 1})
    assert {one.note for one in read(more, audit.false_alarms) if one.method == "split seeds"} == {
        "takes 4 seeds or more, here are 1"
    }
    hidden = simulated(
        tmp_path / "hidden",
        Truth(hidden=frozenset({"mini-nli"})),
        90,
        targets=["mini-nli"],
        conditions=["none", "mini-nli"],
    )
    assert all(one.rate is None for one in read(hidden, audit.false_alarms))
    assert together(read(hidden, audit.false_alarms), "swapped labels") is None


def test_where_each_language_has_a_search_of_its_own_there_is_no_one_choice_to_audit(tmp_path: Path) -> None:
    regimes = ["zero-shot", {"in-language": {"each": True}}]
    values = {"targets": ["mini-pos"], "languages": ["en", "de", "ru"], "regimes": regimes}
    with connected(simulated(tmp_path, Truth(), 30, **values).store) as connection:
        assert {one.regime for one in audit.selections(connection)} == {"zero-shot"}
