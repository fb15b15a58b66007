"""The problems of one input, raised together, and the lines of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from trainables.errors import Problem, UserError

_MOST = 20


class Findings:
    """Collects what is wrong with `where`, a file or a dataset. At most 20 problems: then it raises them."""

    def __init__(self, where: Path | str) -> None:
        self.where = str(where)
        self._problems: list[Problem] = []

    def add(self, message: str, line: int | None, hint: str | None = None) -> None:
        """Notes a problem; `line` counts from 1."""
        self._problems.append(Problem(message, self.where, line, hint))
        if len(self._problems) == _MOST:
            self.check()

    def stop(self, message: str, line: int | None, hint: str | None = None) -> NoReturn:
        """Notes a problem behind which nothing can be read, and raises all."""
        self._problems.append(Problem(message, self.where, line, hint))
        raise UserError(self._problems)

    def check(self) -> None:
        """Raises UserError if there was any problem."""
        if self._problems:
            raise UserError(self._problems)


def parse_json(text: str, **options: Any) -> Any:
    """The values of a JSON text, as `json.loads`. JSONDecodeError also for what is JSON but more than Python takes."""
    try:
        return json.loads(text, **options)
    except json.JSONDecodeError:
        raise
    except RecursionError as error:
        raise json.JSONDecodeError("lists or objects within each other without end", text, 0) from error
    except ValueError as error:
        raise json.JSONDecodeError("a number with thousands of digits", text, 0) from error


def read_lines(path: Path, findings: Findings, encoding: str = "utf-8") -> list[str]:
    """The lines of a text file, less blank ones at its end. Only LF and CRLF end one: U+2028 and U+0085 are text.

    Raises:
        UserError: the file cannot be read, is empty, or is not in its encoding.
    """
    try:
        text = path.read_bytes().decode(encoding).removeprefix("\ufeff")
    except OSError as error:
        findings.stop(f"cannot be read: {error.strerror}", None)
    except LookupError:
        findings.stop(f"has an unknown encoding '{encoding}'", None, "for example utf-8, utf-16, latin-1 or cp1252")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        hint = "convert the file to UTF-8, or say its encoding in the task's layout"
        findings.stop(f"is not {encoding.upper()}: byte 0x{error.object[error.start]:02X}", line, hint)
    if not text.strip():
        findings.stop("is empty", 1, "is the download complete?")
    return [line.removesuffix("\r") for line in text.rstrip("\r\n").split("\n")]
