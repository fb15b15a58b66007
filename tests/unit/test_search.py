"""The search: which trial comes next, whatever has finished in whatever order."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep import experiment
from sweep.planning.plan import Plan, Study
from sweep.planning.planner import make_plan
from sweep.search import Outcome, Search
from tests.conftest import experiment_values
from trainables.spec import TrialSpec, content_hash


def plan_of(**changes: Any) -> Plan:
    values = experiment_values(Path("unused"), **changes)
    return make_plan(experiment.Experiment.model_validate(values))


def score(spec: TrialSpec) -> float:
    """An objective that depends on everything, as a training run's does."""
    return int(spec.trial_id, 16) % 10_000 / 100


def outcome(spec: TrialSpec, fails: bool = False, suggestion: str | None = None) -> Outcome:
    value = None if fails or spec.phase == "evaluate" else score(spec)
    return Outcome(spec, "failed" if fails else "finished", value, () if value is None else (value,), suggestion)


def simulate(
    search: Search, slots: int, rng: random.Random, failing: float = 0.0, stop_after: int = 10**9
) -> list[TrialSpec]:
    """Runs a search with trials that end in random order; returns what was started.

    Weights are dropped as soon as the search does not need them. No trial may start from dropped ones.
    """
    started: list[TrialSpec] = []
    dropped: set[str] = set()
    ended = 0
    while not search.is_over and ended < stop_after:
        while len(search.running) < slots and (found := search.next()):
            started.append(found[1])
            assert not dropped & {trial_id for _, trial_id in search.sources(*found)}
        if not search.running:
            break
        _, spec = rng.choice(list(search.running.values()))
        # What fails is a property of the trial, not of the moment.
        fails = int(content_hash(spec.trial_id), 16) % 1000 < failing * 1000
        search.finish(outcome(spec, fails, search.suggestions.get(spec.trial_id)))
        for study in search.plan.studies:
            dropped |= set(search.unneeded(study))
        ended += 1
    return started


GRID = {
    "conditions": ["none", "mini-nli", {"name": "both", "tasks": ["mini-nli", "mini-qa"]}],
    "targets": ["mini-pos", "mini-qa", "mini-bitext"],
    "trials": {"intermediate": 3, "target": 4},
    "seeds": [1, 2, 3],
}


def test_a_sequential_run_does_the_plan() -> None:
    plan = plan_of(**GRID)
    started = simulate(Search(plan), 1, random.Random(0))
    assert len(started) == len({spec.trial_id for spec in started}) == plan.runs


def test_a_pair_opens_when_its_condition_has_a_winner() -> None:
    search = Search(plan_of(**GRID))
    finished: set[str] = set()
    for _ in range(1000):
        found = search.next()
        if found is None:
            if not search.running:
                break
            spec = next(iter(search.running.values()))[1]
            search.finish(outcome(spec))
            finished.add(spec.trial_id)
            continue
        study, spec = found
        if study.parent is not None:
            parent = search.plan.study(study.parent)
            winner = search.winner(parent, spec.seed)
            assert winner is not None
            assert spec.parent == winner.spec.trial_id
            assert spec.parent in finished
    assert search.is_over


def test_winners_alone_are_evaluated_and_run_on_every_seed() -> None:
    plan = plan_of(**GRID)
    search = Search(plan)
    started = simulate(search, 2, random.Random(0))
    evaluated = [spec for spec in started if spec.phase == "evaluate" and spec.parent]
    for study in plan.studies:
        if study.phase != "evaluate":
            objectives = [
                one.objective for one in search.ended(study) if one.spec.seed == 1 and one.objective is not None
            ]
            winner = search.winner(study, 1)
            assert winner is not None
            assert winner.objective == max(objectives)
            assert {one.spec.seed for one in search.ended(study)} == {1, 2, 3}
    pairs = [study for study in plan.studies if study.phase == "target"]
    winners = {search.winner(study, seed).spec.trial_id for study in pairs for seed in (1, 2, 3)}  # type: ignore[union-attr]
    assert {spec.parent for spec in evaluated if spec.tasks != ("mini-bitext",)} == winners


