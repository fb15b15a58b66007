"""A table on its way to a page: what stands in its cells, what must be said of them, and the words around it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

Sign = Literal["†", "‡"]

SIGNS: dict[Sign, str] = {
    "†": "with seeds that ended at chance",
    "‡": "with fewer seeds than planned",
}
"""What a cell's seeds may have that a reader must know."""

STARS = (0.05, 0.01)
"""Below each of these an adjusted p gives a cell another star."""


@dataclass(frozen=True)
class Cite:
    """Papers that a text refers to, by their keys in references.yaml."""

    keys: tuple[str, ...]


Prose = tuple[str | Cite, ...]
"""A paragraph: text, and papers between it."""


@dataclass(frozen=True)
class Cell:
    """A number, or why there is none.

    Attributes:
        value: exactly, in points; None: there is none.
        is_difference: it is one to the baseline, so it is shown with its sign.
        instead: what is shown where there is no number.
        bold: it is not distinguishable from the best of its column.
        p: adjusted, of no difference.
        signs: what a reader must know of its seeds.
    """

    value: float | None
    is_difference: bool = False
    instead: str = ""
    bold: bool = False
    p: float | None = None
    signs: tuple[Sign, ...] = ()
    seeds: int | None = None
    planned: int | None = None
    collapsed: int | None = None
    failed: int | None = None
    missing: int | None = None

    @property
    def shown(self) -> str:
        """The number with one decimal, as papers give points; never `-0.0`."""
        if self.value is None:
            return self.instead
        rounded = round(self.value, 1) + 0.0
        return f"{rounded:+.1f}" if self.is_difference else f"{rounded:.1f}"

    @property
    def stars(self) -> int:
        """How many its p gives."""
        return 0 if self.p is None else sum(self.p < level for level in STARS)


@dataclass(frozen=True)
class Line:
    """A row: whose it is, and its cells."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Section:
    """Rows that belong together; `title` is empty where there is one section alone."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Column:
    """A column: its name, the group that it stands in, and a value for each of the table's `about`."""

    name: str
    group: str
    about: tuple[str, ...] = ()


@dataclass(frozen=True)
class Printed:
    """The whole of it.

    Attributes:
        label: what a LaTeX document refers to it by, without `tab:`.
        rows: what the rows are.
        about: what is said of each column below its name.
        notes: what must be known of single cells.
        methods: how the numbers came about.
    """

    label: str
    rows: str
    columns: tuple[Column, ...]
    sections: tuple[Section, ...]
    caption: Prose
    about: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    methods: Prose = field(default=())

    @property
    def cited(self) -> tuple[str, ...]:
        """The keys of all papers that are referred to, in that order."""
        parts = [part for part in (*self.caption, *self.methods) if isinstance(part, Cite)]
        return tuple(dict.fromkeys(key for part in parts for key in part.keys))

    @property
    def signs(self) -> tuple[Sign, ...]:
        """Those that stand in some cell."""
        found = {sign for of in self.sections for line in of.lines for cell in line.cells for sign in cell.signs}
        return tuple(sign for sign in SIGNS if sign in found)

    @property
    def groups(self) -> tuple[tuple[str, int], ...]:
        """The groups of columns, and how many columns each has; none where no column is in one."""
        if not any(column.group for column in self.columns):
            return ()
        found: list[tuple[str, int]] = []
        for column in self.columns:
            if found and found[-1][0] == column.group:
                found[-1] = (column.group, found[-1][1] + 1)
            else:
                found.append((column.group, 1))
        return tuple(found)

    def turned(self, rows: str) -> Printed:
        """The same with its columns below each other, and what was said of each behind its name."""
        labels = [line.label for line in self.sections[0].lines]
        names = [" ".join((column.name, *(f"({about})" for about in column.about if about))) for column in self.columns]
        sections = tuple(
            Section(
                section.title,
                tuple(
                    Line(name, tuple(line.cells[place] for line in section.lines)) for place, name in enumerate(names)
                ),
            )
            for section in self.sections
        )
        return replace(
            self, rows=rows, columns=tuple(Column(label, "") for label in labels), about=(), sections=sections
        )
