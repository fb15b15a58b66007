"""An experiment: the YAML file that says which grid to run, validated."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import Annotated, Literal

from pydantic import Field, Tag, model_validator

import search_spaces
from sweep.experiment.condition import Condition
from sweep.experiment.regimes import ZERO_SHOT, RegimeEntry, Training, trainings
from sweep.experiment.tuning import Tuning
from sweep.experiment.values import (
    BenchmarkName,
    Count,
    FileName,
    Languages,
    Model,
    Place,
    SamplerName,
    Section,
    Seed,
    Share,
    SourceName,
    SpaceName,
    TaskName,
    Variables,
    either,
    once,
    refuse,
)
from sweep.scoring import benchmark
from trainables import tasks
from trainables.data import DataConfig, Source, open_source
from trainables.mirror import is_uri
from trainables.precision import Precision
from trainables.spec import Lora, Phase
from trainables.tasks import Catalogue, Task
from trainables.yaml_file import Place as YamlPlace
from trainables.yaml_file import YamlFile

Parameters = dict[str, search_spaces.Parameter]


class Trials(Section):
    """How many trials a study has.

    `parallel`: how many of a study may run before the first of them has told its result. Suggestions wait for results
    accordingly, so that they do not depend on how many trials happen to run at once.
    """

    intermediate: Count = 4
    target: Count = 8
    parallel: Count = 2


class Evaluated(Section):
    """What is scored on the targets: of each search so many of its best trials by the English development score.

    The best of them is the winner; the others show what choosing it has cost, and count in no result.
    """

    top: Count = 1


class Resources(Section):
    """What one trial occupies: its Ray Train workers, each with its GPUs and CPUs. With a share of a GPU several trials
    run on it at a time.

    `concurrent` is how many trials run at once at most; None: as many as have room on the machines that are there, or
    that the cluster's autoscaler may start.
    """

    workers: Count = 1
    gpus_per_worker: Annotated[float, Field(ge=0, le=1000)] = 0
    cpus_per_worker: Count = 1
    concurrent: Count | None = None

    @model_validator(mode="after")
    def _gpus_can_be_had(self) -> Resources:
        each = self.gpus_per_worker
        if each > 1 and not each.is_integer():
            raise refuse(f"'gpus_per_worker: {each:g}' is more than one GPU and no whole number", "0.5, 1 or 2")
        if 0 < each < 1 and self.workers > 1:
            message = f"'gpus_per_worker: {each:g}' is a share of a GPU, and workers of one trial cannot share one"
            raise refuse(message, "workers: 1, or gpus_per_worker: 1")
        return self


class Places(Section):
    """Folders and the hub, in the order in which they are searched for each task, split and language.

    Attributes:
        files: a folder of official release files, or the URI of a bucket and prefix that hold them.
        hub: the model hub, or a folder that mirrors it.
    """

    files: Place | None = None
    hub: Annotated[
        Annotated[Literal[True], Tag("itself")] | Annotated[Place, Tag("mirror")] | Annotated[None, Tag("none")],
        either(
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
            raise refuse("'data' names no place", "for example {files: DIR}, or just hub")
        return self


class SentenceVectors(Section):
    """How sentences become vectors in tatoeba and bucc2018, instead of as their tasks say.

    Attributes:
        layer: the hidden layer that is pooled, as a share of the layers; 0 is the embeddings.
        pooling: the mean of the layer's tokens, or its first.
    """

    layer: Share | None = None
    pooling: Literal["mean", "cls"] | None = None


class Limits(Section):
    """Caps on examples, for tests and first looks; None is no cap.

    Attributes:
        target_examples: that of targets' training, None: `train_examples`.
    """

    train_examples: Count | None = None
    target_examples: Count | None = None
    eval_examples: Count | None = None


class Experiment(Section):
    """The whole file. See docs/experiments.md for each key."""

    name: Annotated[FileName, Field(pattern=r"^[\w.+-]+$")]
    model: Model = "xlm-roberta-large"
    tasks: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    data: Annotated[
        Annotated[SourceName, Tag("name")] | Annotated[Places, Tag("places")],
        either("no source, and no places", "mini, mock, hub, or {files: DIR}", name=str, places=dict),
    ]
    store: Place
    search_space: SpaceName = "paper"
    sampler: SamplerName | None = None
    strategy: Literal["staged", "joint"] = "staged"
    warm_start: bool = False
    pruning: Literal["median", "successive_halving"] | None = None
    trials: Trials = Trials()
    seeds: Annotated[list[Seed], Field(min_length=1), once("seed")] = Field(default_factory=lambda: [1])
    conditions: Annotated[list[Condition], Field(min_length=1)]
    targets: Annotated[
        Annotated[BenchmarkName, Tag("benchmark")]
        | Annotated[list[TaskName], Field(min_length=1), once("target"), Tag("tasks")],
        either("no list of tasks", "a list of tasks, or xtreme or xtreme-r", benchmark=str, tasks=list),
    ]
    regimes: Annotated[list[RegimeEntry], Field(min_length=1), once("regime", str)] = Field(
        default_factory=lambda: [RegimeEntry.model_validate(ZERO_SHOT)]
    )
    languages: Languages = "all"
    evaluate: Evaluated = Evaluated()
    resources: Resources = Resources()
    limits: Limits = Limits()
    sentence_vectors: SentenceVectors = SentenceVectors()
    max_length: Count | None = None
    checkpoint: Literal["last", "best"] = "last"
    tuning: Tuning = Tuning()
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    dropout_masks: Literal["batch", "rows"] = "batch"
    precision: Literal["auto"] | Precision = "auto"
    gradient_checkpointing: bool = False
    keep: Literal["winners", "models", "all"] = "winners"
    save_minutes: Annotated[float, Field(gt=0, le=1_000_000)] = 15
    retries: Annotated[int, Field(ge=0, le=1_000_000)] = 3
    environment: Variables = Field(default_factory=list)

    @property
    def space(self) -> search_spaces.SearchSpace:
        """The search space with the experiment's own sampler, if it names one."""
        space = search_spaces.load(self.search_space, tuple(task.name for task in self.catalogue.own))
        return space.with_sampler(self.sampler) if self.sampler else space

    def searched(self, condition: Condition, document: YamlFile | None = None, place: YamlPlace = ()) -> Parameters:
        """What a condition's intermediate training searches. Raises UserError, with lines where a document is given."""
        alone = condition.names[0] if len(condition.names) == 1 else "all"
        own = search_spaces.entry(
            self.space, "intermediate", alone, condition.search, document or YamlFile("", None, {}), place
        )
        return {**self.space.parameters("intermediate", alone), **own}

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

    def trainings(self, training_set: Task) -> list[Training]:
        """The trainings that its regimes ask for beside the one in English, of a training set of its targets."""
        return [
            training
            for entry in self.regimes
            for training in trainings(entry, self.source, self.catalogue, training_set, self.tried(entry, training_set))
        ]

    def tried(self, entry: RegimeEntry, training_set: Task) -> list[Task]:
        """The targets of a training set for which a regime is tried."""
        own = [target for target in self.target_tasks if target.training_set == training_set.name]
        return [one for one in own if entry.regime.targets is None or one.name in entry.regime.targets]

    @property
    def tuned(self) -> list[Lora | None]:
        """What the phases that it has train of the encoder, each once; None: all of it."""
        phases: list[Phase] = ["target"]
        if any(condition.tasks for condition in self.conditions):
            phases.append("intermediate")
        return list(dict.fromkeys(self.tuning.lora(phase) for phase in phases))

    @property
    def loras(self) -> list[Lora]:
        """Where that is not all of it."""
        return [one for one in self.tuned if one is not None]

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
