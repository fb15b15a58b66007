"""The folder or bucket that holds everything that lasts."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
from pyarrow import fs

from trainables.errors import Problem, UserError

ATTEMPTS = 4
"""How often a request to S3 is made, with growing pauses, before it has failed."""

SILENCE = 5.0
"""Seconds without a byte after which an attempt has failed."""

IN_URI = ("endpoint_override", "region", "scheme")
"""What may stand behind the `?` of an S3 URI."""

LONGEST_NAME = 255
"""Bytes of the name of a file, on all usual disks."""

SCHEMES = ("s3", "file")
"""What may stand before the `://`."""

LEFTOVER = re.compile(r"\..+\.[0-9a-f]{32}")
"""The name of a file that is being written on a local disk: `.{name}.{32 hex digits}`."""

PROBE = "probe"
"""A file that is there for a moment, to see whether one can be written."""

PROBES = "probes"
"""A folder for such files, of many machines at once."""

S3_HINT = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws; and AWS_ENDPOINT_URL for other servers than AWS"


REFUSAL = re.compile(
    r"AWS Error (NO_SUCH_BUCKET|ACCESS_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|UNRECOGNIZED_CLIENT)"
    r"|Bucket '[^']*' not found|HTTP status (301|400|401|403|404)\b"
)
"""How pyarrow's errors say that there is no such bucket, or that these keys do not open it."""


DAMAGED = "damaged"
"""The folder for files that are not what they should be."""


def checkpoint_name(trial_id: str) -> str:
    """Where a trial's weights lie in a store."""
    return f"checkpoints/{trial_id}.safetensors"


def state_name(trial_id: str) -> str:
    """Where the state of a trial lies in a store while it is not finished."""
    return f"states/{trial_id}.safetensors"


def trials_in(store: Store, pattern: str) -> set[str]:
    """The trials that have a file in the folder of such names: `checkpoint_name("")`, `state_name("")`."""
    folder, _, suffix = pattern.rpartition("/")
    return {name.removeprefix(f"{folder}/").removesuffix(suffix) for name in store.list(folder, suffix)}


def cache_folder() -> Path:
    """Where this machine keeps what can be made again: imported models (`SWEEP_CACHE`, else `~/.cache/sweep`)."""
    return Path(os.environ.get("SWEEP_CACHE", "~/.cache/sweep")).expanduser()


def holds(test: Callable[[], bool]) -> bool:
    """Asks the disk about a name that somebody typed, such as `path.is_file`: no, of one that no disk takes."""
    try:
        return test()
    except OSError:
        return False


def expanded(place: str) -> Path:
    """A path whose `~` is spelt out; that of a user whom nobody knows stays, where pathlib would raise RuntimeError."""
    return Path(os.path.expanduser(place))  # noqa: PTH111


def wrong_place(place: str) -> tuple[str, str] | None:
    """What is wrong with a path or URI by its form alone, and what to do; None: nothing."""
    scheme, separator, rest = place.partition("://")
    if str(expanded(place)).startswith("~"):
        return "nobody here has that home", "a folder, or s3://BUCKET/PREFIX"
    if not place.strip() or "\0" in place:
        return "it has no name", "a folder, or s3://BUCKET/PREFIX"
    if max(len(os.fsencode(part)) for part in place.split("/")) > LONGEST_NAME:
        return "a name in it is too long", f"at most {LONGEST_NAME} bytes between two slashes"
    if separator and scheme not in SCHEMES:
        hint = "a folder, or s3://BUCKET/PREFIX; other stores can be mounted, or speak S3 (AWS_ENDPOINT_URL)"
        return f"nothing at {scheme}:// is read", hint
    if separator and "//" in rest.partition("?")[0]:
        return "a folder in it has no name", "write one slash between two names"
    return None


def open_place(
    uri: str, noun: str = "store", attempts: int = ATTEMPTS, silence: float | None = None
) -> tuple[fs.FileSystem, str]:
    """The file system of a path or URI, and the root on it.

    Args:
        noun: what is said to be opened.
        attempts, silence: instead of ATTEMPTS and SILENCE.

    Raises:
        UserError: it holds credentials, is no such URI (`wrong_place`), or names a bucket that is not there.
        OSError: the bucket's server does not answer.
    """
    if (wrong := wrong_place(uri)) is not None:
        raise UserError(Problem(f"{noun} '{uri.partition('?')[0]}' cannot be opened: {wrong[0]}", hint=wrong[1]))
    if uri.startswith("s3:") and set(urlsplit(uri).netloc) & set("@:"):
        raise UserError(Problem(f"a {noun}'s URI must not hold credentials", hint=S3_HINT))
    try:
        return _open(uri, attempts, silence or SILENCE)
    except (OSError, ValueError) as error:
        is_mistake = isinstance(error, ValueError) or is_refusal(error)
        hint = S3_HINT if uri.startswith("s3:") and isinstance(error, OSError) else None
        told = Problem(f"{noun} '{uri.partition('?')[0]}' cannot be opened: {error}", hint=hint)
        raise UserError(told) if is_mistake else OSError(str(told)) from error


