"""An experiment: the YAML file that says which grid to run, validated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

import experiments
import search_spaces
from trainables import tasks
from trainables.data import Source, open_source
from trainables.data.source import DataConfig
from trainables.errors import Problem, UserError, nearest
from trainables.tasks import Task
from trainables.yaml_file import Place, YamlFile, parse_yaml, read_yaml

BASELINE = "none"
"""The condition without intermediate training."""

SHIPPED = Path(experiments.__file__).parent


def _refuse(error: UserError) -> PydanticCustomError:
    """A user error in pydantic's clothes, so that all of them are collected."""
    problem = error.problems[0]
    return PydanticCustomError("user", "{message}", {"message": str(problem.message), "hint": problem.hint})


def _known_task(name: str) -> str:
    try:
        tasks.load(name)
    except UserError as error:
        raise _refuse(error) from error
    return name


def _known_language(language: str) -> str:
    known = sorted({language for name in tasks.names() for language in tasks.load(name).languages})
    if language not in known:
        raise _refuse(UserError(Problem(f"unknown language '{language}'", hint=nearest(language, known))))
    return language


def _known_space(name: str) -> str:
    try:
        search_spaces.load(name)
    except UserError as error:
        raise PydanticCustomError("space", "", {"problems": error.problems}) from error
    return name


def _known_model(name: str) -> str:
    if name.startswith("random:"):
        shapes = ("random:tiny", "random:xlm-roberta-base", "random:xlm-roberta-large")
        if name not in shapes:
            raise _refuse(UserError(Problem(f"unknown model '{name}'", hint=nearest(name, shapes))))
    elif name.startswith((".", "/", "~")) and not (Path(name).expanduser() / "config.json").is_file():
        raise _refuse(
            UserError(Problem(f"model folder '{name}' has no config.json", hint="give a checkpoint's folder"))
        )
    elif "/" not in name and name not in SHORT_NAMES:
        hint = nearest(name, SHORT_NAMES)
        if hint.startswith("did you mean"):  # else it may be on the hub all the same
            raise _refuse(UserError(Problem(f"unknown model '{name}'", hint=hint)))
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
            raise _refuse(UserError(Problem(f"condition '{self.name}' must have tasks; only '{BASELINE}' has none")))
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


class Limits(Section):
    """Caps on examples, for tests and first looks; None is no cap."""

    train_examples: Count | None = None
    eval_examples: Count | None = None


class Experiment(Section):
    """The whole file. See docs/experiments.md for each key."""

    name: Annotated[str, Field(min_length=1, pattern=r"^[\w.+-]+$")]
    model: Annotated[str, AfterValidator(_known_model)] = "xlm-roberta-large"
    data: Literal["mini"] | dict[Literal["files"], str]
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
    def source(self) -> Source:
        """Where the examples come from."""
        config: DataConfig = "mini" if self.data == "mini" else {"files": dict(self.data)["files"]}
        return open_source(config)


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
    experiment, found = _validate(document.values, document)
    problems += found
    # What is right is checked all the same, so that everything wrong is said at once.
    rest = document
    while experiment is None and (wrong := _wrong_places(rest.values)):
        pruned = _pruned(rest, wrong)
        if pruned.values == rest.values:
            break
        rest = pruned
        experiment, _ = _validate(rest.values, rest)
    if experiment is not None:
        problems += _check_grid(experiment, rest)
    if problems or experiment is None:
        raise UserError(sorted(problems, key=lambda problem: problem.line or 0))
    return experiment


def _override(document: YamlFile, overrides: Iterable[str]) -> Iterable[Problem]:
    for override in overrides:
        path, equals, text = override.partition("=")
        if not equals or not path:
            yield Problem(f"'{override}' is not KEY=VALUE", hint="for example trials.target=4")
            continue
        *parents, last = path.split(".")
        section = document.values
        for parent in parents:
            if not isinstance(section.get(parent), dict):
                section[parent] = {}
            section = section[parent]
        try:
            section[last] = parse_yaml(text)
        except Exception as error:
            yield Problem(f"the value of '{override}' is not YAML: {str(error).splitlines()[0]}")
        for place in [place for place in document.lines if place[: len(parents) + 1] == (*parents, last)]:
            del document.lines[place]  # the file's line does not say what is wrong any more


