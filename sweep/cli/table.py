"""`sweep table`: tables as papers print them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sweep.cli.query import ExperimentOption, StoreArgument
from sweep.results.comparison.difference import Claim


class Layout(StrEnum):
    """What a table has side by side."""

    paper = "paper"
    languages = "languages"
    leaderboard = "leaderboard"


class TableFormat(StrEnum):
    """How a table is written."""

    table = "table"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    html = "html"


def table(
    store: StoreArgument,
    layout: Annotated[
        Layout,
        typer.Option(help="paper: conditions by targets; languages: by those of one target; leaderboard: by groups."),
    ] = Layout.paper,
    target: Annotated[str | None, typer.Option(help="Of layout languages: whose.")] = None,
    baseline: Annotated[str, typer.Option(help="The condition that the others are compared with.")] = "none",
    claim: Annotated[
        Claim | None,
        typer.Option(help="About these very models, or the recipe; without it the recipe where it can be."),
    ] = None,
    search_seed: Annotated[
        bool, typer.Option("--search-seed/--without-search-seed", help="Count the seed that chose the winners.")
    ] = True,
    oracle: Annotated[
        bool,
        typer.Option("--oracle", help="Add what trials would give that the target languages had chosen."),
    ] = False,
    experiment: ExperimentOption = None,
    output_format: Annotated[
        TableFormat, typer.Option("--format", help="How it is written; csv: the numbers exactly, a line each.")
    ] = TableFormat.table,
    output: Annotated[Path | None, typer.Option(help="A file; without it the table is printed.")] = None,
) -> None:
    """Print a paper's table. It has the differences of `sweep compare`, with caption, methods and BibTeX."""
    from sweep.cli.output import check_file
    from sweep.console import hand_out
    from sweep.results.paper import make
    from sweep.results.paper.written import FORMATS
    from trainables.errors import Problem, UserError
    from trainables.store import Store

    if output is not None:
        check_file(output)
    if target is not None and layout != Layout.languages:
        raise UserError(Problem(f"layout {layout} is about all targets", hint=f"--layout languages --target {target}"))
    asked = make.Question(Store(store), experiment, baseline, claim, search_seed)
    if oracle and layout == Layout.leaderboard:
        raise UserError(Problem("layout leaderboard has no oracle", hint="--layout paper, or --layout languages"))
    match layout:
        case Layout.paper:
            made = make.transfer(asked, oracle)
        case Layout.languages:
            made = make.languages(asked, target, oracle)
        case Layout.leaderboard:
            made = make.leaderboard(asked)
    text = FORMATS[output_format](made)
    if output is None:
        hand_out(text)
        return
    try:
        output.write_bytes(text.encode())
    except OSError as error:
        raise UserError(Problem(f"cannot be written: {error.strerror}", str(output))) from error
