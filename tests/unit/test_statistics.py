"""How sure a difference is, against what scipy and statsmodels say where they know the case."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from sweep.statistics.crossed import Parts, Runs, Spread, is_uneven, of_the_recipe, of_these_models, pooled
from sweep.statistics.influence import by_group, leave_out, variance
from sweep.statistics.multiplicity import (
    ADJUSTED,
    LEVEL,
    Correction,
    benjamini_hochberg,
    helps_in_at_least,
    holm,
    level_needed,
)
from sweep.statistics.paired import mcnemar
from sweep.statistics.power import detectable, power, seeds_needed
from sweep.statistics.resampling import resampled, weights
from sweep.statistics.swapping import swapped
from sweep.statistics.verdict import verdict
from trainables.metrics import METRICS

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def accuracy(sums: np.ndarray) -> np.ndarray:
    return METRICS["accuracy"].formula(sums)["accuracy"]


def entity_f1(sums: np.ndarray) -> np.ndarray:
    return METRICS["entity_f1"].formula(sums)["f1"]


def shares(right: np.ndarray) -> np.ndarray:
    """Sums of an accuracy by answers that are right (..., groups)."""
    return np.stack([right, np.ones_like(right)], axis=-1).astype(float)


def answers(*shape: int, seed: int = 0, rate: float = 0.7) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < rate


def runs_of(right: np.ndarray, **more: bool) -> Runs:
    scores, changes = leave_out(accuracy, shares(right))
    return Runs(scores, changes, **more)


def silent(scores: list[float], groups: int = 5) -> Runs:
    """Runs whose examples add no variance."""
    return Runs(np.array(scores), np.zeros((len(scores), groups)))


# --- the jackknife


def test_leaving_out_a_group_is_scoring_the_others() -> None:
    sums = np.random.default_rng(1).integers(0, 5, (2, 30, 3)).astype(float)
    sums[..., 1:] += sums[..., :1]
    scores, changes = leave_out(entity_f1, sums)
    for language in range(2):
        assert scores[language] == pytest.approx(float(entity_f1(sums[language].sum(axis=0))))
        for group in (0, 7, 29):
            without = np.delete(sums[language], group, axis=0).sum(axis=0)
            assert changes[language, group] == pytest.approx(scores[language] - float(entity_f1(without)))


def test_the_variance_of_a_mean_is_that_of_the_textbook() -> None:
    right = answers(200)
    _, changes = leave_out(accuracy, shares(right))
    assert variance(changes) == pytest.approx(np.var(100.0 * right, ddof=1) / 200)


def test_the_variance_of_a_formula_is_that_of_its_resamples() -> None:
    random = np.random.default_rng(2)
    gold = 1 + random.poisson(2, 400)
    found = random.binomial(gold, 0.6)
    sums = np.stack([found, gold, found + random.poisson(0.5, 400)], axis=-1).astype(float)
    _, changes = leave_out(entity_f1, sums)
    drawn = entity_f1(resampled(sums, weights(400, 4000, random)))
    assert np.sqrt(variance(changes)) == pytest.approx(drawn.std(), rel=0.05)


def test_groups_that_a_language_does_not_have_change_nothing_there() -> None:
    """Unrelated data on one axis of groups are as sure as each by itself."""
    first, second = shares(answers(100, seed=1)), shares(answers(60, seed=2))
    joined = np.zeros((2, 160, 2))
    joined[0, :100], joined[1, 100:] = first, second
    _, changes = leave_out(accuracy, joined)
    alone = [variance(leave_out(accuracy, one)[1]) for one in (first, second)]
    assert not changes[0, 100:].any() and not changes[1, :100].any()
    assert variance(changes.mean(axis=0)) == pytest.approx(sum(alone) / 4, rel=0.02)


def test_translations_of_one_item_are_one_draw() -> None:
    """Two languages with the same answers are no more sure than one."""
    once = shares(answers(150))
    _, changes = leave_out(accuracy, np.stack([once, once]))
    assert variance(changes.mean(axis=0)) == pytest.approx(variance(changes[0]))


def test_examples_of_a_group_are_added_up() -> None:
    statistics = np.array([[1.0, 1], [0, 1], [1, 1], [1, 1]])
    assert by_group(statistics, np.array([2, 0, 2, 0]), 4).tolist() == [[1, 2], [0, 0], [2, 2], [0, 0]]


def test_fewer_than_two_groups_say_nothing() -> None:
    one = runs_of(answers(1, 1))
    assert of_these_models(one, one).error is None
    assert np.isinf(variance(np.array([1.0])))


# --- differences


def test_two_models_are_compared_as_by_a_paired_t_test() -> None:
    first, second = answers(300, seed=1), answers(300, seed=2, rate=0.6)
    found = of_these_models(runs_of(first[None]), runs_of(second[None]))
    known = stats.ttest_rel(100.0 * first, 100.0 * second)
    interval = known.confidence_interval()
    assert found.p == pytest.approx(known.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_where_examples_are_certain_recipes_are_compared_as_by_welch() -> None:
    first, second = silent([70.0, 72.0, 71.0, 74.0]), silent([68.0, 69.5, 67.0])
    known = stats.ttest_ind(first.scores, second.scores, equal_var=False)
    found = of_the_recipe(first, second)
    assert found.p == pytest.approx(known.pvalue)
    assert found.freedom == pytest.approx(known.df)
    assert found.dominated_by == "seeds"


def test_a_pool_of_both_sides_is_students_t_test() -> None:
    first, second = silent([70.0, 72.0, 71.0, 74.0]), silent([68.0, 69.5, 67.0])
    known = stats.ttest_ind(first.scores, second.scores)
    found = of_the_recipe(first, second, pooled([first, second]))
    assert (found.p, found.freedom) == (pytest.approx(known.pvalue), pytest.approx(known.df))


def test_with_seeds_enough_their_own_spread_counts() -> None:
    wild = Spread(1e6, 100)
    first, second = silent([70.0, 72, 71, 74, 73, 72]), silent([68.0, 69.5, 67, 68, 69, 68])
    assert of_the_recipe(first, second, wild) == of_the_recipe(first, second)
    assert of_the_recipe(silent([70.0, 71]), second, wild) != of_the_recipe(silent([70.0, 71]), second)


def test_collapsed_runs_spread_on_their_own() -> None:
    fallen = Runs(np.array([70.0, 33.0, 71.0]), np.zeros((3, 5)), collapsed=True)
    others = [silent([70.0, 70.5, 71.0]), silent([69.0, 69.5, 70.0])]
    pool = pooled([fallen, *others])
    assert pool == Spread(pytest.approx(0.25), 4, 2)
    assert of_the_recipe(others[0], others[1], pool).error == pytest.approx(np.sqrt(2 * 0.25 / 3))
    of_fallen = of_the_recipe(fallen, others[0], pool)
    assert of_fallen.error == pytest.approx(np.sqrt(np.var(fallen.scores, ddof=1) / 3 + 0.25 / 3))


def test_seeds_that_spread_farther_than_the_pool_are_noticed() -> None:
    others = [silent([70.0 + place, 70.5 + place, 71.0 + place]) for place in range(9)]
    wild = silent([60.0, 70.0, 80.0])
    pool = pooled([wild, *others])
    assert is_uneven(wild, pool)
    assert not any(is_uneven(one, pool) for one in others)
    assert not is_uneven(silent([60.0, 80.0, 60, 80, 60, 80]), pool)  # with so many its own spread is used


def test_what_is_never_trained_has_no_spread() -> None:
    untouched = Runs(np.array([60.0]), np.zeros((1, 5)), trained=False)
    trained = silent([70.0, 72.0, 71.0])
    found = of_the_recipe(trained, untouched)
    known = stats.ttest_1samp(trained.scores, 60.0)
    assert (found.p, found.freedom) == (pytest.approx(known.pvalue), pytest.approx(2))
    assert pooled([untouched]) is None


def test_one_seed_says_nothing_about_a_recipe() -> None:
    with pytest.raises(ValueError, match="one seed"):
        of_the_recipe(silent([70.0]), silent([68.0, 69.0]))


def test_what_seeds_answer_differently_is_not_counted_twice() -> None:
    """Runs that are right by chance alone: all variance is interaction, and it is that of seeds x examples answers."""
    totals = []
    for seed in range(200):
        first, second = (runs_of(answers(3, 400, seed=2 * seed + side)) for side in (0, 1))
        totals.append((of_the_recipe(first, second).error or 0.0) ** 2)
    right = 2 * 100**2 * 0.7 * 0.3 / (3 * 400)
    assert right < np.mean(totals) < 1.6 * right  # on the safe side, but not by the factor of adding both parts


def test_the_same_answers_are_no_difference() -> None:
    one = runs_of(np.repeat(answers(1, 50), 2, axis=0))
    found = of_the_recipe(one, one)
    assert (found.value, found.p, found.low, found.high) == (0.0, 1.0, 0.0, 0.0)


def test_a_difference_without_variance_is_not_decided() -> None:
    """Two of two examples: nothing says that a third would be like them."""
    found = of_these_models(runs_of(np.ones((1, 2), bool)), runs_of(np.zeros((1, 2), bool)))
    assert found.value == 100.0
    assert found.p is None
    assert verdict(found.value, found.p) == "not decided"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 4), st.integers(3, 40))
def test_which_side_is_first_changes_the_sign_and_nothing_else(seed: int, seeds: int, groups: int) -> None:
    first, second = (runs_of(answers(seeds, groups, seed=seed + side)) for side in (0, 1))
    pool = pooled([first, second])
    one, other = of_the_recipe(first, second, pool), of_the_recipe(second, first, pool)
    assert one.value == -other.value
    assert one.p == other.p
    if one.low is not None and other.high is not None:
        assert one.low == pytest.approx(-other.high)


# --- many comparisons


@settings(max_examples=5, deadline=None)  # statsmodels takes its time
@given(P_VALUES)
def test_holm_is_that_of_statsmodels(values: list[float]) -> None:
    assert holm(values) == pytest.approx(multipletests(values, method="holm")[1])


@settings(max_examples=100, deadline=None)
@given(P_VALUES)
def test_benjamini_hochberg_is_that_of_statsmodels_and_scipy(values: list[float]) -> None:
    assert benjamini_hochberg(values) == pytest.approx(multipletests(values, method="fdr_bh")[1])
    assert benjamini_hochberg(values) == pytest.approx(stats.false_discovery_control(values))


@settings(max_examples=300, deadline=None)
@example([0.0, 1.0, 1.0, 1.0, 0.025], "bh")
@given(st.lists(st.floats(0, 1) | st.integers(0, 64).map(lambda part: part / 640), max_size=12),
       st.sampled_from(["holm", "bh"]))  # fmt: skip
def test_the_level_that_a_row_needs_is_the_one_that_decides_it(others: list[float], correction: Correction) -> None:
    adjust = ADJUSTED[correction]
    level = level_needed(others, correction)
    assert adjust([level * (1 - 1e-9), *others])[0] <= LEVEL
    assert adjust([level * (1 + 1e-6), *others])[0] > LEVEL


@pytest.mark.parametrize(
    ("others", "holms", "bhs"),
    [
        ([], 0.05, 0.05),
        ([1, 1, 1], 0.0125, 0.0125),
        ([0.001, 0.02, 1], 0.05 / 3, 0.0375),
        ([1 / 64, 1, 1], 0.0125, 0.025),
    ],
)
def test_the_level_that_a_row_needs(others: list[float], holms: float, bhs: float) -> None:
    assert level_needed(others, "holm") == pytest.approx(holms)
    assert level_needed(others, "bh") == pytest.approx(bhs)


def test_helps_in_at_least() -> None:
    assert helps_in_at_least([0.5, 0.9]) == 0
    assert helps_in_at_least([0.001, 0.9, 0.9]) == 1
    assert helps_in_at_least([0.02] * 5) == 5  # none is sure alone, all together are
    assert helps_in_at_least([]) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_helps_is_at_least_what_holm_finds_and_at_most_what_nobody_corrects(values: list[float]) -> None:
    count = helps_in_at_least(values, 0.05)
    assert sum(holm(values) <= 0.05) <= count <= sum(p <= 0.05 for p in values)


# --- few discordant pairs


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (5, 0), (6, 0), (10, 3), (20, 9), (24, 25)])
def test_few_discordant_pairs_are_counted_exactly(first: int, second: int) -> None:
    found = mcnemar(first, second, 200)
    table = [[100, first], [second, 100 - first - second]]
    assert found.p == pytest.approx(reference_mcnemar(table, exact=True).pvalue)
    assert found.low <= 100 * (first - second) / 200 <= found.high
    assert (found.low <= 0 <= found.high) == (found.p > 0.05)


# --- power


@pytest.mark.parametrize("freedom", [2, 3, 10, 100])
def test_power_is_that_of_the_noncentral_t_distribution(freedom: int) -> None:
    known = TTestPower().power(3 / np.sqrt(freedom + 1), freedom + 1, 0.05)
    assert power(3.0, 1.0, freedom) == pytest.approx(known, abs=1e-4)


@pytest.mark.parametrize("freedom", [0.7, 1, 2.5, 8, 1e6, np.inf])
@pytest.mark.parametrize("level", [0.05, 0.05 / 90])
def test_what_is_detectable_is_found_four_times_in_five(freedom: float, level: float) -> None:
    assert power(detectable(2.0, freedom, level), 2.0, freedom, level) == pytest.approx(0.8)


def test_seeds_are_counted_until_they_are_enough() -> None:
    parts = Parts(first=4.0, second=4.0, items=0.05, first_conditions=10, second_conditions=10, pooled=True)
    needed = seeds_needed(parts, 500, 2.0)
    assert needed is not None
    assert needed < seeds_needed(parts, 500, 1.5) < seeds_needed(parts, 500, 1.5, level=0.001)
    assert seeds_needed(parts, 500, 0.4) is None  # examples alone hide it
    assert seeds_needed(Parts(0.0, 0.0, 0.01), 500, 1.0) == 2


# --- replays


def test_swapped_answers_are_the_same_answers() -> None:
    first, second = shares(answers(50, seed=1)), shares(answers(50, seed=2))
    one, other = swapped(first, second, np.arange(50) % 2 == 0)
    assert np.array_equal(one + other, first + second)
    assert np.array_equal(one[0], second[0]) and np.array_equal(one[1], first[1])


def test_verdicts() -> None:
    assert verdict(1.0, 0.04) == "better"
    assert verdict(-1.0, 0.04) == "worse"
    assert verdict(1.0, 0.06) == "not decided"
    assert verdict(1.0, None) == "not decided"
    assert verdict(None, None) == "no scores"
