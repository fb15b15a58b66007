"""What benchmarks are made of, as a table that views join scores with."""

from __future__ import annotations

import functools

import pyarrow as pa

from sweep.scoring import benchmark

OFFICIAL = pa.schema(
    [
        ("benchmark", pa.string()),
        ("task_group", pa.string()),
        ("task", pa.string()),
        ("language", pa.string()),
        ("metric", pa.string()),
    ]
)
"""A row per benchmark, group, task, language and score: the mean of a task's rows is the task's score."""

OVERALL = "overall"
"""The group of all tasks."""


@functools.cache
def official() -> pa.Table:
    """OFFICIAL, in the order of the benchmarks' files."""
    rows = []
    for known in map(benchmark.load, benchmark.names()):
        groups = {**known.groups, OVERALL: tuple(task.name for task in known.tasks)}
        of_name = {task.name: task for task in known.tasks}
        rows += [
            {"benchmark": known.name, "task_group": group, "task": task, "language": language, "metric": metric}
            for group, tasks in groups.items()
            for task in tasks
            for language in of_name[task].languages
            for metric in of_name[task].score
        ]
    return pa.Table.from_pylist(rows, schema=OFFICIAL)
