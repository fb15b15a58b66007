"""A store's sealed files as DuckDB reads them: those that a statement needs, and of these the columns and rows that it
needs, each block verified before DuckDB sees it.

What is wrong with a file is kept here as well as raised: whatever DuckDB makes of an error, nobody gets an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from threading import Lock, local
from typing import Any, TypeVar

from fsspec.spec import AbstractFileSystem

from sweep.ledger import DamagedLedger
from trainables.errors import Problem, UserError
from trainables.sealed import SealedFile, SealError
from trainables.store import Store

SCHEME = "sealed://"

EVER = datetime(2000, 1, 1, tzinfo=UTC)
"""When a file was changed: they never are."""


T = TypeVar("T")


class MovedLedger(UserError):  # noqa: N818 - what has happened to it
    """Files became part of others while they were read."""


class SealedFiles(AbstractFileSystem):  # type: ignore[misc]
    """Some files of a store, read-only, and no others.

    Args:
        names: the files; those that are not `opened` yet are when they are asked for.

    Attributes:
        opened: those that were read, by name.
        problems: what is wrong with them, by name.
        gone: those that are not there any more.
        away: how the store could not be read, if it could not.
    """

    protocol = "sealed"
    cachable = False

    def __init__(self, store: Store, names: Iterable[str], opened: Mapping[str, SealedFile]) -> None:
        super().__init__()
        self.store, self.names, self.opened = store, frozenset(names).union(opened), dict(opened)
        self.problems: dict[str, Problem] = {}
        self.gone: set[str] = set()
        self.away: OSError | None = None
        self._opening = Lock()

    def open(self, path: str, mode: str = "rb", **_: Any) -> _Watched:
        """A file for DuckDB."""
        return _Watched(self, path.removeprefix(SCHEME))

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """What DuckDB asks of a file before it opens it."""
        name = path.removeprefix(SCHEME)
        return {"name": name, "size": self.file(name).size, "type": "file"}

    def exists(self, path: str, **_: Any) -> bool:
        return path.removeprefix(SCHEME) in self.names

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path]

    def modified(self, path: str) -> datetime:
        return EVER

    def file(self, name: str) -> SealedFile:
        """A file, opened once. Raises as SealedFile does."""
        if name not in self.names:
            raise FileNotFoundError(f"{SCHEME}{name}")
        with self._opening:
            if name not in self.opened:
                self.opened[name] = self.watched(name, lambda: SealedFile(self.store, name))
            return self.opened[name]

    def watched(self, name: str, read: Callable[[], T]) -> T:
        """What is read of a file; what goes wrong is kept."""
        try:
            return read()
        except SealError as error:
            hint = "`sweep doctor STORE --mend` sets it aside; `sweep run` makes it again"
            self.problems[name] = Problem(f"is not what was written: {error}", self.store.path(name), hint=hint)
            raise
        except OSError as error:
            try:
                there = self.store.exists(name)
            except OSError:
                there = True
            if there:
                self.away = error
            else:
                self.gone.add(name)
            raise

    def check(self) -> None:
        """Raises DamagedLedger, MovedLedger or UserError where something was wrong with what was read."""
        if self.problems:
            raise DamagedLedger(self.problems.values())
        if self.gone:
            names = ", ".join(sorted(self.gone))
            raise MovedLedger(Problem(f"became part of another file while it was read: {names}", hint="ask again"))
        if self.away is not None:
            raise UserError(Problem(str(self.away), hint="is the store reachable?")) from self.away


class _Watched:
    """What DuckDB reads a file through.

    Its threads share it, and read from a place by two calls, `seek` and `read`, between which another one may do the
    same: so each thread has a place of its own.
    """

    def __init__(self, files: SealedFiles, name: str) -> None:
        self._files, self._name, self._file = files, name, files.file(name)
        self._own = local()

    def seek(self, offset: int) -> int:
        self._own.place = offset
        return offset

    def tell(self) -> int:
        place: int = self._own.place  # no thread reads that has not said where
        return place

    def read(self, size: int) -> bytes:
        place = self.tell()
        content = self._files.watched(self._name, lambda: self._file.read_at(place, size))
        self._own.place = place + len(content)
        return content

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        """The file stays open for others."""


def scan(files: Sequence[str], columns: Sequence[str], also: str = "") -> str:
    """SQL that reads some columns of files."""
    names = ", ".join(_quoted(f"{SCHEME}{name}") for name in files)
    return f"select {', '.join(columns)} from read_parquet([{names}], filename = true) as file {also}"  # noqa: S608 - quoted


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
