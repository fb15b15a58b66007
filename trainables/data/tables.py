"""Tables: tsv, csv and JSON lines as records, each with its line."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from trainables.data.findings import Findings
from trainables.data.json_text import object_lines, parse_strictly, told
from trainables.data.lines import read_lines

csv.field_size_limit(sys.maxsize)  # the usual one is 131,072 characters: books and web pages have more

Row = tuple[int, list[str]]  # its line, its cells
_SHAPE = "one object a line, or one array of them all"


@dataclass(frozen=True, slots=True)
class Record:
    """A row, the line that it begins on, and its cells: by column name or, without a header, by 0-based index."""

    line: int
    values: Mapping[str | int, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Records that are read anew whenever they are gone through, so that no more than one need be in memory."""

    read: Callable[[], Iterator[Record]]

    def __iter__(self) -> Iterator[Record]:
        return self.read()


def read_table(path: Path, format: str, options: Mapping[str, Any], findings: Findings) -> Table:
    """All rows of a `tsv`, `csv` or `jsonl` file. Of the last also one JSON array of objects is read.

    Options: `encoding`; `header`, whether the first row names the columns; `quoting`, whether tsv has quotes as csv has
    them (official tsv files have stray ones, which are text); `drop_ragged`, whether rows of another width are left
    out.

    Raises:
        UserError: when it is read: quotes stay open, rows differ in width, the header has a name twice, a line is not
            a JSON object.
    """
    encoding = options.get("encoding", "utf-8")
    if format == "jsonl":
        return Table(lambda: _objects(read_lines(path, findings, encoding), findings))

    def rows() -> Iterator[Row]:
        lines = read_lines(path, findings, encoding)
        yield from _rows(lines, format, options.get("quoting", False), findings)
        findings.check()

    @cache
    def shape() -> tuple[list[str], int]:
        names = _names(rows(), findings) if options.get("header") else []
        return names, len(names) or _usual_width(rows())

    def records() -> Iterator[Record]:
        names, width = shape()
        for line, cells in rows():
            if names and line == 1:
                continue
            if len(cells) == width:
                yield Record(line, dict(zip(names or range(width), cells, strict=True)))
            elif not options.get("drop_ragged"):
                message = f"columns: {len(cells)}, where the file has {width}"
                findings.add(message, line, "a separator too few or too many?")
        findings.check()

    return Table(records)


def _rows(lines: Iterable[str], format: str, quoting: bool, findings: Findings) -> Iterator[Row]:
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


def _names(rows: Iterator[Row], findings: Findings) -> list[str]:
    """The names in a header. Blank ones, which spreadsheets leave behind, may be there more than once."""
    line, names = next(rows)
    for name, count in Counter(names).items():
        if name.strip() and count > 1:
            findings.add(f"the header has '{name}' {count} times", line, "give each column a name of its own")
    findings.check()
    return names


def _objects(lines: Iterator[str], findings: Findings) -> Iterator[Record]:
    first = next(lines)
    if first.lstrip().startswith("["):
        yield from _array("\n".join(chain([first], lines)), findings)
        return
    if first.strip() == "{":
        findings.stop("has one JSON object over several lines", 1, _SHAPE)
    for number, line in enumerate(chain([first], lines), 1):
        try:
            value = parse_strictly(line)
        except json.JSONDecodeError as error:
            findings.add(*told(error, "one object a line", number))
            continue
        if isinstance(value, dict):
            yield Record(number, value)
        else:
            findings.add("is not a JSON object", number, "one object a line")
    findings.check()


def _array(text: str, findings: Findings) -> Iterator[Record]:
    """The records of a file that is one JSON array."""
    try:
        values = parse_strictly(text)
    except json.JSONDecodeError as error:
        findings.stop(*told(error, _SHAPE))
    for number, value in enumerate(values):
        if not isinstance(value, dict):
            findings.add(f"member {number} of its array is not a JSON object", 1, _SHAPE)
    findings.check()
    if not values:
        findings.stop("has no examples", 1, "its array is empty")
    rows = {id(value) for value in values}
    yield from (Record(line, value) for value, line in object_lines(text, values) if id(value) in rows)


def _usual_width(rows: Iterable[Row]) -> int:
    """The number of columns that most rows have."""
    widths = Counter(len(cells) for _, cells in rows)
    return max(widths, key=lambda width: (widths[width], width), default=0)
