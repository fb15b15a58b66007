"""SQL over the ledger: DuckDB with the project's views, cut off from every other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from sweep.ledger import OUTCOME, SCHEMA, Ledger, outcome
from sweep.planning import history
from sweep.results.members import members
from trainables.errors import Problem, UserError, nearest
from trainables.store import Store

VIEWS_FOLDER = Path(__file__).parent / "views"

VIEWS = ("trials", "scores", "predictions", "counts", "best", "means", "transfer")
"""In the order in which they build on each other."""

READING = (duckdb.StatementType.SELECT, duckdb.StatementType.MULTI)
"""Statements that change nothing. MULTI is what PIVOT is made of."""


def connect(store: Store, sql: str, experiments: Sequence[str] = ()) -> duckdb.DuckDBPyConnection:
    """A connection that sees the views and nothing else: no other file, no network, no setting to change that.

    Predictions are most of a ledger, so they are read only for a statement in which the word occurs.
    """
    plans = history.current(store, experiments)
    needed = [name for name in SCHEMA.names if name != "predictions" or name in sql.lower()]
    ledger = Ledger(store).read(needed)
    rows = ledger.select([*dict.fromkeys(["trial_id", "collapsed", *OUTCOME])]).to_pylist()
    collapsed = {row["trial_id"]: bool(row["collapsed"]) for row in rows}
    failed = ledger.filter(pc.field("status") == "failed").select(["trial_id", "scores"]).to_pylist()
    answered = {row["trial_id"]: frozenset(one["target"] for one in row["scores"] or ()) for row in failed}
    of_studies, of_seeds = members(plans, [outcome(row) for row in rows], collapsed, answered)
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    for name, table in (("ledger", ledger), ("members", of_studies), ("seeds", of_seeds)):
        connection.register(name, table)
    for view in (view for view in VIEWS if view != "predictions" or view in needed):
        connection.execute((VIEWS_FOLDER / f"{view}.sql").read_text(encoding="utf-8"))
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def query(
    store: Store, sql: str, parameters: Mapping[str, object] | None = None, experiments: Sequence[str] = ()
) -> pa.Table:
    """The result of one SELECT, in which `$name` stands for a parameter.

    Args:
        experiments: which of the store's the views are about, as `sweep.planning.history.current` has them.

    Raises:
        UserError: the store has no ledger or no such experiment, several where none is named, or DuckDB refuses the
            statement.
    """
    if not store.exists("ledger"):
        hint = "is this the path after 'store:' in the experiment, and has a trial finished?"
        raise UserError(Problem(f"there is no ledger in '{store.uri}'", hint=hint))
    connection = connect(store, sql, experiments)
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type not in READING:
            raise UserError(Problem("give one SELECT (or PIVOT) statement: the ledger is never changed by a query"))
        return connection.sql(statements[0].query, params=parameters).to_arrow_table()
    except duckdb.CatalogException as error:
        text = str(error).splitlines()[0]
        wrong = text.partition("Table with name ")[2].partition(" ")[0]
        raise UserError(Problem(text, hint=nearest(wrong, VIEWS) if wrong else None)) from error
    except duckdb.Error as error:
        raise UserError(Problem(str(error).strip())) from error
