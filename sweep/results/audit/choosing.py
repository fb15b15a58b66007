"""What each search has chosen, and what it would have chosen by other development examples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from sweep.results.comparison.samples import formula_of, group_places, group_sums
from sweep.results.query import rows_of
from sweep.statistics.influence import Floats, Formula
from sweep.statistics.selection import Block, choices
from trainables.metrics import METRICS

_SEARCHED = """
select experiment, study, condition, training_set, trial_id, objective
from trials
where role = 'search' and status = 'finished' and objective is not null
order by experiment, study, objective desc, learning_rate, epochs, trial_id desc
"""
"""The order by which a search ranks its trials: the first is the winner."""

_ANSWERED = """
select distinct trial_id, target, language, split, examples
from internal.predicted
where list_contains($trials, trial_id) and len(statistics) > 0
order by all
"""

_NAMES = """
select target, language, split, list_sort(list(distinct metric)) as names
from scores
where list_contains($trials, trial_id)
group by all
"""


@dataclass(frozen=True)
class Search:
    """A study's trials, the winner first.

    Attributes:
        chosen: (samples): the place of the trial that each sample chooses; None: not known, `why`.
    """

    study: str
    training_set: str | None
    trials: tuple[str, ...]
    objectives: tuple[float, ...]
    examples: int = 0
    groups: int = 0
    chosen: NDArray[np.intp] | None = None
    why: str = ""


def searched(connection: duckdb.DuckDBPyConnection, samples: int, seed: int) -> dict[tuple[str, str], Search]:
    """By experiment and study, with what samples of the development examples would choose."""
    rows: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows_of(connection, _SEARCHED):
        rows[row["experiment"], row["study"]].append(row)
    found = {
        key: Search(
            key[1],
            own[0]["training_set"],
            tuple(row["trial_id"] for row in own),
            tuple(row["objective"] for row in own),
        )
        for key, own in rows.items()
    }
    alike: dict[tuple[_Place, ...], list[tuple[str, str]]] = defaultdict(list)
    for key, places in _places(connection, found).items():
        alike[places].append(key)
    for places, keys in alike.items():
        known = _sampled(connection, places, [found[key] for key in keys], samples, seed)
        found.update(zip(keys, known, strict=True))
    return found


_Place = tuple[str, str, str, str]
"""Target, language, split and fingerprint of development examples."""


def _places(
    connection: duckdb.DuckDBPyConnection, searched: Mapping[tuple[str, str], Search]
) -> dict[tuple[str, str], tuple[_Place, ...]]:
    """By study the development examples that all of its trials have answered; () where they differ."""
    trials = sorted({trial for one in searched.values() for trial in one.trials})
    of_trial: dict[str, list[_Place]] = defaultdict(list)
    for row in rows_of(connection, _ANSWERED, {"trials": trials}):
        of_trial[row["trial_id"]].append((row["target"], row["language"], row["split"], row["examples"]))
    found = {}
    for key, one in searched.items():
        places = {tuple(of_trial[trial]) for trial in one.trials}
        found[key] = places.pop() if len(places) == 1 else ()
    return found


def _sampled(
    connection: duckdb.DuckDBPyConnection,
    places: Sequence[_Place],
    studies: Sequence[Search],
    samples: int,
    seed: int,
) -> list[Search]:
    """The studies, all of which have answered the same examples, with what samples of these would choose."""
    if not places:
        return [_why(one, "its answers to development examples are not in the ledger") for one in studies]
    trials = sorted({trial for one in studies for trial in one.trials})
    names = {
        (row["target"], row["language"], row["split"]): row["names"]
        for row in rows_of(connection, _NAMES, {"trials": trials})
    }
    sums: list[dict[str, Floats]] = []
    options: list[list[Formula]] = []
    examples = groups = 0
    for target, language, split, fingerprint in places:
        groupings = group_places(connection, [fingerprint])
        wanted = {"target": target, "split": split, "trials": trials}
        answers = group_sums(connection, wanted, groupings)
        own = {trial: one for (trial, of), one in answers.items() if of == language}
        if set(own) < set(trials):
            return [_why(one, "the development examples are not in the store") for one in studies]
        sums.append({trial: one.sums for trial, one in own.items()})
        options.append(_formulas(names.get((target, language, split), ())))
        examples += int(next(iter(own.values())).examples.sum())
        groups += len(groupings[fingerprint].groups)
    formulas = _objective(options, sums, studies)
    if formulas is None:
        return [_why(one, "its answers do not give the scores that it was chosen by") for one in studies]
    blocks = [
        Block([np.stack([own[trial] for trial in one.trials]) for one in studies], formula)
        for own, formula in zip(sums, formulas, strict=True)
        if formula is not None
    ]
    chosen = choices(blocks, samples, np.random.default_rng(seed))
    return [
        replace(one, examples=examples, groups=groups, chosen=own) for one, own in zip(studies, chosen, strict=True)
    ]


def _why(one: Search, reason: str) -> Search:
    return replace(one, why=reason)


def _formulas(names: Sequence[str]) -> list[Formula]:
    """What of a metric's scores may count in an objective: the main one, or the mean of all."""
    metric = next(
        (one for one in METRICS.values() if set(one.names) == {name.partition("/")[0] for name in names}), None
    )
    if metric is None:
        return []
    counted = dict.fromkeys([(metric.main,), metric.names])
    return [formula for one in counted if (formula := formula_of(metric.names, one)) is not None]


def _objective(
    options: Sequence[Sequence[Formula]], sums: Sequence[Mapping[str, Floats]], studies: Sequence[Search]
) -> tuple[Formula | None, ...] | None:
    """What counts of each task, as the objectives of the trials tell; None of a task that does not count.

    In a mixture of tasks not all choose. None at all where nothing gives the objectives.
    """
    objectives = np.array([value for one in studies for value in one.objectives])
    trials = [trial for one in studies for trial in one.trials]
    totals = [np.stack([own[trial].sum(axis=0) for trial in trials]) for own in sums]
    scores: list[list[tuple[Formula | None, Floats | None]]] = [
        [*((formula, formula(total)) for formula in own), *([(None, None)] if len(totals) > 1 else [])]
        for own, total in zip(options, totals, strict=True)
    ]
    for chosen in product(*scores):
        counted = [values for _, values in chosen if values is not None]
        if counted and np.allclose(np.mean(counted, axis=0), objectives, rtol=0, atol=1e-6):
            return tuple(formula for formula, _ in chosen)
    return None
