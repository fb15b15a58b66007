"""Examples that changed: their counts are the difference of the scores, and nobody has chosen those that are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from sweep.results.changes import SHOWN, Changes, changes
from sweep.results.comparison.questions import questions
from sweep.results.query import connected, query
from tests.simulated import Truth, simulated
from trainables.store import Store

TARGETS = ["xnli", "xquad"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    truth = Truth(gains={"mnli": 10.0})
    folder = tmp_path_factory.mktemp("store")
    grid = {"data": "mock", "conditions": ["none", "mnli"], "targets": TARGETS, "seeds": [1, 2]}
    return simulated(folder, truth, examples=50, **grid).store


def found(store: Store, baseline: str = "none") -> list[Changes]:
    with connected(store) as connection:
        return sorted(changes(connection, questions(connection), baseline), key=lambda one: one.target)


def test_what_got_better_less_what_got_worse_is_the_difference_of_the_scores(store: Store) -> None:
    """Of accuracy, where each example is right or wrong: the same number of them in each language."""
    (one, _) = found(store)
    sql = "select avg(value) from scores where winner and main and target = 'xnli' and seed = 1 and condition = '{}'"
    own, other = (query(store, sql.format(name)).to_pylist()[0]['avg("value")'] for name in ("mnli", "none"))
    assert one.seed == 1
    assert one.compared == 50 * 2
    assert 100 * (one.better - one.worse) / one.compared == pytest.approx(own - other)


def test_who_is_the_baseline_turns_the_counts_round(store: Store) -> None:
    for one, turned in zip(found(store), found(store, "mnli"), strict=True):
        assert (one.better, one.worse) == (turned.worse, turned.better)
        assert [example.example for example in one.examples] == [example.example for example in turned.examples]


def test_examples_are_shown_with_what_both_answered(store: Store) -> None:
    one, other = found(store)
    assert len(one.examples) == len(other.examples) == SHOWN
    for example in one.examples:
        assert example.before != example.after
        assert (example.gold[0] == example.after) == example.is_better
        assert len(example.texts) == 2


def test_examples_are_not_chosen_by_what_they_say(store: Store) -> None:
    """Of 100 places in the data any could be shown; the first in the file are not."""

    def places(of: Sequence[Changes]) -> set[str]:
        return {example.example for one in of for example in one.examples}

    assert places(found(store)) == places(found(store))
    assert not places(found(store)) <= {str(place) for place in range(10)}


def test_hidden_labels_and_missing_scores_have_no_changes(tmp_path: Path) -> None:
    hidden = simulated(tmp_path, Truth(hidden=frozenset(["mini-pos"])), examples=20, targets=["mini-pos"])
    assert found(hidden.store) == []
    missing = simulated(
        tmp_path / "missing",
        examples=20,
        targets=["mini-pos"],
        ends=lambda study, spec: "missing" if study.phase == "evaluate" else "well",
    )
    assert found(missing.store) == []
