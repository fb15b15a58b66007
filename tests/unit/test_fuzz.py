"""Some bad inputs of every kind, the same ones in every run; `python -m tests.fuzz` tries as many as one likes."""

from __future__ import annotations

import pytest

from tests.fuzz.attempts import attempts, tried
from tests.fuzz.inputs import EXPERIMENT, KINDS, SHAPES, SPACE, Case, as_yaml, own_task, store_files, with_task

INPUTS = 40


@pytest.mark.parametrize("kind", KINDS)
def test_bad_input_is_refused_with_a_word(kind: str) -> None:
    tries = attempts(kind, INPUTS, seed=1)
    assert len(tries) == INPUTS
    assert [(case, verdict) for case, verdict, _ in tries if not verdict.is_right] == []


@pytest.mark.parametrize("shape", SHAPES)
def test_the_task_that_is_changed_is_right(shape: str) -> None:
    case = with_task(as_yaml(own_task(SHAPES[shape])), SHAPES[shape].content.encode())
    assert tried(case).name == "answered", tried(case).said


def test_the_rest_that_is_changed_is_right() -> None:
    plan = ("plan", "{folder}/e.yaml")
    space = {"space.yaml": as_yaml(SPACE), "e.yaml": as_yaml({**EXPERIMENT, "search_space": "{folder}/space.yaml"})}
    for case in (
        Case({"e.yaml": as_yaml(EXPERIMENT)}, plan),
        Case(space, plan),
        Case(store_files(), ("status", "{folder}/store")),
        Case(store_files(), ("query", "{folder}/store", "from best")),
    ):
        assert tried(case).name == "answered", tried(case).said
