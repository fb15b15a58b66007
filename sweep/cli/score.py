"""`sweep score`: the official score of a submission folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from sweep.scoring.benchmark import BenchmarkScores


def score(
    benchmark: Annotated[str, typer.Option(help="xtreme or xtreme-r.")],
    predictions: Annotated[Path, typer.Option(help="The submission: a folder for each task.")],
    labels: Annotated[
        Path, typer.Option(help="The right answers: a folder of the same layout, as `sweep export --labels` writes it.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Score a submission folder. Exit code 0: all there, 1: a file is missing, 2: something must be fixed."""
    import dataclasses
    import json

    from rich.console import Console

    from sweep.scoring import benchmark as benchmarks
    from sweep.scoring import score as scoring

    result = scoring.score(benchmarks.load(benchmark), predictions, labels)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(result.scores), indent=1))
    else:
        Console().print(_table(result.scores))
    for problem in result.warnings:
        typer.echo(f"warning: {problem}", err=True)
    for path in result.missing:
        typer.echo(f"missing: {path}", err=True)
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
