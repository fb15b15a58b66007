"""Values of an experiment from the command line: `KEY=VALUE`, the key a dotted path, the value YAML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sweep.console import counted
from sweep.experiment import BASELINE
from sweep.experiment.findings import SECTIONS
from trainables.errors import Problem, UserError
from trainables.yaml_file import Place, YamlFile, parse_yaml


def override(document: YamlFile, overrides: Iterable[str]) -> Iterator[Problem]:
    """Puts each `KEY=VALUE` into the document, and says what is wrong with those that cannot be."""
    given: dict[str, str] = {}
    for typed in overrides:
        path, equals, text = typed.partition("=")
        if not equals or not path:
            yield Problem(f"'{typed}' is not KEY=VALUE", hint="for example trials.target=4")
            continue
        if path in given:
            yield Problem(f"'{path}' is given twice: {given[path]} and {typed}", hint="give one of them")
            continue
        given[path] = typed
        if not text.strip():
            yield Problem(f"'{typed}' gives no value", hint=f"{path}=null if there is to be none")
            continue
        try:
            value = parse_yaml(text)
        except Exception as error:
            yield Problem(f"the value of '{typed}' is not YAML: {str(error).splitlines()[0]}")
            continue
        try:
            place = _put(document.values, path.split("."), value)
        except UserError as error:
            yield from error.problems
            continue
        for old in [one for one in document.lines if one[: len(place)] == place]:
            del document.lines[old]  # the file's line does not say what is wrong any more


def _put(values: Any, keys: Sequence[str], value: Any) -> Place:
    """Puts a value where the keys lead; in a list they are places, from 0 on. Raises UserError where there is none."""
    if not all(keys):
        hint = "keys are joined by one dot: trials.target=4"
        raise UserError(Problem(f"'{'.'.join(keys)}' has an empty part", hint=hint))
    place: list[Any] = []
    section = values
    for number, key in enumerate(keys):
        place.append(_step(section, key, ".".join(map(str, place)), ".".join(keys)))
        if number == len(keys) - 1:
            section[place[-1]] = value
        elif isinstance(section, list):
            if place[:-1] == ["conditions"] and isinstance(name := section[place[-1]], str):  # the short form
                section[place[-1]] = {"name": name, "tasks": [] if name == BASELINE else [name]}
            section = section[place[-1]]
        else:
            if section.get(key) is None:
                if keys[number + 1].isdecimal():
                    at = ".".join(map(str, place))
                    raise UserError(Problem(f"there is no list '{at}' in the file", hint=f"give it: {at}=[...]"))
                section[key] = {}
            section = section[key]
    return tuple(place)


def _step(section: Any, key: str, at: str, path: str) -> str | int:
    """From a section that stands at `at` to its part. Raises UserError where it has no such part."""
    if isinstance(section, dict):
        return key
    if not isinstance(section, list):
        message = f"'{path}' names a part of '{at}', which is {section!r} and has none"
        whole = f"{at}={{{key}: ...}}" if at in SECTIONS else f"{at}=VALUE"
        raise UserError(Problem(message, hint=f"give the whole of it: {whole}"))
    if key.isdecimal() and int(key) < len(section):
        return int(key)
    names = [str(one.get("name", one) if isinstance(one, dict) else one) for one in section]
    there = ", ".join(f"{at}.{number} ({name})" for number, name in enumerate(names))
    said = f"'{at}' has {counted(len(section), 'entry')}, and none at '{key}'"
    raise UserError(Problem(said, hint=f"there are {there}" if there else f"give the whole of it: {at}=[...]"))
