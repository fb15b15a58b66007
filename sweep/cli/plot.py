"""`sweep plot`: a figure of the report as a file for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.cli.query import ExperimentOption, StoreArgument
from sweep.cli.report import BaselineOption, ClaimOption


def plot(
    store: StoreArgument,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="differences, languages-TARGET ...; a wrong one lists all.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write: .pdf, .svg or .png.")],
    experiment: ExperimentOption = None,
    baseline: BaselineOption = "none",
    claim: ClaimOption = None,
) -> None:
    """Draw one of the report's figures as PDF, SVG or PNG, without a browser."""
    from sweep.cli.output import check_file
    from sweep.console import Console
    from sweep.report import plot as plotting
    from sweep.report.source import Asked, read
    from trainables.errors import Problem, UserError
    from trainables.store import Store

    ending = output.suffix.removeprefix(".").lower()
    if ending not in plotting.ENDINGS:
        hint = f"end it with {' or '.join(f'.{one}' for one in plotting.ENDINGS)}"
        raise UserError(Problem(f"'{output}' is no name of a figure's file", hint=hint))
    check_file(output)
    source = read(Store(store), Asked(experiment or "", baseline, claim))
    content = plotting.plot(source, name, ending)
    try:
        output.write_bytes(content)
    except OSError as error:
        raise UserError(Problem(f"cannot be written: {error.strerror}", str(output))) from error
    Console().say(str(output))
