"""The ledger: what every finished trial was, and what came out of it, as Parquet in the store.

One immutable file per trial, with its scores and predictions nested in its row: a trial is in the ledger as a whole or
not at all. Many such files are put together into parts later. Where a trial stands twice, as in a part and in a file
that was not removed yet, its latest row counts.

A row says what a trial is, and nothing of what it is for: the same trial may be part of several experiments, conditions
and studies. That follows from their plans (`sweep.results.members`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.planning.pricing import Measured
from sweep.search import Outcome, Status
from trainables.errors import Problem, UserError
from trainables.reports import PredictionRow, Score
from trainables.spec import CODE_VERSION, TrialSpec
from trainables.store import Store

FOLDER = "ledger"
PART = "part-"
"""What the name of a file with many trials begins with."""

PART_TRIALS = 256
"""How many files of one trial are put together into a part."""

SEAL = b"SHA-256:"
"""What stands before a file's checksum."""

READERS = 8
"""Files that are read at the same time: on S3 each takes a while to begin."""

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
        ("device", pa.string()),
        ("worker_group", pa.string()),
        ("attempts", pa.int64()),  # how often it was started in the run that ended it
        ("resumed", pa.int64()),  # optimizer steps that an earlier attempt had taken
        ("halvings", pa.int64()),  # of the micro-batch, for want of memory
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
)  # fmt: skip
"""What of a spec decides how long its trial takes."""


class DamagedLedger(UserError):  # noqa: N818 - what has happened to it
    """Files of the ledger are not what it writes: all of them."""


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
    device: str | None = None
    worker_group: str | None = None
    attempts: int = 1
    resumed: int = 0
    halvings: int = 0
    error: str | None = None
    suggestion: str | None = None
    scores: tuple[Score, ...] = ()
    predictions: tuple[PredictionRow, ...] = ()

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
            "spec": json.dumps(self.spec.to_dict()),
            "scores": [dataclasses.asdict(score) for score in self.scores],
            "predictions": [dataclasses.asdict(prediction) for prediction in self.predictions],
        }


