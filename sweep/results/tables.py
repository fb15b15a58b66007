"""Results as tables: for the terminal, and in the formats that papers and scripts read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.table import Table


def rich_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """Rows under their columns, numbers to the right."""
    table = Table()
    for position, column in enumerate(columns):
        numbers = all(isinstance(row[position], (int, float, type(None))) for row in rows)
        table.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def as_text(table: pa.Table) -> str:
    """For a person. Never cut: as wide as it needs to be."""
    rows = [list(row.values()) for row in table.to_pylist()]
    text = io.StringIO()
    Console(file=text, width=10_000).print(rich_table(table.column_names, rows))
    return text.getvalue()


def as_csv(table: pa.Table) -> str:
    """RFC 4180 with a header; null is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.column_names)
    writer.writerows(row.values() for row in table.to_pylist())
    return text.getvalue()


def as_json(table: pa.Table) -> str:
    """A list of objects; times in ISO 8601."""
    return json.dumps(table.to_pylist(), default=str, ensure_ascii=False, indent=1) + "\n"


def as_markdown(table: pa.Table) -> str:
    """A pipe table."""
    rows = [table.column_names, ["---"] * table.num_columns]
    rows += [[_cell(value).replace("|", "\\|") for value in row.values()] for row in table.to_pylist()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def as_latex(table: pa.Table) -> str:
    """A booktabs tabular."""
    special = str.maketrans({char: f"\\{char}" for char in "&%$#_{}"})

    def line(values: Sequence[Any]) -> str:
        return " & ".join(_cell(value).translate(special) for value in values) + r" \\"

    body = [line(list(row.values())) for row in table.to_pylist()]
    head = [rf"\begin{{tabular}}{{{'l' * table.num_columns}}}", r"\toprule", line(table.column_names), r"\midrule"]
    return "\n".join([*head, *body, r"\bottomrule", r"\end{tabular}"]) + "\n"


FORMATS: dict[str, Callable[[pa.Table], str]] = {
    "table": as_text,
    "csv": as_csv,
    "json": as_json,
    "markdown": as_markdown,
    "latex": as_latex,
}
