"""Parquet with a checksum: a file is what was written, or it is known not to be."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

SEAL = b"SHA-256:"
"""What stands before a file's checksum."""


def read(content: bytes, columns: Sequence[str], schema: pa.Schema) -> pa.Table:
    """Some columns of a file: those of the schema that it does not have are null.

    Raises:
        pa.ArrowException: it is not what was written.
    """
    footer = _footer(content)
    seal, parquet = content[footer - len(SEAL) - 32 : footer], content[: footer - len(SEAL) - 32] + content[footer:]
    if seal != SEAL + hashlib.sha256(parquet).digest():
        raise pa.ArrowInvalid("its checksum is another")
    return pq.read_table(io.BytesIO(parquet), columns=[*columns], schema=schema)


def write(table: pa.Table) -> bytes:
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
