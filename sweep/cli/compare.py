"""`sweep compare`: what helped, by how much, and how sure that is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.cli.query import Format, StoreArgument
from sweep.results.comparison.difference import By, Claim


def compare(
    store: StoreArgument,
    baseline: Annotated[str, typer.Option(metavar="CONDITION", help="What all others are compared with.")] = "none",
    by: Annotated[
        By, typer.Option(help="A row for each target, language, group of languages, or benchmark.")
    ] = "target",
    claim: Annotated[
        Claim | None,
        typer.Option(help="About these very models, or the recipe; without it the recipe where it can be."),
    ] = None,
    experiment: Annotated[
        list[str] | None,
        typer.Option(help="Which of the store's; NAME@PLAN is an earlier plan of it. May be repeated."),
    ] = None,
    search_seed: Annotated[
        bool, typer.Option("--search-seed/--without-search-seed", help="Count the seed that chose the winners.")
    ] = True,
    detect: Annotated[
        float | None,
        typer.Option(metavar="POINTS", min=0.01, max=100, help="Which seeds it takes to see so small a difference."),
    ] = None,
    gpus: Annotated[Path | None, typer.Option(help="A table of GPU types of your own, for the price of these.")] = None,
    output_format: Annotated[Format, typer.Option("--format", help="How the result is written.")] = Format.table,
    output: Annotated[Path | None, typer.Option(help="A file; without it the result is printed.")] = None,
) -> None:
    """Compare conditions with a baseline: differences, intervals, verdicts."""
    from sweep.cli.output import check_output, deliver
    from sweep.console import Console
    from sweep.planning.pricing import load_gpus
    from sweep.results.comparison import comparison, detection
    from sweep.results.comparison.answer import short_table, table
    from sweep.results.comparison.detection import show as show_detection
    from sweep.results.comparison.verdicts import show
    from trainables.errors import Problem, UserError
    from trainables.store import Store

    if detect is not None and (output_format != Format.table or output is not None):
        raise UserError(Problem("what --detect finds is for people to read", hint="leave out --format and --output"))
    if detect is not None and claim == "models":
        raise UserError(Problem("more seeds say nothing about these models", hint="leave out --claim models"))
    check_output(output_format, output)
    found = comparison.compare(Store(store), baseline, by, claim, experiment or [], search_seed)
    if output_format in (Format.csv, Format.json, Format.parquet):
        deliver(table(found), output_format, output)
    elif output_format != Format.table or output is not None:
        deliver(short_table(found), output_format, output)
    else:
        console = Console()
        show(found, console)
        if detect is not None:
            show_detection(detection.detect(Store(store), found, detect, load_gpus(gpus), experiment or []), console)
