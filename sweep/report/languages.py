"""Where it helped: a target's languages as dots with intervals, condition beside condition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from sweep.report.answer import interval, measured
from sweep.report.blocks import Block, Figure, Heading, Prose, Row, Section, Table, columns, number, slug, text
from sweep.report.source import Source
from sweep.results.comparison.difference import Difference

ROOM = 850
"""Pixels for all conditions beside each other, as far as each has at least LEAST."""

LEAST, MOST = 85, 440


def section(source: Source) -> Section:
    """A figure and a table for each target."""
    blocks: list[Block] = [
        Prose(
            (
                "Single languages are a second family of comparisons, to look for what to test next: their p values "
                "are adjusted by Benjamini and Hochberg, and a verdict here is weaker than one above.",
            )
        )
    ]
    for one in source.by_language.breadth:
        if one.helps or one.hurts:
            helps = f"helps {one.target} in at least {one.helps} of {one.languages} languages" if one.helps else ""
            hurts = f"hurts {one.target} in at least {one.hurts} of {one.languages} languages" if one.hurts else ""
            blocks.append(Prose((f"{one.condition} {' and '.join(filter(None, (helps, hurts)))} ({one.regime}).",)))
    for target, regime, rows in _parts(source):
        title = target if len(source.regimes) == 1 else f"{target}, trained {regime}"
        figure = of_target(source, target, regime, rows)
        blocks += [Heading(title, f"at-{figure.name}"), figure, _table(source, figure.name, title, rows)]
    if len(blocks) == 1:
        blocks.append(Prose(("No target has scores in several languages on both sides yet.",), "note"))
    return Section("languages", "Where it helped", tuple(blocks))


def figures(source: Source) -> Iterator[Figure]:
    """Those of all targets."""
    for target, regime, rows in _parts(source):
        yield of_target(source, target, regime, rows)


def of_target(source: Source, target: str, regime: str, rows: tuple[Difference, ...]) -> Figure:
    """Languages from top to bottom in order of their mean difference, conditions from left to right."""
    found = dict.fromkeys(row.subject for row in rows)
    differences = {code: [row.difference or 0.0 for row in rows if row.subject == code] for code in found}
    languages = sorted(found, key=lambda code: (-sum(differences[code]) / len(differences[code]), code))
    conditions = [name for name in source.conditions if any(row.condition == name for row in rows)]
    values: tuple[Row, ...] = tuple(
        {
            "condition": row.condition,
            "language": row.subject,
            "difference": row.difference,
            "low": row.low,
            "high": row.high,
            "verdict": row.verdict,
            "says": f"{row.condition}, {row.subject}: {number(row.difference, 1, sign=True).shown} ({interval(row)}), "
            f"{row.verdict}",
            "link": f"#{source.anchors.get((row.regime, row.condition, row.target or ''), 'behind')}",
        }
        for row in rows
    )
    metric, most = rows[0].metric, _reach(rows)
    return Figure(
        name=slug("languages", target, "" if regime == source.regimes[0] else regime),
        chart="languages",
        caption=f"{target}: difference to '{source.asked.baseline}' by language, with 95 % intervals, best on top",
        values=values,
        settings={
            "conditions": conditions,
            "languages": languages,
            "width": max(LEAST, min(MOST, ROOM // len(conditions))),
            "title": f"points of {metric}",
            "domain": [-most, most],
        },
        source=f"sweep compare STORE --baseline {source.asked.baseline} --by language",
    )


def _reach(rows: Sequence[Difference]) -> float:
    """How far the axis goes: to all differences, and to the ends of all intervals but very wide ones.

    Where a seed ended at chance an interval may be ten times as wide as the others, which would be dots beside it. It
    runs out of the figure then.
    """
    halves = [(row.high - row.low) / 2 for row in rows if row.low is not None and row.high is not None]
    ends = [abs(end) for row in rows for end in (row.low, row.high, row.difference) if end is not None]
    largest = max(abs(row.difference or 0.0) for row in rows)
    return min(max(ends), largest + 3 * median(halves)) if halves else max(ends)


def _parts(source: Source) -> Iterator[tuple[str, str, tuple[Difference, ...]]]:
    """Targets whose rows have differences."""
    for regime in source.regimes:
        for target in source.targets:
            rows = tuple(
                row
                for row in source.by_language.rows
                if (row.target, row.regime) == (target, regime) and row.difference is not None
            )
            if rows:
                yield target, regime, rows


def _table(source: Source, name: str, title: str, rows: tuple[Difference, ...]) -> Table:
    heads = columns(
        "language", "condition", "verdict", "#difference", "#from", "#to", "#p adjusted", "#score", "#baseline",
        "#examples",
    )  # fmt: skip
    return Table(
        name=f"{name}-numbers",
        caption=f"The numbers of {title}, language by language",
        columns=heads,
        rows=tuple(
            (
                text(row.subject),
                text(row.condition, source.anchors.get((row.regime, row.condition, row.target or ""))),
                *measured(row),
                number(row.n, 0),
            )
            for row in rows
        ),
        source=f"sweep compare STORE --baseline {source.asked.baseline} --by language --format json",
        closed=True,
    )
