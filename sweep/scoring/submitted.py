"""What a file of a submission says, line by line or as JSON: every value with its line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

from trainables.data.findings import parse_json
from trainables.errors import Problem, UserError

MOST_PROBLEMS = 20  # that are named of one file
MOST_SHOWN = 60  # characters of what a file says

Values = TypeVar("Values")


@dataclass(frozen=True)
class Submitted(Generic[Values]):
    """What a file says, and the line (1-based) on which each of its values begins, in their order.

    `ids`: what each value is of, in files that may say so but are read line by line; None where it is not said.
    """

    path: Path
    values: Values
    lines: Sequence[int]
    ids: Sequence[Any] = ()

    def problem(self, message: str, line: int | None = None, hint: str | None = None) -> Problem:
        """A problem in this file."""
        return Problem(message, str(self.path), line, hint)


def refuse(problems: Sequence[Problem]) -> None:
    """Raises UserError with a file's problems if there are any."""
    if problems:
        raise UserError(first(problems))


def first(problems: Sequence[Problem]) -> list[Problem]:
    """The first 20 problems of a file, and how many more there are."""
    left = len(problems) - MOST_PROBLEMS
    more = [Problem(f"and {left} more problems", problems[0].file)] if left > 0 else []
    return [*problems[:MOST_PROBLEMS], *more]


def shown(text: str) -> str:
    """What a file says, fit for a message: one line, not long, and nothing in it that a terminal obeys."""
    cut = text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)


def read_object(path: Path, what: str, example: str, fits: Callable[[Any], bool]) -> Submitted[dict[str, Any]]:
    """A JSON object whose values are all alike. Each value's line is that of its key."""
    text = read_text(path)
    members = parse(path, text, example, object_pairs_hook=_Members)
    if not isinstance(members, _Members):
        stop(path, "is not a JSON object", 1, f"expected: {example}")
    if not members:
        stop(path, "is empty", 1, f"expected: {example}")
    if any(key == "data" and isinstance(value, list) and not fits(value) for key, value in members):
        hint = f"expected: {example}; are --predictions and --labels swapped?"
        stop(path, "is a dataset's file, not one of predictions", 1, hint)
    lines = list(_key_lines(text))
    first_lines: dict[str, int] = {}
    problems = []
    for (key, value), line in zip(members, lines, strict=True):
        own_key = shown(key)
        if not fits(value):
            problems.append(Problem(f"the value of '{own_key}' is not {what}", str(path), line, f"expected: {example}"))
        if key in first_lines:
            hint = f"first in line {first_lines[key]}"
            problems.append(Problem(f"'{own_key}' stands here again", str(path), line, hint))
        first_lines.setdefault(key, line)
    refuse(problems)
    return Submitted(path, dict(members), lines)


def parse(path: Path, text: str, expected: str, **options: Any) -> Any:
    """The values of a file's JSON. UserError, which says what was `expected`, for any other text."""
    try:
        return parse_json(text, **options)
    except json.JSONDecodeError as error:
        stop(path, f"is not JSON: {error.msg} (column {error.colno})", error.lineno, f"expected: {expected}")


class _Members(list[tuple[str, Any]]):
    """A JSON object with its duplicate keys."""


_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?|[{}\[\]]')


def _key_lines(text: str) -> Iterator[int]:
    """The line (1-based) of each key of the outermost object."""
    depth, line, counted = 0, 1, 0
    for match in _STRING_OR_BRACKET.finditer(text):
        if match[0] in "{[":
            depth += 1
        elif match[0] in "}]":
            depth -= 1
        elif match[1] and depth == 1:
            line, counted = line + text.count("\n", counted, match.start()), match.start()
            yield line


def read_lines(path: Path, may_be_empty: bool = False) -> list[str]:
    """The lines of a file without blank ones at its end. Only LF and CRLF end one: U+2028 is text."""
    text = read_text(path, may_be_empty)
    if "\r" in text.rstrip() and "\n" not in text:
        stop(path, "ends its lines with CR alone", 1, "convert them: `tr '\\r' '\\n'`")
    return text.rstrip().replace("\r\n", "\n").split("\n") if text.strip() else []


def read_text(path: Path, may_be_empty: bool = False) -> str:
    """What a UTF-8 file says, with or without a byte order mark."""
    hint = "convert it to UTF-8; UTF-16: `iconv -f UTF-16 -t UTF-8`"
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        stop(path, f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        stop(path, f"is not UTF-8: {error.reason}", error.object.count(b"\n", 0, error.start) + 1, hint)
    if "\0" in text:
        stop(path, "is not UTF-8 text: it has NUL characters", text.count("\n", 0, text.index("\0")) + 1, hint)
    if not text.strip() and not may_be_empty:
        stop(path, "is empty", 1)
    return text


def stop(path: Path, message: str, line: int | None = None, hint: str | None = None) -> NoReturn:
    """Raises UserError with the one problem behind which a file cannot be read."""
    raise UserError(Problem(message, str(path), line, hint))
