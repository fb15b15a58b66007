"""The store: whole files, or none."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from trainables.errors import UserError
from trainables.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "new"))


def test_what_is_written_is_read(store: Store) -> None:
    store.write("a/b.bin", b"content")
    assert store.read("a/b.bin") == b"content"
    assert store.exists("a/b.bin")
    store.write("a/b.bin", b"other")
    assert store.read("a/b.bin") == b"other"


def test_listing_is_sorted_and_by_suffix(store: Store) -> None:
    assert store.list("a") == []
    for name in ("a/2.x", "a/1.x", "a/3.y", "a/c/4.x"):
        store.write(name, b"")
    assert store.list("a", ".x") == ["a/1.x", "a/2.x"]


def test_deleting_is_final_and_repeatable(store: Store) -> None:
    store.write("a", b"")
    store.delete("a")
    store.delete("a")
    assert not store.exists("a")
    with pytest.raises(FileNotFoundError):
        store.read("a")


def test_a_write_that_fails_leaves_what_was_there(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write("a", b"old")

    class Broken:
        def move(self, *_: object) -> None:
            raise OSError("disk full")

        def __getattr__(self, name: str) -> object:
            return getattr(filesystem, name)

    filesystem = store.filesystem
    monkeypatch.setattr(store, "filesystem", Broken())
    with pytest.raises(OSError, match="disk full"):
        store.write("a", b"new")
    assert store.read("a") == b"old"


def test_a_store_travels_between_processes(store: Store) -> None:
    store.write("a", b"1")
    assert pickle.loads(pickle.dumps(store)).read("a") == b"1"


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="cannot be written"):
        Store(str(tmp_path / "file" / "store")).check_writable()


def test_an_unknown_scheme_is_an_error() -> None:
    with pytest.raises(UserError, match="cannot be opened"):
        Store("nowhere://bucket")
