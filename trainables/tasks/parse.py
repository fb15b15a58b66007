"""From a task's YAML file to a Task, with every mistake of the file said at once."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from trainables.errors import Problem, UserError, nearest
from trainables.metrics import METRICS
from trainables.tasks.contradictions import contradictions
from trainables.tasks.entry import TRUE_OR_FALSE, Entry, is_name
from trainables.tasks.layout import SPLITS
from trainables.tasks.task import KINDS, Task
from trainables.yaml_file import Place, YamlFile, read_yaml

_FIELDS = {one.name: one for one in dataclasses.fields(Task)}
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "str": str,
    "str | None": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "tuple[str, ...]": list,
    "tuple[FileLayout, ...]": list,
    "tuple[HubLayout, ...]": list,
    "Fraction | None": (str, int),
    "Mapping[str, Mapping[str, int]]": dict,
}
_CHOICES: Mapping[str, Sequence[str]] = {
    "kind": tuple(KINDS),
    "metric": tuple(METRICS),
    "score_on": ("dev", "test"),
    "pooling": ("mean", "cls"),
    "directions": ("both", "from_english", "to_english"),
    "similarity": ("cosine", "dot"),
}
_NAMES = {
    str: "text",
    int: "a whole number",
    bool: TRUE_OR_FALSE,
    list: "a list",
    dict: "keys and values",
    (int, float): "a number",
}
FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "name": (re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}"), "letters, digits and _ - . +, up to 100 of them"),
    "languages": (re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}"), "a code such as en, de or zh-Hans"),
}
"""What becomes part of the names of files and folders."""

_MOST_EXAMPLES = 10**12


def parse(path: Path) -> Task:
    """Reads and checks one task file. Raises UserError with every problem in it."""
    document = read_yaml(path)
    if not isinstance(document.values, dict):
        raise UserError(document.problem("is not a task: keys and values are expected at the top"))
    values = dict(document.values)
    problems = [*_wrong_keys(document, values, path.stem)]
    if "layer" in values and not re.fullmatch(r"[0-9]{1,4}(/[1-9][0-9]{0,3})?", str(values["layer"])):
        problems.append(document.problem("'layer' must be a fraction such as 14/24", ("layer",)))
    if not problems:
        problems += _wrong_sizes(document, values)
    if problems:
        raise UserError(problems)
    for name in ("languages", "labels", "parts", "without", "objective"):
        values[name] = tuple(map(str, values.get(name, ())))
    values["layer"] = Fraction(values["layer"]) if "layer" in values else None
    values["sizes"] = {
        split: one if isinstance(one, dict) else dict.fromkeys(values["languages"], one)
        for split, one in values.get("sizes", {}).items()
    }
    task = Task(**{**values, "files": (), "hub": ()})
    layouts: dict[str, list[Any]] = {"files": [], "hub": []}
    for section, found in layouts.items():
        for position, one in enumerate(values.get(section, ())):
            reader = Entry(document, (section, position), one, task)
            found.append(reader.files() if section == "files" else reader.hub())
            problems += reader.problems
    problems += contradictions(document, task, any(layouts.values()))
    if problems:
        raise UserError(problems)
    return dataclasses.replace(
        task,
        margin=float(task.margin),
        scale=float(task.scale),
        files=tuple(layouts["files"]),
        hub=tuple(layouts["hub"]),
    )


def _wrong_keys(document: YamlFile, values: Mapping[str, Any], stem: str) -> Iterator[Problem]:
    for key, value in values.items():
        if key not in _FIELDS:
            yield document.problem(f"unknown key '{key}'", (key,), nearest(str(key), sorted(_FIELDS)))
            continue
        wanted = _TYPES[str(_FIELDS[key].type)]
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            yield document.problem(
                f"'{key}' is {value!r}, which is not {_NAMES.get(wanted, 'a text or number')}", (key,)
            )
        elif key in _CHOICES and value not in _CHOICES[key]:
            yield document.problem(f"unknown {key} '{value}'", (key,), nearest(str(value), _CHOICES[key]))
    for name, one in _FIELDS.items():
        if one.default is one.default_factory is dataclasses.MISSING and name not in values:
            yield document.problem(f"'{name}' is missing")
    if values.get("name", stem) != stem:
        yield document.problem(
            f"the task is called '{values['name']}', its file '{stem}'", ("name",), "name both alike"
        )
    yield from _wrong_names(document, values)
    if values.get("languages") == []:
        yield document.problem("'languages' is empty", ("languages",), "give the codes of the languages")
    for key, noun in (("languages", "language"), ("labels", "label"), ("parts", "task"), ("without", "task")):
        if isinstance(values.get(key), list):
            yield from document.named_twice(noun, list(map(str, values[key])), (key,))


def _wrong_names(document: YamlFile, values: Mapping[str, Any]) -> Iterator[Problem]:
    """What a list of names holds that is none, and names that no file can have."""
    for key in ("languages", "labels", "parts", "without", "objective"):
        for position, one in enumerate(values[key] if isinstance(values.get(key), list) else ()):
            if not is_name(one):
                message = f"'{key}' holds {one!r}, which is no text"
                yield document.problem(message, (key, position), "write texts that YAML takes for others in quotes")
    for key, (form, told) in FORMS.items():
        given = values.get(key)
        for position, one in enumerate(given if isinstance(given, list) else [given] if isinstance(given, str) else ()):
            if is_name(one) and not form.fullmatch(str(one)):
                place: Place = (key, position) if isinstance(given, list) else (key,)
                yield document.problem(f"'{one}' is no name for files: {told}", place)


def _wrong_sizes(document: YamlFile, values: Mapping[str, Any]) -> Iterator[Problem]:
    """A size is the same number for every language, or a number for each of some."""
    for split, given in values.get("sizes", {}).items():
        place: Place = ("sizes", split)
        if split not in SPLITS:
            yield document.problem(f"'sizes' of an unknown split '{split}'", place, nearest(str(split), SPLITS))
        for language, one in given.items() if isinstance(given, dict) else [(None, given)]:
            if not isinstance(one, int) or isinstance(one, bool) or not 0 < one <= _MOST_EXAMPLES:
                hint = "a number of examples, or one for each language: {en: 1000, de: 500}"
                yield document.problem(f"'sizes' of '{split}' is {one!r}", place, hint)
            if language is not None and language not in values["languages"]:
                yield document.problem(f"'sizes' of '{split}' is of no language of the task: {language}", place)
