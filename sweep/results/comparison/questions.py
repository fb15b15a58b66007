"""What an experiment has asked of each target, and which trials of which seeds answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from sweep.results.query import rows_of
from sweep.search import Fate

_SCORES = """
select experiment, condition, regime, target, language, split, metric, value, seed, trial_id, is_source, n
from scores
where winner and main
order by all
"""

_SEEDS = """
select experiment, condition, regime, target, seed, bool_and(fate = 'finished') as finished,
       bool_or(fate = 'failed') as failed, bool_or(collapsed) as collapsed
from internal.seeds
group by all
order by all
"""

_NAMES = "select target, list_sort(list(distinct metric)) as names from scores where winner group by target"

_UNTRAINED = "select distinct trial_id from internal.members where role = 'evaluation' and chosen is null"


@dataclass(frozen=True)
class Seed:
    """What became of a condition's seed on a target.

    Attributes:
        trials: by language the one that scored it: where each language has a training of its own, there are several.
        values: by language the main score that the ledger has; None where the labels are hidden.
        examples: how many were scored, over all languages.
    """

    seed: int
    fate: Fate
    collapsed: bool = False
    trials: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, float | None] = field(default_factory=dict)
    examples: int = 0


@dataclass(frozen=True)
class Question:
    """A target under a regime, as an experiment has scored it.

    Attributes:
        names: of all scores of the target: they tell the metric.
        source_language: whose development data chose the winners; None where nothing was trained.
        conditions: by name, their seeds in order.
        untrained: the conditions of which nothing was trained on the way: they depend on no seed.
    """

    experiment: str
    regime: str
    target: str
    metric: str
    split: str
    names: tuple[str, ...]
    source_language: str | None
    conditions: Mapping[str, tuple[Seed, ...]]
    untrained: frozenset[str]


def questions(connection: duckdb.DuckDBPyConnection) -> list[Question]:
    """All targets that were asked for, in any order, whatever became of them."""
    names = {row["target"]: tuple(row["names"]) for row in rows_of(connection, _NAMES)}
    untrained = {row["trial_id"] for row in rows_of(connection, _UNTRAINED)}
    scored: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows_of(connection, _SCORES):
        scored[row["experiment"], row["regime"], row["target"]].append(row)
    asked: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows_of(connection, _SEEDS):
        asked[row["experiment"], row["regime"], row["target"]].append(row)
    return [_question(key, asked[key], scored[key], names.get(key[2], ()), untrained) for key in sorted(asked)]


def _question(
    key: tuple[str, ...],
    asked: Sequence[Mapping[str, Any]],
    scored: Sequence[Mapping[str, Any]],
    names: tuple[str, ...],
    untrained: set[str],
) -> Question:
    found: dict[tuple[str, int], list[Mapping[str, Any]]] = defaultdict(list)
    for row in scored:
        found[row["condition"], row["seed"]].append(row)
    conditions: dict[str, list[Seed]] = defaultdict(list)
    for row in asked:
        fate: Fate = "failed" if row["failed"] else "finished" if row["finished"] else "missing"
        rows = found[row["condition"], row["seed"]] if fate == "finished" else []
        trials = {one["language"]: one["trial_id"] for one in rows}
        values = {one["language"]: one["value"] for one in rows}
        count = sum(one["n"] for one in rows)
        conditions[row["condition"]].append(Seed(row["seed"], fate, bool(row["collapsed"]), trials, values, count))
    any_row = scored[0] if scored else {"metric": "", "split": ""}
    experiment, regime, target = key
    return Question(
        experiment,
        regime,
        target,
        any_row["metric"],
        any_row["split"],
        names,
        next((row["language"] for row in scored if row["is_source"]), None),
        {name: tuple(seeds) for name, seeds in conditions.items()},
        frozenset(row["condition"] for row in scored if row["trial_id"] in untrained),
    )
