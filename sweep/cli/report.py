"""`sweep report`: one file that says what helped, or the check of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.cli.query import ExperimentOption, StoreArgument
from sweep.results.comparison.difference import Claim

SHOWN = 20
"""Differences that are listed; more are counted."""


BaselineOption = Annotated[str, typer.Option(help="The condition that the others are compared with.")]
ClaimOption = Annotated[
    Claim | None,
    typer.Option(help="models: these, as they are; recipe: training it again would show it, too."),
]


def report(
    store: StoreArgument,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The HTML file to write.")] = None,
    check: Annotated[
        Path | None, typer.Option("--check", metavar="FILE", help="A report whose numbers are computed again instead.")
    ] = None,
    experiment: ExperimentOption = None,
    baseline: BaselineOption = "none",
    claim: ClaimOption = None,
) -> None:
    """Write the report: one HTML file that needs no network. --check exits with 1 where something differs."""
    from sweep.cli.output import check_file
    from sweep.console import Console
    from sweep.report.page import html, page
    from sweep.report.source import Asked, read
    from trainables.errors import Problem, UserError
    from trainables.store import Store

    if (output is None) == (check is None):
        hint = "--output report.html writes one, --check report.html computes its numbers again"
        raise UserError(Problem("give either --output or --check", hint=hint))
    if check is not None:
        if experiment is not None or baseline != "none" or claim is not None:
            raise UserError(Problem("with --check the file says experiment, baseline and claim", hint="leave them out"))
        _check(store, check)
        return
    assert output is not None
    check_file(output)
    content = html(page(read(Store(store), Asked(experiment or "", baseline, claim)))).encode()
    try:
        output.write_bytes(content)
    except OSError as error:
        raise UserError(Problem(f"cannot be written: {error.strerror}", str(output))) from error
    Console().say(f"{output} ({len(content) / 1e6:.1f} MB)")


def _check(store: str, file: Path) -> None:
    from sweep.console import Console, counted
    from sweep.report.check import check
    from trainables.store import Store

    done = check(Store(store), file)
    out = Console()
    for line in done.different[:SHOWN]:
        out.say(line)
    if len(done.different) > SHOWN:
        out.say(f"and {counted(len(done.different) - SHOWN, 'more difference')}")
    if done.different:
        raise typer.Exit(1)
    out.say(f"{counted(done.compared, 'value')} of {file} computed again: all agree")
