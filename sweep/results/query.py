"""SQL over the ledger: DuckDB with the project's views, cut off from every other file."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from sweep.console import counted
from sweep.ledger import FOLDER, OUTCOME, Ledger, outcome, runs
from sweep.planning import history
from sweep.results.diagnostics.view import register
from sweep.results.files import SCHEME, MovedLedger, SealedFiles
from sweep.results.languages import languages
from sweep.results.members import members
from sweep.results.official import official
from sweep.results.refusal import refusal
from sweep.results.sources import answered, show, show_files
from trainables.data import kept
from trainables.errors import Problem, UserError
from trainables.store import Store

T = TypeVar("T")

VIEWS_FOLDER = Path(__file__).parent / "views"

VIEWS = (
    "trials", "scores", "examples", "predictions", "counts", "best", "means", "transfer", "trained", "budgets", "runs",
    "languages", "leaderboard", "diagnostics",
)  # fmt: skip
"""In the order in which they build on each other. `show tables` lists them, and the ledger that they are made of."""

READING = (duckdb.StatementType.SELECT, duckdb.StatementType.MULTI)
"""Statements that change nothing. MULTI is what PIVOT is made of."""

SPEAKING = """
create table internal.speaking as
select members.*, phase, seed
from internal.members
join ledger using (trial_id)
where status = 'finished' or phase = 'evaluate'
"""
"""Members whose scores and predictions count: an evaluation that failed of one target has those of the others."""

MEMORY = re.compile(r"\d+(\.\d+)? ?[KMGT]i?B", re.IGNORECASE)
"""An amount of it, as DuckDB takes it."""


ATTEMPTS = 5
"""How often a question is asked whose files are put together with others while they are read."""


@contextmanager
def connected(
    store: Store, experiments: Sequence[str] = (), memory: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that sees the views and nothing else: no other file, no network, no setting to change that.

    What a statement needs is read when it is asked, and verified as it is read.

    Args:
        experiments, memory: as `query` has them.

    Raises:
        DamagedLedger: what was read is not what was written.
        MovedLedger: ask again.
        UserError: the store has no results, or not of these experiments.
    """
    plans = history.current(store, experiments)
    names = [one.plan.experiment for one in plans]
    if twice := [name for place, name in enumerate(names) if name in names[:place]]:
        message = f"two plans of experiment '{twice[0]}' are asked for, and their trials would be counted together"
        raise UserError(Problem(message, hint="ask for one plan of an experiment at a time"))
    snapshot = Ledger(store).snapshot()
    opened = {one.name: one.file for portions in snapshot.portions.values() for one in portions}
    examples = store.list(kept.FOLDER, ".parquet")
    files = SealedFiles(store, examples, opened)
    connection = duckdb.connect()
    refused: list[UserError] = []
    try:
        _prepare(connection, memory)
        connection.register_filesystem(files)
        show_files(connection, snapshot, examples)
        asked = ", ".join(["trial_id", "collapsed", *OUTCOME])
        rows = connection.sql(f"select {asked} from ledger order by trial_id").to_arrow_table().to_pylist()  # noqa: S608
        collapsed = {row["trial_id"]: bool(row["collapsed"]) for row in rows}
        failed = [row["trial_id"] for row in rows if row["status"] == "failed"]
        of_failed = answered(connection, failed) if failed else {}
        of_studies, of_seeds = members(plans, [outcome(row) for row in rows], collapsed, of_failed)
        parts = {
            "members": of_studies,
            "seeds": of_seeds,
            "runs": runs.runs(store),
            "languages": languages(),
            "official": official(),
        }
        for name, table in parts.items():
            show(connection, f"internal.{name}", table)
        connection.execute(SPEAKING)
        register(connection, store, partial(connected, store, experiments, memory), refused)
        for view in VIEWS:
            connection.execute((VIEWS_FOLDER / f"{view}.sql").read_text(encoding="utf-8"))
        connection.execute(f"set allowed_directories = ['{SCHEME}']")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection
        files.check()
    except Exception as error:
        if refused:
            raise refused[0] from error
        try:
            files.check()
        except UserError as told:
            raise told from error
        raise
    finally:
        connection.close()


