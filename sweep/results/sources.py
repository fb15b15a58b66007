"""The tables that views are made of: the ledger's in files that are read when they are asked for, others in memory."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from sweep.ledger import TABLES, Snapshot
from sweep.results.files import SCHEME, scan
from trainables.data import kept

WITHOUT = pa.schema([("file", pa.string()), ("trial_id", pa.string()), ("revision", pa.int64())])

COUNTED = """
anti join internal.without
    on without.file = file.filename and without.trial_id = file.trial_id and without.revision = file.revision
"""
"""Leaves out of files the trials in them that do not count."""


def show_files(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, examples: Sequence[str]) -> None:
    """The tables of the ledger, and the examples, each in files that are read when they are asked for."""
    without = [
        {"file": f"{SCHEME}{one.name}", "trial_id": trial_id, "revision": revision}
        for portions in snapshot.portions.values()
        for one in portions
        for trial_id, revision in one.without
    ]
    show(connection, "internal.without", pa.Table.from_pylist(without, schema=WITHOUT))
    for name, table in (("ledger", "trials"), ("internal.scored", "scores"), ("internal.predicted", "predictions")):
        portions, columns = snapshot.portions[table], [f"file.{column}" for column in TABLES[table].names]
        whole = [one.name for one in portions if not one.without]
        partly = [one.name for one in portions if one.without]
        scans = [scan(whole, columns)] if whole else []
        scans += [scan(partly, columns, COUNTED)] if partly else []
        _show_scan(connection, name, scans, TABLES[table])
    columns = ["parse_filename(filename, true) as examples", *(f'file."{column}"' for column in kept.SCHEMA.names)]
    schema = pa.schema([("examples", pa.string()), *kept.SCHEMA])
    _show_scan(connection, "internal.examples", [scan(examples, columns)] if examples else [], schema)


def _show_scan(connection: duckdb.DuckDBPyConnection, name: str, scans: Sequence[str], schema: pa.Schema) -> None:
    if not scans:
        nothing = f"internal.no_{name.rpartition('.')[2]}"
        show(connection, nothing, schema.empty_table())
        scans = [f"from {nothing}"]
    connection.execute(f"create view {name} as {' union all '.join(scans)}")


def show(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.register("part", table)
    connection.execute(f"create table {name} as from part")
    connection.unregister("part")


def answered(connection: duckdb.DuckDBPyConnection, failed: Sequence[str]) -> dict[str, frozenset[str]]:
    """By trial that failed, the targets that it has scores of all the same."""
    sql = """
    select trial_id, list(distinct target) as targets
    from internal.scored
    where trial_id in (select unnest($failed))
    group by trial_id
    """
    return {
        trial_id: frozenset(targets) for trial_id, targets in connection.execute(sql, {"failed": failed}).fetchall()
    }
