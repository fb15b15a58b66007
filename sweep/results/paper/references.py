"""Papers, and of which task, model or method each is: references.yaml, references.bib."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from sweep.results.paper.printed import Cite
from trainables.yaml_file import read_yaml

FILE = Path(__file__).with_suffix(".yaml")
BIB = FILE.with_suffix(".bib")


def name(of: str) -> str:
    """A task, or a benchmark, as papers print it."""
    return str(_known()["names"].get(of, of))


def group(of_tasks: str) -> str:
    """A benchmark's group of tasks as papers print it."""
    return str(_known()["groups"].get(of_tasks, of_tasks))


def cite(kind: Literal["tasks", "benchmarks", "methods"], names: Iterable[str]) -> tuple[Cite, ...]:
    """The papers of some tasks, benchmarks or methods; nothing where none is known."""
    return _cited(key for one in names for key in _known()[kind].get(one, ()))


def cite_model(model: str) -> tuple[Cite, ...]:
    """The paper of a model by its name, with or without an organisation before it."""
    short = model.rpartition("/")[2]
    return _cited(key for start, keys in _known()["models"].items() if short.startswith(start) for key in keys)


def short(key: str) -> str:
    """A paper in running text: authors and year."""
    return str(_known()["short"][key])


def bibtex(key: str) -> str:
    """A paper's entry."""
    return _entries()[key]


def _cited(keys: Iterable[str]) -> tuple[Cite, ...]:
    found = tuple(dict.fromkeys(keys))
    return (Cite(found),) if found else ()


@functools.cache
def _known() -> Mapping[str, Any]:
    values: Mapping[str, Any] = read_yaml(FILE).values
    return values


@functools.cache
def _entries() -> Mapping[str, str]:
    entries = BIB.read_text(encoding="utf-8").split("\n\n")
    return {entry.partition("{")[2].partition(",")[0]: entry.strip() for entry in entries}
