"""`sweep score`: the official score of a submission folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweep.cli.completion import benchmarks

if TYPE_CHECKING:
    from rich.table import Table

    from sweep.scoring.benchmark import BenchmarkScores


def score(
    benchmark: Annotated[str, typer.Option(help="xtreme or xtreme-r.", autocompletion=benchmarks)],
    predictions: Annotated[Path, typer.Option(help="The submission: a folder for each task.")],
    labels: Annotated[
        Path, typer.Option(help="The right answers: a folder of the same layout, as `sweep export --labels` writes it.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Score a submission folder. Exit code 0: all there, 1: a file is missing, 2: something must be fixed."""
    import dataclasses

    from sweep.console import Console, hand_out
    from sweep.results.tables import to_json
    from sweep.scoring import score as scoring
    from sweep.scoring.benchmark import load

    result = scoring.score(load(benchmark), predictions, labels)
    if as_json:
        hand_out(to_json(dataclasses.asdict(result.scores)))
    else:
        Console().print(_table(result.scores))
    err = Console(stderr=True)
    for problem in result.warnings:
        err.say(f"warning: {problem}")
    for path in result.missing:
        err.say(f"missing: {path}")
    if result.missing:
        raise typer.Exit(1)


def _table(scores: BenchmarkScores) -> Table:
    """Tasks with how many of their languages are scored, then groups and the whole."""
    from sweep.results.tables import rich_table

    rows = []
    for name, task in scores.tasks.items():
        scored = sum(None not in values.values() for values in task.languages.values())
        rows.append([name, _shown(task.score), f"{scored}/{len(task.languages)}"])
    ends = [len(rows) - 1, len(rows) + len(scores.groups) - 1]
    rows += [[group, _shown(value), ""] for group, value in scores.groups.items()]
    rows.append(["overall", _shown(scores.overall), ""])
    table = rich_table(["task", "score", "languages"], rows)
    for end in ends:
        table.rows[end].end_section = True
    return table


def _shown(value: float | None) -> str:
    return "incomplete" if value is None else f"{value:.2f}"
