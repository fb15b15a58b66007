"""What a report is made of: sections of paragraphs, tables and figures. Values; how they look is in the templates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Value = str | float | int | bool | None
"""What a cell says as it was computed; a float that is no number is None."""

Row = Mapping[str, Any]
"""What SQL answers with."""


@dataclass(frozen=True)
class Cell:
    """A place in a table.

    Attributes:
        shown: as people read it.
        value: as it was computed: tables are sorted by it, and `sweep report --check` compares it.
        link: the anchor of what stands behind it.
        more: a second, smaller line.
        tone: how it is coloured; never the only sign of anything.
        foreign: whether it is text of data, in whatever script.
    """

    shown: str
    value: Value = None
    link: str | None = None
    more: str = ""
    tone: str = ""
    foreign: bool = False


@dataclass(frozen=True)
class Column:
    """A column's name, whether numbers stand in it, and what it means."""

    name: str
    numeric: bool = False
    meaning: str = ""


@dataclass(frozen=True)
class Table:
    """Rows that can be sorted and filtered.

    Attributes:
        name: unique in a report; `--check` says it.
        anchors: by row, what leads to it; none at all, or as many as rows.
        source: the SQL or the command that gives these numbers.
        long: whether it has a scroll bar of its own, and is left out in print.
        closed: whether it stands folded up below its caption.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    anchors: tuple[str, ...] = ()
    source: str = ""
    long: bool = False
    closed: bool = False
    grid: bool = False


@dataclass(frozen=True)
class Figure:
    """A chart: a Vega-Lite specification of the project and the values that it shows.

    Attributes:
        name: unique in a report, and what `sweep plot` calls it.
        chart: the file of the specification, without its end.
        caption: what is to be seen.
        values: the rows of its data.
        settings: parameters of the specification that follow from the values, such as the order of an axis.
    """

    name: str
    chart: str
    caption: str
    values: tuple[Row, ...]
    settings: Mapping[str, Any]
    source: str = ""


@dataclass(frozen=True)
class Prose:
    """A paragraph, or the items of a list. `kind`: the answer itself, plain, a warning, or a command to be copied."""

    lines: tuple[str, ...]
    kind: Literal["lead", "plain", "note", "command", "list"] = "plain"


@dataclass(frozen=True)
class Heading:
    """A title within a section."""

    title: str
    anchor: str


Block = Prose | Table | Figure | Heading


@dataclass(frozen=True)
class Section:
    """A part of the report. `name` is its anchor."""

    name: str
    title: str
    blocks: tuple[Block, ...]


def of(block: object) -> str:
    """The kind of a block, for templates."""
    return type(block).__name__.lower()


def text(value: object, link: str | None = None, foreign: bool = False, more: str = "", tone: str = "") -> Cell:
    """A cell of words."""
    shown = "" if value is None else str(value)
    return Cell(_cut(shown), _cut(shown), link, more, tone, foreign)


LONGEST = 400
"""Letters of one cell: an error may be a whole traceback, a text a whole document."""


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST else f"{words[:LONGEST]} … ({len(words):,} characters)"


def number(
    value: float | int | None, digits: int = 1, sign: bool = False, link: str | None = None, missing: str = "–"
) -> Cell:
    """A cell of a number with so many decimals; `sign`: also where it is positive."""
    if value is None or value != value or abs(value) == float("inf"):
        return Cell(missing, None, link)
    shown = f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"
    return Cell(signed(shown), value, link)


def significant(value: float | None, digits: int = 2, missing: str = "–") -> Cell:
    """A cell of a number of any size: a learning rate, a p value."""
    if value is None or value != value:
        return Cell(missing, None)
    return Cell(signed(f"{value:.{digits}g}"), value)


def signed(shown: str) -> str:
    """A minus as wide as a plus; neither before a nought."""
    bare = shown.lstrip("+-")
    return shown.replace("-", "−", 1) if bare.strip("0.,") else bare


def chance(p: float | None) -> Cell:
    """A cell of a p value."""
    if p is None:
        return Cell("–", None)
    return Cell("< 0.001" if p < 0.001 else f"{p:.3f}", p)


def slug(*words: str) -> str:
    """An anchor, and a name for `sweep plot`: the words with hyphens, without letters that either would not take."""
    return "-".join(found for word in words if (found := re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")))


def columns(*names: str | Column) -> tuple[Column, ...]:
    """Columns by name; `#` before it: of numbers."""
    return tuple(
        one if isinstance(one, Column) else Column(one.removeprefix("#"), one.startswith("#")) for one in names
    )


def joined(names: Sequence[str], most: int = 8) -> str:
    """Names with commas, the rest counted."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
