"""SQL over the ledger: DuckDB with the project's views, cut off from every other file."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from sweep.console import counted
from sweep.ledger import OUTCOME, PREDICTIONS, SCORES, TRIALS, Ledger, outcome, runs
from sweep.planning import history
from sweep.results.languages import languages
from sweep.results.members import members
from sweep.results.official import official
from trainables.errors import Problem, UserError, nearest
from trainables.sealed import SealedFile
from trainables.store import Store

VIEWS_FOLDER = Path(__file__).parent / "views"

VIEWS = (
    "trials", "scores", "examples", "predictions", "counts", "best", "means", "transfer", "trained", "budgets", "runs",
    "languages", "leaderboard",
)  # fmt: skip
"""In the order in which they build on each other. `show tables` lists them, and the ledger that they are made of."""

EXAMPLES = pa.schema(
    [
        ("examples", pa.string()),
        ("position", pa.int32()),
        ("example", pa.string()),
        ("item", pa.string()),
        ("group", pa.string()),
        ("gold", pa.list_(pa.string())),
        ("texts", pa.list_(pa.string())),
        ("tokens", pa.int32()),
        ("words", pa.int32()),
    ]
)

READING = (duckdb.StatementType.SELECT, duckdb.StatementType.MULTI)
"""Statements that change nothing. MULTI is what PIVOT is made of."""

MEMORY = re.compile(r"\d+(\.\d+)? ?[KMGT]i?B", re.IGNORECASE)
"""An amount of it, as DuckDB takes it."""


def connect(
    store: Store, sql: str, experiments: Sequence[str] = (), memory: str | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection that sees the views and nothing else: no other file, no network, no setting to change that.

    Predictions are most of a ledger, so they are read only for a statement in which the word occurs.
    """
    plans = history.current(store, experiments)
    names = [one.plan.experiment for one in plans]
    if twice := [name for place, name in enumerate(names) if name in names[:place]]:
        message = f"two plans of experiment '{twice[0]}' are asked for, and their trials would be counted together"
        raise UserError(Problem(message, hint="ask for one plan of an experiment at a time"))
    ledger, scored, predicted = _ledger(Ledger(store), "predictions" in sql.lower())
    rows = ledger.select([*dict.fromkeys(["trial_id", "collapsed", *OUTCOME])]).to_pylist()
    collapsed = {row["trial_id"]: bool(row["collapsed"]) for row in rows}
    failed = [row["trial_id"] for row in rows if row["status"] == "failed"]
    found = scored.filter(pc.is_in(scored["trial_id"], pa.array(failed, pa.string())))
    answered: dict[str, frozenset[str]] = {}
    for trial_id, target in zip(found["trial_id"].to_pylist(), found["target"].to_pylist(), strict=True):
        answered[trial_id] = answered.get(trial_id, frozenset()) | {target}
    of_studies, of_seeds = members(plans, [outcome(row) for row in rows], collapsed, answered)
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set temp_directory = ''")  # nothing is written, not even what has no room in memory
    if memory is not None:
        connection.execute("set memory_limit = $memory", {"memory": memory})
    connection.register("ledger", ledger)
    connection.execute("create schema internal")
    parts = {
        "members": of_studies,
        "seeds": of_seeds,
        "scored": scored,
        "predicted": predicted,
        "examples": _examples(store)
        if "predictions" in sql.lower() or "examples" in sql.lower()
        else EXAMPLES.empty_table(),
        "runs": runs.runs(store),
        "languages": languages(),
        "official": official(),
    }
    for name, table in parts.items():
        connection.register("part", table)
        connection.execute(f"create table internal.{name} as from part")
        connection.unregister("part")
    for view in VIEWS:
        connection.execute((VIEWS_FOLDER / f"{view}.sql").read_text(encoding="utf-8"))
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def _ledger(ledger: Ledger, with_predictions: bool) -> tuple[pa.Table, pa.Table, pa.Table]:
    """The three tables of one moment."""
    while True:
        try:
            snapshot = ledger.snapshot()
            trials, scores = (
                ledger.rows(snapshot, name, schema.names) for name, schema in (("trials", TRIALS), ("scores", SCORES))
            )
            predictions = (
                ledger.rows(snapshot, "predictions", PREDICTIONS.names)
                if with_predictions
                else PREDICTIONS.empty_table()
            )
        except FileNotFoundError:  # it became part of another one meanwhile
            continue
        return trials, scores, predictions


