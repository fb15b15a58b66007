"""What single values of an experiment may be, and how one that is not is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from types import NoneType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationInfo
from pydantic_core import PydanticCustomError

import search_spaces
from sweep.scoring import benchmark
from trainables.errors import UserError, nearest
from trainables.mirror import is_uri
from trainables.models.shapes import SHAPES, folder_of, name_and_revision
from trainables.store import wrong_place
from trainables.tasks import Catalogue

LARGEST_SEED = 2**32 - 1
"""That NumPy takes."""

SOURCES = ("mini", "mock", "hub")

LONGEST_PART = 100
"""Bytes: with what stands before and behind it in the name of a file, of which no disk takes more than 255."""

SHORT_NAMES = ("minilm", "xlm-roberta-base", "xlm-roberta-large", "bert-base-multilingual-cased")
"""Models whose names have no owner: what a typing error may have meant."""

NO_VALUES = "export the value before the command, and write its name alone here"

PER_WORKER = (
    "CUDA_VISIBLE_DEVICES", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "RANK",
    "WORLD_SIZE",
)  # fmt: skip
"""Variables whose values differ from worker to worker."""


def refuse(message: str, hint: str | None = None) -> PydanticCustomError:
    """A problem in pydantic's clothes, so that all of them are collected."""
    return PydanticCustomError("user", "{message}", {"message": message, "hint": hint})


def _catalogue(info: ValidationInfo) -> Catalogue:
    """The tasks that may be named: `experiment_file` hands them in, as the user's own are part of the same file."""
    catalogue = (info.context or {}).get("catalogue", Catalogue())
    assert isinstance(catalogue, Catalogue)
    return catalogue


def once(noun: str, name: Callable[[Any], Any] = lambda value: value) -> AfterValidator:
    """A list that names nothing twice; `name` is what a value is called by."""

    def check(values: list[Any]) -> list[Any]:
        names = [name(value) for value in values]
        again = {place: value for place, value in enumerate(names) if value in names[:place]}
        if again:
            raise PydanticCustomError("twice", "", {"noun": noun, "again": again})
        return values

    return AfterValidator(check)


def is_not(told: str, hint: str) -> PydanticCustomError:
    """What a value is not; which value, and where, is said with it."""
    return PydanticCustomError("form", "{told}", {"told": told, "hint": hint})


def either(told: str, hint: str, **forms: type) -> Discriminator:
    """Which form of a value is meant, by its type: what is wrong in it is told of that form alone."""
    return Discriminator(
        lambda value: next((tag for tag, form in forms.items() if isinstance(value, form)), None),
        custom_error_type="form",
        custom_error_message=told,
        custom_error_context={"hint": hint},
    )


def _file_name(name: str) -> str:
    """What becomes part of the names of files."""
    if name.startswith(".") or not name.isprintable():
        raise refuse(f"no file can be named after '{name.encode('unicode_escape').decode()}'", "begin with a letter")
    if len(name.encode()) > LONGEST_PART:
        raise refuse(f"the name '{name[:40]}...' is too long", f"at most {LONGEST_PART} bytes")
    return name


def _known_place(place: str) -> str:
    if (wrong := wrong_place(place)) is not None:
        raise is_not(*wrong)
    return place


def _known_source(name: str) -> str:
    if name not in SOURCES:
        raise is_not("unknown source", f"{nearest(name, SOURCES)} (a folder: data: {{files: DIR}})")
    return name


def _all(word: str) -> str:
    if word != "all":
        raise is_not("no list of languages", f"write [{word}], or all")
    return word


def _full(word: str) -> str:
    if word != "full":
        raise is_not("no way to tune", "full, or {lora: {rank: 16}}")
    return word


def _all_layers(word: str) -> str:
    if word != "all":
        raise is_not("no list of layers", f"write [{word}], or all")
    return word


def _known_task(name: str, info: ValidationInfo) -> str:
    catalogue = _catalogue(info)
    if name not in catalogue:
        raise refuse(f"unknown task '{name}'", nearest(name, list(catalogue)))
    return name


def _known_language(language: str, info: ValidationInfo) -> str:
    known = sorted({language for task in _catalogue(info).values() for language in task.languages})
    if language not in known:
        raise refuse(f"unknown language '{language}'", nearest(language, known))
    return language


def _known_space(name: str, info: ValidationInfo) -> str:
    try:
        search_spaces.load(name, tuple(task.name for task in _catalogue(info).own))
    except UserError as error:
        raise PydanticCustomError("space", "", {"problems": error.problems}) from error
    return name


def _known_sampler(name: str) -> str:
    if name not in search_spaces.SAMPLERS:
        raise refuse(f"unknown sampler '{name}'", nearest(name, search_spaces.SAMPLERS))
    return name


