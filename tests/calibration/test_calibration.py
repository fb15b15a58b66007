"""Intervals hold what they promise, and tests raise as few false alarms as they say: the quick part of the suite.

What is drawn is the same in every run, so nothing here fails by chance. Bounds are those of the truth with room for
three standard errors of so few repetitions.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sweep.statistics.multiplicity import LEVEL
from tests.calibration import methods
from tests.calibration.error_rates import distance_from_uniform, family_errors, replayed, too_many_languages
from tests.calibration.methods import METHODS, coverage
from tests.calibration.taggers import of_mini, of_treebanks
from tests.calibration.world import METRICS, World

SMALL = World(items=200, languages=3)
TWO_WAY = {name: METHODS[name] for name in ("two-way t", "two-way t, pooled over 10 conditions")}


def room(repetitions: int, rate: float = 0.05) -> float:
    return 3 * float(np.sqrt(rate * (1 - rate) / repetitions))


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("metric", METRICS)
def test_two_way_intervals_hold_the_truth(metric: str, seeds: int) -> None:
    repetitions = 100
    world = replace(SMALL, metric=metric, seeds=seeds, effect=0.2)
    for name, found in coverage(world, TWO_WAY, repetitions, np.random.default_rng(seeds)).items():
        assert 0.93 - room(repetitions) <= found, name


@pytest.mark.parametrize(("parallel", "cluster"), [(False, 1), (True, 5), (False, 5)])
def test_they_do_so_whether_languages_and_items_belong_together_or_not(parallel: bool, cluster: int) -> None:
    repetitions = 120
    world = replace(SMALL, parallel=parallel, cluster=cluster)
    for name, found in coverage(world, TWO_WAY, repetitions, np.random.default_rng(cluster)).items():
        assert 0.93 - room(repetitions) <= found, name


def test_what_papers_do_does_not() -> None:
    """The pattern of the table in docs/statistics.md, which the long version prints."""
    found = coverage(replace(SMALL, seeds=3, luck=4.0), METHODS, 100, np.random.default_rng(1))
    usual, joint, averaged, alone, multi, *ours = (found[name] for name in METHODS)
    assert usual < joint < averaged < alone < 0.93
    assert multi < 0.93
    assert min(ours) >= 0.93 - room(100)


def test_languages_drawn_on_their_own_are_too_sure_where_they_are_parallel() -> None:
    world = replace(SMALL, seeds=1, luck=0.0, languages=6)
    wanted = {name: method for name, method in METHODS.items() if method in (methods.per_language, methods.joint)}
    alone, joint = coverage(world, wanted, 150, np.random.default_rng(2)).values()
    assert alone < 0.9 < joint


def test_a_family_of_comparisons_has_few_false_alarms() -> None:
    repetitions = 100
    world = World(items=100, languages=2, seeds=3)
    found = family_errors(world, conditions=5, targets=4, repetitions=repetitions, random=np.random.default_rng(3))
    assert found.uncorrected > 0.3
    assert found.holm <= LEVEL + room(repetitions)


def test_languages_are_not_counted_that_gain_nothing() -> None:
    repetitions = 100
    found = too_many_languages(replace(SMALL, languages=5), 2, repetitions, np.random.default_rng(4))
    assert found <= LEVEL / 2 + room(repetitions, LEVEL / 2)


def test_real_answers_with_swapped_names_have_uniform_p_values() -> None:
    first, second = of_mini()
    assert first.sum() != second.sum()
    found = replayed(first, second, METRICS["chunk F1"].formula, 400, np.random.default_rng(5))
    assert distance_from_uniform(found) < 1.63 / np.sqrt(len(found))  # at the level of 1 %


def test_those_on_treebanks_too(shared_data: Path) -> None:
    first, second = of_treebanks(shared_data / "udpos", most=300)
    found = replayed(first, second, METRICS["chunk F1"].formula, 200, np.random.default_rng(6))
    assert distance_from_uniform(found) < 1.63 / np.sqrt(len(found))
