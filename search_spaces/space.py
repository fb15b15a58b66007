"""A search space: for each phase and training set, what every hyper-parameter may be.

`reader.py` makes one from a YAML file, `axes.py` shows one to Optuna.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trainables.spec import SEARCHED

SECTIONS = ("intermediate", "target")
SAMPLERS = ("tpe", "random", "grid", "gp", "cmaes")

DIGITS = 6
"""Significant digits of a number out of a range: no result depends on more, and machines that differ in the last bit of
a logarithm suggest the same."""

Number = float | int
Value = Number | str


@dataclass(frozen=True)
class Choices:
    """One of some values, in their order; a single one is fixed."""

    values: tuple[Value, ...]
    first: Value

    @property
    def is_fixed(self) -> bool:
        """Whether there is nothing to choose."""
        return len(set(self.values)) == 1

    @property
    def is_finite(self) -> bool:
        """Whether the values can be counted."""
        return True

    def contains(self, value: Any) -> bool:
        """Whether the value of an earlier trial is one of these."""
        return value in self.values

    @property
    def scale(self) -> tuple[Value, ...]:
        """The values, once each: numbers by their size, names as they stand."""
        values = tuple(dict.fromkeys(self.values))
        numbers = sorted(value for value in values if not isinstance(value, str))
        return tuple(numbers) if len(numbers) == len(values) else values

    def position(self, value: Value) -> float:
        """Where a value lies on the scale, between its start (0) and its end (1): the middle of its share."""
        return (self.scale.index(value) + 0.5) / len(self.scale)

    def at(self, position: float) -> Value:
        """The inverse of `position`."""
        return self.scale[min(int(position * len(self.scale)), len(self.scale) - 1)]


@dataclass(frozen=True)
class Range:
    """A number between two others, both included; on a logarithmic scale if `log`."""

    low: Number
    high: Number
    log: bool
    integer: bool
    first: Number

    @property
    def is_fixed(self) -> bool:
        """Whether there is nothing to choose."""
        return self.low == self.high

    @property
    def is_finite(self) -> bool:
        """Whether the values can be counted; whole numbers are left out, as a grid of them is not what anyone means."""
        return False

    def contains(self, value: Any) -> bool:
        """Whether the value of an earlier trial lies in the range."""
        return isinstance(value, (int, float)) and self.low <= value <= self.high and not (self.integer and value % 1)

    def nearest(self, value: Number) -> Number:
        """The value of the range next to a number: whole, or of `DIGITS` digits."""
        if self.integer:
            return int(min(max(round(value), self.low), self.high))
        return min(max(float(f"{value:.{DIGITS}g}"), float(self.low)), float(self.high))

    def position(self, value: Number) -> float:
        """Where a value lies between the lowest (0) and the highest (1), on the range's own scale."""
        low, high = self._ends
        return (self._scaled(value) - low) / (high - low)

    def at(self, position: float) -> Number:
        """The inverse of `position`."""
        low, high = self._ends
        scaled = low + position * (high - low)
        return self.nearest(math.exp(scaled) if self.log else scaled)

    @property
    def _ends(self) -> tuple[float, float]:
        """A whole number has the numbers around it that are rounded to it, so that the ends get their full share."""
        margin = 0.5 if self.integer else 0.0
        return self._scaled(self.low - margin), self._scaled(self.high + margin)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.log else value


@dataclass(frozen=True)
class Conditional:
    """What a hyper-parameter may be depends on another one's value: there is a case for each."""

    by: str
    cases: tuple[tuple[Value, Choices | Range], ...]

    @property
    def is_fixed(self) -> bool:
        """Whether it is the same value in every case."""
        parameters = [parameter for _, parameter in self.cases]
        return all(one.is_fixed for one in parameters) and len({one.first for one in parameters}) == 1

    @property
    def is_finite(self) -> bool:
        """Whether the values of every case can be counted."""
        return all(parameter.is_finite for _, parameter in self.cases)

    def case(self, value: Any) -> Choices | Range | None:
        """What the hyper-parameter may be where the other one has the value; None: there is no such case."""
        return next((parameter for one, parameter in self.cases if one == value), None)


Parameter = Choices | Range | Conditional


def in_force(space: Mapping[str, Parameter], name: str, chosen: Mapping[str, Any]) -> Choices | Range | None:
    """What a hyper-parameter may be once that which it depends on is chosen; None: it has no case for that."""
    parameter = space[name]
    return parameter.case(chosen.get(parameter.by)) if isinstance(parameter, Conditional) else parameter


def by_dependence(space: Mapping[str, Parameter]) -> list[str]:
    """The hyper-parameters, each after the one it depends on."""
    return sorted(space, key=lambda name: isinstance(space[name], Conditional))


def contains(space: Mapping[str, Parameter], hyperparameters: Mapping[str, Any]) -> bool:
    """Whether a trial's hyper-parameters lie in the space; those that the space does not name do not matter."""
    cases = ((in_force(space, name, hyperparameters), name) for name in space)
    return all(
        case is not None and name in hyperparameters and case.contains(hyperparameters[name]) for case, name in cases
    )


def first(space: Mapping[str, Parameter]) -> dict[str, Any]:
    """What the first trial of a study tries: the published values."""
    chosen: dict[str, Any] = {}
    for name in by_dependence(space):
        case = in_force(space, name, chosen)
        assert case is not None, f"'{name}' has no case for the first value of what it depends on"
        chosen[name] = case.first
    return {name: chosen[name] for name in space}


def points(space: Mapping[str, Parameter]) -> Iterator[dict[str, Any]]:
    """Every point of a finite space, in the order of its values."""
    conditional = {name: one for name, one in space.items() if isinstance(one, Conditional)}
    free = {name: one.values for name, one in space.items() if isinstance(one, Choices)}
    for values in itertools.product(*free.values()):
        chosen = dict(zip(free, values, strict=True))
        cases = {name: one.case(chosen[one.by]) for name, one in conditional.items()}
        inner = {name: one.values for name, one in cases.items() if isinstance(one, Choices)}
        for rest in itertools.product(*inner.values()):
            point = {**chosen, **dict(zip(inner, rest, strict=True))}
            yield {name: point[name] for name in space}


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

    def batch_size(self, phase: str, training_set: str) -> int | None:
        """The one batch size that a training set's own entry names, if it does."""
        found = self.sections[phase].get(training_set, {}).get("batch_size")
        return int(found.first) if isinstance(found, Choices) and found.is_fixed else None

    @property
    def is_finite(self) -> bool:
        """Whether every hyper-parameter, of all training sets, is one of some values in every case."""
        entries = (entry for section in self.sections.values() for entry in section.values())
        return all(parameter.is_finite for entry in entries for parameter in entry.values())

    def with_sampler(self, sampler: str) -> SearchSpace:
        """The same space, searched in another way."""
        return dataclasses.replace(self, sampler=sampler)
