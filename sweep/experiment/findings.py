"""What pydantic finds wrong with an experiment: where that is in the file, and how it is said."""

from __future__ import annotations

import re
from typing import Any

from sweep.experiment.condition import Condition, ConditionTask, EpochBudget, Mixing
from sweep.experiment.experiment import Evaluated, Experiment, Limits, Places, Resources, SentenceVectors, Trials
from sweep.experiment.regimes import FewShot, InLanguages, Regime, RegimeEntry
from sweep.experiment.tuning import Adapted, LoraConfig, Tuning
from sweep.experiment.values import AllBut
from trainables.errors import Problem, nearest
from trainables.yaml_file import Place, YamlFile

SECTIONS = {
    "trials": Trials,
    "evaluate": Evaluated,
    "tuning": Tuning,
    "lora": LoraConfig,
    "resources": Resources,
    "limits": Limits,
    "conditions": Condition,
    "mixing": Mixing,
    "budget": EpochBudget,
    "languages": AllBut,
    "data": Places,
    "sentence_vectors": SentenceVectors,
    "regimes": RegimeEntry,
    "zero-shot": Regime,
    "translate-train": InLanguages,
    "in-language": InLanguages,
    "few-shot": FewShot,
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


def places_of(error: Any, values: Any) -> list[Place]:
    """What must go for an error to go: the value that it is about, or those of a list that were there before."""
    place = _place(error, values)
    return [(*place, position) for position in error["ctx"]["again"]] if error["type"] == "twice" else [place]


def problems_of(error: Any, document: YamlFile) -> list[Problem]:
    """A finding of pydantic in our words, at its line."""
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
            known = [one.alias or name for name, one in _section(place[:-1]).model_fields.items()]
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
        in_condition = model is Condition and step == "tasks"  # at the top it is a list of files
        model = Adapted if model is Tuning else ConditionTask if in_condition else SECTIONS.get(str(step), model)
    return model
