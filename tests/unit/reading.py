"""Calls of readers that must fail, and tasks to read for."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from trainables import tasks
from trainables.errors import Problem, UserError


def problems(read: Callable[[], object]) -> list[Problem]:
    """What a reader complains of, each with its file."""
    with pytest.raises(UserError) as caught:
        read()
    assert all(problem.file for problem in caught.value.problems)
    return caught.value.problems


def problem(read: Callable[[], object]) -> Problem:
    """The only thing that a reader complains of."""
    (only,) = problems(read)
    return only


def task(name: str, /, **changes: Any) -> tasks.Task:
    """A shipped task, with changes."""
    return dataclasses.replace(tasks.load(name), **changes)


def json_lines(*rows: object) -> str:
    """One JSON value a line."""
    return "".join(f"{json.dumps(row)}\n" for row in rows)
