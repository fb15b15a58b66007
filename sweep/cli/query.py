"""`sweep query`: SQL over the ledger."""

from __future__ import annotations

import io
import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

COMMENT = re.compile(r"--([^=\s]*\s|.*\n)")
"""How SQL begins that begins with a comment: no option has a space before its `=`, or several lines."""


class Format(StrEnum):
    """How a result is written."""

    table = "table"
    csv = "csv"
    json = "json"
    markdown = "markdown"
    latex = "latex"
    html = "html"
    parquet = "parquet"


class SqlCommand(TyperCommand):
    """A command whose argument may begin with two dashes."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """A space before a comment changes no SQL, and it is no option then."""
        return super().parse_args(ctx, [f" {arg}" if COMMENT.match(arg) else arg for arg in args])


ExperimentOption = Annotated[
    str | None,
    typer.Option("--experiment", help="Which of the store's; NAME@PLAN is an earlier plan of it."),
]

StoreArgument = Annotated[str, typer.Argument(metavar="STORE", help="The experiment's store: a path or a URI.")]


def query(
    store: StoreArgument,
    sql: Annotated[
        str,
        typer.Argument(
            metavar="SQL",
            help='One SELECT over trials, scores, predictions, counts, best, means, transfer; "show tables" lists '
            "them, - reads it from standard input.",
        ),
    ],
    experiment: Annotated[
        list[str] | None,
        typer.Option(help="Which of the store's; NAME@PLAN is an earlier plan of it. May be repeated."),
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="How the result is written.")] = Format.table,
    output: Annotated[Path | None, typer.Option(help="A file; without it the result is printed.")] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="LIMIT", help="The most that the query may take, such as 2GB.")
    ] = None,
    timeout: Annotated[
        int | None, typer.Option(metavar="SECONDS", min=1, max=10**6, help="The longest that the query may take.")
    ] = None,
) -> None:
    """Query the results with SQL (DuckDB), read-only."""
    import pyarrow.parquet as pq

    from sweep.cli.output import check_file
    from sweep.console import hand_out
    from sweep.results import query as ledger_query
    from sweep.results.tables import FORMATS
    from trainables.errors import Problem, UserError
    from trainables.store import Store

    if output_format == Format.parquet and output is None:
        raise UserError(Problem("Parquet is not for a terminal", hint="give --output FILE"))
    if output is not None:
        check_file(output)
    asked = sys.stdin.read() if sql == "-" else sql
    table = ledger_query.query(Store(store), asked, None, experiment or [], memory, timeout)
    if output_format == Format.parquet:
        content = io.BytesIO()
        pq.write_table(table, content)
        data = content.getvalue()
    else:
        data = FORMATS[output_format](table).encode()
    if output is None:
        hand_out(data.decode())
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise UserError(Problem(f"cannot be written: {error.strerror}", str(output))) from error
