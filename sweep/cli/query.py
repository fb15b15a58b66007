"""`sweep query`: SQL over the ledger."""

from __future__ import annotations

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
        str | None,
        typer.Argument(
            metavar="SQL",
            help='One SELECT over trials, scores, predictions, counts, best, means, transfer; "show tables" lists '
            "them, - reads it from standard input.",
        ),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", "-f", metavar="FILE", help="A file with the SQL; - is standard input.")
    ] = None,
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
    from sweep.cli.output import check_output, deliver
    from sweep.results import query as ledger_query
    from trainables.store import Store

    check_output(output_format, output)
    table = ledger_query.query(Store(store), _asked(sql, file), None, experiment or [], memory, timeout)
    deliver(table, output_format, output)


def _asked(sql: str | None, file: str | None) -> str:
    """The SQL, wherever it stands. Raises UserError where it stands nowhere, twice, or in no file of text."""
    from trainables.errors import Problem, UserError

    if (sql is None) == (file is None):
        message = "give either SQL or --file" if sql is not None else "there is no SQL"
        raise UserError(Problem(message, hint='for example "from best", or --file FILE'))
    if "-" in (sql, file):
        return sys.stdin.read()
    if file is None:
        return sql or ""
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = (error.strerror or error) if isinstance(error, OSError) else "it is not UTF-8"
        raise UserError(Problem(f"cannot be read: {reason}", file)) from error