@settings(max_examples=25)
@given(st.integers(1, 8), st.integers(0, 10**6), st.sampled_from([0.0, 0.2, 0.6]), st.integers(0, 60))
def test_nothing_is_lost_or_repeated(slots: int, seed: int, failing: float, stop_after: int) -> None:
    """Stopped anywhere, with trials that fail, and resumed from the ledger alone."""
    plan = plan_of(**GRID)
    first = Search(plan)
    simulate(first, slots, random.Random(seed), failing, stop_after)
    ledger = list(first.outcomes.values())
    second = Search(plan, ledger)
    started = simulate(second, slots, random.Random(seed + 1), failing)
    assert second.is_over
    assert not {spec.trial_id for spec in started} & {one.spec.trial_id for one in ledger}
    assert len(started) == len({spec.trial_id for spec in started})
    for study in plan.studies:
        ended = len(second.ended(study))
        assert ended <= study.runs
        if second.is_reachable(study) and not failing:
            assert ended == study.runs
    again = Search(plan, second.outcomes.values())
    assert again.is_over
    assert again.next() is None


def test_suggestions_depend_on_nothing_but_the_plan_and_its_results() -> None:
    one, two = (simulate(Search(plan_of(**GRID)), 1, random.Random(0)) for _ in range(2))
    assert [spec.trial_id for spec in one] == [spec.trial_id for spec in two]


def test_more_trials_go_on_where_fewer_ended() -> None:
    few = Search(plan_of(trials={"intermediate": 2, "target": 2}))
    simulate(few, 1, random.Random(0))
    more = Search(plan_of(trials={"intermediate": 2, "target": 4}), few.outcomes.values())
    started = simulate(more, 1, random.Random(0))
    # Two pairs get two more trials each; they may have new winners, which are evaluated.
    assert [spec.phase for spec in started].count("target") == 4
    assert [spec.phase for spec in started].count("intermediate") == 0


def test_a_space_that_is_used_up_ends_its_study() -> None:
    plan = plan_of(trials={"intermediate": 50, "target": 50}, sampler="grid")
    search = Search(plan)
    simulate(search, 3, random.Random(0))
    assert search.is_over
    assert len(search.ended(plan.study("target/none/mini-pos"))) == 6  # learning rates times epochs


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_every_study_starts_with_the_published_values(sampler: str) -> None:
    plan = plan_of(sampler=sampler)
    search = Search(plan)
    seen = set()
    for spec in simulate(search, 1, random.Random(0)):
        if spec.phase != "evaluate" and spec.question not in seen:
            seen.add(spec.question)
            assert (spec.learning_rate, spec.epochs, spec.batch_size) in ((1e-4, 2, 8), (2e-4, 2, 8))


def test_of_equal_trials_the_one_that_moved_the_weights_least_wins() -> None:
    plan = plan_of(trials={"intermediate": 6, "target": 1}, sampler="grid")
    search = Search(plan)
    while found := search.next():
        _, spec = found
        search.finish(Outcome(spec, "finished", 33.3))
    winner = search.winner(plan.study("intermediate/mini-nli"), 1)
    assert winner is not None
    assert (winner.spec.learning_rate, winner.spec.epochs) == (5e-5, 1)


@pytest.mark.parametrize("slots", [1, 4])
def test_conditions_that_are_the_same_work_run_it_once(slots: int) -> None:
    conditions = ["none", {"name": "a", "tasks": ["mini-nli"]}, {"name": "b", "tasks": ["mini-nli"]}]
    plan = plan_of(conditions=conditions, seeds=[1, 2])
    search = Search(plan)
    started = simulate(search, slots, random.Random(0))
    assert len(started) == len({spec.trial_id for spec in started})
    assert search.is_over
    for phase in ("intermediate/{}", "target/{}/mini-pos"):
        one, two = (plan.study(phase.format(name)) for name in "ab")
        assert search.ended(one) == search.ended(two)
        assert len(search.ended(one)) == one.runs


