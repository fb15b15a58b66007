"""What the best trials would give if the target languages' own scores could choose, and what choosing in English costs.

It is no result: whoever has these scores has no zero-shot transfer any more. It takes evaluations of trials that are no
winners (`evaluate: {top: K}`), which are there on the seed of the search alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.experiment.regimes import ZERO_SHOT
from sweep.results.paper.differences import HIDDEN, MEAN, Layout
from sweep.results.paper.printed import Cell, Line, Section
from sweep.results.query import query
from trainables.errors import Problem, UserError
from trainables.store import Store

_RUNS = """
with runs as (
    select condition, regime, target, language, coalesce(rank, 1) as rank, if(metric = 'error_rate', -1, 1) as sign,
           sign * value as value
    from scores
    where main and phase = 'evaluate' and (rank is not null or winner and chosen is null)
),
means as (
    select condition, regime, target, rank, any_value(sign) as sign,
           if(count(value) = count(*), avg(value), null) as value
    from runs
    group by condition, regime, target, rank
)
"""
"""Evaluations on the seed of the search, of winners and others, or the only one; of all values more is better."""

_CHOSEN = """
select condition, regime, {column} as "column", any_value(sign) as sign, max(value) as oracle,
       any_value(value) filter (rank = 1) as winner, count(distinct rank) as tried
from {table}
where {where}
group by all
"""


@dataclass(frozen=True)
class Oracles:
    """Sections below those of the results, and what must be known of them."""

    sections: tuple[Section, ...]
    notes: tuple[str, ...]


ORACLE = "ORACLE"
"""What sections begin with that are no results."""

NONE = Oracles((), ())
"""Where nobody asked."""


def of_targets(store: Store, experiments: Sequence[str], layout: Layout) -> Oracles:
    """For each target the trial with the best mean over languages. Raises UserError where only winners are scored."""
    return _oracles(query(store, _RUNS + _asked("target", "means", "true"), None, experiments).to_pylist(), layout)


def of_languages(store: Store, experiments: Sequence[str], layout: Layout) -> Oracles:
    """For each language of a target the trial that is the best in it; beside them that of the best mean.

    Raises:
        UserError: only winners are scored.
    """
    where, parameters = "target = $target", {"target": layout.within}
    by_language = _RUNS + _asked("language", "runs", where)
    mean = _RUNS + _asked(f"'{MEAN}'", "means", where)
    rows = [row for sql in (by_language, mean) for row in query(store, sql, parameters, experiments).to_pylist()]
    return _oracles(rows, layout)


def _asked(column: str, table: str, where: str) -> str:
    return _CHOSEN.format(column=column, table=table, where=where)


def _oracles(rows: Sequence[Mapping[str, Any]], layout: Layout) -> Oracles:
    most = max((row["tried"] for row in rows), default=0)
    if most < 2:
        hint = "add 'evaluate: {top: K}' to the experiment and run it again"
        raise UserError(Problem("there is no oracle: of each search only the winner was scored", hint=hint))
    found = {(row["regime"], row["condition"], row["column"]): row for row in rows}
    sections = []
    for regime in sorted({row["regime"] for row in rows}, key=lambda name: (name != ZERO_SHOT, name)):
        where = "" if regime == ZERO_SHOT else f", {regime}"
        own = {(condition, column): row for (of, condition, column), row in found.items() if of == regime}
        scores = [Line(layout.baseline, tuple(_score(own.get((layout.baseline, one))) for one in layout.columns))]
        scores += [
            Line(name, tuple(_gain(own.get((name, one)), own.get((layout.baseline, one))) for one in layout.columns))
            for name in layout.conditions
        ]
        costs = [
            Line(name, tuple(_cost(own.get((name, one))) for one in layout.columns))
            for name in (layout.baseline, *layout.conditions)
        ]
        sections += [
            Section(f"{ORACLE}{where}", tuple(scores)),
            Section(f"{ORACLE}{where}, less winner", tuple(costs)),
        ]
    notes = (
        f"{ORACLE}: no zero-shot result, but the best of at most {most} trials by the very scores that are shown, on "
        "the seed of the search alone: biased upwards, and no test is made of it",
        f"{ORACLE}, less winner: what choosing by English development data costs, on the same seed",
    )
    return Oracles(tuple(sections), notes)


def _score(row: Mapping[str, Any] | None) -> Cell:
    return Cell(None, instead=HIDDEN) if row is None or row["oracle"] is None else Cell(row["oracle"] * row["sign"])


def _gain(row: Mapping[str, Any] | None, baseline: Mapping[str, Any] | None) -> Cell:
    if row is None or baseline is None or row["oracle"] is None or baseline["oracle"] is None:
        return Cell(None, instead=HIDDEN)
    return Cell(row["oracle"] - baseline["oracle"], is_difference=True)


def _cost(row: Mapping[str, Any] | None) -> Cell:
    if row is None or row["oracle"] is None or row["winner"] is None:
        return Cell(None, instead=HIDDEN)
    return Cell(row["oracle"] - row["winner"], is_difference=True)
