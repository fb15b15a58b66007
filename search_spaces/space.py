"""A search space: for each phase and training set, what every hyper-parameter may be.

A space is a YAML file with the sections `intermediate` and `target`. In a section, `all` names every hyper-parameter;
an entry with a training set's name overrides some of them. A hyper-parameter is a plain value (fixed),
`{values: [...], first: ...}` or `{low: ..., high: ..., log: true, first: ...}`. `first` is what the first trial of a
study tries: the published value.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables import tasks
from trainables.errors import Problem, UserError, nearest
from trainables.spec import SEARCHED
from trainables.yaml_file import Place, YamlFile, read_yaml

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

FOLDER = Path(__file__).parent
SECTIONS = ("intermediate", "target")
SAMPLERS = ("tpe", "random", "grid")
ALWAYS_SEARCHED = ("learning_rate", "epochs")
INTEGERS = ("epochs", "batch_size")

Value = float | int


@dataclass(frozen=True)
class Choices:
    """One of some values, in their order; a single one is fixed."""

    values: tuple[Value, ...]
    first: Value

    def contains(self, value: Value) -> bool:
        """Whether the space still has the value of an earlier trial."""
        return value in self.values

    def distribution(self) -> BaseDistribution:
        """Optuna's counterpart."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.values)


@dataclass(frozen=True)
class Range:
    """A number between two others, both included; on a logarithmic scale if `log`."""

    low: Value
    high: Value
    log: bool
    integer: bool
    first: Value

    def contains(self, value: Value) -> bool:
        """Whether the space still has the value of an earlier trial."""
        return self.low <= value <= self.high

    def distribution(self) -> BaseDistribution:
        """Optuna's counterpart."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.integer:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)


Parameter = Choices | Range


@dataclass(frozen=True)
class SearchSpace:
    """A parsed file. `sections[phase][training set or "all"][hyper-parameter]`."""

    name: str
    sampler: str
    sections: Mapping[str, Mapping[str, Mapping[str, Parameter]]]

    def parameters(self, phase: str, training_set: str) -> dict[str, Parameter]:
        """What a study searches: all hyper-parameters, in a fixed order. Several tasks at once use `all`."""
        section = self.sections[phase]
        found = {**section["all"], **section.get(training_set, {})}
        return {name: found[name] for name in SEARCHED}

    @property
    def is_finite(self) -> bool:
        """Whether every hyper-parameter, of all training sets, is one of some values."""
        entries = (entry for section in self.sections.values() for entry in section.values())
        return all(isinstance(parameter, Choices) for entry in entries for parameter in entry.values())

    def with_sampler(self, sampler: str) -> SearchSpace:
        """The same space, searched in another way."""
        return dataclasses.replace(self, sampler=sampler)


def names() -> tuple[str, ...]:
    """The shipped spaces, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@functools.cache
def load(name: str, own_tasks: tuple[str, ...] = ()) -> SearchSpace:
    """Reads a shipped space by its name, or a file by its path.

    Args:
        own_tasks: the user's own training sets, which a file may have entries for.

    Raises:
        UserError: there is no such space, or its file is wrong: every problem in it.
    """
    path = FOLDER / f"{name}.yaml"
    if name not in names():
        path = Path(name)
        if not path.is_file():
            raise UserError(
                Problem(f"unknown search space '{name}'", hint=f"{nearest(name, names())} (or give a file)")
            )
    document = read_yaml(path)
    reader = _Reader(document, ("all", *tasks.names(), *own_tasks))
    space = reader.space(name)
    if reader.problems:
        raise UserError(reader.problems)
    return space


class _Reader:
    """Turns a document into a space and collects what is wrong with it."""

    def __init__(self, document: YamlFile, training_sets: tuple[str, ...]) -> None:
        self.document, self.training_sets = document, training_sets
        self.problems: list[Problem] = []

    def wrong(self, message: str, place: Place, hint: str | None = None) -> None:
        self.problems.append(self.document.problem(message, place, hint))

    def space(self, name: str) -> SearchSpace:
        values = self.document.values if isinstance(self.document.values, dict) else {}
        for key in values:
            if key not in (*SECTIONS, "sampler"):
                self.wrong(f"unknown key '{key}'", (key,), nearest(str(key), (*SECTIONS, "sampler")))
        sampler = values.get("sampler", "tpe")
        if sampler not in SAMPLERS:
            self.wrong(f"unknown sampler '{sampler}'", ("sampler",), nearest(str(sampler), SAMPLERS))
        return SearchSpace(name, sampler, {key: self.section(key, values.get(key), sampler) for key in SECTIONS})

    def section(self, section: str, values: Any, sampler: str) -> dict[str, dict[str, Parameter]]:
        if not isinstance(values, dict) or not isinstance(values.get("all"), dict):
            self.wrong(f"section '{section}' needs an entry 'all' with every hyper-parameter", (section,))
            return {"all": {}}
        for missing in (one for one in SEARCHED if one not in values["all"]):
            self.wrong(f"'{missing}' is missing", (section, "all"))
        found: dict[str, dict[str, Parameter]] = {}
        for training_set, parameters in values.items():
            place: Place = (section, training_set)
            if training_set not in self.training_sets:
                hint = nearest(str(training_set), self.training_sets)
                self.wrong(f"unknown training set '{training_set}'", place, hint)
            found[training_set] = {}
            for name, value in parameters.items():
                if name not in SEARCHED:
                    self.wrong(f"unknown hyper-parameter '{name}'", (*place, name), nearest(str(name), SEARCHED))
                elif (parameter := self.parameter(name, value, (*place, name))) is not None:
                    found[training_set][name] = parameter
                    if sampler == "grid" and isinstance(parameter, Range):
                        self.wrong(f"sampler grid needs values for '{name}', not a range", (*place, name))
        return found

    def parameter(self, name: str, value: Any, place: Place) -> Parameter | None:
        parameter = self.shape(name, value, place)
        if parameter is None:
            return None
        fixed = isinstance(parameter, Choices) and len(set(parameter.values)) < 2
        if fixed and name in ALWAYS_SEARCHED:
            self.wrong(f"'{name}' has one value, but is always searched", place, "give two values or a range")
        if not parameter.contains(parameter.first):
            self.wrong(f"'first' of '{name}' is {parameter.first}, which the space does not contain", place)
        return parameter

    def shape(self, name: str, value: Any, place: Place) -> Parameter | None:
        if self.is_number(name, value):
            return Choices((value,), value)
        if isinstance(value, dict) and isinstance(value.get("values"), list) and value["values"]:
            values = value["values"]
            if set(value) <= {"values", "first"} and all(self.is_number(name, one) for one in values):
                return Choices(tuple(values), value.get("first", values[0]))
        if isinstance(value, dict) and {"low", "high"} <= set(value) <= {"low", "high", "log", "first"}:
            low, high, log = value["low"], value["high"], bool(value.get("log", False))
            first: Any = value.get("first", low)
            numbers = all(self.is_number(name, one) for one in (low, high, first))
            if numbers and low < high and (low > 0 or not log):
                return Range(low, high, log, name in INTEGERS, first)
        kind = "whole number" if name in INTEGERS else "number"
        hint = f"give a {kind}, {{values: [...], first: ...}} or {{low: ..., high: ..., log: true, first: ...}}"
        self.wrong(f"'{name}' is {value!r}", place, hint)
        return None

    def is_number(self, name: str, value: Any) -> bool:
        allowed = int if name in INTEGERS else (int, float)
        positive = name in (*INTEGERS, "learning_rate")
        return isinstance(value, allowed) and not isinstance(value, bool) and (value > 0 if positive else value >= 0)
