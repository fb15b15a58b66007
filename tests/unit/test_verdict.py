"""What a mix of tasks is chosen by: not every task's development score says what the model is trained for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from trainables import tasks
from trainables.features import Features
from trainables.reports import Score
from trainables.training.evaluate import Evaluation, Scorer, Split
from trainables.training.fine_tune import verdict

SCORES = {"mini-nli": 60.0, "mini-pos": 80.0, "mini-ranking": 10.0, "mini-mlm": 30.0}


class Told:
    """A scorer that finds what SCORES says; below 20 that is nothing learnt."""

    def score(self, split: Split, references: Sequence[Split]) -> Evaluation:
        value = SCORES[split.task.name]
        score = Score(split.task.name, split.task.name, split.language, "dev", "accuracy", True, value, 1.0, 9)
        return Evaluation(score, value, [score], [], value < 20)


@pytest.mark.parametrize(
    ("names", "objective", "collapsed"),
    [
        (["mini-nli", "mini-pos"], 70.0, False),
        (["mini-nli", "mini-ranking", "mini-pos"], 70.0, False),
        (["mini-ranking", "mini-nli"], 60.0, False),
        (["mini-ranking"], 10.0, True),
        (["mini-mlm", "mini-nli"], 60.0, False),
        (["mini-mlm", "mini-ranking"], 10.0, True),
        (["mini-mlm"], 30.0, False),
    ],
)
def test_the_objective_is_of_the_tasks_that_say_something_of_others(
    names: list[str], objective: float, collapsed: bool
) -> None:
    development = [[Split(tasks.load(name), "dev", "en", [], Features([]))] for name in names]
    found = verdict(cast(Scorer, Told()), development)
    assert (found.objective, found.collapsed) == (objective, collapsed)
    assert [score.target for score in found.scores] == names  # all are told of
