"""The folder or bucket that holds everything that lasts."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pyarrow import fs

from trainables.errors import Problem, UserError

ATTEMPTS = 4
"""How often a request to S3 is made, with growing pauses, before it has failed."""

SILENCE = 5.0
"""Seconds without a byte after which an attempt has failed."""

IN_URI = ("endpoint_override", "region", "scheme")
"""What may stand behind the `?` of an S3 URI."""

S3_HINT = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws; and AWS_ENDPOINT_URL for other servers than AWS"


def checkpoint_name(trial_id: str) -> str:
    """Where a trial's weights lie in a store."""
    return f"checkpoints/{trial_id}.safetensors"


def cache_folder() -> Path:
    """Where this machine keeps what can be made again: imported models (`SWEEP_CACHE`, else `~/.cache/sweep`)."""
    return Path(os.environ.get("SWEEP_CACHE", "~/.cache/sweep")).expanduser()


def _open(uri: str) -> tuple[fs.FileSystem, str]:
    """The file system of a path or URI, and the root on it."""
    if "://" not in uri:
        return fs.LocalFileSystem(), str(Path(uri).expanduser().absolute())
    filesystem, root = fs.FileSystem.from_uri(uri)
    if isinstance(filesystem, fs.S3FileSystem):  # left to itself it asks 31 times, as fast at the end as at the start
        options = {name: values[-1] for name, values in parse_qs(urlsplit(uri).query).items()}
        if not root:
            raise ValueError("it names no bucket")
        if unknown := sorted(options.keys() - set(IN_URI)):
            raise ValueError(f"{', '.join(unknown)}: only {', '.join(IN_URI)} can stand in it")
        filesystem = fs.S3FileSystem(
            **{"region": filesystem.region, "endpoint_override": os.environ.get("AWS_ENDPOINT_URL"), **options},
            request_timeout=SILENCE,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
            allow_delayed_open=True,  # a small file is one request, not three
        )
    return filesystem, root


class Store:
    """Whole files under a root, on a local disk or in an object store.

    A file is written beside its place and renamed (on S3 the put itself is atomic): readers see all of it or nothing.

    Args:
        uri: a path, or a URI that pyarrow understands (`s3://bucket/prefix`). It is shown and sent to workers, so it
            holds no credentials: those come from each machine's environment.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        if uri.startswith("s3:") and set(urlsplit(uri).netloc) & set("@:"):
            raise UserError(Problem("a store's URI must not hold credentials", hint=S3_HINT))
        try:
            self.filesystem, self.root = _open(uri)
        except (OSError, ValueError) as error:
            raise UserError(Problem(f"store '{uri}' cannot be opened: {error}")) from error
        self.is_local = isinstance(self.filesystem, fs.LocalFileSystem)

    def __reduce__(self) -> tuple[type[Store], tuple[str]]:
        return Store, (self.uri,)  # workers open the store themselves: file-system clients do not travel

    def path(self, name: str) -> str:
        """The full path of a file on the store's file system."""
        return f"{self.root}/{name}"

    def exists(self, name: str) -> bool:
        """Whether there is a file or folder of that name."""
        with self._named(name):
            return bool(self.filesystem.get_file_info(self.path(name)).type != fs.FileType.NotFound)

    def list(self, folder: str, suffix: str = "") -> list[str]:
        """The names (relative to the root) of the finished files right under a folder, sorted."""
        with self._named(folder):
            infos = self.filesystem.get_file_info(fs.FileSelector(self.path(folder), allow_not_found=True))
        names = (info.base_name for info in infos if info.type == fs.FileType.File and info.base_name.endswith(suffix))
        return sorted(f"{folder}/{name}" for name in names if not name.startswith("."))

    def read(self, name: str) -> bytes:
        """A file's content. Raises FileNotFoundError where there is none."""
        with self._named(name):
            while True:
                with self.filesystem.open_input_file(self.path(name)) as file:  # a stream would ask for every 256 KB
                    tag, content = self._tag(file), file.read()
                if self.is_local:
                    return content
                with self.filesystem.open_input_file(self.path(name)) as file:
                    if self._tag(file) == tag:  # else the content may be the new one, cut to the old one's size
                        return content

    def write(self, name: str, content: bytes) -> None:
        """Puts a whole file in place, atomically."""
        folder, _, base = self.path(name).rpartition("/")
        target = f"{folder}/.{base}.{uuid.uuid4().hex}" if self.is_local else f"{folder}/{base}"
        with self._named(name):
            if self.is_local:
                self.filesystem.create_dir(folder)
            with self.filesystem.open_output_stream(target) as stream:
                stream.write(content)
            if self.is_local:
                self.filesystem.move(target, f"{folder}/{base}")

    def check_writable(self) -> None:
        """Raises UserError where nothing can be written, before hours of work find out."""
        try:
            self.write("probe", b"")
            self.delete("probe")
        except OSError as error:
            hint = "set store=DIR" if self.is_local else S3_HINT
            raise UserError(Problem(f"the store cannot be written: {error}", hint=hint)) from error

    def delete(self, name: str) -> None:
        """Removes a file; one that is not there is fine."""
        with self._named(name), suppress(FileNotFoundError):
            self.filesystem.delete_file(self.path(name))

    @staticmethod
    def _tag(file: fs.NativeFile) -> bytes | None:
        return file.metadata().get("ETag")

    @contextmanager
    def _named(self, name: str) -> Iterator[None]:
        """Errors of the file system say which store and which file they are about."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise OSError(f"store '{self.uri}', file '{name}': {error}") from error