def test_a_condition_without_a_winner_blocks_its_pairs_alone() -> None:
    plan = plan_of()
    search = Search(plan)
    while not search.is_over:
        while search.next():
            pass
        for _, spec in list(search.running.values()):
            search.finish(outcome(spec, fails=spec.phase == "intermediate"))
    blocked = [study.name for study in plan.studies if not search.is_reachable(study)]
    assert blocked == ["target/mini-nli/mini-pos", "evaluate/mini-nli/mini-pos", "evaluate/mini-nli/untrained"]
    assert len(search.ended(plan.study("evaluate/none/mini-pos"))) == 1


REGIMES = ["zero-shot", {"in-language": {"languages": ["de"]}}, {"few-shot": {"languages": ["de"], "examples": [8]}}]

WAYS: list[dict[str, Any]] = [
    {},
    {"sampler": "random"},
    {"sampler": "grid"},
    {"strategy": "joint"},
    {"warm_start": True},
    {"strategy": "joint", "warm_start": True, "pruning": "median"},
    {"trials": {"intermediate": 6, "target": 7, "parallel": 3}},
    {"evaluate": {"top": 3}},
    {"evaluate": {"top": 4}, "strategy": "joint", "tuning": {"target": {"lora": {"rank": 2}}}},
    {"evaluate": {"top": 3}, "regimes": REGIMES, "targets": ["mini-nli", "mini-pos", "mini-bitext"], "seeds": [1, 2]},
]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_neither_slots_nor_interruptions_change_what_is_tried(way: dict[str, Any]) -> None:
    plan = plan_of(**{**GRID, "trials": {"intermediate": 6, "target": 7}, **way})
    alone = {spec.trial_id for spec in simulate(Search(plan), 1, random.Random(0), failing=0.1)}
    for slots, seed in ((2, 1), (5, 2), (16, 3)):
        rng = random.Random(seed)
        outcomes: list[Outcome] = []
        tried: list[str] = []
        for stop_after in (7, 11, 30, 10**9):
            search = Search(plan, outcomes)
            simulate(search, slots, rng, failing=0.1, stop_after=stop_after)
            tried += [one for one in search.outcomes if one not in tried]
            outcomes = list(search.outcomes.values())
            rng.shuffle(outcomes)
        assert set(tried) == alone


def evaluated(search: Search, study: Study) -> list[tuple[int | None, bool, str]]:
    """A study's evaluations on the first seed: rank, whether it is of the winner, the trial that it scores."""
    found = [one for one in search.members(study) if one.outcome.spec.seed == study.seeds[0]]
    return [(one.rank, one.winner, str(one.outcome.spec.parent)) for one in found]


@pytest.mark.parametrize(
    "way", [{}, {"strategy": "joint"}, {"regimes": REGIMES, "targets": ["mini-nli", "mini-bitext"]}]
)
def test_the_best_trials_of_each_search_are_scored_and_nothing_else_changes(way: dict[str, Any]) -> None:
    """Those of a pair; where nothing is trained for a target those of the condition; none of what is not searched."""
    few, many = (plan_of(**{**GRID, **way, "evaluate": {"top": top}}) for top in (1, 3))
    searches = Search(few), Search(many)
    without, started = (simulate(search, 3, random.Random(0)) for search in searches)
    trained = [{spec.trial_id for spec in specs if spec.phase != "evaluate"} for specs in (without, started)]
    assert trained[0] == trained[1]
    assert {spec.trial_id for spec in without} < {spec.trial_id for spec in started}
    for study in many.studies:
        if study.phase != "evaluate":
            continue
        parent = many.study(study.parent) if study.parent else None
        is_search = parent is not None and not parent.goes_on
        found = evaluated(searches[1], study)
        if parent is None or not is_search:
            assert [one[:2] for one in found] == [(None, True)]
            continue
        tried = [one.outcome for one in searches[1].members(parent) if one.role == "search"]
        best = sorted((one.objective or 0.0 for one in tried), reverse=True)[:3]
        assert [one[:2] for one in found] == [(1, True), (2, False), (3, False)]
        assert [searches[1].outcomes[trial_id].objective for _, _, trial_id in found] == best
        assert [one[:2] for one in evaluated(searches[0], few.study(study.name))] == [(1, True)]
        of_seeds = [one for one in searches[1].members(study) if one.outcome.spec.seed != study.seeds[0]]
        assert all(one.winner and one.rank is None for one in of_seeds)
    if "strategy" not in way:  # in joint searches more than the winner may run on the other seeds
        assert many.runs == len(started)