def _prepare(connection: duckdb.DuckDBPyConnection, memory: str | None) -> None:
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set temp_directory = ''")  # nothing is written, not even what has no room in memory
    if connection.execute("select current_setting('enable_progress_bar')").fetchone() == (True,):
        # It would stand in the midst of the answer. In a notebook without ipywidgets it is off, and nobody may say so.
        connection.execute("set enable_progress_bar = false")
    connection.execute("set preserve_insertion_order = false")
    connection.execute("set enable_external_file_cache = false")
    connection.execute("set prefetch_all_parquet_files = true")  # a few large reads instead of many small ones
    if memory is not None:
        connection.execute("set memory_limit = $memory", {"memory": memory})
    connection.execute("create schema internal")


def steadily(
    store: Store,
    experiments: Sequence[str],
    ask: Callable[[duckdb.DuckDBPyConnection], T],
    memory: str | None = None,
) -> T:
    """An answer over a connection; once more where files were put together with others meanwhile.

    Raises as `connected` does.
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(MovedLedger), connected(store, experiments, memory) as connection:
            return ask(connection)
    with connected(store, experiments, memory) as connection:
        return ask(connection)


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
    _check_store(store)
    try:
        return steadily(store, experiments, partial(_answer, store, sql, parameters, timeout), memory)
    except duckdb.OutOfMemoryException as error:
        hint = "give it more (--memory), or ask for less: fewer columns, or sums instead of lists"
        message = f"the query needs more memory than {memory or 'there is'}"
        raise UserError(Problem(message, hint=hint)) from error


def _answer(
    store: Store,
    sql: str,
    parameters: Mapping[str, object] | None,
    timeout: float | None,
    connection: duckdb.DuckDBPyConnection,
) -> pa.Table:
    if not connection.execute("from ledger select trial_id limit 1").fetchall():
        hint = "has one finished? `sweep doctor STORE` tells of files that are lost"
        raise UserError(Problem(f"no trial of '{store.uri}' is there as a whole", hint=hint))
    try:
        statements = connection.extract_statements(sql)
        if not statements:
            raise UserError(Problem("the SQL is empty", hint='for example "from best", or "show tables"'))
        if len(statements) != 1 or statements[0].type not in READING:
            raise UserError(Problem("give one SELECT (or PIVOT) statement: the ledger is never changed by a query"))
        table = _run(connection, statements[0].query, parameters, timeout)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise refusal(error, sql, _columns(connection), VIEWS) from error
    return table.rename_columns(_unique(table.column_names))


def _check_store(store: Store) -> None:
    """Raises UserError where there is nothing to ask."""
    try:
        there = store.exists(FOLDER)
        ever_run = there or bool(history.experiments(store))
        is_there = ever_run or store.exists("")
    except OSError as error:
        raise UserError(Problem(str(error), hint="is the store reachable?")) from error
    if there:
        return
    if ever_run:
        raise UserError(Problem(f"no trial has finished in '{store.uri}'", hint="`sweep status` says how far it is"))
    message = f"there is no ledger in '{store.uri}'" if is_there else f"there is no store '{store.uri}'"
    raise UserError(
        Problem(message, hint="is this the path after 'store:' in the experiment, and has a trial finished?")
    )


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """By view, the names of its columns."""
    found: dict[str, list[str]] = {}
    for view, column in connection.sql("select table_name, column_name from duckdb_columns()").fetchall():
        found.setdefault(view, []).append(column)
    return found


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


def rows_of(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, object] | None = None
) -> list[dict[str, Any]]:
    """The result of a statement of our own over an open connection: few rows, by the names of their columns."""
    found: list[dict[str, Any]] = connection.sql(sql, params=parameters).to_arrow_table().to_pylist()
    return found


def _unique(names: Sequence[str]) -> list[str]:
    """A name that was there before gets a number, as in data frames."""
    found: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in range(1, len(names) + 1))
        taken = {*found, *names}
        found.append(name if name not in found else next(one for one in numbered if one not in taken))
    return found
