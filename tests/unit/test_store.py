"""The store: whole files, or none. What holds for every store is in Behaviour; S3's half runs in integration."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from trainables.errors import UserError
from trainables.store import Store

BIG = bytes(number for number in range(256) if number != 10) * 80_000
"""20 MB. moto reads uploads line by line: ten times slower where there are newlines."""


class Behaviour:
    """What every store does. A subclass has a fixture `store`: an empty one that can be written."""

    def test_what_is_written_is_read(self, store: Store) -> None:
        store.write("a/b.bin", b"content")
        assert store.read("a/b.bin") == b"content"
        assert store.exists("a/b.bin")
        store.write("a/b.bin", b"other")
        assert store.read("a/b.bin") == b"other"

    @pytest.mark.parametrize("content", [b"", b"\0", b"\r\n", BIG], ids=["empty", "byte", "newline", "20 MB"])
    def test_every_size_comes_back(self, store: Store, content: bytes) -> None:
        store.write("a", content)
        assert store.read("a") == content
        store.write("a", b"short")
        assert store.read("a") == b"short"

    def test_listing_is_sorted_and_by_suffix(self, store: Store) -> None:
        assert store.list("a") == []
        for name in ("a/2.x", "a/1.x", "a/3.y", "a/c/4.x", "ab/5.x"):
            store.write(name, b"")
        assert store.list("a", ".x") == ["a/1.x", "a/2.x"]
        assert store.list("a") == ["a/1.x", "a/2.x", "a/3.y"]
        assert store.list("a/c") == ["a/c/4.x"]
        assert store.list("b") == []

    def test_a_folder_is_there_once_a_file_is_in_it(self, store: Store) -> None:
        assert not store.exists("a")
        store.write("a/b/c", b"")
        assert store.exists("a")
        assert store.exists("a/b")
        assert not store.exists("a/b/d")

    @pytest.mark.parametrize("name", ["ü/中文 и.x", "a b/c+d%20e.x", "q=1&r/#s?t.x"])
    def test_names_are_taken_literally(self, store: Store, name: str) -> None:
        store.write(name, b"1")
        assert store.read(name) == b"1"
        assert store.list(name.partition("/")[0], ".x") == [name]
        store.delete(name)
        assert not store.exists(name)

    def test_deleting_is_final_and_repeatable(self, store: Store) -> None:
        store.write("a", b"")
        store.delete("a")
        store.delete("a")
        store.delete("never/there")
        assert not store.exists("a")
        with pytest.raises(FileNotFoundError):
            store.read("a")

    def test_what_is_missing_is_not_found(self, store: Store) -> None:
        store.write("folder/file", b"")
        for name in ("a", "folder/a", "no/folder"):
            assert not store.exists(name)
            with pytest.raises(FileNotFoundError):
                store.read(name)

    def test_readers_see_one_writers_whole_file(self, store: Store) -> None:
        whole = {bytes([writer]) * size for writer, size in zip(range(4), (3, 40_000, 17, 9_000), strict=True)}
        store.write("folder/a", b"\0" * 3)

        def write(content: bytes) -> set[bytes]:
            for _ in range(4):
                store.write("folder/a", content)
            return set()

        def read(_: int) -> set[bytes]:
            return {store.read("folder/a") for _ in range(8)}

        with ThreadPoolExecutor(6) as pool:
            writers, readers = [pool.submit(write, one) for one in whole], [pool.submit(read, n) for n in range(2)]
            seen = set().union(*(job.result() for job in [*writers, *readers]))
        assert seen <= whole
        assert store.read("folder/a") in whole
        assert store.list("folder") == ["folder/a"]

    def test_it_travels_between_processes(self, store: Store) -> None:
        store.write("a", b"1")
        assert pickle.loads(pickle.dumps(store)).read("a") == b"1"

    def test_being_writable_leaves_nothing_behind(self, store: Store) -> None:
        store.check_writable()
        store.check_writable()
        assert not store.exists("probe")


class TestLocal(Behaviour):
    """A folder that is not there yet."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return Store(str(tmp_path / "new"))

    def test_a_write_that_fails_leaves_what_was_there(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        store.write("a", b"old")

        class Broken:
            def move(self, *_: object) -> None:
                raise OSError("disk full")

            def __getattr__(self, name: str) -> object:
                return getattr(filesystem, name)

        filesystem = store.filesystem
        monkeypatch.setattr(store, "filesystem", Broken())
        with pytest.raises(OSError, match=r"new.*'a'.*disk full"):
            store.write("a", b"new")
        assert store.read("a") == b"old"

    def test_a_place_that_cannot_be_written_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("not a folder")
        with pytest.raises(UserError, match="cannot be written"):
            Store(str(tmp_path / "file" / "store")).check_writable()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
    def test_a_read_only_folder_is_an_error(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        with pytest.raises(UserError, match="cannot be written"):
            Store(str(tmp_path)).check_writable()


@pytest.mark.parametrize("uri", ["nowhere://bucket", "s3://", "s3://bucket/x?acces_key=x", "s3://bucket/a b"])
def test_what_is_no_store_is_an_error(uri: str) -> None:
    with pytest.raises(UserError, match="cannot be opened"):
        Store(uri)


def test_credentials_in_a_uri_are_refused_and_not_repeated() -> None:
    with pytest.raises(UserError, match="must not hold credentials") as caught:
        Store("s3://key:secret@bucket/prefix")
    assert "secret@" not in str(caught.value)