class Ledger:
    """The finished trials of a store. One process writes (`sweep.running.lease`), any number read."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._revisions: dict[str, int] | None = None  # by trial: of the row that counts

    def write(self, entry: Entry) -> None:
        """Adds a finished trial, or replaces it if it failed before. Raises as `read` does, and OSError."""
        if self._revisions is None:
            self.read([])
        assert self._revisions is not None  # `read` sets it
        trial_id = entry.spec.trial_id
        revision = self._revisions.get(trial_id, -1) + 1
        table = pa.Table.from_pylist([{**entry.row(), "revision": revision}], schema=SCHEMA)
        self.store.write(f"{FOLDER}/{trial_id}.parquet", _parquet(table))
        self._revisions[trial_id] = revision

    def files(self) -> list[str]:
        """The names of the Parquet files."""
        return self.store.list(FOLDER, ".parquet")

    def outcomes(self) -> Iterator[Outcome]:
        """How every trial ended, in the order of the trial ids. Raises as `read` does."""
        return map(outcome, self.read(OUTCOME).to_pylist())

    def read(self, columns: Iterable[str] | None = None) -> pa.Table:
        """All trials in the order of their ids, or some of their columns.

        Raises:
            DamagedLedger: files are not what the ledger writes.
            UserError: the store cannot be reached.
        """
        names = SCHEMA.names if columns is None else list(dict.fromkeys(columns))
        read = [*dict.fromkeys(["trial_id", "revision", "finished_at", *names])]
        found = self._contents(read)
        problems = [one for one in found.values() if isinstance(one, Problem)]
        if problems:
            raise DamagedLedger(problems)
        empty = pa.schema([SCHEMA.field(name) for name in read]).empty_table()
        table = pa.concat_tables([empty, *(one for one in found.values() if isinstance(one, pa.Table))])
        latest: dict[str, int] = {}
        # Rows of before have no revision; among these, which clocks alone can tell apart, the later one counts.
        revisions = [revision or 0 for revision in table["revision"].to_pylist()]
        order = [*zip(revisions, table["finished_at"].to_pylist(), strict=True)]
        for place, trial_id in enumerate(table["trial_id"].to_pylist()):
            if trial_id not in latest or order[latest[trial_id]] <= order[place]:
                latest[trial_id] = place
        self._revisions = {trial_id: revisions[place] for trial_id, place in latest.items()}
        places = pa.array([latest[trial_id] for trial_id in sorted(latest)], pa.int64())
        return table.take(places).select(names)

    def set_aside(self) -> list[Problem]:
        """Moves files that cannot be read out of the ledger, so that their trials run again; says which."""
        damaged = {name: one for name, one in self._contents(["trial_id"]).items() if isinstance(one, Problem)}
        for name in damaged:
            self.store.set_aside(name)
        return list(damaged.values())

    def compact(self, at_least: int = PART_TRIALS) -> None:
        """Puts files of one trial together into parts, if there are so many. Whoever reads meanwhile misses nothing."""
        single = [name for name in self.files() if not name.startswith(f"{FOLDER}/{PART}")]
        if len(single) < at_least:
            return
        for start in range(0, len(single), PART_TRIALS):
            contents: dict[str, bytes] = {}
            tables = []
            for name in single[start : start + PART_TRIALS]:
                content = self.store.read(name)
                with suppress(pa.ArrowException):  # a damaged one stays until it is set aside
                    tables.append(_table(content, SCHEMA.names))
                    contents[name] = content
            if not tables:
                continue
            digest = hashlib.sha256(b"".join(contents.values())).hexdigest()[:16]
            self.store.write(f"{FOLDER}/{PART}{digest}.parquet", _parquet(pa.concat_tables(tables)))
            for name in contents:
                self.store.delete(name)

    def _contents(self, columns: Sequence[str]) -> dict[str, pa.Table | Problem]:
        """What each file holds, or what is wrong with it."""

        def read(name: str) -> pa.Table | Problem | None:
            try:
                return _table(self.store.read(name), columns)
            except FileNotFoundError:
                return None  # it became part of another one meanwhile
            except OSError as error:
                raise UserError(Problem(str(error), hint="is the store reachable?")) from error
            except pa.ArrowException as error:
                hint = "`sweep run` sets it aside and runs its trials again"
                reason = str(error).splitlines()[0]
                return Problem(f"is not a ledger file: {reason}", self.store.path(name), hint=hint)

        with ThreadPoolExecutor(READERS) as readers:
            while True:
                names = self.files()
                found = dict(zip(names, readers.map(read, names), strict=True))
                if None not in found.values():
                    return {name: one for name, one in found.items() if one is not None}


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
    return TrialSpec.from_dict(json.loads(row["spec"]))


def _table(content: bytes, columns: Sequence[str]) -> pa.Table:
    """Columns that a file of an earlier version does not have are null. Raises ArrowException where it is damaged."""
    footer = _footer(content)
    seal, sealed = content[footer - len(SEAL) - 32 : footer], content[: footer - len(SEAL) - 32] + content[footer:]
    if seal != SEAL + hashlib.sha256(sealed).digest():
        raise pa.ArrowInvalid("its checksum is another")
    return pq.read_table(io.BytesIO(sealed), columns=[*columns], schema=SCHEMA)


def _parquet(table: pa.Table) -> bytes:
    """A Parquet file with a checksum before its footer, where readers do not look.

    Parquet's own are of pages alone: a bit of a header or of the footer can make one number of another.
    """
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd")
    content = stream.getvalue()
    footer = _footer(content)
    return content[:footer] + SEAL + hashlib.sha256(content).digest() + content[footer:]


def _footer(content: bytes) -> int:
    """Where a Parquet file's footer begins: its length stands before the last four bytes."""
    return len(content) - 8 - int.from_bytes(content[-8:-4], "little")
