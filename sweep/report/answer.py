"""What helped: the answer in sentences, the heat map, and every difference with what is known about it."""

from __future__ import annotations

from collections.abc import Iterator

from sweep.experiment.regimes import ZERO_SHOT
from sweep.report.blocks import Block, Cell, Figure, Heading, Prose, Section, Table, chance, columns, number, slug, text
from sweep.report.source import Source
from sweep.results.comparison.difference import Difference

SIGNS = {"better": "▲", "worse": "▼", "not decided": "○", "no scores": "–"}
"""A shape beside each verdict, for whoever sees no colours."""

STEPS = (1.0, 3.0)
"""Points from which on a colour is stronger. Fixed, so that reports look alike."""


def section(source: Source) -> Section:
    """The answer."""
    comparison = source.overall
    blocks: list[Block] = [Prose(tuple(comparison.sentences()), "lead")]
    for regime in source.regimes:
        if len(source.regimes) > 1:
            blocks.append(Heading(f"Targets trained {regime}", slug("answer", regime)))
        blocks.append(heat_map(source, regime))
    blocks.append(_legend())
    if comparison.notes:
        blocks.append(Prose(tuple(comparison.notes), "list"))
    blocks.append(_table(source))
    return Section("answer", "What helped", tuple(blocks))


def heat_map(source: Source, regime: str) -> Table:
    """Conditions by targets; each cell leads to the trials behind it."""
    found = {(row.condition, row.target): row for row in source.overall.rows if row.regime == regime}
    targets = source.targets_of(regime)
    rows = tuple(
        (text(name), *(_cell(source, found.get((name, target)), target) for target in targets))
        for name in source.conditions
        if name != source.asked.baseline
    )
    metrics = {row.target: row.metric for row in found.values()}
    heads = (f"{target}\n{metrics[target]}" if metrics.get(target) else target for target in targets)
    caption = (
        f"Difference to '{source.asked.baseline}' in points of each target's metric, mean over languages and seeds"
    )
    return Table(
        name=slug("differences", "" if regime == ZERO_SHOT else regime),
        caption=caption if regime == ZERO_SHOT else f"{caption}, trained {regime}",
        columns=columns("condition", *(f"#{head}" for head in heads)),
        rows=rows,
        source=f"sweep compare STORE --baseline {source.asked.baseline} --by target",
        grid=True,
    )


def _cell(source: Source, row: Difference | None, target: str) -> Cell:
    if row is None or row.difference is None:
        return Cell("–", None, more="no scores" if row is None else row.verdict, tone="none")
    link = source.anchors.get((row.regime, row.condition, target))
    shown = number(row.difference, 1, sign=True, link=link)
    lines = [f"{SIGNS[row.verdict]} {row.verdict}", interval(row), incomplete(row)]
    return Cell(shown.shown, row.difference, link, "\n".join(filter(None, lines)), tone(row.verdict, row.difference))


def tone(verdict: str, difference: float | None) -> str:
    """The colour of a difference: by its size where it is decided, none where it is not."""
    if verdict not in ("better", "worse") or difference is None:
        return "open"
    return f"{verdict}-{1 + sum(abs(difference) >= step for step in STEPS)}"


def measured(row: Difference) -> tuple[Cell, ...]:
    """The cells of verdict, difference, from, to, p adjusted, score and baseline."""
    return (
        text(f"{SIGNS[row.verdict]} {row.verdict}", tone="whole"),
        number(row.difference, 2, sign=True),
        number(row.low, 2, sign=True),
        number(row.high, 2, sign=True),
        chance(row.p_adjusted),
        number(row.score, 2),
        number(row.baseline_score, 2),
    )


def interval(row: Difference) -> str:
    """`0.4 to 2.1`."""
    if row.low is None or row.high is None:
        return ""
    return f"{number(row.low, 1, sign=True).shown} to {number(row.high, 1, sign=True).shown}"


def incomplete(row: Difference) -> str:
    """Seeds that are missing, failed or collapsed, on either side; nothing where all is well."""
    told = []
    for name, seeds, planned, collapsed in (
        ("", row.seeds, row.planned, row.collapsed),
        ("baseline ", row.baseline_seeds, row.baseline_planned, row.baseline_collapsed),
    ):
        if seeds < planned:
            told.append(f"{name}{seeds} of {planned} seeds")
        if collapsed:
            told.append(f"{name}{collapsed} at chance")
    return ", ".join(told)


def _legend() -> Prose:
    steps = " and ".join(f"{step:g}" for step in STEPS)
    return Prose(
        (
            f"▲ better and ▼ worse: the adjusted p value is below 0.05; stronger colours from {steps} points on. "
            "○ not decided: the data do not tell the two apart, which is not the same as no difference. "
            "Error rates are turned round, so that more is better everywhere. Each number leads to its trials.",
        )
    )


def _table(source: Source) -> Table:
    heads = columns(
        "condition", "target", "trained", "verdict", "#difference", "#from", "#to", "#p adjusted", "#score",
        "#baseline", "#without source language", "#median over seeds", "#smallest that would be found",
        "uncertain mostly by", "seeds", "baseline seeds", "#languages", "#examples", "metric", "split", "note",
    )  # fmt: skip
    rows = tuple(
        (
            text(row.condition),
            text(row.target or row.subject, source.anchors.get((row.regime, row.condition, row.target or ""))),
            text(row.regime, tone="whole"),
            *measured(row),
            number(row.without_source, 2, sign=True),
            number(row.median_difference, 2, sign=True),
            number(row.detectable, 2),
            text(row.dominated_by),
            text(seeds(row.seeds, row.planned, row.failed, row.missing, row.collapsed)),
            text(
                seeds(
                    row.baseline_seeds,
                    row.baseline_planned,
                    row.baseline_failed,
                    row.baseline_missing,
                    row.baseline_collapsed,
                )
            ),
            number(len(row.languages), 0),
            number(row.n, 0),
            text(row.metric),
            text(row.split),
            text(row.note, tone="wide"),
        )
        for row in source.overall.rows
    )
    return Table(
        name="all-differences",
        caption="Every difference with what is known about it",
        columns=heads,
        rows=rows,
        source=f"sweep compare STORE --baseline {source.asked.baseline} --by target --format json",
        closed=True,
    )


def seeds(here: int, planned: int, failed: int, missing: int, collapsed: int) -> str:
    """`3 of 3`, `2 of 3, 1 failed`."""
    others = ((failed, "failed"), (missing, "missing"), (collapsed, "at chance"))
    return ", ".join([f"{here} of {planned}", *(f"{count} {name}" for count, name in others if count)])


def figures(source: Source) -> Iterator[Figure]:
    """The heat map for papers; in the page it is a table."""
    for regime in source.regimes:
        rows = [row for row in source.overall.rows if row.regime == regime and row.difference is not None]
        if not rows:
            continue
        most = max(abs(row.difference or 0.0) for row in rows)
        yield Figure(
            name=slug("differences", "" if regime == ZERO_SHOT else regime),
            chart="differences",
            caption=f"Difference to {source.asked.baseline}",
            values=tuple(
                {
                    "condition": row.condition,
                    "target": row.target,
                    "difference": row.difference,
                    "shown": f"{number(row.difference, 1, sign=True).shown} {SIGNS[row.verdict]}",
                    "interval": interval(row),
                }
                for row in rows
            ),
            settings={
                "conditions": [name for name in source.conditions if name != source.asked.baseline],
                "targets": [*source.targets],
                "domain": [-most, 0, most],
            },
        )
