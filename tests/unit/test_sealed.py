"""Sealed files, and questions to a store whose files are damaged: the right answer, or a refusal by name."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from sweep.ledger import DamagedLedger, Ledger
from sweep.results import files
from sweep.results.query import query
from tests.unit.test_driver import Rig
from tests.unit.test_views import ONE_TARGET, play
from trainables import sealed
from trainables.sealed import SealedFile, SealError
from trainables.store import Store

FLIPS = 100
"""Damages of a store."""

BLOCK = 256
"""Bytes, for the test: files of many blocks without many bytes."""

SCHEMA = pa.schema([("x", pa.int64()), ("text", pa.string())])
TABLE = pa.table({"x": range(2000), "text": [f"text {number % 7}" for number in range(2000)]}, SCHEMA)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def test_what_was_written_is_read(store: Store) -> None:
    store.write("x.parquet", sealed.write(TABLE, {"who": "we"}))
    file = SealedFile(store, "x.parquet")
    assert file.about == {"who": "we"}
    assert file.table(["text", "x"], SCHEMA).equals(TABLE.select(["text", "x"]))
    assert file.table(["x"], SCHEMA).equals(TABLE.select(["x"]))
    file.check()


def test_other_readers_of_parquet_read_it(store: Store) -> None:
    import duckdb
    import pandas as pd
    import pyarrow.parquet as pq

    store.write("x.parquet", sealed.write(TABLE))
    path = store.path("x.parquet")
    assert pq.read_table(path).equals(TABLE)
    assert pd.read_parquet(path)["x"].sum() == sum(range(2000))
    assert duckdb.sql(f"select sum(x) from '{path}'").fetchall() == [(sum(range(2000)),)]


@pytest.mark.parametrize("block", [64, 1000, sealed.BLOCK])
@pytest.mark.parametrize("tail", [100, sealed.TAIL])
def test_any_part_is_read_as_it_is(store: Store, monkeypatch: pytest.MonkeyPatch, block: int, tail: int) -> None:
    monkeypatch.setattr(sealed, "BLOCK", block)
    monkeypatch.setattr(sealed, "TAIL", tail)
    content = sealed.write(TABLE)
    store.write("x.parquet", content)
    file = SealedFile(store, "x.parquet")
    rng = random.Random(0)
    for _ in range(300):
        start, count = rng.randrange(len(content) + 10), rng.randrange(len(content) + 10)
        assert file.read_at(start, count) == content[start : start + count]
    assert file.table(["x", "text"], SCHEMA).equals(TABLE)


@pytest.mark.parametrize("tail", [100, sealed.TAIL])
def test_every_byte_counts(store: Store, monkeypatch: pytest.MonkeyPatch, tail: int) -> None:
    monkeypatch.setattr(sealed, "BLOCK", BLOCK)
    monkeypatch.setattr(sealed, "TAIL", tail)
    content = sealed.write(TABLE.slice(0, 200), {"who": "we"})
    path = Path(store.path("x.parquet"))
    for place in range(0, len(content), 3):
        wrong = bytearray(content)
        wrong[place] ^= 1 << place % 8
        path.write_bytes(wrong)
        with pytest.raises(SealError):
            SealedFile(store, "x.parquet").check()
    for wrong in (content[:-1], content + b"x", content[1:], content[: len(content) // 2], b"", b"PAR1", b"\0" * 500):
        path.write_bytes(wrong)
        with pytest.raises(SealError):
            SealedFile(store, "x.parquet").check()


def test_a_part_that_nobody_reads_is_not_looked_at(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"x": range(200_000), "text": ["a"] * 200_000}, SCHEMA)
    wrong = bytearray(sealed.write(table))
    assert len(wrong) > 4 * sealed.TAIL  # what the end of a file is read with is verified with it
    wrong[10] ^= 1  # in the first column
    store.write("x.parquet", bytes(wrong))
    file = SealedFile(store, "x.parquet")
    assert file.table(["text"], SCHEMA).equals(table.select(["text"]))
    with pytest.raises(SealError):
        file.table(["x"], SCHEMA)


QUESTIONS = {
    "transfer": "from transfer order by all",
    "scores": "from scores order by all",
    "counts": "from counts order by all",
    "predictions": "select target, prediction, gold, confidence, statistics from predictions order by all",
    "spec": "select trial_id, spec, curve from ledger order by all",
}

Damage = Callable[[bytearray, random.Random], None]


def flip(content: bytearray, rng: random.Random) -> None:
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def overwrite(content: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(content))
    content[start : start + 16] = bytes(rng.randrange(256) for _ in content[start : start + 16])


def cut(content: bytearray, rng: random.Random) -> None:
    del content[rng.randrange(len(content)) :]


def swap(content: bytearray, rng: random.Random) -> None:
    """Two blocks of a disk change places."""
    one, other = (rng.randrange(len(content) // BLOCK) * BLOCK for _ in range(2))
    content[one : one + BLOCK], content[other : other + BLOCK] = (
        content[other : other + BLOCK],
        content[one : one + BLOCK],
    )


@pytest.mark.parametrize("parts", [False, True], ids=["single trials", "parts"])
def test_a_damaged_store_answers_right_or_refuses_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: bool
) -> None:
    """Never another answer, whatever is damaged and whatever is asked."""
    monkeypatch.setattr(sealed, "BLOCK", BLOCK)
    monkeypatch.setattr(sealed, "TAIL", 100)  # else all of a small file is read, and verified, at once
    rig = play(Rig(tmp_path, **{**ONE_TARGET, "conditions": ["none", "mini-nli"]}))
    if parts:
        rig.ledger.compact(at_least=1)
    right = {name: query(rig.store, sql).to_pylist() for name, sql in QUESTIONS.items()}
    assert all(right.values())
    rng, ends = random.Random(0), Counter[str]()
    names = [*rig.ledger.files(), "examples/feed.parquet"]
    for number in range(FLIPS):
        name, damage, asked = rng.choice(names), rng.choice([flip, overwrite, cut, swap]), [*QUESTIONS][number % 5]
        path = Path(rig.store.path(name))
        content = path.read_bytes()
        wrong = bytearray(content)
        damage(wrong, rng)
        path.write_bytes(wrong)
        try:
            end = "right" if query(rig.store, QUESTIONS[asked]).to_pylist() == right[asked] else "another answer"
        except DamagedLedger as refused:
            end = "refused" if name in str(refused) else "another file is blamed"
        assert end in ("right", "refused"), (name, damage, asked)
        ends[end] += 1
        path.write_bytes(content)
    assert ends["right"] > 0 and ends["refused"] > 50


def test_only_what_a_question_needs_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = play(Rig(tmp_path, **ONE_TARGET))
    rig.ledger.compact(at_least=1)
    opened: list[str] = []
    watched = files.SealedFiles.open

    def watch(self: files.SealedFiles, path: str, *rest: Any, **options: Any) -> Any:
        opened.append(path.removeprefix(files.SCHEME).rpartition("/")[0])
        return watched(self, path, *rest, **options)

    monkeypatch.setattr(files.SealedFiles, "open", watch)
    query(rig.store, "select 1")
    seen = Counter(opened)
    opened.clear()
    query(rig.store, "select avg(value) from scores")
    assert "ledger/scores" in opened
    once = Counter(opened)  # to know the columns
    assert (once["ledger/predictions"], once["examples"]) == (seen["ledger/predictions"], seen["examples"])
    query(rig.store, "select distinct texts from predictions")
    assert Counter(opened)["examples"] > 2 * once["examples"]


def test_a_file_that_became_part_of_another_one_is_found_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an object store it is gone, even for those who have begun to read it."""
    rig = play(Rig(tmp_path, **ONE_TARGET))
    right = query(rig.store, QUESTIONS["scores"]).to_pylist()
    read_at, moved = SealedFile.read_at, []

    def vanish(self: SealedFile, start: int, count: int) -> bytes:
        if not moved:
            moved.append(True)
            Ledger(rig.store).compact(at_least=1)
            raise OSError("no such key")
        return read_at(self, start, count)

    monkeypatch.setattr(SealedFile, "read_at", vanish)
    assert query(rig.store, QUESTIONS["scores"]).to_pylist() == right
    assert moved


def test_threads_that_share_a_file_read_from_their_own_places(store: Store) -> None:
    """DuckDB's do: one says where it reads, then another one, then both read."""
    store.write("a.parquet", sealed.write(pa.table({"n": list(range(50_000))})))
    content = Path(store.path("a.parquet")).read_bytes()
    shared = files.SealedFiles(store, ["a.parquet"], {}).open(f"{files.SCHEME}a.parquet")
    said = threading.Barrier(2)

    def read(place: int) -> bytes:
        shared.seek(place)
        said.wait()
        return shared.read(100) + shared.read(100)

    places = [1_000, 90_000]
    with ThreadPoolExecutor(2) as threads:
        assert [*threads.map(read, places)] == [content[place : place + 200] for place in places]
