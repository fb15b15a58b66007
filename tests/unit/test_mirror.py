"""Files of a bucket on this machine's disk. What needs a server is in integration/test_s3.py; here it is a folder."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.test_files import layout, nli, texts
from trainables.data import open_source
from trainables.errors import UserError
from trainables.mirror import LocalFolder, Mirror, open_folder

FILES = {
    "a/train-en.tsv": "x\ty\tneutral\n",
    "a/train-de.tsv": "d\te\tneutral\n",
    "b/c/odd name, ü.tsv": "",
    "b/c/train [v2].txt": "",
    "b/01/x.auto": "",
    "b/12/x.auto": "",
}


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is a bucket here, and an empty cache."""
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    for name, content in FILES.items():
        (tmp_path / "bucket" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bucket" / name).write_text(content)
    return tmp_path / "bucket"


def fetched(bucket: Path) -> dict[str, str]:
    """What lies in the cache."""
    (place,) = (bucket.parent / "cache" / "mirrors").glob("*")
    return {path.relative_to(place).as_posix(): path.read_text() for path in place.rglob("*") if path.is_file()}


def get(bucket: Path, pattern: str) -> list[Path]:
    mirror = Mirror(f"file://{bucket}")
    found = mirror.find(pattern)
    mirror.fetch(found)
    return found


def test_what_is_asked_for_is_fetched_and_nothing_else(bucket: Path) -> None:
    (path,) = get(bucket, "a/train-en.tsv")
    assert path.read_text() == FILES["a/train-en.tsv"]
    assert path.is_relative_to(bucket.parent / "cache")
    assert fetched(bucket) == {"a/train-en.tsv": FILES["a/train-en.tsv"]}
    get(bucket, "b/c/*.tsv")
    assert fetched(bucket).keys() == {"a/train-en.tsv", "b/c/odd name, ü.tsv"}


@pytest.mark.parametrize(
    "pattern",
    [
        *("a/*", "a/train-*.tsv", "*/*.tsv", "*", "a/train-en.tsv", "b/*/odd*", "a", "x/y.tsv"),
        *("b/0[0-9]/*.auto", "b/1?/*.auto", "b/c/train [v2].txt", "b/c/*[[]v2].txt"),
    ],
)
def test_patterns_find_what_they_find_in_a_folder(bucket: Path, pattern: str) -> None:
    (there, local) = (Mirror(f"file://{bucket}"), LocalFolder(bucket))
    (root,) = {path.parents[1] for path in there.find("a/*")}
    assert {path.relative_to(root) for path in there.find(pattern)} == {
        path.relative_to(bucket) for path in local.find(pattern)
    }
    for path in there.find(pattern):
        assert there.size(path) == local.size(bucket / path.relative_to(root))


def test_a_name_that_is_a_pattern_too_is_found(bucket: Path) -> None:
    for folder in (Mirror(f"file://{bucket}"), LocalFolder(bucket)):
        assert [path.name for path in folder.find("b/c/train [v2].txt")] == ["train [v2].txt"]
        assert [path.parent.name for path in folder.find("b/0[12]/*.auto")] == ["01"]


def test_only_what_has_changed_is_fetched_again(bucket: Path) -> None:
    (one, other) = sorted(get(bucket, "a/*.tsv"))
    kept = one.stat().st_ino
    (bucket / "a" / other.name).write_text("longer than before\tz\tneutral\n")
    get(bucket, "a/*.tsv")
    assert one.stat().st_ino == kept
    assert other.read_text() == "longer than before\tz\tneutral\n"
    (bucket / "a" / one.name).write_text(FILES[f"a/{one.name}"].upper())  # as long, but later
    os.utime(bucket / "a" / one.name, (1, 1))
    get(bucket, "a/*.tsv")
    assert one.read_text() == FILES[f"a/{one.name}"].upper()


def test_a_download_that_breaks_off_leaves_nothing(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(source: object, file: object, size: int) -> None:
        file.write(b"x\ty\tneut")  # type: ignore[attr-defined]
        raise ConnectionResetError("the server hung up")

    with monkeypatch.context() as broken:
        broken.setattr("shutil.copyfileobj", break_off)
        with pytest.raises(OSError, match=rf"data 'file://{bucket}', file '.*train-en.tsv': the server hung up"):
            get(bucket, "a/train-en.tsv")
    assert fetched(bucket) == {}
    (path,) = get(bucket, "a/train-en.tsv")
    assert path.read_text() == FILES["a/train-en.tsv"]


def test_a_file_that_changes_under_a_run_is_not_taken(bucket: Path) -> None:
    mirror = Mirror(f"file://{bucket}")
    (bucket / "a" / "train-en.tsv").write_text("another\n")
    with pytest.raises(OSError, match="has changed since the bucket was listed"):
        mirror.fetch(mirror.find("a/train-en.tsv"))
    assert fetched(bucket) == {}


def test_of_several_who_come_at_once_one_fetches(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    copies, copy, all_there = [], shutil.copyfileobj, threading.Barrier(4)

    def slow(source: object, file: object, size: int) -> None:
        copies.append(file)
        threading.Event().wait(0.05)
        copy(source, file, size)  # type: ignore[arg-type]

    def one(_: int) -> str:
        mirror = Mirror(f"file://{bucket}")
        all_there.wait()
        (path,) = found = mirror.find("a/train-en.tsv")
        mirror.fetch(found)
        return path.read_text()

    monkeypatch.setattr("shutil.copyfileobj", slow)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(one, range(4))) == {FILES["a/train-en.tsv"]}
    assert len(copies) == 1


def test_the_same_files_are_the_same_data_wherever_they_lie(bucket: Path) -> None:
    own = nli(layout(train=["a/train-{lang}.tsv"]), training_set="xnli")
    near, far = open_source({"files": str(bucket)}), open_source({"files": f"file://{bucket}"})
    assert far.languages(own, "train") == near.languages(own, "train") == ("en", "de")
    assert not (bucket.parent / "cache").exists()  # it was only listed
    assert far.fingerprint(own, "train", "en") == near.fingerprint(own, "train", "en")
    assert texts(far.examples(own, "train", "de")) == texts(near.examples(own, "train", "de")) == ["d"]


def test_nothing_there_is_said(bucket: Path) -> None:
    with pytest.raises(UserError, match=f"there is no data under 'file://{bucket}/empty'\n    copy the folder"):
        open_folder(f"file://{bucket}/empty")
    with pytest.raises(UserError, match="data 'ftp://x/y' cannot be opened"):
        open_folder("ftp://x/y")
    with pytest.raises(UserError, match="a mirror of the hub must be a folder"):
        open_source({"hub": "s3://bucket/hub"})


def test_keys_in_a_uri_are_refused_and_not_shown() -> None:
    for uri in ("s3://key:s3cret@bucket/data", "s3://bucket/data?secret_key=s3cret"):
        with pytest.raises(UserError) as caught:
            open_folder(uri)
        assert "s3cret" not in str(caught.value)
