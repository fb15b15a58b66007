"""The file of an experiment: found, overridden from the command line, and answered with every mistake at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import experiments
from sweep.console import counted
from sweep.experiment import (
    BASELINE,
    Condition,
    Experiment,
    Limits,
    Places,
    Resources,
    SentenceVectors,
    Trials,
    longest_input,
    tasks_used,
    training_chain,
)
from trainables import tasks
from trainables.data import references
from trainables.errors import Problem, UserError, nearest
from trainables.models import shapes
from trainables.tasks import Catalogue, Task, misfits
from trainables.yaml_file import Place, YamlFile, parse_yaml, read_yaml

SHIPPED = Path(experiments.__file__).parent

SECTIONS = {
    "trials": Trials,
    "resources": Resources,
    "limits": Limits,
    "conditions": Condition,
    "data": Places,
    "sentence_vectors": SentenceVectors,
}

WANTED = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    "string_type": "text",
    "list_type": "a list",
    "model_type": "something of several parts",
    "literal_error": "{expected}",
    "greater_than_equal": "{ge} or more",
    "greater_than": "more than {gt}",
    "less_than_equal": "{le} or less",
    "less_than": "less than {lt}",
}
"""What pydantic misses, by its name for the error."""


def shipped() -> tuple[str, ...]:
    """The names of the experiments that come with the package."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yaml")))


def find(name: str) -> Path:
    """The file of an experiment: a path, or the name of a shipped one. Raises UserError where there is none."""
    if Path(name).is_file():
        return Path(name)
    if name in shipped():
        return SHIPPED / f"{name}.yaml"
    hint = f"{nearest(Path(name).stem, shipped())} (shipped experiments; or give a file)"
    raise UserError(Problem(f"there is no experiment '{name}'", hint=hint))


def load(name: str, overrides: Sequence[str] = ()) -> Experiment:
    """Reads, overrides and checks an experiment.

    Args:
        name: a file or the name of a shipped experiment.
        overrides: `KEY=VALUE`, the key a dotted path, the value YAML: `trials.target=4`, `seeds=[1,2]`.

    Raises:
        UserError: with every problem of the file, the overrides and the data they name.
    """
    document = read_yaml(find(name))
    if not isinstance(document.values, dict):
        raise UserError(document.problem("is not an experiment: keys and values are expected at the top"))
    problems = list(_override(document, overrides))
    catalogue, wrong = _own_tasks(document)
    problems += wrong
    experiment, errors = _validate(document, catalogue)
    problems += dict.fromkeys(problem for error in errors for problem in _problems_of(error, document))
    # What is right is checked all the same, so that everything wrong is said at once.
    rest = document
    while errors:
        pruned = _pruned(rest, [place for error in errors for place in _places(error, rest.values)])
        if pruned.values == rest.values:
            break
        rest = pruned
        experiment, errors = _validate(rest, catalogue)
        # A list is read for what is in it twice once each value is right.
        problems += [problem for one in errors if one["type"] == "twice" for problem in _problems_of(one, rest)]
    if experiment is not None and not wrong:
        problems += _check_grid(experiment, rest)
    if problems or experiment is None:
        raise UserError(sorted(problems, key=lambda problem: (problem.file or "", problem.line or 0)))
    return experiment


def _override(document: YamlFile, overrides: Iterable[str]) -> Iterable[Problem]:
    given: dict[str, str] = {}
    for override in overrides:
        path, equals, text = override.partition("=")
        if not equals or not path:
            yield Problem(f"'{override}' is not KEY=VALUE", hint="for example trials.target=4")
            continue
        if path in given:
            yield Problem(f"'{path}' is given twice: {given[path]} and {override}", hint="give one of them")
            continue
        given[path] = override
        if not text.strip():
            yield Problem(f"'{override}' gives no value", hint=f"{path}=null if there is to be none")
            continue
        try:
            value = parse_yaml(text)
        except Exception as error:
            yield Problem(f"the value of '{override}' is not YAML: {str(error).splitlines()[0]}")
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


