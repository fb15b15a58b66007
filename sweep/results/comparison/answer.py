"""What a comparison answers: in sentences, and as tables for people and for scripts."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from sweep.console import counted
from sweep.experiment.regimes import ZERO_SHOT
from sweep.results.comparison.difference import Breadth, Difference
from trainables.reports import ERROR_RATE

if TYPE_CHECKING:
    from sweep.results.comparison.comparison import Comparison

NAMED = 4
"""Rows that a sentence names; more are counted."""

_COUNTS = {"n", "groups"} | {
    f"{side}{what}" for side in ("", "baseline_") for what in ("seeds", "planned", "collapsed", "failed", "missing")
}
_NUMBERS = {
    "score", "baseline_score", "difference", "median_difference", "without_source", "low", "high", "error", "freedom",
    "p", "p_adjusted", "detectable",
}  # fmt: skip


def _type(name: str) -> pa.DataType:
    if name == "languages":
        return pa.list_(pa.string())
    return pa.int64() if name in _COUNTS else pa.float64() if name in _NUMBERS else pa.string()


SCHEMA = pa.schema([(one.name, _type(one.name)) for one in dataclasses.fields(Difference) if one.name != "parts"])
"""A row of a comparison, for scripts."""


def sentences(comparison: Comparison) -> list[str]:
    """What helped, what hurt, and what is not decided: a sentence for each condition, after one on what is claimed."""
    rows = comparison.rows
    tested = [row for row in rows if row.p is not None]
    if not tested:
        return [f"Nothing sure can be said yet of differences to {comparison.baseline}."]
    found = [_claim(tested)]
    conditions: dict[tuple[str, str, str], list[Difference]] = defaultdict(list)
    for row in rows:
        conditions[row.experiment, row.condition, row.regime].append(row)
    several = len({row.experiment for row in rows}) > 1
    said: dict[str, list[str]] = defaultdict(list)  # by what is said of them, conditions
    for (experiment, condition, regime), own in conditions.items():
        name = condition if regime == ZERO_SHOT else f"{condition} ({regime})"
        said[_of_condition(own)].append(f"{experiment}: {name}" if several else name)
    found += [f"{', '.join(names)}: {what}." for what, names in said.items()]
    found += _of_breadth(comparison.breadth)
    return [*found, *_open(tested)]


def _claim(tested: Sequence[Difference]) -> str:
    recipes = [row for row in tested if row.claim == "recipe"]
    if not recipes:
        return "About these very models, and not about the recipes: of those more seeds would tell."
    seeds = sorted({row.seeds for row in recipes})
    told = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    others = len(tested) - len(recipes)
    but = f" ({counted(others, 'row is', 'rows are')} about these models alone)" if others else ""
    return f"About the recipes, from {told} seeds each{but}: what is decided would show again in another training."


def _of_condition(rows: Sequence[Difference]) -> str:
    """`better than none on xquad (+3.2 points [1.1, 5.3]); not decided on 8 targets`"""
    of = {
        said: [row for row in rows if row.verdict == said] for said in ("better", "worse", "not decided", "no scores")
    }
    plural = {"target": "targets", "language": "pairs of target and language", "benchmark": "benchmarks"}.get(
        rows[0].by, "groups"
    )
    parts = []
    for said in ("better", "worse"):
        if of[said]:
            parts.append(f"{said} than {rows[0].baseline} on {_listed(of[said], plural)}")
    for said in ("not decided", "no scores"):
        if of[said]:
            where = named(of[said][0]) if len(of[said]) == 1 else f"{len(of[said]):,} {plural}"
            parts.append(f"{said} on {where}")
    return "; ".join(parts)


def _listed(rows: Sequence[Difference], plural: str) -> str:
    """The largest differences, with their intervals."""
    largest = sorted(rows, key=lambda row: -abs(row.difference or 0.0))
    shown = [f"{named(row)} ({_points(row)})" for row in largest[:NAMED]]
    if len(rows) > NAMED:
        shown.append(f"{len(rows) - NAMED:,} more of {len(rows):,} {plural}")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def named(row: Difference) -> str:
    """What a row is about: `xnli`, or `xnli/de`."""
    return row.subject if row.target in (None, row.subject) else f"{row.target}/{row.subject}"


def _points(row: Difference) -> str:
    assert row.difference is not None and row.low is not None and row.high is not None
    fewer = ", fewer errors" if row.metric == ERROR_RATE and row.difference > 0 else ""
    return f"{row.difference:+.1f} points [{row.low:.1f}, {row.high:.1f}]{fewer}"


def _of_breadth(breadth: Sequence[Breadth]) -> Iterator[str]:
    for one in breadth:
        helps = f"helps in at least {one.helps}" if one.helps else ""
        hurts = f"hurts in at least {one.hurts}" if one.hurts else ""
        if helps or hurts:
            told = " and ".join(filter(None, [helps, hurts]))
            yield f"{one.target}: {one.condition} {told} of {counted(one.languages, 'language')}."


def _open(tested: Sequence[Difference]) -> Iterator[str]:
    """What might have been missed."""
    missed = [row for row in tested if row.verdict == "not decided" and row.detectable is not None]
    if not missed:
        return
    low, high = (pick(missed, key=lambda row: row.detectable or 0.0) for pick in (min, max))
    span = f"{low.detectable:.1f} points ({named(low)})"
    if low is not high:
        span += f" to {high.detectable:.1f} points ({named(high)})"
    yield f"What is not decided may still be there: to be found 4 times in 5, a difference has to be {span}."
    if any(row.claim == "recipe" for row in missed):
        seeds = sum(row.dominated_by == "seeds" for row in missed)
        told = [
            f"{what} on {count:,}" for what, count in (("seeds", seeds), ("examples", len(missed) - seeds)) if count
        ]
        yield f"What is missing most to decide is {', '.join(told)} of {counted(len(missed), 'row')}."


def table(comparison: Comparison) -> pa.Table:
    """All that is known of each row, for scripts."""
    return pa.Table.from_pylist(
        [{name: getattr(row, name) for name in SCHEMA.names} for row in comparison.rows], SCHEMA
    )


def short_table(comparison: Comparison) -> pa.Table:
    """What a person wants to read of each row."""
    names = dict.fromkeys(
        ["experiment"] * (len({row.experiment for row in comparison.rows}) > 1)
        + ["regime"] * any(row.regime != ZERO_SHOT for row in comparison.rows)
        + ["target"] * (comparison.by not in ("target", "benchmark"))
    )
    rows = [
        {
            **{name: getattr(row, name) for name in names},
            comparison.by: row.subject,
            "metric": row.metric,
            "condition": row.condition,
            "difference": row.difference,
            "low": row.low,
            "high": row.high,
            "p": row.p_adjusted,
            "seeds": seeds(row),
            "n": row.n,
            "detectable": row.detectable,
            "verdict": row.verdict,
        }
        for row in comparison.rows
    ]
    return pa.Table.from_pylist(rows)


def seeds(row: Difference) -> str:
    """`3 of 3`, a star where one has ended at chance; the baseline's behind it where they are others."""
    first = f"{row.seeds} of {row.planned}{'*' * bool(row.collapsed)}"
    second = f"{row.baseline_seeds} of {row.baseline_planned}{'*' * bool(row.baseline_collapsed)}"
    return first if first == second else f"{first}, {second}"