def is_refusal(error: OSError) -> bool:
    """Whether a server of S3 understood what it was asked for, and said no: another attempt gets the same answer."""
    return REFUSAL.search(str(error)) is not None


def _open(uri: str, attempts: int, silence: float) -> tuple[fs.FileSystem, str]:
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
            request_timeout=silence,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=attempts),
            allow_delayed_open=True,  # a small file is one request, not three
        )
    return filesystem, root


class Store:
    """Whole files under a root, on a local disk or in an object store.

    A file is written beside its place and renamed (on S3 the put itself is atomic): readers see all of it or nothing,
    also after a power cut. An OSError says which store and file it is about, and keeps its errno where it has one.

    Args:
        uri: a path, or a URI that pyarrow understands (`s3://bucket/prefix`). It is shown and sent to workers, so it
            holds no credentials: those come from each machine's environment.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.filesystem, self.root = open_place(uri)
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
        if self.is_local:
            with self.writing(name) as file:
                file.write(content)
        else:
            with self._named(name):
                self._put(name, content)

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """A file to write into: it is in place, whole, once the block has ended without an exception; else not at all.

        For S3 the content waits on this machine's disk: a stream that is given up would publish what it has so far.
        """
        with self._named(name):
            if self.is_local:
                with beside(Path(self.path(name))) as file:
                    yield file
                return
            with tempfile.NamedTemporaryFile(prefix="sweep-upload-") as spool:
                yield spool  # type: ignore[misc]
                spool.flush()
                empty = not os.fstat(spool.fileno()).st_size  # which cannot be mapped
                self._put(name, b"" if empty else pa.memory_map(spool.name).read_buffer())

    def _put(self, name: str, content: bytes | pa.Buffer) -> None:
        with self.filesystem.open_output_stream(self.path(name)) as stream:
            stream.write(content)  # in one call: what closes the stream after half of it would publish the half

    def move(self, name: str, new_name: str) -> None:
        """Renames a file, over another one if need be. Raises FileNotFoundError where there is none."""
        self.size(name)  # it says what is missing, where S3 says that something went wrong
        with self._named(name):
            if self.is_local:
                self.filesystem.create_dir(self.path(new_name).rpartition("/")[0])
            self.filesystem.move(self.path(name), self.path(new_name))

    def set_aside(self, name: str) -> None:
        """Moves a file that is not what it should be into DAMAGED, for a person to look at."""
        self.move(name, f"{DAMAGED}/{name.replace('/', '-')}")

    def size(self, name: str) -> int:
        """The bytes of a file. Raises FileNotFoundError where there is none."""
        with self._named(name):
            info = self.filesystem.get_file_info(self.path(name))
        if info.type != fs.FileType.File:
            raise FileNotFoundError(f"store '{self.uri}' has no file '{name}'")
        return int(info.size)

    def free_space(self) -> int | None:
        """The bytes that can still be written; None for an object store, which does not end."""
        if not self.is_local:
            return None
        folder = Path(self.root)
        return shutil.disk_usage(next(one for one in (folder, *folder.parents) if one.is_dir())).free

    def remove_leftovers(self, older_than: float) -> Sequence[str]:
        """Removes what writers that were killed left behind, and returns the names.

        Args:
            older_than: seconds since the last byte was written, after which nobody writes on. An upload to S3 that
                breaks off leaves no file.
        """
        names = self.leftovers(older_than)
        for name in names:
            with self._named(name):
                Path(self.path(name)).unlink(missing_ok=True)  # its writer may just have come to its end
        return names

    def leftovers(self, older_than: float) -> Sequence[str]:
        """The names of such files."""
        if not self.is_local:
            return []
        found = []
        for folder, _, names in os.walk(self.root):
            for path in (Path(folder, name) for name in names if LEFTOVER.fullmatch(name)):
                name = path.relative_to(self.root).as_posix()
                with self._named(name), suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime > older_than:
                        found.append(name)
        return sorted(found)

    def check_writable(self) -> None:
        """Raises UserError where nothing can be written, before hours of work find out."""
        try:
            self.write(PROBE, b"")
            self.delete(PROBE)
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
            text = f"store '{self.uri}', file '{name}': {error.strerror or error}"
            raise (OSError(error.errno, text) if error.errno else OSError(text)) from error


@contextmanager
def beside(path: Path) -> Iterator[BinaryIO]:
    """A new file, renamed to `path` at the end of the block, once it is on the disk; after an error it is gone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    with suppress(OSError):  # some network file systems cannot; the file itself is there
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