def _errors(values: dict[str, Any]) -> list[Any]:
    """Pydantic's findings, less those about the members of a union that the value was never meant to be."""
    other_member = {("literal_error", list), ("literal_error", dict), ("list_type", str), ("dict_type", str)}
    try:
        Experiment.model_validate(values)
    except ValidationError as error:
        return [one for one in error.errors() if (one["type"], type(one["input"])) not in other_member]
    return []


def _validate(values: dict[str, Any], document: YamlFile) -> tuple[Experiment | None, list[Problem]]:
    problems: list[Problem] = []
    for error in _errors(values):
        problems += _problems_of(error, values, document)
    if problems:
        return None, list(dict.fromkeys(problems))
    return Experiment.model_validate(values), []


def _place(location: Sequence[str | int], values: Any) -> Place:
    """Pydantic's location without the names of union members, which are not in the file."""
    place: list[str | int] = []
    for step in location:
        is_item = isinstance(values, list) and isinstance(step, int)
        if is_item or (isinstance(values, dict) and step in values):
            values = values[step]
        elif not isinstance(values, dict) or step != location[-1]:  # else: a key that is missing
            continue
        place.append(step)
    return tuple(place)


def _wrong_places(values: dict[str, Any]) -> list[Place]:
    """Where the values are that pydantic refuses."""
    return [_place(error["loc"], values) for error in _errors(values)]


def _problems_of(error: Any, values: dict[str, Any], document: YamlFile) -> list[Problem]:
    place = _place(error["loc"], values)
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
        case "extra_forbidden":
            model: Any = Experiment
            for step in place[:-1]:
                model = {"trials": Trials, "resources": Resources, "limits": Limits, "conditions": Condition}.get(
                    str(step), model
                )
            return [
                document.problem(f"unknown key '{place[-1]}'", place, nearest(str(place[-1]), [*model.model_fields]))
            ]
        case "missing":
            return [document.problem(f"'{name}' is missing", place[:-1])]
        case "too_short":
            return [document.problem(f"'{name}' is empty", place, "give at least one")]
    given = error["input"]
    return [document.problem(f"'{name}' is {given!r}: {error['msg'][0].lower()}{error['msg'][1:]}", place)]


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

    for position, condition in enumerate(experiment.conditions):
        for name in condition.tasks:
            task = tasks.load(name)
            if not task.is_trainable:
                hint = f"train on '{task.training_set}'" if task.training_set else "it is scored without training"
                yield document.problem(f"'{name}' has no training data of its own", ("conditions", position), hint)
                continue
            place: Place = ("conditions", position)
            wanted = source.languages(task, "train") if condition.languages == "all" else condition.languages
            yield from needs(task, "train", wanted or ["en"], place)
            yield from needs(task, "dev", ["en"], place)
    for position, name in enumerate(experiment.targets):
        target, place = tasks.load(name), ("targets", position)
        if target.training_set is not None:
            training_set = tasks.load(target.training_set)
            for split in ("train", "dev"):
                yield from needs(training_set, split, ["en"], place)
        if experiment.languages == "all":
            if not source.languages(target, target.score_on):
                yield from needs(target, target.score_on, target.languages[:1], place)
        else:
            wanted = [language for language in experiment.languages if language in target.languages]
            yield from needs(target, target.score_on, wanted, place)
            if not wanted:
                yield document.problem(f"'{name}' has none of the experiment's languages", place)
    if experiment.space.sampler == "grid" and experiment.sampler == "grid":
        sections = (("intermediate", "all"), ("target", "all"))
        if any(experiment.space.size(*section) == float("inf") for section in sections):
            hint = "use tpe or random, or a space of values"
            yield document.problem(
                f"sampler grid cannot search ranges of '{experiment.search_space}'", ("sampler",), hint
            )


def read_all_data(experiment: Experiment) -> None:
    """Parses every file that the experiment will use. Raises UserError with the problems of all of them."""
    problems: list[Problem] = []
    for task, split, language in uses(experiment):
        try:
            experiment.source.examples(task, split, language)
        except UserError as error:
            problems += [one for one in error.problems if one not in problems]
    if problems:
        raise UserError(problems)


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
