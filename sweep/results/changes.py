"""Which examples a condition answers otherwise than the baseline: how many, and some of them, chosen by no one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sweep.results.comparison.questions import Question, Seed
from sweep.results.comparison.samples import formula_of
from sweep.statistics.influence import Floats
from trainables.reports import ERROR_RATE

SHOWN = 4
"""Examples of a condition on a target."""

_CHANGED = """
with own as (
    select language, examples, position, statistics, prediction from internal.predicted
    where target = $target and split = $split and list_contains($trials, trial_id) and len(statistics) > 0
),
other as (
    select language, examples, position, statistics, prediction from internal.predicted
    where target = $target and split = $split and list_contains($baseline, trial_id) and len(statistics) > 0
)
select language, examples, position, own.statistics as after, other.statistics as before,
       own.prediction as now, other.prediction as earlier, own.statistics <> other.statistics as changed
from own join other using (language, examples, position)
"""

_TEXTS = """
select examples, position, example, texts, gold from internal.examples
where list_contains($places, examples || ' ' || position)
"""


@dataclass(frozen=True)
class ChangedExample:
    """An example that the two answer with different scores.

    Attributes:
        example: its id.
        texts, gold: as in the ledger's table of examples.
        before, after: what the baseline predicts, and the condition.
        is_better: whether the condition has more of the main score.
    """

    language: str
    example: str
    texts: tuple[str, ...]
    gold: tuple[str, ...]
    before: str
    after: str
    is_better: bool


@dataclass(frozen=True)
class Changes:
    """A condition's winner and the baseline's on one seed.

    Attributes:
        seed: the lowest that both have; each side's own where nothing was trained.
        trials, baseline_trials: that answered.
        compared: examples that both answered, over all languages.
        better, worse: of how many the main score of the example by itself has gone up or down.
        examples: SHOWN of these at most: those whose id, hashed together with their language, comes first.
    """

    condition: str
    regime: str
    target: str
    seed: int
    trials: tuple[str, ...]
    baseline_trials: tuple[str, ...]
    compared: int
    better: int
    worse: int
    examples: tuple[ChangedExample, ...]


def changes(connection: duckdb.DuckDBPyConnection, asked: Sequence[Question], baseline: str) -> Iterator[Changes]:
    """Of each condition on each target that has the labels of its examples.

    Args:
        connection: one of `sweep.results.query.connected`, of one experiment.
        asked: the targets (`sweep.results.comparison.questions`).
    """
    for question in asked:
        if not question.metric or baseline not in question.conditions:
            continue
        for condition in question.conditions:
            if condition != baseline and (pair := _pair(question, condition, baseline)) is not None:
                found = _changes(connection, question, condition, *pair)
                if found is not None:
                    yield found


def _pair(question: Question, condition: str, baseline: str) -> tuple[Seed, Seed] | None:
    """The two sides on the lowest seed that both have; of what was never trained the only one."""
    own, others = (
        {one.seed: one for one in question.conditions[name] if one.fate == "finished" and one.trials}
        for name in (condition, baseline)
    )
    for seed in sorted(own):
        other = others.get(seed) or (next(iter(others.values()), None) if baseline in question.untrained else None)
        if other is not None:
            return own[seed], other
    return None


def _changes(
    connection: duckdb.DuckDBPyConnection, question: Question, condition: str, own: Seed, other: Seed
) -> Changes | None:
    wanted: dict[str, Any] = {
        "target": question.target,
        "split": question.split,
        "trials": sorted(set(own.trials.values())),
        "baseline": sorted(set(other.trials.values())),
    }
    table = connection.sql(_CHANGED, params=wanted).to_arrow_table()
    if not table.num_rows:
        return None
    changed = table.filter(table["changed"])
    formula = formula_of(question.names, [question.metric])
    if formula is None:  # a metric that this version does not know
        return None
    gains = _gains(formula, changed) * (-1 if question.metric == ERROR_RATE else 1)
    return Changes(
        condition=condition,
        regime=question.regime,
        target=question.target,
        seed=own.seed,
        trials=tuple(wanted["trials"]),
        baseline_trials=tuple(wanted["baseline"]),
        compared=table.num_rows,
        better=int((gains > 0).sum()),
        worse=int((gains < 0).sum()),
        examples=tuple(_examples(connection, changed.append_column("gain", pa.array(gains)))),
    )


def _gains(formula: Callable[[Floats], Floats], changed: pa.Table) -> Floats:
    """What each example has more of the main score by itself."""
    if not changed.num_rows:
        return np.zeros(0)
    return formula(_matrix(changed["after"])) - formula(_matrix(changed["before"]))


def _matrix(statistics: pa.ChunkedArray) -> Floats:
    return np.asarray(statistics.combine_chunks().flatten().to_numpy().reshape(len(statistics), -1))


def _examples(connection: duckdb.DuckDBPyConnection, changed: pa.Table) -> Iterator[ChangedExample]:
    rows = changed.filter(pc.not_equal(changed["gain"], 0)).drop_columns(["before", "after", "changed"])
    shown = rows.take(_first(rows)).to_pylist()
    places = [f"{row['examples']} {row['position']}" for row in shown]
    found = connection.sql(_TEXTS, params={"places": places}).to_arrow_table().to_pylist() if places else []
    known = {(one["examples"], one["position"]): one for one in found}
    for row in shown:
        one = known.get((row["examples"], row["position"]))
        if one is not None:  # the store may lack the examples
            gold, texts = tuple(one["gold"] or ()), tuple(one["texts"])
            now, earlier, is_better = row["now"], row["earlier"], row["gain"] > 0
            yield ChangedExample(row["language"], one["example"], texts, gold, earlier, now, is_better)


def _first(rows: pa.Table) -> list[int]:
    """The places of those with the smallest hash: the same whoever asks, whatever the examples say."""
    names = map("{} {}".format, rows["language"].to_pylist(), rows["position"].to_pylist())
    hashed = [hashlib.sha256(name.encode()).digest() for name in names]
    return sorted(range(len(hashed)), key=hashed.__getitem__)[:SHOWN]
