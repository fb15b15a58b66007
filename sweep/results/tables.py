"""Results as tables: for the terminal, and in the formats that papers and scripts read."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from rich.table import Table

from sweep.console import WIDE, Console, visible

Row = Sequence[Any]


def rich_table(columns: Sequence[str], rows: Sequence[Row]) -> Table:
    """Rows under their columns, numbers to the right."""
    table = Table()
    for column, is_of_numbers in zip(columns, _of_numbers(columns, rows), strict=True):
        table.add_column(column, justify="right" if is_of_numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


def as_text(table: pa.Table) -> str:
    """For a person. Never cut: as wide as it needs to be."""
    text = io.StringIO()
    Console(file=text, width=WIDE).print(rich_table(table.column_names, _rows(table)))
    return text.getvalue()


def as_csv(table: pa.Table) -> str:
    """RFC 4180 with a header; null is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(_rows(table))
    return text.getvalue()


def as_json(table: pa.Table) -> str:
    """A list of objects; times in ISO 8601."""
    return to_json(table.to_pylist())


def to_json(values: Any) -> str:
    """JSON for scripts, whatever is in it: it has no NaN and no infinity, so these are null."""
    return json.dumps(_plain(values), default=str, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def as_markdown(table: pa.Table) -> str:
    """A pipe table, numbers to the right. What would end a cell is escaped; line ends are `<br>`."""
    special = str.maketrans({"\\": "\\\\", "|": "\\|", "\n": "<br>"})

    def line(values: Row) -> str:
        return f"| {' | '.join(_readable(value).translate(special) for value in values)} |\n"

    rows = _rows(table)
    rule = "".join("| ---: " if right else "| --- " for right in _of_numbers(table.column_names, rows)) + "|\n"
    return line(table.column_names) + rule + "".join(map(line, rows))


def as_latex(table: pa.Table) -> str:
    r"""A booktabs tabular, numbers to the right. A row's first bracket or star would belong to the `\\` before it."""
    special = str.maketrans(
        {char: f"\\{char}" for char in "&%$#_{}"}
        | {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
        | {"\n": " "}
    )

    def line(values: Row) -> str:
        text = " & ".join(_readable(value).translate(special) for value in values) + r" \\"
        return f"{{{text[0]}}}{text[1:]}" if text.startswith(("[", "*")) else text

    rows = _rows(table)
    columns = "".join("r" if right else "l" for right in _of_numbers(table.column_names, rows))
    head = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", line(table.column_names), r"\midrule"]
    return "\n".join([*head, *map(line, rows), r"\bottomrule", r"\end{tabular}"]) + "\n"


def _rows(table: pa.Table) -> list[Row]:
    return [[*row.values()] for row in table.to_pylist()]


def _of_numbers(columns: Sequence[str], rows: Sequence[Row]) -> list[bool]:
    """Which columns have numbers, or nothing."""
    return [all(_is_number(row[place]) or row[place] is None for row in rows) for place in range(len(columns))]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def _readable(value: Any) -> str:
    """A cell of a table that is text, in which all line ends are the same."""
    return visible(_cell(value).replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))


def _plain(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Decimal():  # what DuckDB makes of sums of whole numbers
            return int(value) if value == value.to_integral_value() else float(value)
        case dict():
            return {key: _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
    return value


FORMATS: dict[str, Callable[[pa.Table], str]] = {
    "table": as_text,
    "csv": as_csv,
    "json": as_json,
    "markdown": as_markdown,
    "latex": as_latex,
}