def _known_model(model: str) -> str:
    if is_uri(model):
        raise refuse(f"model '{model}' cannot lie in a bucket", "give a hub id, or a folder that every node has")
    name, revision = name_and_revision(model)
    if model.startswith("random:"):
        known = [f"random:{shape}" for shape in SHAPES]
        if model not in known:
            raise refuse(f"unknown model '{model}'", nearest(model, known))
    elif model.startswith((".", "/", "~")) and folder_of(model) is None:
        raise refuse(f"model folder '{model}' has no config.json", "give a checkpoint's folder")
    elif name == "minilm" and revision is not None:
        raise refuse("model minilm has no revisions", "write minilm: its weights are those of the installed package")
    elif revision == "":
        raise refuse(f"model '{model}' names no revision", f"a branch, tag or commit, for example {name}@main")
    elif "/" not in name and name not in SHORT_NAMES and folder_of(model) is None:
        hint = nearest(name, SHORT_NAMES)
        if hint.startswith("did you mean"):  # else it may be on the hub all the same
            raise refuse(f"unknown model '{model}'", hint)
    return model


def _names_alone(given: Any) -> Any:
    """What else may stand in an `environment` is a secret, so it is not shown."""
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise refuse("'environment' is not a list of variables' names", f"{NO_VALUES}: environment: [WANDB_API_KEY]")
    return given


def _variable(name: str) -> str:
    if "=" in name:
        raise refuse(f"'{name.partition('=')[0]}=...' is more than a variable's name", NO_VALUES)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise refuse("what stands here is no variable's name", f"{NO_VALUES}: letters, digits and _")
    if name.startswith("RAY_") or name in PER_WORKER:
        raise refuse(f"'{name}' is set by Ray, for each worker", "leave it out")
    return name


def _known_benchmark(name: str) -> str:
    if name not in benchmark.names():
        raise refuse(f"unknown benchmark '{name}'", f"{nearest(name, benchmark.names())} (or give a list of tasks)")
    return name


def _fraction(layer: str) -> str:
    try:
        if 0 <= Fraction(layer) <= 1:
            return str(Fraction(layer))
    except (ValueError, ZeroDivisionError):
        pass
    raise refuse(f"'{layer}' is not a share of the layers", "for example 14/24: the output of layer 14 of 24")


class Section(BaseModel):
    """A part of the file: unknown keys are errors, nothing is taken for what it is not, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


TaskName = Annotated[str, AfterValidator(_known_task)]
Language = Annotated[str, AfterValidator(_known_language)]
LanguageList = Annotated[list[Language], Field(min_length=1), once("language")]


class AllBut(Section):
    """`{except: [de]}`: all languages but some."""

    languages: LanguageList = Field(alias="except")


_All = Annotated[str, AfterValidator(_all)]
_FORMS = {"word": str, "list": list, "rest": dict}
_NO_LANGUAGES = "no list of languages", "for example [en, de], or all, or {except: [de]}"
Languages = Annotated[
    Annotated[_All, Tag("word")] | Annotated[LanguageList, Tag("list")] | Annotated[AllBut, Tag("rest")],
    either(*_NO_LANGUAGES, **_FORMS),
]
OwnLanguages = Annotated[
    Annotated[_All, Tag("word")]
    | Annotated[LanguageList, Tag("list")]
    | Annotated[AllBut, Tag("rest")]
    | Annotated[None, Tag("none")],
    either(*_NO_LANGUAGES, **_FORMS, none=NoneType),
]


def chosen(languages: str | list[str] | AllBut, there: Iterable[str]) -> list[str]:
    """Those of the languages that are there which are meant."""
    match languages:
        case AllBut(languages=without):
            return [one for one in there if one not in without]
        case list():
            return [one for one in there if one in languages]
    return [*there]


OwnTargets = Annotated[
    Annotated[list[TaskName], Field(min_length=1), once("target"), Tag("list")] | Annotated[None, Tag("none")],
    either("no list of tasks", "for example [xnli, xquad]", list=list, none=NoneType),
]
Full = Annotated[str, AfterValidator(_full)]
AllLayers = Annotated[str, AfterValidator(_all_layers)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Examples = Annotated[
    Annotated[Literal["source"], Tag("word")] | Annotated[Count, Tag("count")] | Annotated[None, Tag("none")],
    either("no number of examples", "a number, or source: as many as in English", word=str, count=int, none=NoneType),
]
Place = Annotated[str, AfterValidator(_known_place)]
FileName = Annotated[str, Field(min_length=1), AfterValidator(_file_name)]
Model = Annotated[str, AfterValidator(_known_model)]
SourceName = Annotated[str, AfterValidator(_known_source)]
SpaceName = Annotated[str, AfterValidator(_known_space)]
SamplerName = Annotated[str, AfterValidator(_known_sampler)]
BenchmarkName = Annotated[str, AfterValidator(_known_benchmark)]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Share = Annotated[str, AfterValidator(_fraction)]
Variables = Annotated[list[Annotated[str, AfterValidator(_variable)]], BeforeValidator(_names_alone), once("variable")]
