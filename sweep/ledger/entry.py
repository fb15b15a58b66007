"""A trial that ended: what it was and what came out of it, as rows of the ledger's tables."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from sweep.ledger.tables import PREDICTIONS, SCORES, TRIALS
from sweep.planning.pricing import Measured
from sweep.search import Outcome, Status
from trainables.errors import Problem, UserError
from trainables.reports import Predicted, Score, Trained
from trainables.spec import CODE_VERSION, TrialSpec

OUTCOME = ("spec", "status", "objective", "curve", "suggestion")
"""The columns that `outcome` needs."""

MEASURED = ("spec", "seconds", "startup_seconds", "examples_per_second", "features", "tokens", "device")
"""The columns that `measured` needs."""

_ASKED = (
    "phase", "model", "tasks", "languages", "precision", "epochs", "train_examples", "eval_examples", "max_length",
    "recipe", "lora",
)  # fmt: skip
"""What of a spec decides how long its trial takes."""


@dataclass(frozen=True)
class Entry:
    """A trial that ended. Times are UTC; `error` says why it failed, None if it did not. See TRIALS."""

    spec: TrialSpec
    started_at: datetime
    finished_at: datetime
    objective: float | None = None
    curve: tuple[float, ...] = ()
    pruned: bool = False
    collapsed: bool = False
    startup_seconds: float | None = None
    examples_per_second: float | None = None
    features: int | None = None
    tokens: int | None = None
    steps: int | None = None
    trained: tuple[Trained, ...] = ()
    device: str | None = None
    worker_group: str | None = None
    attempts: int = 1
    resumed: int = 0
    halvings: int = 0
    micro_batch_tokens: int | None = None
    error: str | None = None
    suggestion: str | None = None
    scores: tuple[Score, ...] = ()
    predictions: tuple[Predicted, ...] = ()
    losses: tuple[float, ...] = ()
    run: str | None = None
    host: str | None = None
    workers: int = 1
    gpus: float = 0.0
    peak_memory: int | None = None

    @property
    def outcome(self) -> Outcome:
        """What the search needs to know of it."""
        status: Status = "failed" if self.error else "pruned" if self.pruned else "finished"
        objective = self.objective if status == "finished" else None
        return Outcome(self.spec, status, objective, self.curve, self.suggestion)

    @property
    def seconds(self) -> float:
        """How long its last attempt took."""
        return (self.finished_at - self.started_at).total_seconds()

    def tables(self, revision: int) -> dict[str, pa.Table]:
        """The entry's rows in each table of the ledger, the trial's own last."""
        scores = [{**dataclasses.asdict(one), **self._key(revision)} for one in dict.fromkeys(self.scores)]
        predictions = [self._predicted(one, revision) for one in self.predictions]
        found = {
            "predictions": pa.concat_tables([PREDICTIONS.empty_table(), *predictions]),
            "scores": pa.Table.from_pylist(scores, schema=SCORES),
        }
        counts = {"score_rows": found["scores"].num_rows, "prediction_rows": found["predictions"].num_rows}
        return {**found, "trials": pa.Table.from_pylist([{**self._row(revision), **counts}], schema=TRIALS)}

    def _key(self, revision: int) -> dict[str, Any]:
        return {"trial_id": self.spec.trial_id, "revision": revision}

    def _row(self, revision: int) -> dict[str, Any]:
        """The trial's own row, as TRIALS has it."""
        spec = self.spec
        return {
            **{name: getattr(spec, name) for name in TRIALS.names if hasattr(spec, name)},
            **{name: getattr(self, name) for name in TRIALS.names if hasattr(self, name)},
            **self._key(revision),
            "status": self.outcome.status,
            "objective": self.outcome.objective,
            "gpu_hours": self.gpus * self.seconds / 3600,
            "trained": [dataclasses.asdict(one) for one in self.trained],
            "lora": None if spec.lora is None else json.dumps(dataclasses.asdict(spec.lora)),
            "recipe": json.dumps(spec.recipe.to_dict()),
            "spec": json.dumps(spec.to_dict()),
        }

    def _predicted(self, block: Predicted, revision: int) -> pa.Table:
        """A split's predictions as PREDICTIONS has them, column by column: there may be half a million of them."""
        count = len(block.predictions)
        one_value = {
            **self._key(revision),
            **{name: getattr(block, name) for name in ("target", "language", "split", "examples")},
        }
        columns: dict[str, Any] = {
            **{
                name: pa.repeat(pa.scalar(value, PREDICTIONS.field(name).type), count)
                for name, value in one_value.items()
            },
            "position": pa.array(np.arange(count, dtype=np.int32)),
            "prediction": pa.array(block.predictions, pa.string()),
            "confidence": pa.array(block.confidences or [None] * count, pa.float32()),
            "statistics": pa.array(block.statistics or [None] * count, pa.list_(pa.float64())),
        }
        return pa.Table.from_pydict(columns, schema=PREDICTIONS)


def outcome(row: Mapping[str, Any]) -> Outcome:
    """What the search needs to know of a trial, from its row."""
    return Outcome(_spec(row), row["status"], row["objective"], tuple(row["curve"] or ()), row["suggestion"])


def of_earlier_code(outcomes: Iterable[Outcome]) -> int:
    """How many trials are of an earlier version of the training maths: no plan of today asks for them."""
    return sum(one.spec.code < CODE_VERSION for one in outcomes)


def measured(row: Mapping[str, Any]) -> Measured:
    """What a trial took, from its row, for the price of others."""
    spec = _spec(row)
    asked = {name: getattr(spec, name) for name in _ASKED}
    return Measured(**asked, **{name: row[name] for name in MEASURED if name != "spec"})


def _spec(row: Mapping[str, Any]) -> TrialSpec:
    """The spec of a row. Raises UserError where it is one of another version of this package."""
    try:
        return TrialSpec.from_dict(json.loads(row["spec"]))
    except (ValueError, TypeError, AttributeError) as error:
        reason = str(error).removeprefix("TrialSpec.__init__() ")
        hint = "a newer version of this package wrote it, it seems: update this one"
        raise UserError(
            Problem(f"a trial of the ledger has a spec that is not known here: {reason}", hint=hint)
        ) from error
