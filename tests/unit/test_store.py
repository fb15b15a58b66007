"""The store: whole files, or none. What holds for every store is in Behaviour; S3's half runs in integration."""

from __future__ import annotations

import errno
import os
import pickle
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from trainables.errors import UserError
from trainables.store import Store

BIG = bytes(number for number in range(256) if number != 10) * 80_000
"""20 MB. moto reads uploads line by line: ten times slower where there are newlines."""


def break_off(store: Store, name: str, error: BaseException) -> None:
    """Writes a lot, and then an error happens."""
    with store.writing(name) as file:
        file.write(BIG)
        raise error


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
        sizes = (3, 40_000, 17, 9_000)
        # No content stands twice: a reader could not tell that it was another one in between.
        written = [[bytes([4 * writer + turn + 1]) * size for turn in range(4)] for writer, size in enumerate(sizes)]
        whole = {b"\0" * 3, *(content for contents in written for content in contents)}
        store.write("folder/a", b"\0" * 3)

        def write(contents: list[bytes]) -> set[bytes]:
            for content in contents:
                store.write("folder/a", content)
            return set()

        def read(_: int) -> set[bytes]:
            return {store.read("folder/a") for _ in range(8)}

        with ThreadPoolExecutor(6) as pool:
            writers, readers = [pool.submit(write, one) for one in written], [pool.submit(read, n) for n in range(2)]
            seen = set().union(*(job.result() for job in [*writers, *readers]))
        assert seen <= whole
        assert store.read("folder/a") in whole
        assert store.list("folder") == ["folder/a"]

    @pytest.mark.parametrize("content", [b"", b"content", BIG], ids=["empty", "small", "20 MB"])
    def test_a_file_appears_when_its_block_has_ended(self, store: Store, content: bytes) -> None:
        with store.writing("a/b") as file:
            file.write(content[:3])
            file.write(content[3:])
            file.flush()
            assert not store.exists("a/b")
        assert store.read("a/b") == content
        assert store.list("a") == ["a/b"]

    @pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt()], ids=["error", "interrupt"])
    def test_a_block_that_breaks_off_writes_nothing(self, store: Store, error: BaseException) -> None:
        store.write("a/b", b"old")
        for name in ("a/b", "a/c"):
            with pytest.raises(type(error)):
                break_off(store, name, error)
        assert store.read("a/b") == b"old"
        assert store.list("a") == ["a/b"]
        assert store.remove_leftovers(older_than=-1) == []

    def test_a_full_disk_is_told_by_its_number(self, store: Store) -> None:
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with pytest.raises(OSError, match=r"store '.*', file 'a/b': No space left on device") as caught:
            break_off(store, "a/b", full)
        assert caught.value.errno == errno.ENOSPC

    def test_a_moved_file_is_elsewhere(self, store: Store) -> None:
        store.write("a/b", b"1")
        store.move("a/b", "c/d/b")
        assert store.read("c/d/b") == b"1"
        assert not store.exists("a/b")
        store.write("a/b", b"2")
        store.move("a/b", "c/d/b")
        assert store.read("c/d/b") == b"2"
        for missing in ("a/b", "no/folder"):
            with pytest.raises(FileNotFoundError):
                store.move(missing, "c/d/b")
        assert store.read("c/d/b") == b"2"

    def test_a_file_has_a_size(self, store: Store) -> None:
        for content in (b"", b"12345"):
            store.write("a/b", content)
            assert store.size("a/b") == len(content)
        for missing in ("a/c", "a", "no/folder"):
            with pytest.raises(FileNotFoundError):
                store.size(missing)

    def test_finished_files_are_no_leftovers(self, store: Store) -> None:
        names = ["a", "b/c.x", "b/.hidden", "b/.short.abc", f"b/x.{uuid.uuid4().hex}"]
        for name in names:
            store.write(name, b"1")
        assert store.remove_leftovers(older_than=-1) == []
        assert all(store.exists(name) for name in names)

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

    @pytest.mark.parametrize("step", ["fsync", "replace"])
    def test_a_write_that_fails_leaves_what_was_there(
        self, step: str, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.write("a", b"old")

        def broken(*_: object) -> None:
            raise OSError(errno.ENOSPC, "disk full")

        monkeypatch.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace")}[step], broken)
        with pytest.raises(OSError, match=r"new.*'a'.*disk full") as caught:
            store.write("a", b"new")
        assert caught.value.errno == errno.ENOSPC
        assert store.read("a") == b"old"
        assert [path.name for path in Path(store.root).iterdir()] == ["a"]

    def test_what_is_in_place_is_on_the_disk(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """The content before the name, the name before anyone is told."""
        seen: list[tuple[bool, bool]] = []
        sync = os.fsync

        def fsync(descriptor: int) -> None:
            seen.append((Path(f"/proc/self/fd/{descriptor}").resolve().is_dir(), store.exists("folder/a")))
            sync(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        store.write("folder/a", b"1")
        assert seen == [(False, False), (True, True)]

    def test_what_killed_writers_left_is_removed_when_it_is_old(self, store: Store) -> None:
        store.write("a/b.x", b"1")
        left = [f".probe.{uuid.uuid4().hex}", f"a/.b.x.{uuid.uuid4().hex}", f"a/c/.d.{uuid.uuid4().hex}"]
        for name in left:
            path = Path(store.path(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"part")
        old = time.time() - 3600
        for name in left[:2]:
            os.utime(store.path(name), (old, old))
        assert store.remove_leftovers(older_than=7200) == []
        assert store.remove_leftovers(older_than=1800) == sorted(left[:2])
        assert [store.exists(name) for name in left] == [False, False, True]
        assert store.read("a/b.x") == b"1"

    def test_free_space_is_that_of_the_disk(self, store: Store, tmp_path: Path) -> None:
        """Also of a folder that is not there yet."""
        disk = os.statvfs(tmp_path)
        assert store.free_space() == pytest.approx(disk.f_bavail * disk.f_frsize, rel=0.05)

    def test_a_place_that_cannot_be_written_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("not a folder")
        with pytest.raises(UserError, match="cannot be written"):
            Store(str(tmp_path / "file" / "store")).check_writable()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
    def test_a_read_only_folder_is_an_error(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        with pytest.raises(UserError, match="cannot be written"):
            Store(str(tmp_path)).check_writable()


@pytest.mark.parametrize(
    "uri", ["nowhere://bucket", "~nobodyhere/x", "s3://", "s3://bucket/x?acces_key=x", "s3://bucket/a b"]
)
def test_what_is_no_store_is_an_error(uri: str) -> None:
    with pytest.raises(UserError, match="cannot be opened"):
        Store(uri)


def test_credentials_in_a_uri_are_refused_and_not_repeated() -> None:
    with pytest.raises(UserError, match="must not hold credentials") as caught:
        Store("s3://key:secret@bucket/prefix")
    assert "secret@" not in str(caught.value)
