"""An experiment: the YAML file that says which grid to run, validated."""

from __future__ import annotations

import dataclasses
import re
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

import search_spaces
from sweep.scoring import benchmark
from trainables import tasks
from trainables.data import DataConfig, Source, open_source
from trainables.errors import UserError, nearest
from trainables.mirror import is_uri
from trainables.models.shapes import SHAPES, folder_of, name_and_revision
from trainables.store import wrong_place
from trainables.tasks import Catalogue, Task

BASELINE = "none"
"""The condition without intermediate training."""


def _refuse(message: str, hint: str | None = None) -> PydanticCustomError:
    """A problem in pydantic's clothes, so that all of them are collected."""
    return PydanticCustomError("user", "{message}", {"message": message, "hint": hint})


def _catalogue(info: ValidationInfo) -> Catalogue:
    """The tasks that may be named: `experiment_file` hands them in, as the user's own are part of the same file."""
    catalogue = (info.context or {}).get("catalogue", Catalogue())
    assert isinstance(catalogue, Catalogue)
    return catalogue


def _once(noun: str) -> AfterValidator:
    """A list that names nothing twice."""

    def check(values: list[Any]) -> list[Any]:
        again = {place: value for place, value in enumerate(values) if value in values[:place]}
        if again:
            raise PydanticCustomError("twice", "", {"noun": noun, "again": again})
        return values

    return AfterValidator(check)


def _not(told: str, hint: str) -> PydanticCustomError:
    """What a value is not; which value, and where, is said with it."""
    return PydanticCustomError("form", "{told}", {"told": told, "hint": hint})


def _either(told: str, hint: str, **forms: type) -> Discriminator:
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
        raise _refuse(f"no file can be named after '{name.encode('unicode_escape').decode()}'", "begin with a letter")
    if len(name.encode()) > LONGEST_NAME:
        raise _refuse(f"the name '{name[:40]}...' is too long", f"at most {LONGEST_NAME} bytes")
    return name


def _known_place(place: str) -> str:
    if (wrong := wrong_place(place)) is not None:
        raise _not(*wrong)
    return place


def _known_source(name: str) -> str:
    if name not in SOURCES:
        raise _not("unknown source", f"{nearest(name, SOURCES)} (a folder: data: {{files: DIR}})")
    return name


def _all(word: str) -> str:
    if word != "all":
        raise _not("no list of languages", f"write [{word}], or all")
    return word


def _known_task(name: str, info: ValidationInfo) -> str:
    catalogue = _catalogue(info)
    if name not in catalogue:
        raise _refuse(f"unknown task '{name}'", nearest(name, list(catalogue)))
    return name


def _known_language(language: str, info: ValidationInfo) -> str:
    known = sorted({language for task in _catalogue(info).values() for language in task.languages})
    if language not in known:
        raise _refuse(f"unknown language '{language}'", nearest(language, known))
    return language


def _known_space(name: str, info: ValidationInfo) -> str:
    try:
        search_spaces.load(name, tuple(task.name for task in _catalogue(info).own))
    except UserError as error:
        raise PydanticCustomError("space", "", {"problems": error.problems}) from error
    return name


def _known_sampler(name: str) -> str:
    if name not in search_spaces.SAMPLERS:
        raise _refuse(f"unknown sampler '{name}'", nearest(name, search_spaces.SAMPLERS))
    return name


def _known_model(model: str) -> str:
    if is_uri(model):
        raise _refuse(f"model '{model}' cannot lie in a bucket", "give a hub id, or a folder that every node has")
    name, revision = name_and_revision(model)
    if model.startswith("random:"):
        known = [f"random:{shape}" for shape in SHAPES]
        if model not in known:
            raise _refuse(f"unknown model '{model}'", nearest(model, known))
    elif model.startswith((".", "/", "~")) and folder_of(model) is None:
        raise _refuse(f"model folder '{model}' has no config.json", "give a checkpoint's folder")
    elif name == "minilm" and revision is not None:
        raise _refuse("model minilm has no revisions", "write minilm: its weights are those of the installed package")
    elif revision == "":
        raise _refuse(f"model '{model}' names no revision", f"a branch, tag or commit, for example {name}@main")
    elif "/" not in name and name not in SHORT_NAMES and folder_of(model) is None:
        hint = nearest(name, SHORT_NAMES)
        if hint.startswith("did you mean"):  # else it may be on the hub all the same
            raise _refuse(f"unknown model '{model}'", hint)
    return model


