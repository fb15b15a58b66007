"""Tasks are data: one YAML file each, next to this module or of the user's own (docs/tasks.md has every key).

`load("xnli")` reads the shipped `xnli.yaml`; a `Catalogue` knows the user's tasks too.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from trainables.errors import Problem, UserError, nearest
from trainables.tasks.layout import FileLayout, HubLayout
from trainables.tasks.parse import parse
from trainables.tasks.task import CHOOSES_LAST, HIDDEN, KINDS, Task

__all__ = [
    "CHOOSES_LAST",
    "HIDDEN",
    "KINDS",
    "Catalogue",
    "FileLayout",
    "HubLayout",
    "Task",
    "load",
    "misfits",
    "names",
    "parse",
]

FOLDER = Path(__file__).parent


class Catalogue(Mapping[str, Task]):
    """The shipped tasks and the user's own, by name. Asking for any other raises UserError."""

    def __init__(self, own: Sequence[Task] = ()) -> None:
        self.own = tuple(own)
        self._own = {task.name: task for task in own}

    def __getitem__(self, name: str) -> Task:
        if name in self._own:
            return self._own[name]
        if name not in names():
            raise UserError(Problem(f"unknown task '{name}'", hint=nearest(name, list(self))))
        return load(name)

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in names()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*names(), *self._own}))

    def __len__(self) -> int:
        return len({*names(), *self._own})


def misfits(task: Task, known: Catalogue) -> Iterator[tuple[str, str, str]]:
    """What is wrong with the tasks that a task names: the key that names one, what is wrong, and what to do."""
    others = {
        "training_set": [task.training_set],
        "after": [task.after],
        "translates": [task.translates],
        "parts": task.parts,
    }
    for key, named in others.items():
        for name in named:
            if name is not None and name not in known:
                yield key, f"unknown task '{name}'", nearest(name, list(known))
            elif name is not None and known[name].kind != task.kind:
                yield key, f"'{name}' is of kind {known[name].kind}, not {task.kind}", "their examples must be alike"
            elif name is not None and key != "after" and known[name].labels != task.labels:
                yield key, f"'{name}' has other labels: {', '.join(known[name].labels)}", "give both the same, in order"
            elif name is not None and key == "training_set" and not known[name].is_trainable:
                yield key, f"'{name}' has no training data of its own", f"it is trained on {known[name].training_set}"
    for name in task.without:
        if name not in known:
            yield "without", f"unknown task '{name}'", nearest(name, list(known))
        elif known[name].compared != task.compared:
            hint = f"name tasks with {task.compared}"
            yield "without", f"'{name}' is of kind {known[name].kind}, without {task.compared}", hint
    for key in ("after", "parts"):
        if (circle := _circle(task, key, known)) is not None:
            verb = "comes after" if key == "after" else "is a part of"
            yield key, f"'{task.name}' {verb} itself: {', '.join(circle)}", "one of them must do without"


def _circle(task: Task, key: str, known: Catalogue, before: tuple[str, ...] = ()) -> tuple[str, ...] | None:
    """The names that lead from a task over those that it names under a key back to it; None: none do."""
    way = (*before, task.name)
    if task.name in before:
        return way if way[0] == task.name else None
    named = task.parts if key == "parts" else (task.after,)
    found = (_circle(known[name], key, known, way) for name in named if name is not None and name in known)
    return next((one for one in found if one is not None), None)


@functools.cache
def names() -> tuple[str, ...]:
    """All shipped tasks, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@functools.cache
def load(name: str) -> Task:
    """Reads a shipped task.

    Raises:
        UserError: there is no such task, or its file is wrong.
    """
    if name not in names():
        raise UserError(Problem(f"unknown task '{name}'", hint=nearest(name, names())))
    return parse(FOLDER / f"{name}.yaml")