def _own_tasks(document: YamlFile) -> tuple[Catalogue, list[Problem]]:
    """The shipped tasks and those of the files under `tasks`; files that are no tasks are taken out of the document."""
    own: dict[Path, Task] = {}
    paths = document.values.get("tasks", [])
    if not isinstance(paths, list) or not all(isinstance(path, str) and path for path in paths):
        return Catalogue(), []  # said when the whole document is validated
    files = [Path(path).resolve() for path in paths]
    problems: list[Problem] = []
    for position, path in enumerate(paths):
        if files[position] in files[:position]:
            message = f"task file '{path}' stands here twice"
            problems.append(document.problem(message, ("tasks", position), "remove one"))
            continue
        try:
            task = tasks.parse(Path(path))
        except UserError as error:
            problems += error.problems
            continue
        if task.name in Catalogue([*own.values()]):
            message = f"there is a task called '{task.name}' already"
            problems.append(document.problem(message, ("tasks", position), "give it, and its file, another name"))
        else:
            own[Path(path)] = task
    catalogue = Catalogue([*own.values()])
    for path, task in own.items():
        problems += [read_yaml(path).problem(said, (key,), hint) for key, said, hint in misfits(task, catalogue)]
    document.values["tasks"] = [str(path) for path in own]
    return catalogue, problems


def _validate(document: YamlFile, catalogue: Catalogue) -> tuple[Experiment | None, list[Any]]:
    """The experiment, or pydantic's findings."""
    try:
        return Experiment.model_validate(document.values, context={"catalogue": catalogue}), []
    except ValidationError as error:
        return None, error.errors()


def _place(error: Any, values: Any) -> Place:
    """Pydantic's location of an error without the names of union members, which are not in the file."""
    place: list[str | int] = []
    for step in error["loc"]:
        is_item = isinstance(values, list) and isinstance(step, int)
        if is_item or (isinstance(values, dict) and step in values):
            values = values[step]
        elif error["type"] != "missing" or step != error["loc"][-1]:  # else: the key that is missing
            continue
        place.append(step)
    return tuple(place)


def _places(error: Any, values: Any) -> list[Place]:
    """What must go for an error to go: the value that it is about, or those of a list that were there before."""
    place = _place(error, values)
    return [(*place, position) for position in error["ctx"]["again"]] if error["type"] == "twice" else [place]


def _problems_of(error: Any, document: YamlFile) -> list[Problem]:
    place = _place(error, document.values)
    name = ".".join(map(str, place))
    context = error.get("ctx", {})
    match error["type"]:
        case "user":
            return [document.problem(error["msg"], place, context.get("hint"))]
        case "space":
            found: list[Problem] = context["problems"]
            return [
                problem if problem.file else document.problem(problem.message, place, problem.hint) for problem in found
            ]
        case "twice":
            return [
                document.problem(f"{context['noun']} '{value}' stands here twice", (*place, position), "remove one")
                for position, value in context["again"].items()
            ]
        case "extra_forbidden":
            known = [*_section(place[:-1]).model_fields]
            return [document.problem(f"unknown key '{place[-1]}'", place, nearest(str(place[-1]), known))]
        case "missing":
            return [document.problem(f"'{name}' is missing", place[:-1])]
        case "too_short":
            return [document.problem(f"'{name}' is empty", place, "give at least one")]
        case kind if kind in WANTED:
            wanted = WANTED[kind].format(**context)
            return [document.problem(f"'{name}' is {error['input']!r}: {wanted} is wanted", place, _form(error, place))]
    said = f"'{name}' is {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"
    return [document.problem(said, place, context.get("hint"))]


def _form(error: Any, place: Place) -> str | None:
    """What a value of the right form looks like, where an example says it best."""
    given = error["input"]
    is_plain = given is not None and not isinstance(given, (list, dict))
    match error["type"]:
        case "list_type" if is_plain:
            return f"write [{given}]"
        case "model_type":
            name = ".".join(map(str, place))
            parts = (f"{name}.{part}={given if is_plain else '...'}" for part in _section(place).model_fields)
            return f"say which of its parts: {' or '.join(parts)}"
        case "literal_error" if isinstance(given, str):
            close = nearest(given, re.findall(r"'(.+?)'", error["ctx"]["expected"]))
            return close if close.startswith("did you mean") else None
    return None


def _section(place: Place) -> Any:
    """The part of the file that a place lies in, or is."""
    model: Any = Experiment
    for step in place:
        model = SECTIONS.get(str(step), model)
    return model