def test_what_goes_on_and_fails_on_the_first_seed_alone_is_scored_on_the_others() -> None:
    few_shot = {"few-shot": {"languages": ["de"], "examples": [8]}}
    plan = plan_of(conditions=["none"], targets=["mini-nli"], regimes=[few_shot], seeds=[1, 2, 3])
    search = Search(plan)
    sequel, scored = (plan.study(f"{phase}/none/mini-nli/few-shot-8-de") for phase in ("target", "evaluate"))
    while (found := search.next()) is not None:
        assert found[1].parent not in search.unneeded(sequel)
        search.finish(outcome(found[1], fails=found[0] == sequel and found[1].seed == 1))
    assert [one.spec.seed for one in search.ended(scored)] == [2, 3]
    assert [search.fate(scored, seed) for seed in (1, 2, 3)] == ["failed", "finished", "finished"]


def test_trials_that_are_scored_beside_the_winner_are_known_when_their_search_is_over() -> None:
    plan = plan_of(**{**GRID, "conditions": ["none"], "targets": ["mini-pos"], "evaluate": {"top": 3}, "seeds": [1]})
    search = Search(plan)
    pair, scored = plan.study("target/none/mini-pos"), plan.study("evaluate/none/mini-pos")
    for number in range(4):
        assert (search.planned(scored), search.left(scored), search.unneeded(pair)) == (3, 3, [])
        found = search.next()
        assert found is not None
        assert found[0] == pair, number
        search.finish(outcome(found[1]))
    order = [spec.parent for spec in simulate(search, 1, random.Random(0))]
    ranking = sorted(search.ended(pair), key=lambda one: -(one.objective or 0.0))
    assert order == [one.spec.trial_id for one in ranking[:3]]
    assert search.unneeded(pair) == sorted(one.spec.trial_id for one in ranking)


def test_weights_are_kept_until_they_are_scored() -> None:
    plan = plan_of(**{**GRID, "targets": ["mini-pos", "mini-bitext"], "evaluate": {"top": 3}, "seeds": [1, 2]})
    search = Search(plan)
    while (found := search.next()) is not None:
        study, spec = found
        search.finish(outcome(spec))
        if study.phase == "evaluate" and spec.parent is not None:
            parent = plan.study(str(study.parent))
            is_last = not search.left(study)
            is_kept = spec.parent not in search.unneeded(parent)
            is_winner = spec.parent in {one.spec.trial_id for one in search.winners(parent)}
            assert is_kept == (is_winner and (parent.phase == "intermediate" or not is_last))
    assert search.needed() == {
        one.spec.trial_id for study in plan.studies if study.phase == "intermediate" for one in search.winners(study)
    }


def test_of_a_search_in_which_trials_failed_those_that_finished_are_scored() -> None:
    plan = plan_of(**{**GRID, "conditions": ["none"], "targets": ["mini-pos"], "evaluate": {"top": 3}, "seeds": [1]})
    search, ended = Search(plan), 0
    while (found := search.next()) is not None:
        ended += 1
        search.finish(outcome(found[1], fails=ended <= 2))
    assert [one[:2] for one in evaluated(search, plan.study("evaluate/none/mini-pos"))] == [(1, True), (2, False)]
    assert search.is_over
    assert all(search.left(study) == 0 for study in plan.studies)


def test_what_was_suggested_once_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(**GRID)
    first = Search(plan)
    simulate(first, 3, random.Random(0))

    def never(*_: object) -> None:
        raise AssertionError("the ledger knows the answer")

    monkeypatch.setattr("sweep.search.search.suggest", never)
    again = Search(plan, first.outcomes.values())
    assert again.is_over
    assert all(len(again.ended(study)) == again.planned(study) for study in plan.studies)


