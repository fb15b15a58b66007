"""False alarms: how often the comparison's own test calls a difference between things that do not differ.

Two ways to have such things from the answers that there are. With the labels of two conditions swapped, group by group,
what is tested is that of these models; with the seeds of one condition against each other that of its recipe.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import duckdb
import numpy as np

from sweep.results.comparison.contrast import Side, side
from sweep.results.comparison.questions import Question
from sweep.results.comparison.samples import Sample, Samples
from sweep.statistics.crossed import Runs, pooled
from sweep.statistics.influence import Floats
from sweep.statistics.replays import FEWEST_SEEDS, Rate, of_split_seeds, of_swapped_labels, rate

FEWEST_GROUPS = 20
"""Groups of examples, with fewer of which swapping says little."""


@dataclass(frozen=True)
class FalseAlarms:
    """Replays of a comparison in which there is nothing to find.

    Attributes:
        method: what was replayed: the condition against the baseline with swapped labels, or the halves of its seeds.
        rate: how many of the replays called a difference, at the 5 % level; None: nothing could be replayed.
        note: what it cannot say.
    """

    experiment: str
    condition: str
    regime: str
    target: str
    method: Literal["swapped labels", "split seeds"]
    rate: Rate | None
    note: str = ""


def false_alarms(
    connection: duckdb.DuckDBPyConnection,
    baseline: str = "none",
    replays: int = 200,
    seed: int = 1,
    samples: Samples | None = None,
) -> tuple[FalseAlarms, ...]:
    """Both ways, for every condition and target that has scores.

    Args:
        connection: of `sweep.results.query.connected`.
        replays: of each comparison with swapped labels.
        seed: of the swapping.
        samples: over the connection, where others have read them already.
    """
    found: list[FalseAlarms] = []
    read = samples or Samples(connection)
    for question in read.questions:
        if question.metric:
            found += _of_target(question, read.sample(question, [question.metric]), baseline, replays, seed)
    return tuple(found)


def together(rows: Iterable[FalseAlarms], method: Literal["swapped labels", "split seeds"]) -> Rate | None:
    """All replays of a method as one; None where there are none.

    Its interval is that of independent replays. Those of one comparison share their answers, so it is too narrow.
    """
    rates = [row.rate for row in rows if row.method == method and row.rate is not None]
    if not rates:
        return None
    alarms, count = sum(one.alarms for one in rates), sum(one.replays for one in rates)
    return rate(np.repeat([0.0, 1.0], [alarms, count - alarms]))


def _of_target(question: Question, found: Sample, baseline: str, replays: int, seed: int) -> Iterator[FalseAlarms]:
    languages = {name: _languages(question, found, name) for name in question.conditions}
    for name in question.conditions:
        place = (question.experiment, name, question.regime, question.target)
        if name != baseline and baseline in languages:
            common = sorted(languages[name] & languages[baseline])
            sides = [_runs(side(question, found, one, common, None)) for one in (name, baseline)] if common else []
            yield FalseAlarms(*place, "swapped labels", *_swapped(sides, np.random.default_rng(seed), replays))
        own = sorted(languages[name])
        if own and name not in question.untrained:
            everybody = [_runs(side(question, found, one, own, None)) for one in question.conditions]
            pool = pooled(one for one in everybody if one is not None)
            runs = _runs(side(question, found, name, own, None))
            values = np.zeros(0) if runs is None else of_split_seeds(runs, pool)
            yield FalseAlarms(*place, "split seeds", *_split(values, runs))


def _languages(question: Question, found: Sample, condition: str) -> set[str]:
    """Those in which all of its runs have answers."""
    runs = [set(one.examples) for (name, _), one in found.answers.items() if name == condition]
    return set.intersection(*runs) if runs else set()


def _runs(one: Side) -> Runs | None:
    return one.runs if one.runs is not None and one.runs.changes.shape[1] >= FEWEST_GROUPS else None


def _swapped(sides: list[Runs | None], random: np.random.Generator, replays: int) -> tuple[Rate | None, str]:
    known = [one for one in sides if one is not None]
    if len(known) < 2:
        return None, f"fewer than {FEWEST_GROUPS} groups of examples that both have answered"
    return rate(of_swapped_labels(known[0], known[1], replays, random)), ""


def _split(values: Floats, runs: Runs | None) -> tuple[Rate | None, str]:
    if len(values):
        return rate(values), "the halves share seeds: the interval is too narrow"
    if runs is not None and runs.seeds < FEWEST_SEEDS:
        return None, f"takes {FEWEST_SEEDS} seeds or more, here are {runs.seeds}"
    return None, "no answers to compare"
