"""Whether a report says what the ledger says: its numbers are computed again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from sweep.report.page import FORMAT, html, page
from sweep.report.source import Asked, read
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
    made = page(read(store, Asked(told["experiment"], told["baseline"], told["claim"])))
    # What JSON makes of numbers is what was written: compare like with like.
    again = json.loads(json.dumps(made.numbers))
    different = [*_tables(told["tables"], again["tables"]), *_figures(told["figures"], again["figures"])]
    compared = sum(len(row) for table in again["tables"].values() for row in table["rows"])
    compared += sum(len(row) for rows in again["figures"].values() for row in rows)
    if not different and told["made_by"] == again["made_by"]:
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


def _numbers(content: str, file: Path) -> dict[str, Any]:
    try:
        told = json.loads(content)
        version = told["format"]
        if isinstance(version, int) and version > FORMAT:
            message = f"is a report of format {version}, and this package knows up to {FORMAT}"
            raise UserError(Problem(message, str(file), hint="update this package"))
        if not (
            isinstance(told["experiment"], str)
            and isinstance(told["baseline"], str)
            and told["claim"] in (None, "models", "recipe")
            and isinstance(told["tables"], dict)
            and isinstance(told["figures"], dict)
        ):
            raise TypeError
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(Problem("is no report: it has no numbers as `sweep report` writes them", str(file))) from error
    return dict(told)


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


def _tables(told: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[str]:
    yield from _missing("table", told, again)
    for name in told.keys() & again.keys():
        ours, theirs = again[name], told[name]
        if not isinstance(theirs, dict) or theirs.get("columns") != ours["columns"]:
            yield f"{name}: its columns are others"
            continue
        yield from _rows(name, ours["columns"], theirs.get("rows", []), ours["rows"])


def _figures(told: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[str]:
    yield from _missing("figure", told, again)
    for name in told.keys() & again.keys():
        columns = [*again[name][0]] if again[name] else []
        try:
            theirs = [[row[column] for column in columns] for row in told[name]]
        except (KeyError, TypeError):
            yield f"{name}: its values are others"
            continue
        yield from _rows(name, columns, theirs, [[row[column] for column in columns] for row in again[name]])


def _missing(kind: str, told: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[str]:
    for name in again.keys() - told.keys():
        yield f"{name}: the report has no such {kind}"
    for name in told.keys() - again.keys():
        yield f"{name}: the ledger gives no such {kind}"


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
