"""The text of a file, compressed or not, line by line or whole; and what a file is that holds no text."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from trainables.data.findings import Findings

_HEAD = 512  # bytes that are looked at
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_OFFICE = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/", b"mimetype")  # names of its zip's first members
_UNPACK = "unpack it, and name the files that were in it"
_EXPORT = "save its table as CSV UTF-8, or as text with tabs"
_PICKLES = (
    b"\x80\x02c",
    b"\x80\x02}",
    b"\x80\x02]",
    b"\x80\x03c",
    b"\x80\x03}",
    b"\x80\x03]",
    b"\x80\x04\x95",
    b"\x80\x05\x95",
)
_CONVERT = "write it as JSON lines with the package that made it: for suites of CheckList see docs/tasks.md"
_HUB = "name its dataset under hub: in the task, and read that with data: {hub: DIR}"
_SIGNS = (
    (_OFFICE, 30, "an Office document, as Excel writes them", _EXPORT),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0, "an old Office document, as Excel wrote them", _EXPORT),
    (_ZIP, 0, "a zip archive", "unzip it, and name the files that were in it"),
    ((b"ustar\0", b"ustar  \0"), 257, "a tar archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", 0, "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", 0, "a rar archive", _UNPACK),
    (b"\xfd7zXZ\0", 0, "compressed with xz", "run `unxz` on it; gzip is read as it is"),
    (
        (b"BZh91AY&SY", b"BZh61AY&SY", b"BZh11AY&SY"),
        0,
        "compressed with bzip2",
        "run `bunzip2` on it; gzip is read as it is",
    ),
    (b"\x28\xb5\x2f\xfd", 0, "compressed with zstd", "run `unzstd` on it; gzip is read as it is"),
    (_GZIP, 0, "compressed twice with gzip", "run `gunzip` on it"),
    (b"PAR1\x15", 0, "a Parquet file", _HUB),
    ((b"ARROW1\0", b"\xff\xff\xff\xff"), 0, "an Arrow file", _HUB),
    (_PICKLES, 0, "a pickle, which may run anything when it is opened, so that none is", _CONVERT),
    (b"%PDF-", 0, "a PDF", "data is read from files of text"),
    (b"version https://git-lfs.github.com/spec/", 0, "a pointer of Git LFS, not the file", "run `git lfs pull`"),
)
_PAGES = (b"<!doctype html", b"<html")
_MARKED = {  # encodings with a byte order mark: which of them it is, or the first if there is none
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
}


def read_lines(path: Path, findings: Findings, encoding: str = "utf-8") -> Iterator[str]:
    """The lines of a text file, less blank ones at its end. Only LF and CRLF end one: U+2028 and U+0085 are text.

    They are read as they are asked for, so that a large file is never in memory. A file that is compressed with gzip
    is read as if it were not.

    Raises:
        UserError: the file cannot be read, is empty, is not in its encoding, is no text, or ends its lines with CR
            alone.
    """
    blank: list[str] = []  # lines that are the file's last, unless another one comes
    empty = True
    with _opened(path, findings, encoding) as file:
        for number, line in enumerate(_decoded(file, findings, encoding), 1):
            if number == 1 and "\r" in line.rstrip("\r") and not line.endswith("\n"):
                hint = f"give them LF: `tr '\\r' '\\n' < {path.name}`; of Excel's formats take CSV UTF-8"
                findings.stop("has lines that end with CR alone, as on old Macs", 1, hint)
            text = line.removesuffix("\n").removesuffix("\r")
            if not text.strip():
                blank.append(text)
                continue
            yield from blank
            blank.clear()
            empty = False
            yield text
    if empty:
        findings.stop("is empty", 1, "is the download complete?")
    while blank and not blank[-1].strip("\r"):
        blank.pop()
    yield from blank


def read_text(path: Path, findings: Findings, encoding: str = "utf-8") -> str:
    """The whole text of a file. Raises as `read_lines` does, but takes any line ends."""
    with _opened(path, findings, encoding) as file:
        text = "".join(_decoded(file, findings, encoding))
    if not text.strip():
        findings.stop("is empty", 1, "is the download complete?")
    return text


def stem_of(path: Path) -> str:
    """What examples without an id are called after: the file's name, less its ending and that of gzip."""
    return Path(path.name.removesuffix(".gz")).stem


@contextmanager
def _opened(path: Path, findings: Findings, encoding: str) -> Iterator[IO[str]]:
    """A file as text in its encoding, whose lines end with LF; its byte order mark may still be there."""
    try:
        with path.open("rb") as file:
            compressed = file.peek(len(_GZIP)).startswith(_GZIP)
            data = cast(io.BufferedReader, gzip.GzipFile(fileobj=file)) if compressed else file
            head = data.peek(_HEAD)[:_HEAD]
            _check_sign(head, findings, encoding)
            marks = _MARKED.get(codecs.lookup(encoding).name)
            if marks and not head.startswith(marks):
                encoding += "-le"
            yield io.TextIOWrapper(data, encoding, newline="\n")
    except LookupError:
        findings.stop(f"has an unknown encoding '{encoding}'", None, "for example utf-8, utf-16, latin-1 or cp1252")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        findings.stop(f"cannot be unpacked: {error}", None, "is the download complete?")
    except OSError as error:
        findings.stop(f"cannot be read: {error.strerror}", None)


def _check_sign(head: bytes, findings: Findings, encoding: str) -> None:
    """Says what a file is that cannot be text in the encoding."""
    for sign, place, name, hint in _SIGNS:
        if head.startswith(sign, place) and head.startswith(_ZIP if sign is _OFFICE else b""):
            findings.stop(f"is {name}", None, hint)
    if head.lstrip().lower().startswith(_PAGES):
        findings.stop("is a web page, not data: the download failed", 1, "look into it, and fetch the file anew")
    if codecs.lookup(encoding).name != "utf-8":
        return
    if head and not head.strip(b"\0"):
        findings.stop("begins with nothing but NUL bytes", 1, "is the download complete?")
    # Without a mark: of Latin letters every other byte is 0.
    halves = {"utf-16-le": head[1::2], "utf-16-be": head[::2]}
    found = [name for name, half in halves.items() if len(half) >= 8 and not half.strip(b"\0")]
    if head.startswith(_MARKED["utf-16"]):
        found = ["utf-16"]
    if found:
        hint = f"say encoding: {found[0]} in the task's layout, or convert it to UTF-8"
        findings.stop("is UTF-16, not UTF-8", 1, hint)


def _decoded(file: IO[str], findings: Findings, encoding: str) -> Iterator[str]:
    """The lines with their ends, less a byte order mark."""
    number = 0
    try:
        for line in file:
            number += 1
            yield line.removeprefix("\ufeff") if number == 1 else line
    except UnicodeDecodeError as error:
        # Of the piece of the file that holds the byte, no line has come yet; of those before it, all have.
        line_of_it = number + 1 + error.object.count(b"\n", 0, error.start)
        hint = "convert the file to UTF-8, or say its encoding in the task's layout"
        findings.stop(f"is not {encoding.upper()}: byte 0x{error.object[error.start]:02X}", line_of_it, hint)
