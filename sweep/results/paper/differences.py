"""Rows of a comparison as rows and columns: conditions below each other, targets or languages beside each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sweep.experiment.regimes import ZERO_SHOT
from sweep.results.comparison.comparison import Comparison
from sweep.results.comparison.difference import Difference
from sweep.results.paper.printed import Cell, Line, Section, Sign

MEAN = "mean"
"""The column of a target beside those of its languages."""

ELSEWHERE = ("verdicts: ", "found from: ")
"""How notes of a comparison begin that tell how to read the table of `sweep compare`; captions say it of these."""

HIDDEN = "–"
"""Stands where there is no score; a note says why."""


Against = Callable[[str, str], Comparison]
"""From the best condition of a column, and the column, to the comparison of all conditions with it."""


@dataclass(frozen=True)
class Layout:
    """Which differences stand where.

    Attributes:
        conditions: from top to bottom; the baseline is left out.
        columns: from left to right: targets and benchmarks, or languages of one target.
        within: of columns that are languages: the target that they are of.
    """

    baseline: str
    conditions: tuple[str, ...]
    columns: tuple[str, ...]
    within: str | None = None

    def column(self, row: Difference) -> str | None:
        """The column of a row; None: it is not in this table."""
        if self.within is None:
            return row.subject if row.by in ("target", "benchmark") else None
        if row.target != self.within:
            return None
        return row.subject if row.by == "language" else MEAN


def sections(compared: Comparison, layout: Layout, against: Against) -> tuple[Section, ...]:
    """A section for each regime, zero-shot first: the baseline's own scores, below them each condition's difference.

    Args:
        against: by which is seen what is not distinguishable from the best.
    """
    rows = [row for row in compared.rows if layout.column(row) in layout.columns]
    regimes = sorted({row.regime for row in rows}, key=lambda name: (name != ZERO_SHOT, name))
    found = []
    for regime in regimes:
        of_regime = [row for row in rows if row.regime == regime]
        bold = _not_worse_than_the_best(of_regime, layout, regime, against)
        cells = {(row.condition, layout.column(row)): _difference(row) for row in of_regime}
        lines = [Line(layout.baseline, tuple(_baseline(of_regime, layout, column) for column in layout.columns))]
        lines += [
            Line(condition, tuple(cells.get((condition, column), Cell(None)) for column in layout.columns))
            for condition in layout.conditions
            if any(row.condition == condition for row in of_regime)
        ]
        marked = tuple(
            replace(
                line,
                cells=tuple(
                    replace(cell, bold=(line.label, column) in bold)
                    for column, cell in zip(layout.columns, line.cells, strict=True)
                ),
            )
            for line in lines
        )
        found.append(Section(regime if len(regimes) > 1 else "", marked))
    return tuple(found)


def notes(compared: Comparison, layout: Layout, names: Mapping[str, str]) -> tuple[str, ...]:
    """What must be known of cells, such as seeds that failed and labels that are hidden; once for all that share it."""
    rows = [row for row in compared.rows if layout.column(row) in layout.columns]
    of_note: dict[str, list[Difference]] = {}
    for row in rows:
        for note in row.note.split("; ") if row.note else ():
            of_note.setdefault(note, []).append(row)
    about_all = (note for note in compared.notes if not note.startswith(ELSEWHERE))
    return (*(f"{_where(of, rows, layout, names)}: {note}" for note, of in of_note.items()), *about_all)


def _where(of: Sequence[Difference], rows: Sequence[Difference], layout: Layout, names: Mapping[str, str]) -> str:
    """Cells in words: condition by condition their columns, or all of them."""
    if len(of) == len(rows):
        return "everywhere"
    found: dict[tuple[str, ...], list[str]] = {}
    for condition in dict.fromkeys(row.condition for row in of):
        own = sorted((row for row in of if row.condition == condition), key=lambda row: _place(row, layout))
        columns = [_name(row, layout, names) for row in own]
        every = len(own) == sum(row.condition == condition for row in rows)
        found.setdefault(() if every else tuple(columns), []).append(condition)
    return "; ".join(", ".join(given) + (f" on {', '.join(on)}" if on else "") for on, given in found.items())


def _place(row: Difference, layout: Layout) -> int:
    return layout.columns.index(layout.column(row) or "")


def _name(row: Difference, layout: Layout, names: Mapping[str, str]) -> str:
    column = layout.column(row) or ""
    return names.get(column, column) + ("" if row.regime == ZERO_SHOT else f" ({row.regime})")


def signs(seeds: int, planned: int, collapsed: int) -> tuple[Sign, ...]:
    """What a cell says of its seeds."""
    found: list[Sign] = []
    if collapsed:
        found.append("†")
    if seeds < planned:
        found.append("‡")
    return tuple(found)


def _difference(row: Difference) -> Cell:
    return Cell(
        row.difference,
        is_difference=True,
        instead=HIDDEN,
        p=row.p_adjusted,
        signs=signs(row.seeds, row.planned, row.collapsed),
        seeds=row.seeds,
        planned=row.planned,
        collapsed=row.collapsed,
        failed=row.failed,
        missing=row.missing,
    )


def _baseline(rows: Sequence[Difference], layout: Layout, column: str) -> Cell:
    """The baseline's own score of a column, over the most languages that a condition shares with it."""
    of_column = [row for row in rows if layout.column(row) == column]
    if not of_column:
        return Cell(None)
    row = max(of_column, key=lambda one: (one.baseline_score is not None, len(one.languages)))
    return Cell(
        row.baseline_score,
        instead=HIDDEN,
        signs=signs(row.baseline_seeds, row.baseline_planned, row.baseline_collapsed),
        seeds=row.baseline_seeds,
        planned=row.baseline_planned,
        collapsed=row.baseline_collapsed,
        failed=row.baseline_failed,
        missing=row.baseline_missing,
    )


def _not_worse_than_the_best(
    rows: Sequence[Difference], layout: Layout, regime: str, against: Against
) -> set[tuple[str, str]]:
    """Condition and column of each cell that is its column's best, or of which no comparison with that decides."""
    found: set[tuple[str, str]] = set()
    for column in layout.columns:
        scored = {
            row.condition: row.difference for row in rows if layout.column(row) == column and row.difference is not None
        }
        if not scored:
            continue
        best = max({layout.baseline: 0.0, **scored}.items(), key=lambda item: item[1])[0]
        found.add((best, column))
        found |= {
            (row.condition, column)
            for row in against(best, column).rows
            if row.regime == regime and layout.column(row) == column and row.verdict in ("not decided", "better")
        }
    return found
