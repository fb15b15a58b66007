"""Suggestions of hyper-parameters, and which trials to give up: the same behaviour from every sampler and pruner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from math import log10
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces import SAMPLERS, Choices, Conditional, Parameter, Range, Value, contains, first, points
from sweep.search.studies import PRUNERS, STARTUP_TRIALS, Told, depends_on_results, shifted, should_prune, suggest

Space = Mapping[str, Parameter]
Surface = Callable[[dict[str, Any]], float]

WIDE: Space = {
    "learning_rate": Range(1e-6, 1e-3, log=True, integer=False, first=1e-5),
    "epochs": Range(1, 10, log=False, integer=True, first=3),
    "batch_size": Choices((16, 32), 32),
    "warmup": Choices((0.1,), 0.1),
}
VALUES: Space = {
    "learning_rate": Choices((5e-6, 1e-5, 2e-5, 3e-5), 1e-5),
    "epochs": Choices((2, 3, 5), 3),
    "batch_size": Choices((24,), 24),
}
CONDITIONAL: Space = {
    "learning_rate": Conditional(
        "batch_size",
        (
            (8, Range(1e-6, 1e-5, log=True, integer=False, first=5e-6)),
            (32, Range(5e-5, 5e-4, log=True, integer=False, first=1e-4)),
        ),
    ),
    "epochs": Range(1, 10, log=False, integer=True, first=3),
    "batch_size": Choices((8, 32), 32),
}
CONDITIONAL_VALUES: Space = {
    "epochs": Conditional("learning_rate", ((1e-5, Choices((5, 10), 10)), (2e-5, Choices((1, 2, 3), 2)))),
    "learning_rate": Choices((1e-5, 2e-5), 2e-5),
}
JOINT: Space = {**WIDE, "parent": Choices(("0f3a", "9bc1", "77de"), "9bc1")}
SPACES = {"wide": WIDE, "values": VALUES, "conditional": CONDITIONAL, "values by": CONDITIONAL_VALUES, "joint": JOINT}
LEARNING = [name for name in SAMPLERS if depends_on_results(name, 100)]
SEARCHES = [  # every sampler in every space that it can search
    (sampler, name)
    for sampler in SAMPLERS
    for name, space in SPACES.items()
    if sampler != "grid" or all(one.is_finite for one in space.values())
]


def of_values(sampler: str) -> Space:
    """The wide space; for a grid the one that has values."""
    return VALUES if sampler == "grid" else WIDE


def surface(parameters: dict[str, Any]) -> float:
    """Best at a learning rate of 1e-4 and 5 epochs."""
    return float(80 - 10 * abs(log10(parameters["learning_rate"]) + 4) - abs(parameters["epochs"] - 5))


def run(
    sampler: str,
    trials: int,
    seed: int = 1,
    space: Space = WIDE,
    score: Surface = surface,
    prior: list[Told] | None = None,
    fate: Callable[[int], str] = lambda number: "finished",
) -> list[Told]:
    """A study of one trial after the other."""
    told: list[Told] = []
    for number in range(trials):
        parameters = suggest("study", space, sampler, seed, told, [], prior or [])
        if parameters is None:
            break
        value, status = score(parameters), fate(number)
        curve = (value - 2, value - 1, value)
        if status == "finished":
            told.append(Told(parameters, "finished", curve, value))
        else:
            told.append(Told(parameters, "pruned", curve[:1]) if status == "pruned" else Told(parameters, "failed"))
    return told


def tried(told: list[Told]) -> list[dict[str, Any]]:
    return [one.parameters for one in told]


@pytest.mark.parametrize(("sampler", "space"), SEARCHES)
def test_suggestions_lie_in_the_space_and_none_comes_twice(sampler: str, space: str) -> None:
    its = SPACES[space]
    number = 6 if sampler == "gp" else 7
    found = tried(run(sampler, number, space=its))
    assert found[0] == first(its)
    assert all(contains(its, one) for one in found)
    assert all(list(one) == list(its) for one in found)
    limit = len(list(points(its))) if all(one.is_finite for one in its.values()) else number
    assert len(found) == len({str(one) for one in found}) == min(number, limit)


def test_values_keep_their_types() -> None:
    """1 and 1.0 are the same number, but not the same trial."""
    for sampler in SAMPLERS:
        for one in tried(run(sampler, 7, space=of_values(sampler))):
            assert (type(one["learning_rate"]), type(one["epochs"]), type(one["batch_size"])) == (float, int, int)


def some_of_each_sampler() -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for sampler in SAMPLERS:
        space = VALUES if sampler == "grid" else CONDITIONAL
        told = run("random", 6, space=space)
        found[sampler] = [suggest("study", space, sampler, 1, told[:n], tried(told[n:])) for n in (6, 4)]
    return found


def test_suggestions_are_the_same_in_another_process() -> None:
    """Whatever the seed of Python's hashes and the number of threads."""
    code = "import json, tests.unit.test_studies as tests; print(json.dumps(tests.some_of_each_sampler()))"
    environment = {**os.environ, "PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "2"}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert json.loads(other.stdout) == some_of_each_sampler()


def test_studies_and_seeds_differ() -> None:
    told = run("random", 3)
    suggestions = [suggest(key, WIDE, "random", seed, told, []) for key in ("a", "b") for seed in (1, 2)]
    assert len({str(one) for one in suggestions}) == 4


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_first_suggestions_do_not_depend_on_results(sampler: str) -> None:
    """So equal studies of two conditions start with the same random trials, even while results are out."""
    space = of_values(sampler)
    told = run(sampler, STARTUP_TRIALS, space=space)
    for number in range(STARTUP_TRIALS):
        assert not depends_on_results(sampler, number)
        worse = [Told(one.parameters, "finished", (), 50 - (one.objective or 0)) for one in told[:number]]
        failed = [Told(one.parameters, "failed") for one in told[:number]]
        for past, pending in ((worse, []), (failed, []), ([], tried(told[:number])), (told[:1], tried(told[1:number]))):
            if len(past) + len(pending) == number:
                assert suggest("study", space, sampler, 1, past, pending) == told[number].parameters


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_results_count_when_it_is_said_that_they_do(sampler: str) -> None:
    space = of_values(sampler)
    told = run("random", 10, space=space)
    other = [Told(one.parameters, "finished", (), 100 - (one.objective or 0)) for one in told]
    differ = suggest("study", space, sampler, 1, told, []) != suggest("study", space, sampler, 1, other, [])
    assert differ == depends_on_results(sampler, 10)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_trials_that_run_are_not_suggested_again_and_a_small_space_is_used_up(sampler: str) -> None:
    told = run("random", 9 if sampler == "gp" else 5, space=VALUES)
    pending: list[dict[str, Any]] = []
    while (found := suggest("study", VALUES, sampler, 1, told, pending)) is not None:
        assert found not in [*tried(told), *pending]
        pending.append(found)
    assert len(told) + len(pending) == len(list(points(VALUES))) == 12


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid", "cmaes"])
def test_the_last_point_of_a_space_is_found(sampler: str) -> None:
    space = {**VALUES, "epochs": Choices(tuple(range(1, 26)), 3)}
    *others, last = (point for point in points(space) if point != first(space))
    told = [Told(one, "finished", (), surface(one)) for one in (first(space), *others)]
    assert suggest("study", space, sampler, 1, told, []) == last
    assert suggest("study", space, sampler, 1, told, [last]) is None


@pytest.mark.parametrize("sampler", LEARNING)
def test_trials_that_run_drive_suggestions_apart(sampler: str) -> None:
    """The constant liar: eight suggestions without news are not eight times the same good place."""
    told = run("random", 8)
    pending: list[dict[str, Any]] = []
    for _ in range(4 if sampler == "gp" else 8):
        found = suggest("study", WIDE, sampler, 1, told, pending)
        assert found is not None
        pending.append(found)
    rates = sorted(log10(one["learning_rate"]) for one in pending)
    assert rates[-1] - rates[0] > 0.05
    assert all(high > low for low, high in pairwise(rates))


@pytest.mark.parametrize(("sampler", "space"), SEARCHES)
def test_failed_and_pruned_trials_are_no_obstacle(sampler: str, space: str) -> None:
    its = SPACES[space]
    for fate in ("failed", "pruned"):
        assert len(run(sampler, 5, space=its, fate=lambda _, fate=fate: fate)) == 5  # type: ignore[misc]
    told = run("random", 5, space=its, fate=lambda number: ("finished", "failed", "pruned")[number % 3])
    assert [one.status for one in told] == ["finished", "failed", "pruned", "finished", "failed"]
    found = suggest("study", its, sampler, 1, told, [])
    assert (found is None) == (space == "values by")  # it has five points
    assert found is None or (contains(its, found) and found not in tried(told))


@pytest.mark.parametrize("sampler", LEARNING)
@pytest.mark.parametrize("status", ["failed", "pruned"])
def test_what_failed_or_was_pruned_is_not_sought_again(sampler: str, status: str) -> None:
    """High learning rates diverge, or are given up early: fewer of the next ones are high than chance would have it."""
    told = run("random", 20)
    past = [
        Told(one.parameters, "failed" if status == "failed" else "pruned", () if status == "failed" else (20.0,))
        if one.parameters["learning_rate"] > 3e-5
        else Told(one.parameters, "finished", (70.0,), 70.0)
        for one in told
    ]
    seeds = range(2 if sampler == "gp" else 10)
    found = [suggest("study", WIDE, sampler, seed, past, []) for seed in seeds]
    assert fmean(one is not None and one["learning_rate"] > 3e-5 for one in found) <= 0.35


def late(sampler: str, seeds: int, space: Space = WIDE, score: Surface = surface) -> float:
    """The mean objective of the trials 11 to 20 (of a Gaussian process, which is slow: to 15)."""
    trials = 15 if sampler == "gp" else 20
    studies = [run(sampler, trials, seed, space, score) for seed in range(seeds)]
    return fmean(one.objective or 0 for study in studies for one in study[10:])


@pytest.mark.parametrize(("sampler", "seeds"), [("tpe", 10), ("cmaes", 5), ("gp", 1)])
def test_samplers_learn_what_chance_does_not(sampler: str, seeds: int) -> None:
    assert late(sampler, seeds) > late("random", 20) + 2


@pytest.mark.parametrize(("sampler", "seeds"), [("tpe", 10), ("cmaes", 5), ("gp", 1)])
def test_samplers_learn_in_conditional_spaces(sampler: str, seeds: int) -> None:
    """The best learning rate is the middle of its case, and a batch size of 32 is better."""

    def score(parameters: dict[str, Any]) -> float:
        middle = {8: -5.5, 32: -3.8}[parameters["batch_size"]]
        rate = abs(log10(parameters["learning_rate"]) - middle)
        return float(80 - 20 * rate - abs(parameters["epochs"] - 5) - (5 if parameters["batch_size"] == 8 else 0))

    assert late(sampler, seeds, CONDITIONAL, score) > late("random", 20, CONDITIONAL, score) + 1


def offset(parameters: dict[str, Any]) -> float:
    """The same surface for another condition: 20 points lower, and best at 2e-4."""
    return float(60 - 10 * abs(log10(parameters["learning_rate"] / 2e-4)) - abs(parameters["epochs"] - 5))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_warm_start_tries_the_best_of_the_other_study_second(sampler: str) -> None:
    space = of_values(sampler)
    prior = run("random", 12, space=space)
    best = max(prior, key=lambda one: one.objective or 0).parameters
    told = run(sampler, 3, space=space, prior=prior, score=offset)
    assert tried(told)[:2] == [first(space), best]
    assert len({str(one) for one in tried(told)}) == 3
    assert tried(run(sampler, 3, space=space, prior=list(reversed(prior)), score=offset))[:2] == [first(space), best]


@pytest.mark.parametrize(("sampler", "seeds"), [("tpe", 10), ("cmaes", 5), ("gp", 1)])
def test_a_warm_start_helps_though_all_scores_are_lower(sampler: str, seeds: int) -> None:
    prior = run("tpe", 20)
    means = {
        is_warm: fmean(
            one.objective or 0
            for seed in range(seeds)
            for one in run(sampler, 8, seed, score=offset, prior=prior if is_warm else [])[2:]
        )
        for is_warm in (True, False)
    }
    assert means[True] > means[False] + 2, means


@pytest.mark.parametrize("sampler", LEARNING)
def test_it_does_not_matter_how_much_higher_the_scores_of_the_other_study_are(sampler: str) -> None:
    """The published values are tried in both: they tell by how much."""
    prior = run("random", 8)
    higher = [
        Told(one.parameters, "finished", tuple(score + 32 for score in one.curve), (one.objective or 0) + 32)
        for one in prior
    ]
    told = run("random", 6, seed=2, score=lambda parameters: surface(parameters) - 16, prior=prior)
    seeds = range(1 if sampler == "gp" else 5)
    answers = [[suggest("study", WIDE, sampler, seed, told, [], ones) for seed in seeds] for ones in (prior, higher)]
    assert answers[0] == answers[1]
    assert answers[0] != [suggest("study", WIDE, sampler, seed, told, []) for seed in seeds]


def test_scores_move_by_the_difference_where_both_studies_were() -> None:
    both, here, there = {"epochs": 1}, {"epochs": 2}, {"epochs": 3}
    prior = [Told(both, "finished", (60.0, 70.0), 70.0), Told(there, "finished", (80.0,), 80.0), Told(here, "failed")]

    def objectives(*told: Told) -> list[float | None]:
        return [one.objective for one in shifted([*prior, Told(there, "pruned", (50.0,))], told)]

    assert objectives() == [70, 80, None, None]
    assert objectives(Told(both, "finished", (), 50.0), Told(here, "finished", (), 99.0)) == [50, 60, None, None]
    assert objectives(Told(here, "finished", (), 55.0), Told(both, "failed")) == [50, 60, None, None]
    (moved, pruned) = shifted([prior[0], Told(there, "pruned", (50.0,))], [Told(both, "finished", (), 50.0)])
    assert (moved.curve, pruned.curve) == ((40.0, 50.0), (30.0,))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_trials_outside_the_space_are_no_part_of_a_warm_start(sampler: str) -> None:
    space = of_values(sampler)
    outside = [Told({**first(space), "epochs": 99}, "finished", (99.0,), 99.0)] * 5
    for number in (1, 2, 6):
        told = run(sampler, number, space=space)
        assert suggest("study", space, sampler, 1, told, [], outside) == suggest("study", space, sampler, 1, told, [])


def test_the_first_suggestions_of_a_warm_start_do_not_depend_on_results_either() -> None:
    prior = run("random", 12)
    for sampler in ("tpe", "cmaes"):
        told = run(sampler, STARTUP_TRIALS, prior=prior)
        for number in range(STARTUP_TRIALS):
            assert suggest("study", WIDE, sampler, 1, [], tried(told[:number]), prior) == told[number].parameters


EARLIER = [(40.0, 50.0, 60.0), (42.0, 52.0, 62.0), (44.0, 54.0, 64.0), (38.0, 48.0, 58.0)]


@pytest.mark.parametrize("pruner", PRUNERS)
def test_what_is_clearly_worse_is_pruned_and_what_is_clearly_better_goes_on(pruner: str) -> None:
    assert should_prune(pruner, [20.0], EARLIER)
    assert not should_prune(pruner, [60.0], EARLIER)
    assert should_prune(pruner, [60.0, 30.0] if pruner != "median" else [30.0, 30.0], EARLIER)
    assert not should_prune(pruner, [60.0, 70.0], EARLIER)


def test_the_median_keeps_the_better_half_and_halving_those_that_lead_by_now() -> None:
    """In the middle of five; and once ahead, the median looks at the best score so far."""
    assert [should_prune(pruner, [41.5], EARLIER) for pruner in PRUNERS] == [False, True]
    assert [should_prune(pruner, [60.0, 30.0], EARLIER) for pruner in PRUNERS] == [False, True]


@pytest.mark.parametrize("pruner", PRUNERS)
def test_a_trial_is_compared_with_nothing_but_the_curves_given(pruner: str) -> None:
    assert not should_prune(pruner, [20.0], [])
    assert not should_prune(pruner, [20.0], EARLIER[:2])  # too few to know what is usual
    assert not should_prune(pruner, [20.0], [(curve[0] - 30, *curve[1:]) for curve in EARLIER])
    assert not should_prune(pruner, [], EARLIER)
    assert should_prune(pruner, [20.0], [*EARLIER, ()])
    assert all(should_prune(pruner, [20.0], EARLIER) for _ in range(3))  # nothing is kept between calls


@pytest.mark.parametrize("pruner", PRUNERS)
def test_curves_of_pruned_trials_count_as_far_as_they_go(pruner: str) -> None:
    pruned = [(curve[0],) for curve in EARLIER]
    assert should_prune(pruner, [20.0], pruned)
    assert not should_prune(pruner, [60.0, 1.0], pruned)  # none of them got to the second epoch


@st.composite
def parameters(draw: st.DrawFn) -> Choices | Range:
    kind = draw(st.sampled_from(["values", "names", "numbers", "whole"]))
    if kind in ("values", "names"):
        some: list[Value] = [1e-6, 3, 5e-5, 8, 0.25, 16] if kind == "values" else ["a", "b", "c", "d"]
        values = draw(st.lists(st.sampled_from(some), min_size=1, max_size=4))
        return Choices(tuple(values), draw(st.sampled_from(values)))
    log = draw(st.booleans())
    if kind == "whole":
        low = draw(st.integers(1, 5))
        high = draw(st.integers(low + 1, 12))
        return Range(low, high, log, True, draw(st.integers(low, high)))
    bottom = draw(st.floats(1e-6, 1.0))
    top = bottom * draw(st.floats(1.1, 1000.0))
    return Range(bottom, top, log, False, draw(st.sampled_from([bottom, top])))


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    space: dict[str, Parameter] = {f"free{n}": one for n, one in enumerate(draw(st.lists(parameters(), max_size=3)))}
    by = tuple(draw(st.lists(st.sampled_from([8, 16, 1e-5]), min_size=1, max_size=3, unique=True)))
    for n in range(draw(st.integers(0, 2))):
        space[f"conditional{n}"] = Conditional("by", tuple((value, draw(parameters())) for value in by))
    return {**space, "by": Choices(by, by[0])}


@settings(max_examples=50)
@given(spaces(), st.sampled_from(["tpe", "random", "cmaes"]), st.integers(0, 10**6))
def test_whatever_the_space_suggestions_lie_in_it(space: Space, sampler: str, seed: int) -> None:
    def score(one: dict[str, Any]) -> float:
        return len(str(one)) % 7

    assert contains(space, first(space))
    told = run(sampler, 7, seed, space, score, fate=lambda number: "pruned" if number == 2 else "finished")
    found = [*tried(told), suggest("study", space, sampler, seed, told[:5], tried(told[5:]), told[:3])]
    assert all(contains(space, one) for one in found if one is not None)
    if all(one.is_finite for one in space.values()):
        assert len(told) == min(7, len({str(one) for one in points(space)}))


@settings(max_examples=5)
@given(spaces())
def test_whatever_the_space_a_gaussian_process_stays_in_it(space: Space) -> None:
    told = run("random", 5, 1, space, lambda one: len(str(one)) % 7)
    found = suggest("study", space, "gp", 1, told, [])
    assert found is None or contains(space, found)
