"""What was looked at, and how it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from trainables.errors import Problem

Level = Literal["fine", "warning", "wrong"]

LEVELS: Sequence[Level] = ("fine", "warning", "wrong")
"""From good to bad; their places are the exit codes."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: what was looked at, in a word or two; the same on all nodes.
        where: the node or file; None: the whole.
        message: how it is.
        todo: what to do about it, or what becomes of it by itself.
    """

    level: Level
    check: str
    message: str
    where: str | None = None
    todo: str | None = None

    @property
    def problem(self) -> Problem:
        """The same as an error."""
        return Problem(f"{self.check}: {self.message}", self.where, hint=self.todo)


def worst(findings: Iterable[Finding]) -> Level:
    """The level of all of them together."""
    return LEVELS[max((LEVELS.index(one.level) for one in findings), default=0)]


def exit_code(findings: Iterable[Finding]) -> int:
    """0: all is fine, 1: there are warnings, 2: something is wrong."""
    return LEVELS.index(worst(findings))