def _names_alone(given: Any) -> Any:
    """What else may stand in an `environment` is a secret, so it is not shown."""
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise _refuse("'environment' is not a list of variables' names", f"{NO_VALUES}: environment: [WANDB_API_KEY]")
    return given


def _variable(name: str) -> str:
    if "=" in name:
        raise _refuse(f"'{name.partition('=')[0]}=...' is more than a variable's name", NO_VALUES)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise _refuse("what stands here is no variable's name", f"{NO_VALUES}: letters, digits and _")
    if name.startswith("RAY_") or name in PER_WORKER:
        raise _refuse(f"'{name}' is set by Ray, for each worker", "leave it out")
    return name


def _known_benchmark(name: str) -> str:
    if name not in benchmark.names():
        raise _refuse(f"unknown benchmark '{name}'", f"{nearest(name, benchmark.names())} (or give a list of tasks)")
    return name


LARGEST_SEED = 2**32 - 1
"""That NumPy takes."""

SOURCES = ("mini", "mock", "hub")

LONGEST_NAME = 100
"""Bytes: with what stands before and behind it in the name of a file, of which no disk takes more than 255."""

SHORT_NAMES = ("minilm", "xlm-roberta-base", "xlm-roberta-large", "bert-base-multilingual-cased")
"""Models whose names have no owner: what a typing error may have meant."""

NO_VALUES = "export the value before the command, and write its name alone here"

PER_WORKER = (
    "CUDA_VISIBLE_DEVICES", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "RANK",
    "WORLD_SIZE",
)  # fmt: skip
"""Variables whose values differ from worker to worker."""

TaskName = Annotated[str, AfterValidator(_known_task)]
Language = Annotated[str, AfterValidator(_known_language)]
Languages = Annotated[
    Annotated[str, AfterValidator(_all), Tag("word")]
    | Annotated[list[Language], Field(min_length=1), _once("language"), Tag("list")],
    _either("no list of languages", "for example [en, de], or all", word=str, list=list),
]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Place = Annotated[str, AfterValidator(_known_place)]
Variable = Annotated[str, AfterValidator(_variable)]


