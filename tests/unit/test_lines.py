"""The text of files: encodings, line ends, compression, and what is no text at all."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.conftest import Save
from tests.unit.reading import problem
from trainables.data.findings import Findings
from trainables.data.lines import read_lines, read_text


def lines(path: Path, encoding: str = "utf-8") -> list[str]:
    return list(read_lines(path, Findings(path), encoding))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\nb", ["a", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"\n \na\n\nb\n\n\r\n\n", ["", " ", "a", "", "b"]),
        (b"a\n  \n\n", ["a", "  "]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", ["a", "\ufeffb"]),
        (b"a\rb\nc\n", ["a\rb", "c"]),
        (b"a\r", ["a"]),
    ],
)
def test_lines_end_with_lf_and_blank_ones_at_the_end_are_none(save: Save, content: bytes, expected: list[str]) -> None:
    assert lines(save(content)) == expected
    assert lines(save(gzip.compress(content))) == expected


texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1).filter(str.strip)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(texts, min_size=1), st.sampled_from(["utf-8", "utf-16", "utf-16-be", "utf-32"]))
def test_any_text_comes_back(save: Save, written: list[str], encoding: str) -> None:
    path = save("".join(f"{line}\n" for line in ["begin", *written]).encode(encoding))
    assert lines(path, encoding) == ["begin", *written]


def test_a_byte_that_cannot_be_decoded_is_named_with_its_line(save: Save) -> None:
    content = "".join(f"é {number}\n" for number in range(5000)).encode()
    path = save(content + b"ol\xe9\n" + content)
    found = problem(lambda: lines(path))
    assert (found.message, found.line) == ("is not UTF-8: byte 0xE9", 5001)
    assert problem(lambda: read_text(path, Findings(path))).line == 5001


def test_utf_16_without_a_mark_is_read_where_it_is_asked_for(save: Save) -> None:
    assert lines(save("a\nb\n".encode("utf-16-le")), "utf-16") == ["a", "b"]


@pytest.mark.parametrize("content", [b"a\tO\rb\tO\r\rc\tO\r", b"a\rb"])
def test_line_ends_of_old_macs_are_not_one_line(save: Save, content: bytes) -> None:
    path = save(content)
    found = problem(lambda: lines(path))
    assert (found.message, found.line) == ("has lines that end with CR alone, as on old Macs", 1)
    assert "tr '\\r' '\\n' < dev-de.tsv" in (found.hint or "")
    assert read_text(path, Findings(path)) == content.decode()  # of JSON they are no part


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "a\tb\n")
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a.tsv"), io.BytesIO())
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (zipped("t.tsv"), "is a zip archive", "unzip it, and name the files that were in it"),
        (zipped("[Content_Types].xml"), "is an Office document", "save its table as CSV UTF-8"),
        (tarred(), "is a tar archive", "unpack it"),
        (lzma.compress(b"a\n"), "is compressed with xz", "run `unxz` on it"),
        (bz2.compress(b"a\n"), "is compressed with bzip2", "run `bunzip2` on it"),
        (gzip.compress(gzip.compress(b"a\n", mtime=0), mtime=0), "is compressed twice with gzip", "run `gunzip` on it"),
        (b"PAR1\x15\x04\x15\x10", "is a Parquet file", "name its dataset under hub: in the task"),
        (b"\xff\xfea\x00", "is UTF-16, not UTF-8", "say encoding: utf-16 in the task's layout"),
        ("Amina\tO\n".encode("utf-16-le"), "is UTF-16, not UTF-8", "say encoding: utf-16-le"),
        ("Amina\tO\n".encode("utf-16-be"), "is UTF-16, not UTF-8", "say encoding: utf-16-be"),
        (bytes(600) + b"\n", "begins with nothing but NUL bytes", "is the download complete?"),
        (b"\n<!DOCTYPE html><title>404</title>", "is a web page, not data: the download failed", "look into it"),
        (b"<html>", "is a web page, not data: the download failed", "look into it"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "is a pointer of Git LFS", "run `git lfs pull`"),
        (gzip.compress(b"a\n" * 999, mtime=0)[:-9], "cannot be unpacked: ", "is the download complete?"),
        (gzip.compress(b" \n", mtime=0), "is empty", "is the download complete?"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",  # an archive's bytes hold the time
)
def test_what_is_no_text_is_called_what_it_is(save: Save, content: bytes, message: str, hint: str) -> None:
    path = save(content)
    for read in (lambda: lines(path), lambda: read_text(path, Findings(path))):
        found = problem(read)
        assert found.message.startswith(message)
        assert (found.hint or "").startswith(hint)


@pytest.mark.parametrize("content", ["PAR1-en\tone", "PK\t1", "<b>one</b>", "BZh\tO", "%PDF\tO"])
def test_text_that_looks_a_little_like_it_is_text(save: Save, content: str) -> None:
    assert lines(save(content)) == [content]
