"""Whether a report says what the ledger says: its numbers are computed again."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sweep.report.page import FORMAT, html, page
from sweep.report.source import Asked, read
from sweep.results.comparison.difference import Claim
from trainables.errors import Problem, UserError
from trainables.store import Store

EXACT = 1e-9
"""The relative difference that another machine's arithmetic may make."""


@dataclass(frozen=True)
class Checked:
    """What became of a check.

    Attributes:
        compared: how many numbers and words of tables and figures.
        different: what differs, each in a line.
    """

    compared: int
    different: tuple[str, ...]


def check(store: Store, file: Path) -> Checked:
    """Computes a report's numbers again, from the plan and for the question that it names.

    Numbers are those that stand in the file as JSON. What is shown is compared, too, where the same version wrote it.

    Raises:
        UserError: the file is no report, of a newer version, or not of this store.
    """
    content = _content(file)
    found = _Found()
    found.feed(content)
    told = _numbers(found.json, file)
    made = page(read(store, Asked(told.experiment, told.baseline, told.claim)))
    again = _Numbers.model_validate(json.loads(json.dumps(made.numbers)))  # as it was written
    different = [*_tables(told.tables, again.tables), *_figures(told.figures, again.figures)]
    compared = sum(len(row) for table in again.tables.values() for row in table.rows)
    compared += sum(len(row) for rows in again.figures.values() for row in rows)
    if not different and told.made_by == again.made_by:
        fresh = _Found()
        fresh.feed(html(made))
        different = [*_shown(found.words, fresh.words)]
    return Checked(compared, tuple(different))


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise UserError(Problem(f"cannot be read: {reason}", str(file))) from error


class _Rows(BaseModel):
    columns: list[str]
    rows: list[list[Any]]


class _Numbers(BaseModel):
    """What `sweep.report.page.Page.numbers` writes."""

    format: int
    made_by: str
    experiment: str
    baseline: str
    claim: Claim | None
    tables: dict[str, _Rows]
    figures: dict[str, list[dict[str, Any]]]


def _numbers(content: str, file: Path) -> _Numbers:
    try:
        values = json.loads(content)
        version = values["format"] if isinstance(values, dict) else None
        if isinstance(version, int) and version > FORMAT:
            message = f"is a report of format {version}, and this package knows up to {FORMAT}"
            raise UserError(Problem(message, str(file), hint="update this package"))
        return _Numbers.model_validate(values)
    except (ValueError, KeyError, RecursionError) as error:
        raise UserError(Problem("is no report: it has no numbers as `sweep report` writes them", str(file))) from error


class _Found(HTMLParser):
    """The numbers of a report, and the words that it shows outside of figures."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.json, self.words = "", list[str]()
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes where words stand."""
        if tag in ("script", "style", "svg"):
            self._inside.append("numbers" if dict(attrs).get("id") == "numbers" else tag)

    def handle_endtag(self, tag: str) -> None:
        """The end of that."""
        if tag in ("script", "style", "svg") and self._inside:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        """Keeps the numbers, and words that are shown."""
        if "numbers" in self._inside:
            self.json += data
        elif not self._inside and data.strip():
            self.words.append(data.strip())


def _tables(told: Mapping[str, _Rows], again: Mapping[str, _Rows]) -> Iterator[str]:
    yield from _missing("table", told, again)
    for name in again:
        if name in told and told[name].columns != again[name].columns:
            yield f"{name}: its columns are others"
        elif name in told:
            yield from _rows(name, again[name].columns, told[name].rows, again[name].rows)


def _figures(told: Mapping[str, list[dict[str, Any]]], again: Mapping[str, list[dict[str, Any]]]) -> Iterator[str]:
    yield from _missing("figure", told, again)
    for name in again:
        if name in told:
            columns = list(again[name][0]) if again[name] else []
            theirs, ours = ([[row.get(column) for column in columns] for row in of[name]] for of in (told, again))
            yield from _rows(name, columns, theirs, ours)


def _missing(kind: str, told: Collection[str], again: Collection[str]) -> Iterator[str]:
    yield from (f"{name}: the report has no such {kind}" for name in again if name not in told)
    yield from (f"{name}: the ledger gives no such {kind}" for name in told if name not in again)


def _rows(
    name: str, columns: Sequence[str], told: Sequence[Sequence[Any]], again: Sequence[Sequence[Any]]
) -> Iterator[str]:
    if len(told) != len(again):
        yield f"{name}: {len(told)} rows in the report, {len(again)} from the ledger"
        return
    for number, (theirs, ours) in enumerate(zip(told, again, strict=True), 1):
        if len(theirs) != len(ours):
            yield f"{name}, row {number}: its columns are others"
            continue
        for column, one, other in zip(columns, theirs, ours, strict=True):
            if not _is_same(one, other):
                told_of = ", ".join(str(value) for value in ours[:2] if isinstance(value, str))
                head = column.replace("\n", " ")
                yield f"{name}, row {number} ({told_of}), {head}: {one} in the report, {other} from the ledger"


def _is_same(one: Any, other: Any) -> bool:
    both = isinstance(one, (int, float)) and isinstance(other, (int, float))
    if both and not isinstance(one, bool) and not isinstance(other, bool):
        return math.isclose(one, other, rel_tol=EXACT, abs_tol=EXACT)
    return bool(one == other)


def _shown(told: Sequence[str], again: Sequence[str]) -> Iterator[str]:
    """The first place where what is shown is not what the numbers give: what stands after it may be shifted."""
    for one, other in zip(told, again, strict=False):
        if one != other:
            yield f"its numbers agree, but it shows '{one}' where they give '{other}': it was changed by hand"
            return
    if len(told) != len(again):
        yield "its numbers agree, but it shows less or more than they give: it was changed by hand"
