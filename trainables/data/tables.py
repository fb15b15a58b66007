"""Tables: tsv, csv and JSON lines as records, each with its line."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.data.findings import Findings, parse_json, read_lines

Row = tuple[int, list[str]]  # its line, its cells


@dataclass(frozen=True, slots=True)
class Record:
    """A row, the line that it begins on, and its cells: by column name or, without a header, by 0-based index."""

    line: int
    values: Mapping[str | int, Any]


def read_table(path: Path, format: str, options: Mapping[str, Any], findings: Findings) -> list[Record]:
    """All rows of a `tsv`, `csv` or `jsonl` file.

    Options: `encoding`; `header`, whether the first row names the columns; `quoting`, whether tsv has quotes as csv has
    them (official tsv files have stray ones, which are text); `drop_ragged`, whether rows of another width are left
    out.

    Raises:
        UserError: quotes stay open, rows differ in width, a line is not a JSON object.
    """
    lines = read_lines(path, findings, options.get("encoding", "utf-8"))
    if format == "jsonl":
        records = list(_objects(lines, findings))
        findings.check()
        return records
    rows = list(_rows(lines, format, options.get("quoting", False), findings))
    findings.check()
    names = rows.pop(0)[1] if options.get("header") else []
    width = len(names) or _usual_width(rows)
    kept = []
    for line, cells in rows:
        if len(cells) == width:
            kept.append(Record(line, dict(zip(names or range(width), cells, strict=True))))
        elif not options.get("drop_ragged"):
            findings.add(f"columns: {len(cells)}, where the file has {width}", line, "a separator too few or too many?")
    findings.check()
    return kept


def _rows(lines: Sequence[str], format: str, quoting: bool, findings: Findings) -> Iterator[Row]:
    if format == "tsv" and not quoting:
        yield from ((number, line.split("\t")) for number, line in enumerate(lines, 1))
        return
    reader = csv.reader((f"{line}\n" for line in lines), delimiter="," if format == "csv" else "\t", strict=True)
    begin = 1
    try:
        for cells in reader:
            yield begin, cells
            begin = reader.line_num + 1
    except csv.Error as error:
        findings.add(f"cannot be split at its quotes: {error}", begin, "a quote within a quoted text is doubled")


def _objects(lines: Sequence[str], findings: Findings) -> Iterator[Record]:
    for number, line in enumerate(lines, 1):
        try:
            value = parse_json(line)
        except json.JSONDecodeError as error:
            findings.add(f"is not JSON: {error.msg} (column {error.colno})", number, "one object a line")
            continue
        if isinstance(value, dict):
            yield Record(number, value)
        else:
            findings.add("is not a JSON object", number, "one object a line")


def _usual_width(rows: Sequence[Row]) -> int:
    """The number of columns that most rows have."""
    widths = Counter(len(cells) for _, cells in rows)
    return max(widths, key=lambda width: (widths[width], width), default=0)
