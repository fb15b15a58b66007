"""Results as tables: for the terminal, and in the formats that papers and scripts read.

For people numbers are rounded, and what a name or an error says is text and nothing else. CSV, JSON and Parquet are
exact.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
from rich.table import Table

from sweep.console import ORDERS, WIDE, Console
from sweep.results import cells
from sweep.results.cells import Row

STYLE = """
body { font-family: system-ui, sans-serif; color-scheme: light dark; margin: 1rem; }
table { border-collapse: collapse; }
th, td { padding: .2rem .6rem; text-align: left; vertical-align: top; white-space: pre-line; }
th[scope=row] { font-weight: normal; }
th[colspan] { text-align: center; }
th[scope=rowgroup] { text-align: left; }
thead tr:last-child > * { border-bottom: 1px solid; }
caption { text-align: left; padding-bottom: .6rem; }
sup { line-height: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
"""


def rich_table(columns: Sequence[str], rows: Sequence[Row]) -> Table:
    """Rows under their columns, numbers to the right."""
    table = Table()
    for column, is_of_numbers in zip(columns, cells.of_numbers(len(columns), rows), strict=True):
        table.add_column(column, justify="right" if is_of_numbers else "left", overflow="fold")
    for row in cells.readable(len(columns), rows):
        table.add_row(*row)
    return table


def as_text(table: pa.Table) -> str:
    """For a person. Never cut: as wide as it needs to be."""
    text = io.StringIO()
    Console(file=text, width=WIDE).print(rich_table(table.column_names, _rows(table)))
    return text.getvalue()


def as_csv(table: pa.Table) -> str:
    """RFC 4180 with a header, and lines that end as Unix's do; null is empty."""
    lines: list[str] = []
    # With other line ends than its own, `csv` leaves a lone carriage return in a cell without quotes.
    writer = csv.writer(SimpleNamespace(write=lambda line: lines.append(f"{line[:-2]}\n")))
    writer.writerow(table.column_names)
    writer.writerows(_rows(table))
    return "".join(lines)


def as_json(table: pa.Table) -> str:
    """A list of objects; times in ISO 8601."""
    return to_json(table.to_pylist())


def to_json(values: Any) -> str:
    """JSON for scripts, whatever is in it: it has no NaN and no infinity, so these are null.

    What would give a terminal orders stands in JSON's own spelling, which says the same.
    """
    text = json.dumps(_plain(values), default=str, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    return ORDERS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def as_markdown(table: pa.Table) -> str:
    """A pipe table, numbers to the right."""
    rows = _rows(table)
    rule = "".join("| ---: " if right else "| --- " for right in cells.of_numbers(table.num_columns, rows)) + "|\n"

    def line(values: Sequence[str]) -> str:
        return f"| {' | '.join(map(cells.markdown, values))} |\n"

    return line(table.column_names) + rule + "".join(map(line, cells.readable(table.num_columns, rows)))


def as_latex(table: pa.Table) -> str:
    r"""A booktabs tabular, numbers to the right. A row's first bracket or star would belong to the `\\` before it."""

    def line(values: Sequence[str]) -> str:
        text = " & ".join(map(cells.latex, values)) + r" \\"
        return f"{{{text[0]}}}{text[1:]}" if text.startswith(("[", "*")) else text

    rows = _rows(table)
    columns = "".join("r" if right else "l" for right in cells.of_numbers(table.num_columns, rows))
    head = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", line(table.column_names), r"\midrule"]
    body = map(line, cells.readable(table.num_columns, rows))
    return "\n".join([*head, *body, r"\bottomrule", r"\end{tabular}"]) + "\n"


def as_html(table: pa.Table) -> str:
    """A page that asks the network for nothing and runs nothing."""
    return html_page(html_table(table))


def html_page(content: str) -> str:
    """A page around some elements."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
    view = '<meta name="viewport" content="width=device-width"><title>sweep</title>'
    style = f"<style>{STYLE}</style>"
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}{view}{style}</head>\n<body>\n{content}</body>\n</html>\n'


def html_table(table: pa.Table) -> str:
    """The table alone, to stand in a page; numbers have the class `number`."""
    rows = _rows(table)
    classes = [' class="number"' if right else "" for right in cells.of_numbers(table.num_columns, rows)]

    def line(tag: str, values: Sequence[str], more: str = "") -> str:
        parts = zip(classes, map(cells.in_html, values), strict=True)
        return "<tr>" + "".join(f"<{tag}{more}{of}>{value}</{tag}>" for of, value in parts) + "</tr>\n"

    head = line("th", table.column_names, ' scope="col"')
    body = "".join(line("td", row) for row in cells.readable(table.num_columns, rows))
    return f"<table>\n<thead>\n{head}</thead>\n<tbody>\n{body}</tbody>\n</table>\n"


def _rows(table: pa.Table) -> list[Row]:
    return [*zip(*(column.to_pylist() for column in table.columns), strict=True)]


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
    "html": as_html,
}
