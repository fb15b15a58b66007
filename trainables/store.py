"""The folder or bucket that holds everything that lasts."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from pyarrow import fs

from trainables.errors import Problem, UserError


def checkpoint_name(trial_id: str) -> str:
    """Where a trial's weights lie in a store."""
    return f"checkpoints/{trial_id}.safetensors"


def cache_folder() -> Path:
    """Where this machine keeps what can be made again: imported models (`SWEEP_CACHE`, else `~/.cache/sweep`)."""
    return Path(os.environ.get("SWEEP_CACHE", "~/.cache/sweep")).expanduser()


class Store:
    """Whole files under a root, on a local disk or in an object store.

    A file is written beside its place and renamed (on S3 the put itself is atomic): readers see all of it or nothing.

    Args:
        uri: a path, or a URI that pyarrow understands (`s3://bucket/prefix`).
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        try:
            if "://" in uri:
                self.filesystem, self.root = fs.FileSystem.from_uri(uri)
            else:
                self.filesystem, self.root = fs.LocalFileSystem(), str(Path(uri).expanduser().absolute())
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
        return bool(self.filesystem.get_file_info(self.path(name)).type != fs.FileType.NotFound)

    def list(self, folder: str, suffix: str = "") -> list[str]:
        """The names (relative to the root) of the finished files right under a folder, sorted."""
        selector = fs.FileSelector(self.path(folder), allow_not_found=True)
        found = (info for info in self.filesystem.get_file_info(selector) if info.type == fs.FileType.File)
        names = (info.base_name for info in found if info.base_name.endswith(suffix))
        return sorted(f"{folder}/{name}" for name in names if not name.startswith("."))

    def read(self, name: str) -> bytes:
        """A file's content. Raises FileNotFoundError where there is none."""
        with self.filesystem.open_input_stream(self.path(name)) as stream:
            return bytes(stream.read())

    def write(self, name: str, content: bytes) -> None:
        """Puts a whole file in place, atomically."""
        folder, _, base = self.path(name).rpartition("/")
        target = f"{folder}/.{base}.{uuid.uuid4().hex}" if self.is_local else f"{folder}/{base}"
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
            raise UserError(Problem(f"store '{self.uri}' cannot be written: {error}", hint="set store=DIR")) from error

    def delete(self, name: str) -> None:
        """Removes a file; one that is not there is fine."""
        if self.exists(name):
            self.filesystem.delete_file(self.path(name))
