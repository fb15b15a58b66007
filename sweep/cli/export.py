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
        Path | None, typer.Option(help="Another new folder, for the labels of the same examples where they are known.")
    ] = None,
    experiment: ExperimentOption = None,
    seed: Annotated[int | None, typer.Option(help="Of the winners; without it the lowest.")] = None,
    regime: Annotated[str, typer.Option(help="In which languages they were trained.")] = "zero-shot",
) -> None:
    """Write a submission folder. It has the test predictions of a condition's winners in XTREME's official layout."""
    from sweep.cli.output import check_folders
    from sweep.console import Console, counted
    from sweep.results import export as exporting
    from trainables.store import Store

    check_folders([output, *([labels] if labels else [])])
    done = exporting.export(Store(store), condition, output, labels, seed, experiment, regime)
    out, err = Console(), Console(stderr=True)
    out.say(f"{counted(len(done.predictions), 'file')} of predictions (seed {done.seed}): {output}")
    if labels is not None:
        out.say(f"{counted(len(done.labels), 'file')} of labels: {labels}")
        for file in done.hidden:
            err.say(f"no labels: {file}, the release hides them")
    if done.elsewhere:
        belong = "belongs" if len(done.elsewhere) == 1 else "belong"
        err.say(f"not written: {', '.join(done.elsewhere)}, which {belong} to no benchmark")
    if done.unfinished:
        err.say(f"not there: {', '.join(done.unfinished)}, not evaluated with seed {done.seed}")
    if done.capped:
        err.say("warning: limits.eval_examples was set: each file holds the first examples only")
    if not done.predictions or done.unfinished:
        raise typer.Exit(1)
