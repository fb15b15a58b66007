"""Diagnostics in SQL: a function that the view `diagnostics` calls for the targets that a statement asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import PythonUDFType

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

_TYPES = {pa.string(): "VARCHAR", pa.float64(): "DOUBLE", pa.int64(): "BIGINT"}


def register(
    connection: duckdb.DuckDBPyConnection, store: Store, connect: Callable[[], duckdb.DuckDBPyConnection]
) -> None:
    """Adds the function. It is called where rows of the view are asked for, with the targets that are left by then.

    Args:
        connect: opens a connection with predictions, to the same plans. It is another one than that of the statement,
            which a function of its own must not keep alive.
    """

    def diagnosed(experiments: pa.Array, regimes: pa.Array, targets: pa.Array) -> pa.Array:
        from sweep.results.diagnostics.diagnose import diagnose  # scipy, which most statements do without
        from sweep.results.samples import questions

        keys = [*zip(experiments.to_pylist(), regimes.to_pylist(), targets.to_pylist(), strict=True)]
        rows: dict[tuple[str, str, str], list[dict[str, object]]] = {}
        with connect() as own:
            for question in questions(own):
                key = question.experiment, question.regime, question.target
                if key in keys:
                    rows[key] = [dataclasses.asdict(row) for row in diagnose(own, store, question).rows]
        return pa.array([rows.get(key, []) for key in keys], pa.list_(ROW))

    fields = ", ".join(f'"{field.name}" {_TYPES[field.type]}' for field in ROW)
    asked: list[Any] = ["VARCHAR"] * 3
    connection.create_function(FUNCTION, diagnosed, asked, f"STRUCT({fields})[]", type=PythonUDFType.ARROW)
