"""An experiment: the YAML file that says which grid to run, validated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

import search_spaces
from trainables import tasks
from trainables.data import Source, open_source
from trainables.data.source import DataConfig
from trainables.errors import UserError, nearest
from trainables.shapes import SHAPES
from trainables.tasks import Task

BASELINE = "none"
"""The condition without intermediate training."""


def _refuse(message: str, hint: str | None = None) -> PydanticCustomError:
    """A problem in pydantic's clothes, so that all of them are collected."""
    return PydanticCustomError("user", "{message}", {"message": message, "hint": hint})


def _known_task(name: str) -> str:
    if name not in tasks.names():
        raise _refuse(f"unknown task '{name}'", nearest(name, tasks.names()))
    return name


def _known_language(language: str) -> str:
    known = sorted({language for name in tasks.names() for language in tasks.load(name).languages})
    if language not in known:
        raise _refuse(f"unknown language '{language}'", nearest(language, known))
    return language


def _known_space(name: str) -> str:
    try:
        search_spaces.load(name)
    except UserError as error:
        raise PydanticCustomError("space", "", {"problems": error.problems}) from error
    return name


def _known_model(name: str) -> str:
    if name.startswith("random:"):
        known = [f"random:{shape}" for shape in SHAPES]
        if name not in known:
            raise _refuse(f"unknown model '{name}'", nearest(name, known))
    elif name.startswith((".", "/", "~")) and not (Path(name).expanduser() / "config.json").is_file():
        raise _refuse(f"model folder '{name}' has no config.json", "give a checkpoint's folder")
    elif "/" not in name and name not in SHORT_NAMES:
        hint = nearest(name, SHORT_NAMES)
        if hint.startswith("did you mean"):  # else it may be on the hub all the same
            raise _refuse(f"unknown model '{name}'", hint)
    return name


SHORT_NAMES = ("minilm", "xlm-roberta-base", "xlm-roberta-large", "bert-base-multilingual-cased")
"""Models whose names have no owner: what a typing error may have meant."""

TaskName = Annotated[str, AfterValidator(_known_task)]
Language = Annotated[str, AfterValidator(_known_language)]
Languages = Literal["all"] | Annotated[list[Language], Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A part of the file: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(Section):
    """One recipe of intermediate training. Without tasks it is the baseline."""

    name: Annotated[str, Field(min_length=1, pattern=r"^[^/\s]+$")]
    tasks: list[TaskName]
    languages: Languages = Field(default_factory=lambda: ["en"])

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if value == BASELINE:
            return {"name": BASELINE, "tasks": []}
        if isinstance(value, str):
            return {"name": value, "tasks": [value]}
        return value

    @model_validator(mode="after")
    def _baseline_alone_is_empty(self) -> Condition:
        if (self.name == BASELINE) == bool(self.tasks):
            raise _refuse(f"condition '{self.name}' must have tasks; only '{BASELINE}' has none")
        return self


class Trials(Section):
    """How many trials a study has."""

    intermediate: Count = 4
    target: Count = 8


class Resources(Section):
    """What one trial occupies: its Ray Train workers, each with its GPUs and CPUs.

    `concurrent` is how many trials run at once; None: as many as the cluster has room for when the run starts. On a
    cluster that grows, set it to what fits when it is fully grown: trials that wait are what makes it grow.
    """

    workers: Count = 1
    gpus_per_worker: Annotated[float, Field(ge=0)] = 0
    cpus_per_worker: Count = 1
    concurrent: Count | None = None


class Files(Section):
    """A folder of official release files."""

    files: str


class Limits(Section):
    """Caps on examples, for tests and first looks; None is no cap."""

    train_examples: Count | None = None
    eval_examples: Count | None = None


class Experiment(Section):
    """The whole file. See docs/experiments.md for each key."""

    name: Annotated[str, Field(min_length=1, pattern=r"^[\w.+-]+$")]
    model: Annotated[str, AfterValidator(_known_model)] = "xlm-roberta-large"
    data: Literal["mini"] | Files
    store: str
    search_space: Annotated[str, AfterValidator(_known_space)] = "paper"
    sampler: Literal["tpe", "random", "grid"] | None = None
    trials: Trials = Trials()
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = Field(default_factory=lambda: [1])
    conditions: Annotated[list[Condition], Field(min_length=1)]
    targets: Annotated[list[TaskName], Field(min_length=1)]
    languages: Languages = "all"
    resources: Resources = Resources()
    limits: Limits = Limits()
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    precision: Literal["fp32", "bf16"] = "fp32"

    @property
    def space(self) -> search_spaces.SearchSpace:
        """The search space with the experiment's own sampler, if it names one."""
        space = search_spaces.load(self.search_space)
        return space.with_sampler(self.sampler) if self.sampler else space

    @property
    def data_config(self) -> DataConfig:
        """The data source, its folder as workers find it, which start elsewhere."""
        return "mini" if self.data == "mini" else {"files": str(Path(self.data.files).expanduser().absolute())}

    @property
    def source(self) -> Source:
        """Where the examples come from."""
        return open_source(self.data_config)


def uses(experiment: Experiment) -> list[tuple[Task, str, str]]:
    """Every (task, split, language) that the experiment reads, once."""
    source = experiment.source
    found: dict[tuple[str, str, str], None] = {}
    for condition in experiment.conditions:
        for name in condition.tasks:
            task = tasks.load(name)
            for language in training_languages(condition, source, task):
                found[name, "train", language] = None
            found[name, "dev", "en"] = None
    for name in experiment.targets:
        target = tasks.load(name)
        if target.training_set:
            found[target.training_set, "train", "en"] = None
            found[target.training_set, "dev", "en"] = None
        for language in scored_languages(experiment, source, target):
            found[name, target.score_on, language] = None
    return [(tasks.load(name), split, language) for name, split, language in found]


def training_languages(condition: Condition, source: Source, task: Task) -> list[str]:
    """The languages in which a condition trains a task."""
    there = source.languages(task, "train")
    return [one for one in there if condition.languages == "all" or one in condition.languages]


def scored_languages(experiment: Experiment, source: Source, target: Task) -> list[str]:
    """The languages in which a target is scored: those that were asked for and have data."""
    there = source.languages(target, target.score_on)
    return [one for one in there if experiment.languages == "all" or one in experiment.languages]
