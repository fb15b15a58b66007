"""`sweep export`: a submission folder from a condition's winners."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.cli.query import ExperimentOption, StoreArgument


def export(
    store: StoreArgument,
    condition: Annotated[str, typer.Option(help="Whose winners: a condition of the experiment.")],
    output: Annotated[Path, typer.Option(help="A new folder for the predictions.")],
    labels: Annotated[
        Path | None, typer.Option(help="A new folder for the labels of the same examples, where they are known.")
    ] = None,
    experiment: ExperimentOption = None,
    seed: Annotated[int | None, typer.Option(help="Of the winners; without it the lowest.")] = None,
) -> None:
    """Write the test predictions of a condition's winners in XTREME's official layout."""
    from sweep.results import export as exporting
    from trainables.store import Store

    done = exporting.export(Store(store), condition, output, labels, seed, experiment)
    typer.echo(f"{len(done.predictions)} files of predictions (seed {done.seed}): {output}")
    if labels is not None:
        typer.echo(f"{len(done.labels)} files of labels: {labels}")
        for file in done.hidden:
            typer.echo(f"no labels: {file}, the release hides them", err=True)
    if done.elsewhere:
        typer.echo(f"not written: {', '.join(done.elsewhere)}, which belong to no benchmark", err=True)
    if done.unfinished:
        typer.echo(f"not there: {', '.join(done.unfinished)}, not evaluated with seed {done.seed}", err=True)
    if done.capped:
        typer.echo("warning: limits.eval_examples was set: each file holds the first examples only", err=True)
    if not done.predictions or done.unfinished:
        raise typer.Exit(1)