class Section(BaseModel):
    """A part of the file: unknown keys are errors, nothing is taken for what it is not, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Condition(Section):
    """One recipe of intermediate training. Without tasks it is the baseline."""

    name: Annotated[str, Field(min_length=1, pattern=r"^[^/\s]+$"), AfterValidator(_file_name)]
    tasks: Annotated[list[TaskName], _once("task")]
    languages: Languages = Field(default_factory=lambda: ["en"])

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if value == BASELINE:
            return {"name": BASELINE, "tasks": []}
        if isinstance(value, str):
            return {"name": value, "tasks": [value]}
        if not isinstance(value, dict):
            raise _not("no condition", f"{BASELINE}, a task's name, or {{name: ..., tasks: [...]}}")
        return value

    @model_validator(mode="after")
    def _baseline_alone_is_empty(self) -> Condition:
        if (self.name == BASELINE) == bool(self.tasks):
            raise _refuse(f"condition '{self.name}' must have tasks; only '{BASELINE}' has none")
        return self


class Trials(Section):
    """How many trials a study has.

    `parallel`: how many of a study may run before the first of them has told its result. Suggestions wait for results
    accordingly, so that they do not depend on how many trials happen to run at once.
    """

    intermediate: Count = 4
    target: Count = 8
    parallel: Count = 2


class Resources(Section):
    """What one trial occupies: its Ray Train workers, each with its GPUs and CPUs.

    `concurrent` is how many trials run at once at most; None: as many as have room on the machines that are there, or
    that the cluster's autoscaler may start.
    """

    workers: Count = 1
    gpus_per_worker: Annotated[float, Field(ge=0, le=1000)] = 0
    cpus_per_worker: Count = 1
    concurrent: Count | None = None


class Places(Section):
    """Folders and the hub, in the order in which they are searched for each task, split and language.

    Attributes:
        files: a folder of official release files, or the URI of a bucket and prefix that hold them.
        hub: the model hub, or a folder that mirrors it.
    """

    files: Place | None = None
    hub: Annotated[
        Annotated[Literal[True], Tag("itself")] | Annotated[Place, Tag("mirror")] | Annotated[None, Tag("none")],
        _either(
            "neither true nor a folder",
            "hub: true, or the folder that mirrors it",
            itself=bool,
            mirror=str,
            none=NoneType,
        ),
    ] = None

    @model_validator(mode="after")
    def _names_a_place(self) -> Places:
        if self.files is None and self.hub is None:
            raise _refuse("'data' names no place", "for example {files: DIR}, or just hub")
        return self


def _fraction(layer: str) -> str:
    try:
        if 0 <= Fraction(layer) <= 1:
            return str(Fraction(layer))
    except (ValueError, ZeroDivisionError):
        pass
    raise _refuse(f"'{layer}' is not a share of the layers", "for example 14/24: the output of layer 14 of 24")


class SentenceVectors(Section):
    """How sentences become vectors in tatoeba and bucc2018, instead of as their tasks say.

    Attributes:
        layer: the hidden layer that is pooled, as a share of the layers; 0 is the embeddings.
        pooling: the mean of the layer's tokens, or its first.
    """

    layer: Annotated[str, AfterValidator(_fraction)] | None = None
    pooling: Literal["mean", "cls"] | None = None


class Limits(Section):
    """Caps on examples, for tests and first looks; None is no cap."""

    train_examples: Count | None = None
    eval_examples: Count | None = None


class Experiment(Section):
    """The whole file. See docs/experiments.md for each key."""

    name: Annotated[str, Field(min_length=1, pattern=r"^[\w.+-]+$"), AfterValidator(_file_name)]
    model: Annotated[str, AfterValidator(_known_model)] = "xlm-roberta-large"
    tasks: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    data: Annotated[
        Annotated[str, AfterValidator(_known_source), Tag("name")] | Annotated[Places, Tag("places")],
        _either("no source, and no places", "mini, mock, hub, or {files: DIR}", name=str, places=dict),
    ]
    store: Place
    search_space: Annotated[str, AfterValidator(_known_space)] = "paper"
    sampler: Annotated[str, AfterValidator(_known_sampler)] | None = None
    strategy: Literal["staged", "joint"] = "staged"
    warm_start: bool = False
    pruning: Literal["median", "successive_halving"] | None = None
    trials: Trials = Trials()
    seeds: Annotated[list[Annotated[int, Field(ge=0, le=LARGEST_SEED)]], Field(min_length=1), _once("seed")] = Field(
        default_factory=lambda: [1]
    )
    conditions: Annotated[list[Condition], Field(min_length=1)]
    targets: Annotated[
        Annotated[str, AfterValidator(_known_benchmark), Tag("benchmark")]
        | Annotated[list[TaskName], Field(min_length=1), _once("target"), Tag("tasks")],
        _either("no list of tasks", "a list of tasks, or xtreme or xtreme-r", benchmark=str, tasks=list),
    ]
    languages: Languages = "all"
    resources: Resources = Resources()
    limits: Limits = Limits()
    sentence_vectors: SentenceVectors = SentenceVectors()
    max_length: Count | None = None
    checkpoint: Literal["last", "best"] = "last"
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    dropout_masks: Literal["batch", "rows"] = "batch"
    precision: Literal["fp32", "bf16"] = "fp32"
    keep: Literal["winners", "all"] = "winners"
    save_minutes: Annotated[float, Field(gt=0, le=1_000_000)] = 15
    retries: Annotated[int, Field(ge=0, le=1_000_000)] = 3
    environment: Annotated[list[Variable], BeforeValidator(_names_alone), _once("variable")] = Field(
        default_factory=list
    )

    @property
    def space(self) -> search_spaces.SearchSpace:
        """The search space with the experiment's own sampler, if it names one."""
        space = search_spaces.load(self.search_space, tuple(task.name for task in self.catalogue.own))
        return space.with_sampler(self.sampler) if self.sampler else space

    @cached_property
    def catalogue(self) -> Catalogue:
        """The tasks that ship with the package and the user's own."""
        return Catalogue([tasks.parse(Path(path)) for path in self.tasks])

    @property
    def target_tasks(self) -> list[Task]:
        """The targets; of a benchmark those that it consists of, in its languages."""
        if isinstance(self.targets, str):
            parts = benchmark.load(self.targets).tasks
            return [dataclasses.replace(self.catalogue[part.name], languages=part.languages) for part in parts]
        return [self.catalogue[name] for name in self.targets]

    @property
    def data_config(self) -> DataConfig:
        """The data source, its folders as workers find them, which start elsewhere."""
        if isinstance(self.data, str):
            return self.data
        places = self.data.model_dump(exclude_none=True).items()
        return {
            name: one if one is True or is_uri(one) else str(Path(one).expanduser().absolute()) for name, one in places
        }

    @cached_property
    def source(self) -> Source:
        """Where the examples come from."""
        return open_source(self.data_config, self.catalogue)
