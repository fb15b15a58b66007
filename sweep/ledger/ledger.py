"""The ledger: what every finished trial was, and what came out of it, as Parquet in the store.

Three tables: trials, scores, predictions. A trial has an immutable file in each, its own row is written last, and says
how many rows the others have: a trial is in the ledger as a whole or not at all. Many such files are put together into
parts later. Every file says which trials it has (`sealed`), so that where a trial stands twice, as in a part and in a
file that was not removed yet, it is read once; and what no trial's row speaks for, or one of another revision, not at
all.

A row says what a trial is, and nothing of what it is for: the same trial may be part of several experiments, conditions
and studies. That follows from their plans (`sweep.results.members`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

import pyarrow as pa

from sweep.ledger.entry import OUTCOME, Entry, outcome
from sweep.ledger.tables import SORTED, TABLES, TRIALS, VERSION
from sweep.search import Outcome
from trainables import sealed
from trainables.errors import Problem, UserError
from trainables.sealed import SealedFile, SealError
from trainables.store import S3_HINT, Store

FOLDER = "ledger"
PART = "part-"
"""What the name of a file with many trials begins with."""

PART_TRIALS = 256
"""How many files of one trial are put together into a part."""

PART_ROWS = 1 << 20
"""Rows of a part at most: it is made in memory, and half a million predictions take 0.1 GB."""

READERS = 8
"""Files that are read at the same time: on S3 each takes a while to begin."""

Key = tuple[str, int]
"""A trial and its revision."""

T = TypeVar("T")


class DamagedLedger(UserError):  # noqa: N818 - what has happened to it
    """Files of the ledger are not what it writes: all of them."""


@dataclass(frozen=True)
class Portion:
    """A file of a table, as far as it counts.

    Attributes:
        without: trials in it that do not: another file has them, or their row is of another revision, or missing.
    """

    name: str
    file: SealedFile
    without: frozenset[Key] = frozenset()

    def table(self, columns: Sequence[str], schema: pa.Schema) -> pa.Table:
        """Its rows that count. Raises as SealedFile does."""
        if not self.without:
            return self.file.table(columns, schema)
        table = self.file.table([*dict.fromkeys([*columns, "trial_id", "revision"])], schema)
        keys = zip(table["trial_id"].to_pylist(), table["revision"].to_pylist(), strict=True)
        return table.filter(pa.array([key not in self.without for key in keys], pa.bool_())).select(columns)


@dataclass(frozen=True)
class Snapshot:
    """What the ledger has at a moment.

    Attributes:
        portions: by table, the files to read.
        spare: by table, files of which nothing counts, as others have it, or a later revision of it.
        orphans: files of which nothing counts, as no trial's row speaks for it.
        revisions: by trial the highest revision that occurs anywhere.
        trials: those that are there as a whole, and their revisions.
        incomplete: those of which rows of scores or predictions are missing.
    """

    portions: Mapping[str, Sequence[Portion]]
    spare: Mapping[str, Sequence[str]]
    orphans: Sequence[str]
    revisions: Mapping[str, int]
    trials: Mapping[str, int]
    incomplete: Sequence[str]


class Ledger:
    """The finished trials of a store. One process writes (`sweep.running.lease`), any number read."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._revisions: dict[str, int] | None = None  # by trial: the highest that was ever written

    def write(self, entry: Entry) -> None:
        """Adds a finished trial, or replaces it if it failed before. Raises as `read` does, and OSError."""
        if self._revisions is None:
            self._revisions = dict(self.snapshot().revisions)
        trial_id = entry.spec.trial_id
        revision = self._revisions.get(trial_id, -1) + 1
        tables = entry.tables(revision)
        counts = [tables[name].num_rows for name in TABLES if name != "trials"]
        for name, table in tables.items():
            if table.num_rows:
                said = counts if name == "trials" else [table.num_rows]
                file = _name(name, f"{trial_id}-{revision}" if revision else trial_id)
                self.store.write(file, written(name, table, [[trial_id, revision, *said]]))
        self._revisions[trial_id] = revision

    def files(self) -> list[str]:
        """The names of the Parquet files, the trials' own first. Raises UserError where they are of another format."""
        if of_before := self.store.list(FOLDER, ".parquet"):
            message = f"is of format 1 of the ledger, and this package knows {VERSION}"
            hint = "read it with the version that wrote it; a new store (store=DIR) starts from nothing"
            raise UserError(Problem(message, self.store.path(of_before[0]), hint=hint))
        return [name for table in TABLES for name in self.store.list(f"{FOLDER}/{table}", ".parquet")]

    def outcomes(self) -> Iterator[Outcome]:
        """How every trial ended, in the order of the trial ids. Raises as `read` does."""
        return map(outcome, self.read(OUTCOME).to_pylist())

    def read(self, columns: Iterable[str] | None = None, without: Collection[str] = ()) -> pa.Table:
        """The rows of TRIALS in the order of their ids, or some of their columns.

        Args:
            without: files that are left out, as they are known to be damaged.

        Raises:
            DamagedLedger: files are not what the ledger writes.
            UserError: the store cannot be reached, or a newer version of this package wrote it.
        """
        names = TRIALS.names if columns is None else list(dict.fromkeys(columns))
        while True:
            try:
                return self.rows(self.snapshot(without), "trials", [*dict.fromkeys(["trial_id", *names])]).select(names)
            except FileNotFoundError:  # it became part of another one meanwhile
                continue

    def rows(self, snapshot: Snapshot, table: str, columns: Sequence[str]) -> pa.Table:
        """Some columns of a table, sorted. Raises as `read` does, and FileNotFoundError: look again."""
        schema = TABLES[table]

        def read(portion: Portion) -> pa.Table | Problem:
            return self._read(portion.name, lambda: portion.table(columns, schema))

        with ThreadPoolExecutor(READERS) as readers:
            found = [*readers.map(read, snapshot.portions[table])]
        if problems := [one for one in found if isinstance(one, Problem)]:
            raise DamagedLedger(problems)
        empty = pa.schema([schema.field(name) for name in columns]).empty_table()
        whole = pa.concat_tables([empty, *(one.replace_schema_metadata() for one in found)])  # type: ignore[union-attr]
        return whole.sort_by([(name, "ascending") for name in SORTED[table] if name in columns])

    def snapshot(self, without: Collection[str] = ()) -> Snapshot:
        """What is there at this moment. Raises as `read` does."""
        while True:
            opened = {name: one for name, one in self._opened().items() if name not in without}
            problems = [one for one in opened.values() if isinstance(one, Problem)]
            if problems:
                raise DamagedLedger(problems)
            found = _resolved({name: one for name, one in opened.items() if isinstance(one, SealedFile)})
            if not found.incomplete or opened.keys() == {*self._named(self.files)} - {*without}:
                return found  # else it was written while we looked

    def set_aside(self) -> list[Problem]:
        """Moves files that cannot be read out of the ledger, so that their trials run again; says which."""
        damaged = self.damaged()
        for name in damaged:
            self.store.set_aside(name)
        self._revisions = None
        return list(damaged.values())

    def damaged(self) -> dict[str, Problem]:
        """The files that are not what was written, and what is wrong with each: all of every file is read.

        Raises:
            UserError: the store is away, or a newer version of this package wrote it.
        """

        def check(name: str, file: SealedFile) -> Problem | None:
            return self._read(name, file.check)

        opened = self._opened()
        with ThreadPoolExecutor(READERS) as readers:
            whole = {name: one for name, one in opened.items() if isinstance(one, SealedFile)}
            checked = dict(zip(whole, readers.map(check, whole, whole.values()), strict=True))
        return {name: one for name, one in {**opened, **checked}.items() if isinstance(one, Problem)}

    def compact(self, at_least: int = PART_TRIALS) -> None:
        """Puts files of one trial together into parts, if there are so many. Whoever reads meanwhile misses nothing.

        Damaged ones stay until they are set aside. Raises UserError where the store is away.
        """
        snapshot = _resolved({name: one for name, one in self._opened().items() if isinstance(one, SealedFile)})
        for table in TABLES:
            for name in snapshot.spare[table]:
                self.store.delete(name)
            single = [one for one in snapshot.portions[table] if not PurePosixPath(one.name).name.startswith(PART)]
            if len(single) >= at_least:
                for portions in _parted(table, single):
                    self._put_together(table, portions)

    def _put_together(self, table: str, portions: Sequence[Portion]) -> None:
        """Writes a part, looks whether it is what was written, and only then removes what it was made of."""
        schema = TABLES[table]
        with ThreadPoolExecutor(READERS) as readers:
            tables = readers.map(
                lambda one: self._read(one.name, lambda: one.file.table(schema.names, schema)), portions
            )
            read = dict(zip(portions, tables, strict=True))
        whole = {one: rows for one, rows in read.items() if isinstance(rows, pa.Table)}
        if not whole:
            return
        rows = pa.concat_tables(whole.values())
        said = [entry for one in whole for entry in one.file.about["trials"]]
        digest = hashlib.sha256(repr(said).encode()).hexdigest()[:16]
        name = _name(table, f"{PART}{digest}")
        self.store.write(name, written(table, rows.sort_by([(one, "ascending") for one in SORTED[table]]), said))
        SealedFile(self.store, name).check()
        with ThreadPoolExecutor(READERS) as readers:
            for _ in readers.map(self.store.delete, [one.name for one in whole]):
                pass

    def _opened(self) -> dict[str, SealedFile | Problem]:
        """Every file, or what is wrong with it, in the order of `files`."""

        def look(name: str) -> SealedFile | Problem | None:
            try:
                return self._read(name, lambda: self._open(name))
            except FileNotFoundError:
                return None  # as above

        with ThreadPoolExecutor(READERS) as readers:
            while True:
                names = self._named(self.files)
                found = dict(zip(names, readers.map(look, names), strict=True))
                if None not in found.values():
                    break
        opened = {name: one for name, one in found.items() if one is not None}
        versions = {name: int(one.about["version"]) for name, one in opened.items() if isinstance(one, SealedFile)}
        newer = [name for name, version in versions.items() if version > VERSION]
        if newer:
            message = f"is of format {versions[newer[0]]} of the ledger, and this package knows {VERSION}"
            raise UserError(Problem(message, self.store.path(newer[0]), hint="update this package"))
        return opened

    def _open(self, name: str) -> SealedFile:
        """A file of a table, which says so. Raises as SealedFile does."""
        file = SealedFile(self.store, name)
        if file.about.get("table") != PurePosixPath(name).parent.name:
            raise SealError("it is something else")
        return file

    def _read(self, name: str, read: Callable[[], T]) -> T | Problem:
        """What is read of a file, or what is wrong with it. Raises FileNotFoundError, and UserError without a store."""
        try:
            return read()
        except FileNotFoundError:
            raise
        except (SealError, pa.ArrowException) as error:
            hint = "`sweep run` sets it aside and runs its trials again"
            reason = str(error).splitlines()[0]
            return Problem(f"is not a ledger file: {reason}", self.store.path(name), hint=hint)
        except OSError as error:
            if not self._named(lambda: self.store.exists(name)):
                raise FileNotFoundError(str(error)) from error
            raise self._away(error) from error

    def _named(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except OSError as error:
            raise self._away(error) from error

    def _away(self, error: OSError) -> UserError:
        return UserError(Problem(str(error), hint="is the store reachable?" if self.store.is_local else S3_HINT))


def _parted(table: str, single: Sequence[Portion]) -> Iterator[list[Portion]]:
    """Which files become a part; a file that is as large as one stays."""
    part: list[Portion] = []
    size = 0
    for one in single:
        rows = 1 if table == "trials" else sum(entry[2] for entry in one.file.about["trials"])
        if part and (len(part) == PART_TRIALS or size + rows > PART_ROWS):
            yield part
            part, size = [], 0
        if rows <= PART_ROWS // 2:
            part.append(one)
            size += rows
    if part:
        yield part


def _name(table: str, file: str) -> str:
    return f"{FOLDER}/{table}/{file}.parquet"


def written(table: str, rows: pa.Table, trials: Sequence[Sequence[str | int]]) -> bytes:
    """A file, which says of every trial in it the revision and how many rows of it there are.

    The trials' own say how many the others have of it.
    """
    return sealed.write(rows, {"version": VERSION, "table": table, "trials": trials})


def _resolved(files: Mapping[str, SealedFile]) -> Snapshot:
    """Which files and trials count."""
    said: dict[str, dict[str, dict[Key, list[int]]]] = {table: {} for table in TABLES}
    for name, file in files.items():
        said[PurePosixPath(name).parent.name][name] = {(one[0], one[1]): one[2:] for one in file.about["trials"]}
    rows = {table: {key: count for keys in said[table].values() for key, count in keys.items()} for table in TABLES}
    revisions: dict[str, int] = {}
    for trial_id, revision in (key for keys in rows.values() for key in keys):
        revisions[trial_id] = max(revision, revisions.get(trial_id, 0))
    latest: dict[str, int] = {}
    for trial_id, revision in rows["trials"]:
        latest[trial_id] = max(revision, latest.get(trial_id, 0))
    others = [rows[table] for table in TABLES if table != "trials"]
    trials = {
        trial_id: revision
        for trial_id, revision in latest.items()
        if rows["trials"][trial_id, revision] == [one.get((trial_id, revision), [0])[0] for one in others]
    }
    portions: dict[str, list[Portion]] = {table: [] for table in TABLES}
    spare: dict[str, list[str]] = {table: [] for table in TABLES}
    orphans: list[str] = []
    counting = set(trials.items())
    for table, by_name in said.items():
        seen: set[Key] = set()
        for name, keys in sorted(by_name.items(), key=lambda item: (-len(item[1]), item[0])):
            own = counting.intersection(keys) - seen
            if own:
                portions[table].append(Portion(name, files[name], frozenset(keys.keys() - own)))
            elif all(key in seen or key[1] < trials.get(key[0], 0) for key in keys):
                spare[table].append(name)
            elif rows["trials"].keys().isdisjoint(keys):
                orphans.append(name)
            seen.update(keys)
    return Snapshot(portions, spare, orphans, revisions, trials, [one for one in latest if one not in trials])
