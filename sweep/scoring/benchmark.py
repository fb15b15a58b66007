"""A benchmark: its tasks, their languages, and how their scores make one number. Data: benchmarks/*.yaml."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from sweep.scoring.submission import FORMATS
from trainables.errors import Problem, UserError, nearest
from trainables.metrics import METRICS
from trainables.yaml_file import read_yaml

FOLDER = Path(__file__).parent / "benchmarks"

Values = Mapping[str, float]
"""Scores by name, in percent."""


@dataclass(frozen=True)
class BenchmarkTask:
    """What a submission holds of a task, and how it is scored.

    Attributes:
        format: of its files, a key of `submission.FORMATS`.
        metric: a key of `metrics.METRICS`.
        score: the names of the scores whose mean stands for the task.
        labels: all that there are; none for formats without labels, and where a label is the number of a row.
    """

    name: str
    format: str
    metric: str
    score: tuple[str, ...]
    languages: tuple[str, ...]
    labels: tuple[str, ...] = ()

    def file(self, language: str) -> str:
        """The path of a language's predictions, or labels, in their folder."""
        return f"{self.name}/test-{language}.{FORMATS[self.format].suffix}"


@dataclass(frozen=True)
class TaskScores:
    """By language, averaged over languages, and as one number. None: a language that it needs is missing."""

    languages: Mapping[str, Mapping[str, float | None]]
    average: Mapping[str, float | None]
    score: float | None


@dataclass(frozen=True)
class BenchmarkScores:
    """All scores in percent. None: something that it needs is missing."""

    tasks: Mapping[str, TaskScores]
    groups: Mapping[str, float | None]
    overall: float | None


@dataclass(frozen=True)
class Benchmark:
    """Tasks, and the groups of them that get a number of their own."""

    name: str
    tasks: tuple[BenchmarkTask, ...]
    groups: Mapping[str, tuple[str, ...]]

    def aggregate(self, found: Mapping[tuple[str, str], Values]) -> BenchmarkScores:
        """From the scores by (task, language) to those of the whole.

        Languages weigh the same in a task, tasks the same in a group and in all: XTREME's rule. A mean of which a part
        is missing is None, never the mean of the rest.
        """
        tasks = {task.name: _task_scores(task, found) for task in self.tasks}
        groups = {group: _mean(tasks[name].score for name in names) for group, names in self.groups.items()}
        return BenchmarkScores(tasks, groups, _mean(task.score for task in tasks.values()))


def names() -> tuple[str, ...]:
    """All benchmarks, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@functools.cache
def load(name: str) -> Benchmark:
    """A benchmark by its name. UserError if there is none such."""
    if name not in names():
        raise UserError(Problem(f"unknown benchmark '{name}'", hint=nearest(name, names())))
    values = read_yaml(FOLDER / f"{name}.yaml").values
    tasks = tuple(_task(task, one) for task, one in values["tasks"].items())
    return Benchmark(values["name"], tasks, {group: tuple(names) for group, names in values["groups"].items()})


def _task(name: str, values: Mapping[str, Any]) -> BenchmarkTask:
    metric = values["metric"]
    return BenchmarkTask(
        name=name,
        format=values["format"],
        metric=metric,
        score=tuple(values.get("score", (METRICS[metric].main,))),
        languages=tuple(values["languages"]),
        labels=tuple(map(str, values.get("labels", ()))),
    )


def _task_scores(task: BenchmarkTask, found: Mapping[tuple[str, str], Values]) -> TaskScores:
    languages: dict[str, dict[str, float | None]] = {}
    for language in task.languages:
        values = found.get((task.name, language), {})
        languages[language] = {name: values.get(name) for name in METRICS[task.metric].names}
    average = {name: _mean(values[name] for values in languages.values()) for name in METRICS[task.metric].names}
    return TaskScores(languages, average, _mean(average[name] for name in task.score))


def _mean(values: Iterable[float | None]) -> float | None:
    parts = list(values)
    there = [part for part in parts if part is not None]
    return fmean(there) if len(there) == len(parts) else None