def _examples(store: Store) -> pa.Table:
    tables = [EXAMPLES.empty_table()]
    for name in store.list("examples", ".parquet"):
        fingerprint = name.removeprefix("examples/").removesuffix(".parquet")
        table = SealedFile(store, name).table(EXAMPLES.names[1:], pa.schema([*EXAMPLES][1:]))
        tables.append(table.add_column(0, "examples", [pa.array([fingerprint] * table.num_rows)]))
    return pa.concat_tables(tables)


def query(
    store: Store,
    sql: str,
    parameters: Mapping[str, object] | None = None,
    experiments: Sequence[str] = (),
    memory: str | None = None,
    timeout: float | None = None,
) -> pa.Table:
    """The result of one SELECT, in which `$name` stands for a parameter. Columns of one name become `a`, `a_1`, `a_2`.

    Args:
        experiments: which of the store's the views are about, as `sweep.planning.history.current` has them.
        memory: what the statement may take, such as `2GB`; None: most of what the machine has.
        timeout: seconds that it may take.

    Raises:
        UserError: the store has no ledger or no such experiment, several where none is named, DuckDB refuses the
            statement, or it takes too much memory or time.
        KeyboardInterrupt: Ctrl-C.
    """
    if memory is not None and not MEMORY.fullmatch(memory):
        raise UserError(Problem(f"'{memory}' is no amount of memory", hint="for example --memory 2GB"))
    if not store.exists("ledger"):
        hint = "is this the path after 'store:' in the experiment, and has a trial finished?"
        raise UserError(Problem(f"there is no ledger in '{store.uri}'", hint=hint))
    try:
        connection = connect(store, sql, experiments, memory)
        statements = connection.extract_statements(sql)
        if not statements:
            raise UserError(Problem("the SQL is empty", hint='for example "from best", or "show tables"'))
        if len(statements) != 1 or statements[0].type not in READING:
            raise UserError(Problem("give one SELECT (or PIVOT) statement: the ledger is never changed by a query"))
        table = _run(connection, statements[0].query, parameters, timeout)
    except duckdb.CatalogException as error:
        text = str(error).splitlines()[0]
        wrong = text.partition("Table with name ")[2].partition(" ")[0]
        raise UserError(Problem(text, hint=nearest(wrong, VIEWS) if wrong else None)) from error
    except duckdb.OutOfMemoryException as error:
        hint = "give it more (--memory), or ask for less: fewer columns, or sums instead of lists"
        message = f"the query needs more memory than {memory or 'there is'}"
        raise UserError(Problem(message, hint=hint)) from error
    except duckdb.Error as error:
        raise UserError(Problem(str(error).strip())) from error
    return table.rename_columns(_unique(table.column_names))


def _run(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object] | None, timeout: float | None
) -> pa.Table:
    """The result of a statement, in another thread: this one hears Ctrl-C. Raises UserError after `timeout` seconds."""
    with ThreadPoolExecutor(1) as thread:
        result = thread.submit(lambda: connection.sql(sql, params=parameters).to_arrow_table())
        try:
            return result.result(timeout)
        except (KeyboardInterrupt, TimeoutError) as error:
            while not result.done():  # it may not have begun yet
                connection.interrupt()
                time.sleep(0.05)
            if isinstance(error, KeyboardInterrupt):
                raise
            message = f"the query took more than {counted(timeout or 0, 'second')}"
            hint = "give it more (--timeout), or ask for less: is a condition of a join missing?"
            raise UserError(Problem(message, hint=hint)) from error


def _unique(names: Sequence[str]) -> list[str]:
    """A name that was there before gets a number, as in data frames."""
    found: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in range(1, len(names) + 1))
        taken = {*found, *names}
        found.append(name if name not in found else next(one for one in numbered if one not in taken))
    return found
