"""Parquet with checksums of its blocks: whatever part of a file is read, it is what was written, or known not to be.

Parquet's own checksums are of pages alone: a bit of a page's header or of the footer can make one number of another. So
a file is divided into blocks, and every block that a reader asks for is compared before it sees it. The checksums stand
before the footer, where other readers of Parquet do not look, together with what is said `about` the file:

    pages | JSON | its length | SHA-256 of JSON and footer | SEAL | footer, its length, PAR1

Reading a part takes up to two blocks more than was asked for, and 1 ms for each 1.5 MB.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from trainables.store import Store

SEAL = b"SEAL2:"
"""What stands at the end of a file's checksums."""

BLOCK = 1 << 16
"""Bytes that have a checksum in common."""

DIGEST = 16
"""Bytes of a block's: the first ones of its SHA-256."""

TAIL = 1 << 16
"""Bytes that are read first, from the end: all of a small file, and the checksums of a larger one."""

ROWS = 1 << 17
"""Rows of a row group."""

FEW = 10_000
"""Rows up to which a file is written so that reading all of it takes least: a third of the time."""

LIGHT: Mapping[str, Any] = {"compression": "lz4", "use_dictionary": False, "write_statistics": False}
COMPACT: Mapping[str, Any] = {"compression": "zstd"}

_FIXED = 4 + 32 + len(SEAL)


class SealError(ValueError):
    """A file is not what was written."""


def write(table: pa.Table, about: Mapping[str, Any] | None = None) -> bytes:
    """A Parquet file with its checksums, and what is said about it as JSON values."""
    stream = io.BytesIO()
    pq.write_table(table, stream, row_group_size=ROWS, **(LIGHT if table.num_rows < FEW else COMPACT))
    content = stream.getvalue()
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    pages, footer = memoryview(content)[:start], content[start:]
    blocks = b"".join(_digest(pages[place : place + BLOCK]) for place in range(0, start, BLOCK))
    said = {"about": about or {}, "bytes": start, "blocks": base64.b64encode(blocks).decode()}
    text = json.dumps(said, separators=(",", ":")).encode()
    checksum = hashlib.sha256(text + footer).digest()
    return b"".join([pages, text, len(text).to_bytes(4, "little"), checksum, SEAL, footer])


class SealedFile:
    """A file of a store, whose bytes are verified as they are read. Threads may share it.

    Attributes:
        about: what its writer said about it.
        size: its bytes.

    Raises:
        SealError: it is not what was written; also when a damaged part of it is read later.
        FileNotFoundError: the store has no such file.
        OSError: the store cannot be reached.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._file = store.filesystem.open_input_file(store.path(name))
        self.size = self._file.size()
        self._tail, self._tail_start = b"", self.size
        self._hold(TAIL)
        if self.size < 12 or self._tail[-4:] != b"PAR1":
            raise SealError("it does not end as Parquet does")
        footer = self.size - 8 - int.from_bytes(self._tail[-8:-4], "little")
        if footer < _FIXED + 4:
            raise SealError("its footer has no beginning")
        self._hold(self.size - footer + _FIXED)
        fixed = self._held(footer - _FIXED, footer)
        self._data = footer - _FIXED - int.from_bytes(fixed[:4], "little")
        if fixed[36:] != SEAL or self._data < 4:
            raise SealError("it has no checksums")
        self._hold(self.size - self._data)
        text = self._held(self._data, footer - _FIXED)
        if hashlib.sha256(text + self._held(footer, self.size)).digest() != fixed[4:36]:
            raise SealError("its checksum is another")
        said = json.loads(text)
        self.about: Mapping[str, Any] = said["about"]
        self._blocks = base64.b64decode(said["blocks"])
        if said["bytes"] != self._data:
            raise SealError("it was cut")
        if self._tail_start == 0:  # all of it is there, and is verified once
            self._file.close()
            self._verify(0, memoryview(self._tail)[: self._data])
        else:
            self._tail, self._tail_start = self._held(self._data, self.size), self._data

    def table(self, columns: Sequence[str], schema: pa.Schema) -> pa.Table:
        """Some columns. Raises SealError."""
        is_large = self._tail_start > 0
        source = pa.PythonFile(Reader(self), "r") if is_large else pa.BufferReader(self._tail)
        file = pq.ParquetFile(source, pre_buffer=is_large)
        found = file.read([*columns], use_threads=is_large).select([*columns])
        wanted = pa.schema([schema.field(name) for name in columns])
        return found if found.schema.equals(wanted) else found.cast(wanted)

    def check(self) -> None:
        """Reads all of it. Raises SealError."""
        for place in range(0, self._data, 256 * BLOCK):
            self._pages(place, min(place + 256 * BLOCK, self._data))

    def read_at(self, start: int, count: int) -> bytes:
        """The bytes from a place on, fewer at the end."""
        end = min(start + count, self.size)
        if end <= start:
            return b""
        if start >= self._data or self._tail_start == 0:
            return self._held(start, end)
        pages = self._pages(start, min(end, self._data))
        return pages if end <= self._data else pages + self._held(self._data, end)

    def _pages(self, start: int, end: int) -> bytes:
        """Bytes before the checksums, verified."""
        first, last = start // BLOCK, -(-end // BLOCK)
        begin = first * BLOCK
        content = self._raw(begin, min(last * BLOCK, self._data))
        self._verify(first, memoryview(content))
        return content[start - begin : end - begin]

    def _verify(self, first: int, content: memoryview) -> None:
        """Compares blocks from the `first` on. Raises SealError."""
        for place in range(0, len(content), BLOCK):
            number = first + place // BLOCK
            if _digest(content[place : place + BLOCK]) != self._blocks[number * DIGEST : (number + 1) * DIGEST]:
                raise SealError("its checksum is another")

    def _raw(self, start: int, end: int) -> bytes:
        if start >= self._tail_start:
            return self._held(start, end)
        content: bytes = self._file.read_at(end - start, start)
        if len(content) != end - start:
            raise SealError("it was cut")
        return content

    def _held(self, start: int, end: int) -> bytes:
        return self._tail[start - self._tail_start : end - self._tail_start]

    def _hold(self, count: int) -> None:
        """So many bytes of its end are there."""
        start = max(0, self.size - count)
        if start < self._tail_start:
            self._tail, self._tail_start = self._raw(start, self._tail_start) + self._tail, start


class Reader(io.RawIOBase):
    """A sealed file as those read it who know files. Raises SealError where a damaged part is read."""

    def __init__(self, file: SealedFile) -> None:
        self._file, self._place = file, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._file.size}[whence]
        return self._place

    def read(self, size: int | None = -1, /) -> bytes:
        content = self._file.read_at(self._place, self._file.size if size is None or size < 0 else size)
        self._place += len(content)
        return content

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)


def _digest(block: memoryview) -> bytes:
    return hashlib.sha256(block).digest()[:DIGEST]
