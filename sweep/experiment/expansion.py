"""Conditions that differ in a few words, written once: `for: [{n: 1, set: [en]}, {n: 2, set: [en, de]}]`.

Each row makes a condition in which `{n}` and `{set}` stand for the row's values: a text that is nothing else becomes
the value itself, in any other text the value is spelled out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from trainables.errors import Problem, nearest
from trainables.yaml_file import Place, YamlFile

ROWS = "for"

_NAME = re.compile(r"\{(\w+)\}")

_MOST = 1000
"""Conditions that one makes."""


def expand(document: YamlFile) -> tuple[YamlFile, list[Problem]]:
    """A document in which each condition with rows has become so many conditions, each value at the line that it had.

    One whose rows are wrong is left out, and what is wrong with it said.
    """
    given = document.values.get("conditions")
    if not isinstance(given, list) or not any(isinstance(one, dict) and ROWS in one for one in given):
        return document, []
    expansion = _Expansion(document)
    conditions: list[Any] = []
    for position, condition in enumerate(given):
        for made in expansion.conditions(condition, ("conditions", position)):
            expansion.move(("conditions", position), ("conditions", len(conditions)))
            conditions.append(made)
    return YamlFile(document.name, {**document.values, "conditions": conditions}, expansion.lines), expansion.problems


class _Expansion:
    """What becomes of a document: the lines of its values, and what is wrong with it."""

    def __init__(self, document: YamlFile) -> None:
        self._document = document
        self.lines = {place: line for place, line in document.lines.items() if place[:1] != ("conditions",)}
        self.problems: list[Problem] = []

    def conditions(self, condition: Any, place: Place) -> list[Any]:
        """What a condition of the document makes."""
        if not isinstance(condition, dict) or ROWS not in condition:
            return [condition]
        rows, template = condition[ROWS], {key: value for key, value in condition.items() if key != ROWS}
        at, said = (*place, ROWS), len(self.problems)
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) and row for row in rows):
            hint = "a list of what each condition has: for: [{n: 1, set: [en]}, {n: 2, set: [en, de]}]"
            self._complain(f"'{ROWS}' is no list of rows of names and values", at, hint)
            return []
        if len(rows) > _MOST:
            self._complain(f"'{ROWS}' makes {len(rows)} conditions", at, f"at most {_MOST}")
            return []
        used: set[str] = set()
        made = [self._filled(template, {str(key): one for key, one in row.items()}, place, used) for row in rows]
        for number, row in enumerate(rows):
            for name in (one for one in row if str(one) not in used):
                self._complain(f"nothing says {{{name}}}", (*at, number, name), "use it, or leave it out")
        return made if len(self.problems) == said else []

    def _filled(self, value: Any, row: Mapping[str, Any], place: Place, used: set[str]) -> Any:
        """A value of a condition with the row's values in it."""
        if isinstance(value, dict):
            return {key: self._filled(one, row, (*place, key), used) for key, one in value.items()}
        if isinstance(value, list):
            return [self._filled(one, row, (*place, position), used) for position, one in enumerate(value)]
        if not isinstance(value, str):
            return value
        names = _NAME.findall(value)
        used.update(names)
        for name in names:
            if name not in row:
                self._complain(f"'{{{name}}}' stands for nothing", place, nearest(name, [*row]))
                return value
            if isinstance(row[name], list | dict) and value != f"{{{name}}}":
                hint = f'it may stand alone, as "{{{name}}}"; for a part of a text give the row a word of its own'
                self._complain(f"'{{{name}}}' is {row[name]!r}, which is no part of a text", place, hint)
                return value
        if names and value == f"{{{names[0]}}}":
            return row[names[0]]
        return _NAME.sub(lambda found: _spelled(row[found[1]]), value)

    def _complain(self, message: str, place: Place, hint: str) -> None:
        problem = self._document.problem(message, place, hint)
        if problem not in self.problems:  # of every row
            self.problems.append(problem)

    def move(self, old: Place, new: Place) -> None:
        """The values of a condition of the document stand, as one that it has made, at the same lines."""
        for place, line in self._document.lines.items():
            if place[: len(old)] == old:
                self.lines[(*new, *place[len(old) :])] = line


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