def _pruned(document: YamlFile, wrong: Sequence[Place]) -> YamlFile:
    """The document without the values at the wrong places; what is left keeps its lines."""
    lines: dict[Place, int] = {}

    def copy(value: Any, old: Place, new: Place) -> Any:
        if old in document.lines:
            lines[new] = document.lines[old]
        if isinstance(value, dict):
            return {key: copy(one, (*old, key), (*new, key)) for key, one in value.items() if (*old, key) not in wrong}
        if isinstance(value, list):
            kept = [position for position in range(len(value)) if (*old, position) not in wrong]
            return [copy(value[position], (*old, position), (*new, place)) for place, position in enumerate(kept)]
        return value

    return YamlFile(document.name, copy(document.values, (), ()), lines)


def _check_grid(experiment: Experiment, document: YamlFile) -> Iterable[Problem]:
    """Checks that every part of the grid has what it needs: training sets, languages, data."""
    names = [condition.name for condition in experiment.conditions]
    for position, name in enumerate(names):
        if name in names[:position]:
            yield document.problem(f"condition '{name}' stands here twice", ("conditions", position))
    yield from _check_lengths(experiment, document)
    try:
        source = experiment.source
    except UserError as error:
        yield from (document.problem(one.message, ("data",), one.hint) for one in error.problems)
        return

    def needs(task: Task, split: str, languages: Iterable[str], place: Place) -> Iterable[Problem]:
        there = source.languages(task, split)
        for language in languages:
            if language not in there:
                problem = source.missing(task, split, language)
                yield document.problem(problem.message, place, problem.hint)

    def trains(task: Task, languages: Iterable[str], place: Place) -> Iterable[Problem]:
        yield from needs(task, "train", languages, place)
        yield from needs(task, "dev", [task.source_language], place)

    for position, condition in enumerate(experiment.conditions):
        place: Place = ("conditions", position)
        for task in (experiment.catalogue[name] for name in condition.tasks):
            if not task.is_trainable:
                hint = f"train on '{task.training_set}'" if task.training_set else "it is scored without training"
                yield document.problem(f"'{task.name}' has no training data of its own", place, hint)
                continue
            wanted = source.languages(task, "train") if condition.languages == "all" else condition.languages
            yield from trains(task, wanted or [task.source_language], place)
    for position, target in enumerate(experiment.target_tasks):
        place = ("targets", position) if isinstance(experiment.targets, list) else ("targets",)
        for training_set in training_chain(target.training_set, experiment.catalogue):
            yield from trains(training_set, [training_set.source_language], place)
        if experiment.languages == "all":
            if not source.languages(target, target.score_on):
                yield from needs(target, target.score_on, target.languages[:1], place)
        else:
            wanted = [language for language in experiment.languages if language in target.languages]
            yield from needs(target, target.score_on, wanted, place)
            if not wanted:
                yield document.problem(f"'{target.name}' has none of the experiment's languages", place)
        for language in source.languages(target, target.score_on):
            for split, one in references(source, target, target.score_on, language):
                yield from needs(target, split, [one], place)
    if experiment.warm_start and BASELINE not in names:
        hint = f"add the condition {BASELINE}, or leave warm_start out"
        yield document.problem(f"there is no condition '{BASELINE}' to start from", ("warm_start",), hint)
    if experiment.sampler == "grid" and not experiment.space.is_finite:
        hint = "use tpe or random, or a space of values"
        yield document.problem(f"sampler grid cannot search ranges of '{experiment.search_space}'", ("sampler",), hint)


def _check_lengths(experiment: Experiment, document: YamlFile) -> Iterable[Problem]:
    """Checks that `max_length` leaves each task room, and that the model can see so many tokens, if that is known."""
    length, place = experiment.max_length, ("max_length",)
    tight = {task.name: task.least_length for task in tasks_used(experiment) if task.least_length > (length or 10**9)}
    if tight:
        least, told = max(tight.values()), ", ".join(f"{name} ({one})" for name, one in tight.items())
        hint = f"at least {least}: room for special tokens, and in questions on passages for question and answer"
        yield document.problem(f"'max_length' is {length}, too little for {told}", place, hint)
    given, seen = longest_input(experiment), shapes.longest_input(experiment.model)
    if seen is not None and given > seen:
        message = f"model '{experiment.model}' sees {seen} tokens at once, and is given up to {given}"
        yield document.problem(message, place if length else ("model",), f"set max_length: {seen}, or less")
