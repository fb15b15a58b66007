"""What a user can get wrong, in one type: where it is, what is wrong, and the nearest right thing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing to fix. `file` and `line` (1-based) say where; `hint` says what to do next."""

    message: str
    file: str | None = None
    line: int | None = None
    hint: str | None = None

    def __str__(self) -> str:
        where = "" if self.file is None else f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        return f"{where}{self.message}" + (f"\n    {self.hint}" if self.hint else "")


class UserError(Exception):
    """All problems of one input at once. The command line prints them and exits with 2, without a traceback."""

    def __init__(self, problems: Iterable[Problem] | Problem) -> None:
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[type[UserError], tuple[list[Problem]]]:
        return type(self), (self.problems,)  # Ray pickles errors; the default would pass the joined text back in


def nearest(wrong: str, right: Sequence[str]) -> str:
    """A hint that names the closest of the `right` names, or all of them where none is close."""
    close = difflib.get_close_matches(wrong, right, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(right)}" if right else "there are none"