def test_conditions_draw_the_same_random_numbers() -> None:
    """What is compared differs in the condition alone, not in the luck of its search."""
    plan = plan_of(**{**GRID, "sampler": "random"})
    search = Search(plan)
    simulate(search, 2, random.Random(0))
    tried = [
        [one.spec.hyperparameters for one in search.ended(plan.study(f"target/{name}/mini-pos")) if one.spec.seed == 1]
        for name in ("none", "mini-nli", "both")
    ]
    assert tried[0] == tried[1] == tried[2]


def test_a_joint_search_chooses_among_all_trials_of_its_condition() -> None:
    plan = plan_of(**{**GRID, "strategy": "joint", "trials": {"intermediate": 3, "target": 12}})
    search = Search(plan)
    simulate(search, 2, random.Random(0))
    pair, condition = plan.study("target/mini-nli/mini-pos"), plan.study("intermediate/mini-nli")
    trials = [one.spec.trial_id for one in search.ended(condition) if one.spec.seed == 1]
    pairs = [one for one in search.ended(pair) if one.spec.seed == 1]
    assert pairs[0].spec.parent == search.winner(condition, 1).spec.trial_id  # type: ignore[union-attr]
    assert {one.spec.parent for one in pairs} == set(trials)
    best = search.winner(pair, 1)
    assert best is not None
    # On another seed the winner starts from the same intermediate training, run with that seed.
    for seed in (2, 3):
        replica = search.winner(pair, seed)
        assert replica is not None
        parent, its_parent = search.outcomes[str(replica.spec.parent)].spec, search.outcomes[str(best.spec.parent)].spec
        assert parent.seed == seed
        assert parent.hyperparameters == its_parent.hyperparameters


def test_a_warm_start_begins_with_what_was_best_for_the_baseline() -> None:
    plan = plan_of(**{**GRID, "warm_start": True})
    search = Search(plan)
    simulate(search, 4, random.Random(0))
    baseline = search.winner(plan.study("target/none/mini-pos"), 1)
    tried = [one.spec for one in search.ended(plan.study("target/mini-nli/mini-pos"))]
    assert baseline is not None
    assert baseline.spec.hyperparameters in [spec.hyperparameters for spec in tried[:2]]


def test_a_trial_that_did_not_end_by_itself_is_handed_out_again() -> None:
    search = Search(plan_of(**GRID))
    one, other = search.next(), search.next()
    assert one is not None
    assert other is not None
    search.release(one[1].trial_id)
    again = search.next()
    assert again is not None
    assert again[1] == one[1]
    assert set(search.running) == {one[1].trial_id, other[1].trial_id}


@pytest.mark.parametrize("fails", [False, True])
def test_lost_weights_are_made_again_before_what_starts_from_them(fails: bool) -> None:
    plan = plan_of(**GRID)
    search = Search(plan)
    while (found := search.next()) is None or found[0].phase != "target" or found[1].parent is None:
        if found is not None:
            search.finish(outcome(found[1]))
    pair, spec = found
    condition = plan.study(str(pair.parent))
    winner = search.winner(condition, 1)
    assert winner is not None
    assert spec.parent == winner.spec.trial_id
    search.lose(condition, spec.parent)
    search.release(spec.trial_id)
    restored = search.next()
    assert restored == (condition, winner.spec)
    while (found := search.next()) is not None:
        assert found[1].parent != spec.parent
        search.finish(outcome(found[1]))
    search.finish(outcome(winner.spec, fails=fails))
    simulate(search, 2, random.Random(0))
    assert search.is_over
    assert (search.winner(condition, 1) == winner) is not fails


def test_only_trials_of_the_same_schedule_are_rivals() -> None:
    plan = plan_of(**{**GRID, "pruning": "median", "trials": {"intermediate": 6, "target": 6}})
    search = Search(plan)
    study = plan.study("target/none/mini-pos")
    simulate(search, 1, random.Random(0))
    trials = [one for one in search.ended(study) if one.spec.seed == 1]
    for number, one in enumerate(trials):
        before = [other for other in trials[: max(0, number - 1)] if other.spec.epochs == one.spec.epochs]
        assert search.rivals(study, one.spec) == [other.curve for other in before]  # the last one may still be running
    assert any(search.rivals(study, one.spec) for one in trials)
