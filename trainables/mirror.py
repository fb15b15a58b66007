"""Folders of files: on this machine, or in a bucket, of which each machine fetches what it needs, once."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from filelock import FileLock
from pyarrow import fs

from trainables.errors import Problem, UserError
from trainables.spec import content_hash
from trainables.store import S3_HINT, beside, cache_folder, is_refusal, open_place

FOLDER = "mirrors"
"""Where the cache folder has them."""

ATTEMPTS, SILENCE = 3, 2.0
"""As a store's, but fewer: that a server does not answer is said within 10 s."""

AT_ONCE = 8
"""Files that are fetched at the same time."""

PIECE = 16 * 2**20
"""Bytes that are asked for at once."""


class Folder(Protocol):
    """Files, by their paths on this machine. `str` says where they come from."""

    def find(self, pattern: str) -> list[Path]:
        """The files whose path in the folder fits a pattern.

        In it `*` stands for any text without a slash, `?` for a character, `[a-z]` for one of these. But a file whose
        name is the pattern itself, such as `train [v2].txt`, is the one that is meant.
        """
        ...

    def size(self, path: Path) -> int:
        """The bytes of a file that was found."""
        ...

    def fetch(self, paths: Iterable[Path]) -> None:
        """Sees to it that files which were found are on this machine as they are in the folder."""
        ...


def open_folder(place: str) -> Folder | None:
    """The folder that a path or URI names; None where a path names none.

    Raises:
        UserError, OSError: as `Mirror` does.
    """
    if is_uri(place):
        return Mirror(place)
    path = Path(place).expanduser()
    return LocalFolder(path) if path.is_dir() else None


def is_uri(place: str) -> bool:
    """Whether files lie elsewhere than in a folder of each machine."""
    return "://" in place


@dataclass(frozen=True)
class LocalFolder:
    """A folder on this machine's disk, or on one that it shares."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def find(self, pattern: str) -> list[Path]:
        named = self.path / pattern
        return [named] if named.is_file() else [path for path in self.path.glob(pattern) if path.is_file()]

    def size(self, path: Path) -> int:
        return path.stat().st_size

    def fetch(self, paths: Iterable[Path]) -> None:
        """They are there."""


class Mirror:
    """The files under a URI (`s3://bucket/prefix`), listed when it is opened, fetched when they are needed.

    A file lies in the cache folder, under its path behind the prefix, with the time of change that it has there. One
    that is still of that size and time is not fetched again. It is whole or absent, and of several processes of a
    machine one fetches it, while the others wait.

    Raises:
        UserError: there is no such bucket or prefix, or it cannot be read with these credentials.
        OSError: the server does not answer.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._filesystem, self._root = open_place(uri, "data", ATTEMPTS, SILENCE)
        try:
            infos = self._filesystem.get_file_info(fs.FileSelector(self._root, recursive=True))
        except FileNotFoundError as error:
            raise self._nothing() from error
        except OSError as error:
            told = Problem(f"data '{uri}' cannot be listed: {error}", hint=S3_HINT)
            raise UserError(told) if is_refusal(error) else OSError(str(told)) from error
        self._key = content_hash([uri, os.environ.get("AWS_ENDPOINT_URL")])  # of another server it is another bucket
        self._folder = cache_folder() / FOLDER / re.sub(r"[^\w.-]+", "-", f"{self._root}-{self._key}").strip("-")
        files = {one.path.removeprefix(f"{self._root}/"): one for one in infos if one.type == fs.FileType.File}
        self._infos = {self._folder / name: one for name, one in files.items() if ".." not in name.split("/")}
        if not self._infos:
            raise self._nothing()

    def __str__(self) -> str:
        return self.uri

    def find(self, pattern: str) -> list[Path]:
        named = self._folder / pattern
        if named in self._infos:
            return [named]
        if not set(pattern) & set("*?["):
            return []
        return [path for path in self._infos if _fits(path.relative_to(self._folder).parts, pattern.split("/"))]

    def size(self, path: Path) -> int:
        return int(self._infos[path].size)

    def fetch(self, paths: Iterable[Path]) -> None:
        """Raises OSError where a file cannot be fetched, or has gone from the bucket."""
        if not (wanted := self._missing(paths)):
            return
        locks = cache_folder() / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / f"mirror-{self._key}.lock"), ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._fetch, self._missing(wanted)))

    def _missing(self, paths: Iterable[Path]) -> Sequence[Path]:
        return [path for path in paths if not _is_current(path, self._infos[path])]

    def _fetch(self, path: Path) -> None:
        name = self._infos[path].path
        try:
            with beside(path) as file:
                with self._filesystem.open_input_file(name) as source:
                    shutil.copyfileobj(source, file, PIECE)
                file.flush()
                now = self._filesystem.get_file_info(name)
                seconds = int(now.mtime_ns or 0) // 10**9
                os.utime(file.fileno(), (seconds, seconds))
                if now.size != os.fstat(file.fileno()).st_size or not _is_same(now, self._infos[path]):
                    raise OSError("it has changed since the bucket was listed")
        except OSError as error:
            text = f"data '{self.uri}', file '{name}': {error.strerror or error}"
            raise (OSError(error.errno, text) if error.errno else OSError(text)) from error

    def _nothing(self) -> UserError:
        hint = "copy the folder that the downloads filled there: aws s3 sync DIR s3://BUCKET/PREFIX"
        return UserError(Problem(f"there is no data under '{self.uri}'", hint=hint))


def _fits(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


def _is_current(path: Path, info: fs.FileInfo) -> bool:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return False
    return stat.st_size == info.size and int(stat.st_mtime) == int(info.mtime_ns or 0) // 10**9


def _is_same(one: fs.FileInfo, other: fs.FileInfo) -> bool:
    """By whole seconds: S3 says no more about a single file."""
    seconds = [int(info.mtime_ns or 0) // 10**9 for info in (one, other)]
    return bool(one.size == other.size and seconds[0] == seconds[1])
