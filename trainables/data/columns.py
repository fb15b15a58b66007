"""Which column of a table is what: names, positions, and templates over several columns."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from trainables.data.findings import Findings
from trainables.data.tables import Record
from trainables.errors import nearest

MAY_BE_ABSENT = frozenset({"label", "tags", "answers", "id"})
"""What a whole table may lack: hidden gold, unnumbered rows."""


class Columns:
    """Takes what a layout's `columns` map out of records.

    A column is a name, a 0-based index of a table without header, or a template in the syntax of `str.format` over the
    row's columns, such as "{question[choices][0][text]}".

    Raises:
        UserError: a needed column is not there. One in MAY_BE_ABSENT may be missing if no other has a similar name or,
            if it is an index, where it would be the next column.
    """

    def __init__(self, columns: Mapping[str, Any], records: Sequence[Record], findings: Findings) -> None:
        self._columns, self._findings = columns, findings
        self._keys: dict[str | int, None] = {}
        for record in records:
            self._keys.update(dict.fromkeys(record.values))
        self.absent = {name for name in columns if name in MAY_BE_ABSENT and self._is_hidden(columns[name])}
        for name, column in columns.items():
            for one in column if isinstance(column, list) else [column]:
                if name not in self.absent:
                    self._check(name, one)

    def __contains__(self, name: str) -> bool:
        return name in self._columns and name not in self.absent

    def text(self, record: Record, name: str) -> str:
        """The text of a column, or a filled template; a missing value is a problem of its line."""
        return self._text(record, self._columns[name])

    def texts(self, record: Record, name: str) -> tuple[str, ...]:
        """The texts of a list of columns or templates."""
        return tuple(self._text(record, column) for column in self._columns[name])

    def label(self, record: Record, name: str = "label") -> str:
        """A label or id as text; blank where there is none."""
        value = record.values.get(self._columns[name]) if name in self else None
        if value is None or isinstance(value, str | int):
            return "" if value is None else str(value).strip()
        self._findings.add(f"has no text '{self._columns[name]}'", record.line)
        return ""

    def value(self, record: Record, name: str) -> Any:
        """Whatever a column holds; None where it is absent."""
        return record.values.get(self._columns[name]) if name in self else None

    def _text(self, record: Record, column: str | int) -> str:
        if _is_template(column):
            try:
                return str(column).format_map(record.values).strip()
            except (KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
                self._findings.add(f"does not fill '{column}': {type(error).__name__} {error}", record.line)
                return ""
        value = record.values.get(column)
        if isinstance(value, str | int):
            return str(value)
        hint = None if column in record.values else nearest(str(column), [str(key) for key in record.values])
        self._findings.add(f"has no text '{column}'", record.line, hint)
        return ""

    def _is_hidden(self, column: str | int | list[Any]) -> bool:
        if column in self._keys:
            return False
        if isinstance(column, int):
            return column == len(self._keys)
        return not get_close_matches(str(column), [str(key) for key in self._keys], n=1)

    def _check(self, name: str, column: str | int) -> None:
        wanted = _fields(column) if _is_template(column) else [column]
        for one in wanted:
            if one not in self._keys:
                names = [str(key) for key in self._keys]
                numbered = all(isinstance(key, int) for key in self._keys)
                hint = f"it has {len(names)} columns, counted from 0, and no header"
                self._findings.stop(f"has no {name} column {one!r}", 1, hint if numbered else nearest(str(one), names))


def _is_template(column: str | int) -> bool:
    return isinstance(column, str) and "{" in column


def _fields(template: str | int) -> list[str]:
    """The columns that a template names: `question` in "{question[stem]}"."""
    found = [field for _, field, _, _ in string.Formatter().parse(str(template)) if field is not None]
    return [field.split("[")[0].split(".")[0] for field in found]
