"""The ledger: what every finished trial was, and what came out of it, as Parquet in the store.

One immutable file per trial, with its scores and predictions nested in its row: a trial is in the ledger as a whole or
not at all. Many such files are put together into parts later. Where a trial stands twice, as in a part and in a file
that was not removed yet, its latest row counts.

A row says what a trial is, and nothing of what it is for: the same trial may be part of several experiments, conditions
and studies. That follows from their plans (`sweep.results.members`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pyarrow as pa

from sweep.ledger.entry import OUTCOME, SCHEMA, Entry, outcome
from sweep.search import Outcome
from trainables import sealed
from trainables.errors import Problem, UserError
from trainables.store import Store

FOLDER = "ledger"
PART = "part-"
"""What the name of a file with many trials begins with."""

PART_TRIALS = 256
"""How many files of one trial are put together into a part."""

READERS = 8
"""Files that are read at the same time: on S3 each takes a while to begin."""


class DamagedLedger(UserError):  # noqa: N818 - what has happened to it
    """Files of the ledger are not what it writes: all of them."""


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
        self.store.write(f"{FOLDER}/{trial_id}.parquet", sealed.write(table))
        self._revisions[trial_id] = revision

    def files(self) -> list[str]:
        """The names of the Parquet files."""
        return self.store.list(FOLDER, ".parquet")

    def outcomes(self) -> Iterator[Outcome]:
        """How every trial ended, in the order of the trial ids. Raises as `read` does."""
        return map(outcome, self.read(OUTCOME).to_pylist())

    def read(self, columns: Iterable[str] | None = None, without: Collection[str] = ()) -> pa.Table:
        """All trials in the order of their ids, or some of their columns.

        Args:
            without: files that are left out, as they are known to be damaged.

        Raises:
            DamagedLedger: files are not what the ledger writes.
            UserError: the store cannot be reached.
        """
        names = SCHEMA.names if columns is None else list(dict.fromkeys(columns))
        read = [*dict.fromkeys(["trial_id", "revision", "finished_at", *names])]
        found = {name: one for name, one in self._contents(read).items() if name not in without}
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
        damaged = self.damaged()
        for name in damaged:
            self.store.set_aside(name)
        return list(damaged.values())

    def damaged(self) -> dict[str, Problem]:
        """The files that cannot be read, and what is wrong with each. Raises UserError where the store is away."""
        return {name: one for name, one in self._contents(["trial_id"]).items() if isinstance(one, Problem)}

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
                    tables.append(sealed.read(content, SCHEMA.names, SCHEMA))
                    contents[name] = content
            if not tables:
                continue
            digest = hashlib.sha256(b"".join(contents.values())).hexdigest()[:16]
            self.store.write(f"{FOLDER}/{PART}{digest}.parquet", sealed.write(pa.concat_tables(tables)))
            for name in contents:
                self.store.delete(name)

    def _contents(self, columns: Sequence[str]) -> dict[str, pa.Table | Problem]:
        """What each file holds, or what is wrong with it."""

        def read(name: str) -> pa.Table | Problem | None:
            try:
                return sealed.read(self.store.read(name), columns, SCHEMA)
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
