"""The problems of one input, raised together."""

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
        raise self._error()

    def check(self) -> None:
        """Raises UserError if there was any problem."""
        if self._problems:
            raise self._error()

    def _error(self) -> UserError:
        return UserError(sorted(self._problems, key=lambda problem: problem.line or 0))


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
