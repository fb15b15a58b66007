"""A trial that ended: what it was and what came out of it, as a row of the ledger."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from sweep.planning.pricing import Measured
from sweep.search import Outcome, Status
from trainables.errors import Problem, UserError
from trainables.reports import Predicted, Score, Trained
from trainables.spec import CODE_VERSION, TrialSpec

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
TRAINED = pa.struct(
    [
        ("task", pa.string()),
        ("language", pa.string()),
        ("steps", pa.int64()),
        ("examples", pa.int64()),
        ("tokens", pa.int64()),
    ]
)
TIME = pa.timestamp("us", tz="UTC")

SCHEMA = pa.schema(
    [
        ("trial_id", pa.string()),
        ("revision", pa.int64()),  # of a trial that was run again the highest counts: clocks go back
        ("phase", pa.string()),
        ("parent", pa.string()),
        ("status", pa.string()),  # finished, failed, pruned
        ("objective", pa.float64()),
        ("curve", pa.list_(pa.float64())),  # the development score after each epoch
        ("collapsed", pa.bool_()),  # whether it ended at chance on the development set
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
        ("features", pa.int64()),  # of an epoch, or scored
        ("tokens", pa.int64()),  # in them, without padding
        ("steps", pa.int64()),  # of the optimizer, over all epochs
        ("trained", pa.list_(TRAINED)),  # by task and language, over all epochs
        ("device", pa.string()),
        ("worker_group", pa.string()),
        ("attempts", pa.int64()),  # how often it was started in the run that ended it
        ("resumed", pa.int64()),  # optimizer steps that an earlier attempt had taken
        ("halvings", pa.int64()),  # of the micro-batch, for want of memory
        ("micro_batch_tokens", pa.int64()),  # its size at the end
        ("error", pa.string()),
        ("suggestion", pa.string()),  # the hash of what its hyper-parameters were suggested from
        ("spec", pa.string()),  # the whole TrialSpec as JSON
        ("scores", pa.list_(SCORE)),
        ("predictions", pa.list_(PREDICTION)),
    ]
)


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
    """A trial that ended. Times are UTC; `error` says why it failed, None if it did not. See SCHEMA."""

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

    @property
    def outcome(self) -> Outcome:
        """What the search needs to know of it."""
        status: Status = "failed" if self.error else "pruned" if self.pruned else "finished"
        objective = self.objective if status == "finished" else None
        return Outcome(self.spec, status, objective, self.curve, self.suggestion)

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
            "objective": self.outcome.objective,
            "seconds": (self.finished_at - self.started_at).total_seconds(),
            "trained": [dataclasses.asdict(one) for one in self.trained],
            "spec": json.dumps(self.spec.to_dict()),
            "scores": [dataclasses.asdict(score) for score in self.scores],
            "predictions": [
                {
                    "target": one.target,
                    "language": one.language,
                    "split": one.split,
                    "example": str(at),
                    "prediction": text,
                }
                for one in self.predictions
                for at, text in enumerate(one.predictions)
            ],
        }


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
