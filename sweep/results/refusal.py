"""What DuckDB says of wrong SQL, as this project says it: what is wrong, and the nearest right name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import duckdb

from trainables.errors import Problem, UserError, nearest

COLUMN = re.compile(r'(?:Referenced column|does not have a column named) "([^"]+)"')
TABLE = re.compile(r"Table(?: Function)? with name (\S+) does not exist")
WORD = re.compile(r"\w+")


def refusal(error: duckdb.Error, sql: str, columns: Mapping[str, Sequence[str]], views: Sequence[str]) -> UserError:
    """The error for who wrote the statement.

    Args:
        columns: by view, the names of its columns.
        views: those that `show tables` lists.
    """
    text = str(error).strip()
    message, _, rest = text.partition("\n")
    if (wrong := COLUMN.search(text)) is not None:
        asked = set(WORD.findall(sql.lower()))
        there = dict.fromkeys(name for view, names in columns.items() if view in asked for name in names)
        hint = nearest(wrong[1], [*there])
        if not hint.startswith("did") and re.search(rf"[=<>]\s*{re.escape(wrong[1])}\b", sql):
            hint = f"a text stands in single quotes: '{wrong[1]}'"
        return UserError(Problem(message, hint=hint))
    if (wrong := TABLE.search(text)) is not None:
        return UserError(Problem(message, hint=nearest(wrong[1], [*views, "transfer_from"])))
    if rest.startswith("Did you mean"):
        return UserError(Problem(message, hint=rest.splitlines()[0]))
    return UserError(Problem(text.splitlines()[-1] if "Traceback" in message else text))
