"""Reads a search space.

A space is a YAML file with the sections `intermediate` and `target`. In a section, `all` names every hyper-parameter;
an entry with a training set's name overrides some of them. A hyper-parameter is a plain value (fixed),
`{values: [...], first: ...}`, `{low: ..., high: ..., log: true, first: ...}`, or one of these for each value of another
hyper-parameter: `{by: batch_size, cases: {8: ..., 32: ...}}`. `first` is what the first trial of a study tries: the
published value.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search_spaces.space import SAMPLERS, SECTIONS, Choices, Conditional, Parameter, Range, SearchSpace
from trainables import tasks
from trainables.errors import Problem, UserError, nearest
from trainables.spec import SEARCHED
from trainables.store import holds
from trainables.yaml_file import Place, YamlFile, parse_yaml, read_yaml

FOLDER = Path(__file__).parent
ALWAYS_SEARCHED = ("learning_rate", "epochs")
INTEGERS = ("epochs", "batch_size")
BOUNDS: Mapping[str, tuple[float, float]] = {
    "learning_rate": (1e-12, 10),
    "epochs": (1, 100_000),
    "batch_size": (1, 1_000_000),
    "warmup": (0, 1),
    "weight_decay": (0, 1000),
}
"""What each hyper-parameter can be at all: anything else is a typing error, such as a warm-up in steps."""


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
        if not holds(path.is_file):
            raise UserError(
                Problem(f"unknown search space '{name}'", hint=f"{nearest(name, names())} (or give a file)")
            )
    document = read_yaml(path)
    reader = _Reader(document, ("all", *tasks.names(), *own_tasks))
    space = reader.space(name)
    if reader.problems:
        raise UserError(reader.problems)
    return space


def entry(
    space: SearchSpace, section: str, training_set: str, values: Mapping[str, Any], document: YamlFile, place: Place
) -> dict[str, Parameter]:
    """What stands somewhere else for one study instead of what its space says: the same syntax.

    Args:
        training_set: the entry of the space that it changes some of.
        document, place: where the values stand.

    Raises:
        UserError: every problem in it.
    """
    reader = _Reader(document, ())
    found = reader.entry(values, place, space.sampler)
    reader.conditions({"all": space.parameters(section, training_set), "own": found}, {"own": place})
    if reader.problems:
        raise UserError(reader.problems)
    return found


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
            if not isinstance(parameters, dict):
                self.wrong(f"'{training_set}' is {parameters!r}", place, "name hyper-parameters, or leave it out")
                continue
            found[training_set] = self.entry(parameters, place, sampler)
        self.conditions(found, {name: (section, name) for name in found})
        return found

    def entry(self, values: Mapping[str, Any], place: Place, sampler: str) -> dict[str, Parameter]:
        """The hyper-parameters of an entry, as far as they are right."""
        found: dict[str, Parameter] = {}
        for name, value in values.items():
            if name not in SEARCHED:
                self.wrong(f"unknown hyper-parameter '{name}'", (*place, name), nearest(str(name), SEARCHED))
            elif (parameter := self.parameter(name, value, (*place, name))) is not None:
                found[name] = parameter
                if sampler == "grid" and not parameter.is_finite:
                    self.wrong(f"sampler grid needs values for '{name}', not a range", (*place, name))
        return found

    def conditions(self, found: Mapping[str, Mapping[str, Parameter]], places: Mapping[str, Place]) -> None:
        """Whether what hyper-parameters depend on is there: in the entries at these places, each over `all`."""
        for entry, place_of_entry in places.items():
            own = found[entry]
            merged = {**found["all"], **own}
            for name, parameter in merged.items():
                if not isinstance(parameter, Conditional):
                    continue
                if name in own:
                    in_use = found.values() if entry == "all" else [own]
                    possible = [{**found["all"], **one}.get(parameter.by) for one in in_use]
                    self.spare_cases(name, parameter, possible, (*place_of_entry, name))
                if name in own or parameter.by in own:
                    place = (*place_of_entry, name if name in own else parameter.by)
                    self.condition(name, parameter, merged.get(parameter.by), place)

    def condition(self, name: str, parameter: Conditional, by: Parameter | None, place: Place) -> None:
        """What a hyper-parameter depends on must be one of some values, with a case for each."""
        on = f"'{name}' depends on '{parameter.by}'"
        if by is None:
            if parameter.by not in SEARCHED:  # else it is wrong itself, which is said already
                known = [one for one in SEARCHED if one != name]
                self.wrong(f"{on}, which is no hyper-parameter", (*place, "by"), nearest(parameter.by, known))
        elif isinstance(by, Conditional):
            self.wrong(f"{on}, which has cases itself", place, "it may depend on one that has values")
        elif isinstance(by, Range):
            self.wrong(f"{on}, which has a range", place, f"give values for '{parameter.by}'")
        else:
            cases = [value for value, _ in parameter.cases]
            for missing in (value for value in by.values if value not in cases):
                hint = f"it has cases for {', '.join(map(str, cases))}"
                self.wrong(f"'{name}' has no case for '{parameter.by}' {missing}", place, hint)

    def spare_cases(self, name: str, parameter: Conditional, possible: list[Parameter | None], place: Place) -> None:
        """A case that never happens is a typing error. `possible`: what it depends on, wherever it is in force."""
        values = [value for by in possible if isinstance(by, Choices) for value in by.values]
        for spare in (value for value, _ in parameter.cases if values and value not in values):
            hint = f"its values are {', '.join(map(str, dict.fromkeys(values)))}"
            message = f"'{name}' has a case for '{parameter.by}' {spare}, which it never is"
            self.wrong(message, self.case(place, spare), hint)

    def parameter(self, name: str, value: Any, place: Place) -> Parameter | None:
        parameter = self.shape(name, value, place)
        if parameter is not None and parameter.is_fixed and name in ALWAYS_SEARCHED:
            self.wrong(f"'{name}' has one value, but is always searched", place, "give two values or a range")
        return parameter

    def shape(self, name: str, value: Any, place: Place) -> Parameter | None:
        if isinstance(value, dict) and {"by", "cases"} & set(value):
            return self.conditional(name, value, place)
        return self.plain(name, value, place)

    def conditional(self, name: str, value: dict[Any, Any], place: Place) -> Conditional | None:
        by, cases = value.get("by"), value.get("cases")
        if set(value) != {"by", "cases"} or not isinstance(by, str) or not isinstance(cases, dict) or not cases:
            self.wrong(f"'{name}' is {value!r}", place, "give {by: another hyper-parameter, cases: {8: ..., 32: ...}}")
            return None
        found = [(key, self.plain(name, one, self.case(place, key))) for key, one in cases.items()]
        # With a case that is wrong the whole stays away: that its value has none need not be said as well.
        right = tuple((key, one) for key, one in found if one is not None)
        return Conditional(by, right) if len(right) == len(found) else None

    def case(self, place: Place, value: Any) -> Place:
        """The place of a case: in the file its key is a text such as `1e-5`."""
        place = (*place, "cases")
        keys = (key for *above, key in self.document.lines if tuple(above) == place)
        return (*place, next((key for key in keys if parse_yaml(str(key)) == value), str(value)))

    def plain(self, name: str, value: Any, place: Place) -> Choices | Range | None:
        """A hyper-parameter that depends on no other one, or one case of one that does."""
        found: Choices | Range | None = None
        if self.is_number(name, value):
            found = Choices((value,), value)
        elif isinstance(value, dict) and isinstance(value.get("values"), list) and value["values"]:
            values = value["values"]
            if set(value) <= {"values", "first"} and all(self.is_number(name, one) for one in values):
                found = Choices(tuple(values), value.get("first", values[0]))
                self.problems += self.document.named_twice(name, values, (*place, "values"))
        elif isinstance(value, dict) and {"low", "high"} <= set(value) <= {"low", "high", "log", "first"}:
            low, high, log = value["low"], value["high"], value.get("log", False)
            start: Any = value.get("first", low)
            numbers = all(self.is_number(name, one) for one in (low, high, start))
            if numbers and isinstance(log, bool) and low < high and (low > 0 or not log):
                found = Range(low, high, log, name in INTEGERS, start)
        if found is None:
            kind = "whole number" if name in INTEGERS else "number"
            least, most = BOUNDS[name]
            kind += f" from {least:g} to {most:g}"
            hint = f"give a {kind}, {{values: [...], first: ...}} or {{low: ..., high: ..., log: true, first: ...}}"
            self.wrong(f"'{name}' is {value!r}", place, hint)
        elif not found.contains(found.first):
            self.wrong(f"'first' of '{name}' is {found.first}, which the space does not contain", place)
        return found

    def is_number(self, name: str, value: Any) -> bool:
        allowed = int if name in INTEGERS else (int, float)
        least, most = BOUNDS[name]
        return isinstance(value, allowed) and not isinstance(value, bool) and least <= value <= most
