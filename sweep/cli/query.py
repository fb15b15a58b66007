"""`sweep query`: SQL over the ledger."""

from __future__ import annotations

import io
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How a result is written."""

    table = "table"
    csv = "csv"
    json = "json"
    markdown = "markdown"
    latex = "latex"
    parquet = "parquet"


ExperimentOption = Annotated[
    str | None,
    typer.Option("--experiment", help="Which of the store's; NAME@PLAN is an earlier plan of it."),
]

StoreArgument = Annotated[str, typer.Argument(help="The experiment's store: a path or a URI.")]


def query(
    store: StoreArgument,
    sql: Annotated[str, typer.Argument(help="One SELECT over trials, scores, predictions, best, means, transfer.")],
    experiment: Annotated[
        list[str] | None,
        typer.Option(help="Which of the store's; NAME@PLAN is an earlier plan of it. May be repeated."),
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="How the result is written.")] = Format.table,
    output: Annotated[Path | None, typer.Option(help="A file; without it the result is printed.")] = None,
) -> None:
    """Query the results with SQL (DuckDB), read-only."""
    import pyarrow.parquet as pq

    from sweep.results import query as ledger_query
    from sweep.results.tables import FORMATS
    from trainables.errors import Problem, UserError
    from trainables.store import Store

    if output_format == Format.parquet and output is None:
        raise UserError(Problem("Parquet is not for a terminal", hint="give --output FILE"))
    table = ledger_query.query(Store(store), sql, experiments=experiment or [])
    if output_format == Format.parquet:
        content = io.BytesIO()
        pq.write_table(table, content)
        data = content.getvalue()
    else:
        data = FORMATS[output_format](table).encode()
    if output is None:
        typer.echo(data.decode(), nl=False)
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise UserError(Problem(f"cannot be written: {error.strerror}", str(output))) from error
