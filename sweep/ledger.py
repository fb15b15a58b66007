"""The ledger: what every finished trial was, and what came out of it, as Parquet in the store.

One immutable file per trial, with its scores and predictions nested in its row: a trial is in the ledger as a whole or
not at all.
"""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.search import Outcome
from trainables.errors import Problem, UserError
from trainables.reports import PredictionRow, Score
from trainables.spec import TrialSpec
from trainables.store import Store

FOLDER = "ledger"

SCORE = pa.struct(
    [
        ("target", pa.string()),
        ("training_set", pa.string()),
        ("language", pa.string()),
        ("split", pa.string()),
        ("metric", pa.string()),
        ("main", pa.bool_()),
        ("value", pa.float64()),
        ("chance", pa.float64()),
        ("n", pa.int64()),
    ]
)
PREDICTION = pa.struct(
    [
        ("target", pa.string()),
        ("language", pa.string()),
        ("split", pa.string()),
        ("example", pa.string()),
        ("prediction", pa.string()),
        ("gold", pa.list_(pa.string())),
    ]
)
TIME = pa.timestamp("us", tz="UTC")

SCHEMA = pa.schema(
    [
        ("trial_id", pa.string()),
        ("experiment", pa.string()),
        ("study", pa.string()),
        ("phase", pa.string()),
        ("condition", pa.string()),
        ("training_set", pa.string()),
        ("parent", pa.string()),
        ("status", pa.string()),  # finished, failed
        ("objective", pa.float64()),
        ("learning_rate", pa.float64()),
        ("epochs", pa.int64()),
        ("batch_size", pa.int64()),
        ("warmup", pa.float64()),
        ("weight_decay", pa.float64()),
        ("seed", pa.int64()),
        ("started_at", TIME),
        ("finished_at", TIME),
        ("seconds", pa.float64()),
        ("startup_seconds", pa.float64()),
        ("examples_per_second", pa.float64()),
        ("worker_group", pa.string()),
        ("error", pa.string()),
        ("spec", pa.string()),  # the whole TrialSpec as JSON
        ("scores", pa.list_(SCORE)),
        ("predictions", pa.list_(PREDICTION)),
    ]
)


@dataclass(frozen=True)
class Entry:
    """A finished trial. Times are UTC; `error` says why it failed, None if it did not."""

    spec: TrialSpec
    experiment: str
    study: str
    condition: str
    training_set: str | None
    started_at: datetime
    finished_at: datetime
    objective: float | None = None
    startup_seconds: float | None = None
    examples_per_second: float | None = None
    worker_group: str | None = None
    error: str | None = None
    scores: tuple[Score, ...] = ()
    predictions: tuple[PredictionRow, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """What the search needs to know of it."""
        return Outcome(self.spec, "failed" if self.error else "finished", self.objective)

    def row(self) -> dict[str, Any]:
        """The entry as a row of SCHEMA."""
        return {
            **{name: getattr(self, name) for name in SCHEMA.names if hasattr(self, name)},
            **self.spec.hyperparameters,
            "trial_id": self.spec.trial_id,
            "phase": self.spec.phase,
            "parent": self.spec.parent,
            "seed": self.spec.seed,
            "status": self.outcome.status,
            "seconds": (self.finished_at - self.started_at).total_seconds(),
            "spec": json.dumps(self.spec.to_dict()),
            "scores": [dataclasses.asdict(score) for score in self.scores],
            "predictions": [dataclasses.asdict(prediction) for prediction in self.predictions],
        }


class Ledger:
    """The finished trials of a store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def write(self, entry: Entry) -> None:
        """Adds a finished trial, or replaces it if it failed before."""
        content = io.BytesIO()
        pq.write_table(pa.Table.from_pylist([entry.row()], schema=SCHEMA), content, compression="zstd")
        self.store.write(f"{FOLDER}/{entry.spec.trial_id}.parquet", content.getvalue())

    def files(self) -> list[str]:
        """The names of the Parquet files, of one trial each."""
        return self.store.list(FOLDER, ".parquet")

    def outcomes(self) -> Iterator[Outcome]:
        """How every trial ended, in the order of the trial ids."""
        for row in self.read(["spec", "status", "objective"]).to_pylist():
            yield Outcome(TrialSpec.from_dict(json.loads(row["spec"])), row["status"], row["objective"])

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """All trials, or some of their columns.

        Raises:
            UserError: a file is not what the ledger writes; names every such file.
        """
        tables, problems = [], []
        for name in self.files():
            try:
                content = self.store.read(name)
            except OSError as error:
                problems.append(Problem(str(error), hint="is the store reachable?"))
                continue
            try:
                tables.append(pq.read_table(io.BytesIO(content), columns=columns, schema=SCHEMA))
            except (pa.ArrowException, OSError) as error:
                hint = "remove it; its trial will run again"
                problems.append(
                    Problem(f"is not a ledger file: {str(error).splitlines()[0]}", self.store.path(name), hint=hint)
                )
        if problems:
            raise UserError(problems)
        schema = SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in columns])
        return pa.concat_tables(tables) if tables else schema.empty_table()
