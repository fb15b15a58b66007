"""Diagnostics in SQL: a function that the view `diagnostics` calls for the targets that a statement asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import PythonUDFType

from trainables.errors import UserError
from trainables.store import Store

FUNCTION = "diagnosed"

ROW = pa.struct(
    [
        ("condition", pa.string()),
        ("language", pa.string()),
        ("split", pa.string()),
        ("metric", pa.string()),
        ("attribute", pa.string()),
        ("bucket", pa.string()),
        ("lower", pa.float64()),
        ("upper", pa.float64()),
        ("score", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("n", pa.int64()),
        ("groups", pa.int64()),
        ("languages", pa.int64()),
        ("seeds", pa.int64()),
        ("baseline", pa.string()),
        ("baseline_score", pa.float64()),
        ("difference", pa.float64()),
        ("difference_low", pa.float64()),
        ("difference_high", pa.float64()),
        ("p", pa.float64()),
        ("p_adjusted", pa.float64()),
        ("claim", pa.string()),
        ("note", pa.string()),
    ]
)
"""What the function says of a bucket: `sweep.results.diagnostics.scores.BucketScore` less what it was asked for."""

Key = tuple[str, str, str]
"""Experiment, regime and target."""

_TYPES = {pa.string(): "VARCHAR", pa.float64(): "DOUBLE", pa.int64(): "BIGINT"}


def register(
    connection: duckdb.DuckDBPyConnection,
    store: Store,
    connect: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]],
    refused: list[UserError],
) -> None:
    """Adds the function. It is called where rows of the view are asked for, with the targets that are left by then.

    Args:
        connect: opens a connection to the same plans: another one than that of the statement, which a function of its
            own must not keep alive.
        refused: what the function raises is there as well: DuckDB makes a text of it.
    """

    def diagnosed(experiments: pa.Array, regimes: pa.Array, targets: pa.Array) -> pa.Array:
        keys = [*zip(experiments.to_pylist(), regimes.to_pylist(), targets.to_pylist(), strict=True)]
        try:
            rows = _rows(store, connect, {*keys})
        except UserError as error:
            refused.append(error)
            raise
        return pa.array([rows.get(key, []) for key in keys], pa.list_(ROW))

    fields = ", ".join(f'"{field.name}" {_TYPES[field.type]}' for field in ROW)
    asked: list[Any] = ["VARCHAR"] * 3
    connection.create_function(FUNCTION, diagnosed, asked, f"STRUCT({fields})[]", type=PythonUDFType.ARROW)


def _rows(
    store: Store, connect: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]], keys: Collection[Key]
) -> dict[Key, list[dict[str, Any]]]:
    from sweep.results.comparison.questions import questions
    from sweep.results.diagnostics.diagnose import diagnose  # scipy, which most statements do without

    found = {}
    with connect() as own:
        for question in questions(own):
            key = question.experiment, question.regime, question.target
            if key in keys:
                found[key] = [dataclasses.asdict(row) for row in diagnose(own, store, question).rows]
    return found
