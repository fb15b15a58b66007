"""Which column of a table is what: names, positions, and templates over several columns."""

from __future__ import annotations

import math
import string
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from trainables.data.findings import Findings
from trainables.data.tables import Record
from trainables.errors import nearest
from trainables.tasks.layout import GROUP

GOLD = frozenset({"label", "tags", "answers"})
"""What a whole table may lack where it is hidden, which it is not where models are trained and chosen."""

_FORMATTER = string.Formatter()
_OF_LANGUAGE = "[{lang}]"
"""In a template: the key that is the language's code, as of `{"de": ..., "en": ...}` in a dataset of translations."""


class Columns:
    """Takes what a layout's `columns` map out of records.

    A column is a name, a 0-based index of a table without header, or a template in the syntax of `str.format` over the
    row's columns, such as "{question[choices][0][text]}".

    Args:
        keys: the columns that the table has in any of its rows.
        is_hidden: whether the table may lack its gold.

    Raises:
        UserError: a needed column is not there. An id, a group, and gold that may be hidden, may be missing if no other
            column has a similar name or, if it is an index, where it would be the next column.
    """

    def __init__(
        self, columns: Mapping[str, Any], keys: Collection[str | int], findings: Findings, is_hidden: bool = True
    ) -> None:
        self._columns, self._keys, self._findings = columns, keys, findings
        may_be_absent = {"id", GROUP, *GOLD} if is_hidden else {"id", GROUP}
        self.absent = {name for name in columns if name in may_be_absent and self._is_nowhere(columns[name])}
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
        """The texts of a list of columns or templates. Here a number with a fraction is one, too."""
        return tuple(self._text(record, column, float) for column in self._columns[name])

    def label(self, record: Record, name: str = "label") -> str:
        """A label or id as text; blank where there is none."""
        text = label_text(self.value(record, name))
        if text is None:
            self._findings.add(f"has no text '{self._columns[name]}'", record.line)
        return text or ""

    def value(self, record: Record, name: str) -> Any:
        """Whatever a column holds; None where it is absent."""
        return record.values.get(self._columns[name]) if name in self else None

    def _text(self, record: Record, column: str | int, *others: type) -> str:
        if _is_template(column):
            try:
                return _filled(str(column), record.values).strip()
            except _NoText as error:
                self._findings.add(f"does not fill '{column}': {error}", record.line)
            except (KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
                self._findings.add(f"does not fill '{column}': {type(error).__name__} {error}", record.line)
            return ""
        value = record.values.get(column)
        if isinstance(value, (str, int, *others)) and not _is_missing(value):
            return str(value)
        has_others = column not in record.values and record.values
        hint = nearest(str(column), [str(key) for key in record.values]) if has_others else None
        self._findings.add(f"has no text '{column}'", record.line, hint)
        return ""

    def _is_nowhere(self, column: str | int | list[Any]) -> bool:
        if column in self._keys:
            return False
        if isinstance(column, int):
            return column == len(self._keys)
        return not get_close_matches(str(column), [str(key) for key in self._keys], n=1)

    def _check(self, name: str, column: str | int) -> None:
        try:
            wanted = _fields(column) if _is_template(column) else [column]
        except ValueError as error:
            self._findings.stop(f"does not fill '{column}': {error}", None, "fields are {name} or {name[0]}")
        for one in wanted:
            if one not in self._keys:
                names = [str(key) for key in self._keys]
                numbered = all(isinstance(key, int) for key in self._keys)
                hint = f"it has {len(names)} columns, counted from 0, and no header"
                self._findings.stop(f"has no {name} column {one!r}", 1, hint if numbered else nearest(str(one), names))


def in_language(columns: Mapping[str, Any], code: str) -> dict[str, Any]:
    """Columns whose templates name a cell by the language, "{translation[{lang}]}", with its code instead."""

    def filled(column: Any) -> Any:
        if isinstance(column, list):
            return [filled(one) for one in column]
        return column.replace(_OF_LANGUAGE, f"[{code}]") if isinstance(column, str) else column

    return {name: filled(column) for name, column in columns.items()}


def label_text(value: object) -> str | None:
    """A label, tag or id as text: blank where there is none, None for what cannot be one.

    Where some are missing, pandas makes numbers of whole ones (1.0 for 1) and NaN of those; JSON has true and false.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if value is None or _is_missing(value):
        return ""
    return str(value).strip() if isinstance(value, str | int) else None


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_template(column: str | int) -> bool:
    return isinstance(column, str) and "{" in column


def _fields(template: str | int) -> list[str]:
    """The columns that a template names: `question` in "{question[stem]}"."""
    found = [field for _, field, _, _ in _FORMATTER.parse(str(template)) if field is not None]
    return [field.split("[")[0].split(".")[0] for field in found]


class _NoText(Exception):  # noqa: N818 - what is there
    """What a template names is nothing that can be printed."""


@cache
def _parts(template: str) -> tuple[tuple[str, str | None, str | None, str | None], ...]:
    """A template's literal texts, each with the field behind it, its format and its conversion."""
    return tuple(_FORMATTER.parse(template))


def _filled(template: str, values: Mapping[str | int, Any]) -> str:
    """As `str.format_map`, which would print None, lists and objects in Python's own way."""
    found = []
    for literal, field, form, conversion in _parts(template):
        found.append(literal)
        if field is not None:
            value, _ = _FORMATTER.get_field(field, (), values)  # type: ignore[arg-type]
            if _is_missing(value):
                raise _NoText(f"'{field}' has no value")
            if not isinstance(value, str | int | float):
                raise _NoText(f"'{field}' is {'a list' if isinstance(value, list) else 'an object'}, not a text")
            found.append(_FORMATTER.format_field(_FORMATTER.convert_field(value, conversion), form or ""))
    return "".join(found)
