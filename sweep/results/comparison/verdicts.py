"""A comparison for people: the answer, the rows that it comes from, and what to know about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from sweep.console import Console, styled
from sweep.experiment.regimes import ZERO_SHOT
from sweep.results.comparison.answer import named, seeds
from sweep.results.comparison.comparison import Comparison
from sweep.results.comparison.difference import Difference
from trainables.reports import ERROR_RATE

STYLES = {"better": "green", "worse": "red", "not decided": "", "no scores": "dim"}

NAMED = 3
"""Rows that a note names; more are counted."""


def show(comparison: Comparison, console: Console) -> None:
    """All of it."""
    for sentence in comparison.sentences():
        console.say(sentence)
    if any(row.difference is not None for row in comparison.rows):
        console.print(verdict_table(comparison))
    for note, rows in _notes(comparison.rows).items():
        console.say(f"- {'all' if len(rows) == len(comparison.rows) > 1 else _listed(rows)}: {note}")
    for note in comparison.notes:
        console.say(f"- {note}")


def verdict_table(comparison: Comparison) -> Table:
    """A row for each difference. What several rows share stands once."""
    several = len({row.experiment for row in comparison.rows}) > 1
    has_parts = comparison.by not in ("target", "benchmark")
    title = f"points of difference to {comparison.baseline}, with intervals of 95 %"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("target" if has_parts else comparison.by, overflow="fold")
    if has_parts:
        table.add_column(comparison.by, overflow="fold")
    table.add_column("condition", overflow="fold")
    table.add_column("difference", justify="right", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    table.add_column("seeds", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("found\nfrom", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    before = None
    for row in comparison.rows:
        subject = _subject(row, several)
        if before is not None and subject != before:
            table.add_section()
        table.add_row(
            subject if subject != before else "",
            *([row.subject] if has_parts else []),
            row.condition,
            _difference(row),
            _probability(row.p_adjusted),
            seeds(row),
            f"{row.n:,}" if row.n else "",
            f"{row.detectable:.1f}" if row.detectable is not None else "",
            _verdict(row),
        )
        before = subject
    return table


def _subject(row: Difference, several: bool) -> str:
    """What rows that stand together have in common."""
    lines = [row.experiment] if several else []
    lines.append(row.target or row.subject)
    if row.regime != ZERO_SHOT:
        lines.append(f"  {row.regime}")
    if row.metric:
        lines.append(f"  {row.metric}, {row.split}")
    if row.metric == ERROR_RATE:
        lines.append("  less is better")
    return "\n".join(lines)


def _difference(row: Difference) -> str:
    if row.difference is None:
        return ""
    if row.low is None or row.high is None:
        return f"{row.difference:+.1f}"
    return f"{row.difference:+.1f} [{row.low:.1f}, {row.high:.1f}]"


def _probability(p: float | None) -> str:
    return "" if p is None else "<.001" if p < 0.001 else ">.99" if p > 0.99 else f"{p:.3f}"[1:]


def _verdict(row: Difference) -> Text:
    mark = " (models)" if row.claim == "models" and row.p is not None else ""
    return styled(f"{row.verdict}{mark}", STYLES[row.verdict])


def _notes(rows: Sequence[Difference]) -> Mapping[str, Sequence[Difference]]:
    found: dict[str, list[Difference]] = defaultdict(list)
    for row in rows:
        for note in filter(None, row.note.split("; ")):
            found[note].append(row)
    return found


def _listed(rows: Sequence[Difference]) -> str:
    shown = [f"{row.condition} on {named(row)}" for row in rows[:NAMED]]
    return ", ".join([*shown, f"{len(rows) - NAMED} more"] if len(rows) > NAMED else shown)
