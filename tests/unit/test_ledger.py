"""The ledger and the SQL over it."""

from __future__ import annotations

import dataclasses
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.ledger import SCHEMA, DamagedLedger, Entry, Ledger
from sweep.ledger.ledger import _parquet
from sweep.results.query import VIEWS, query
from tests.unit.test_spec import SPEC
from trainables.errors import UserError
from trainables.reports import PredictionRow, Score
from trainables.spec import TrialSpec
from trainables.store import Store

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def entry(spec: TrialSpec, condition: str = "none", minutes: int = 1, **changes: object) -> Entry:
    study = f"{spec.phase}/{condition}/mnli"
    end = NOON + timedelta(minutes=minutes)
    values = {"objective": 70.0, **changes}
    return Entry(spec, "test", study, condition, "mnli", NOON, end, **values)  # type: ignore[arg-type]


def evaluation(
    condition: str, seed: int, values: dict[str, float | None], minutes: int = 1, parent: str = "p"
) -> Entry:
    spec = TrialSpec("evaluate", "minilm", ("xnli",), tuple(values), "d", parent=f"{parent}{condition}", seed=seed)
    scores = tuple(
        Score("xnli", "mnli", language, "dev", "accuracy", True, value, 33.0, 100) for language, value in values.items()
    )
    predictions = (PredictionRow("xnli", "de", "dev", "0", "neutral", ("neutral",)),)
    return entry(spec, condition, minutes, objective=None, scores=scores, predictions=predictions)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path / "store"))
    ledger = Ledger(store)
    ledger.write(entry(SPEC))
    ledger.write(entry(dataclasses.replace(SPEC, epochs=3), objective=None, error="the loss is nan"))
    ledger.write(evaluation("none", 1, {"de": 60.0, "ru": 50.0, "sw": None}))
    ledger.write(evaluation("none", 2, {"de": 62.0, "ru": 54.0, "sw": None}))
    ledger.write(evaluation("mnli", 1, {"de": 65.0, "ru": 49.0, "sw": None}))
    return store


def test_a_trial_comes_back_as_it_was_written(store: Store) -> None:
    outcomes = {one.spec.trial_id: one for one in Ledger(store).outcomes()}
    assert len(outcomes) == 5
    assert outcomes[SPEC.trial_id].spec == SPEC
    assert outcomes[SPEC.trial_id].objective == 70.0
    assert outcomes[dataclasses.replace(SPEC, epochs=3).trial_id].status == "failed"


def test_one_parquet_file_a_trial_with_the_declared_schema(store: Store) -> None:
    files = Ledger(store).files()
    assert len(files) == 5
    for name in files:
        table = pq.read_table(store.path(name))
        assert table.schema.equals(SCHEMA)
        assert name == f"ledger/{table['trial_id'][0]}.parquet"


def test_views_have_the_promised_columns(store: Store) -> None:
    promised = {
        "trials": "trial_id study phase condition training_set status objective learning_rate epochs batch_size seed "
        "started_at finished_at seconds examples_per_second error startup_seconds",
        "scores": "trial_id condition target training_set language split metric value n seed winner",
        "best": "condition target language metric mean median std seeds",
        "transfer": "condition target language value baseline delta",
        "predictions": "trial_id target language split example prediction",
    }
    for view in VIEWS:
        assert set(promised[view].split()) <= set(query(store, f"from {view}").column_names)


def test_trials_says_how_each_ended(store: Store) -> None:
    rows = query(store, "select status, seconds, error, count(*) n from trials group by all order by all").to_pylist()
    assert rows == [
        {"status": "failed", "seconds": 60.0, "error": "the loss is nan", "n": 1},
        {"status": "finished", "seconds": 60.0, "error": None, "n": 4},
    ]


def test_best_summarises_over_seeds(store: Store) -> None:
    rows = query(store, "select * from best where condition = 'none' and language = 'de'").to_pylist()
    assert [(row["mean"], row["median"], row["seeds"], row["chance"]) for row in rows] == [(61.0, 61.0, 2, 33.0)]
    assert rows[0]["std"] == pytest.approx(2**0.5)


def test_transfer_is_the_difference_to_the_baseline(store: Store) -> None:
    rows = query(store, "select language, value, baseline, delta from transfer where delta is not null order by 1")
    assert rows.to_pylist() == [
        {"language": "de", "value": 65.0, "baseline": 61.0, "delta": 4.0},
        {"language": "ru", "value": 49.0, "baseline": 52.0, "delta": -3.0},
    ]


def test_hidden_labels_are_null_and_never_zero(store: Store) -> None:
    assert query(store, "select distinct mean from best where language = 'sw'").to_pylist() == [{"mean": None}]


def test_the_last_evaluation_of_a_study_counts(store: Store) -> None:
    Ledger(store).write(evaluation("mnli", 1, {"de": 99.0}, minutes=5, parent="later"))
    rows = query(store, "select language, mean from best where condition = 'mnli'").to_pylist()
    assert rows == [{"language": "de", "mean": 99.0}]


@pytest.mark.parametrize(
    "sql",
    [
        "drop view best",
        "create table t as select 1",
        "insert into ledger select * from ledger",
        "copy (select 1) to '/tmp/x.csv'",
        "attach '/tmp/x.db'",
        "set enable_external_access = true",
        "install httpfs",
        "select 1; select 2",
        "from read_csv('/etc/passwd')",
        "from '/etc/passwd'",
        "from read_parquet('/etc/passwd')",
        "select * from glob('/*')",
        "select content from read_text('/etc/passwd')",
    ],
)
def test_a_query_changes_nothing_and_reads_nothing_else(store: Store, sql: str) -> None:
    with pytest.raises(UserError):
        query(store, sql)


def test_an_unknown_view_is_answered_with_the_nearest(store: Store) -> None:
    with pytest.raises(UserError, match="did you mean 'trials'"):
        query(store, "from trails")


def test_a_store_without_a_ledger_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no ledger"):
        query(Store(str(tmp_path)), "from trials")


def test_a_damaged_file_is_named(store: Store) -> None:
    store.write("ledger/0000.parquet", b"PAR1 not really")
    with pytest.raises(UserError, match=r"0000\.parquet: is not a ledger file"):
        query(store, "from trials")


def many(store: Store, count: int) -> list[TrialSpec]:
    specs = [dataclasses.replace(SPEC, seed=seed) for seed in range(count)]
    for spec in specs:
        Ledger(store).write(entry(spec, objective=float(spec.seed), curve=(1.0, float(spec.seed))))
    return specs


def test_many_files_become_parts_that_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweep.ledger.ledger.PART_TRIALS", 4)
    store = Store(str(tmp_path / "store"))
    ledger = Ledger(store)
    many(store, 3)
    ledger.compact(at_least=4)
    assert len(ledger.files()) == 3  # too few
    many(store, 10)
    before = ledger.read()
    ledger.compact(at_least=4)
    assert len(ledger.files()) == 3  # 4 + 4 + 2
    assert ledger.read().equals(before)
    store.write("ledger/0000.parquet", b"PAR1")
    ledger.compact(at_least=1)
    assert store.read("ledger/0000.parquet") == b"PAR1"  # it is there to be set aside
    store.delete("ledger/0000.parquet")
    failed = dataclasses.replace(SPEC, seed=3)
    ledger.write(entry(failed, minutes=9, objective=None, error="late"))
    assert len(ledger.files()) == 4
    assert {one.spec.seed: one.status for one in ledger.outcomes()}[3] == "failed"  # the latest row counts
    ledger.compact(at_least=1)
    assert {one.spec.seed: one.status for one in ledger.outcomes()}[3] == "failed"
    assert len(list(ledger.outcomes())) == 10


def test_a_compaction_that_was_killed_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path / "store"))
    many(store, 6)
    before = Ledger(store).read()
    deleted = []

    def delete(name: str) -> None:
        if len(deleted) == 3:
            raise KeyboardInterrupt
        deleted.append(name)
        Store.delete(store, name)

    monkeypatch.setattr(store, "delete", delete)
    with pytest.raises(KeyboardInterrupt):
        Ledger(store).compact(at_least=1)
    again = Ledger(Store(store.uri))
    assert again.read().equals(before)
    again.compact(at_least=1)
    assert again.read().equals(before)


def test_who_reads_while_files_are_put_together_misses_nothing(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    many(store, 40)
    with ThreadPoolExecutor(2) as pool:
        reading = pool.submit(lambda: {len(list(Ledger(store).outcomes())) for _ in range(20)})
        for _ in range(10):
            Ledger(store).compact(at_least=1)
            many(store, 40)
        assert reading.result() == {40}


def test_damaged_files_are_set_aside_and_the_rest_is_there(store: Store) -> None:
    name = f"ledger/{SPEC.trial_id}.parquet"
    store.write(name, store.read(name)[:-100])
    store.write("ledger/0000.parquet", b"")
    problems = Ledger(store).set_aside()
    assert sorted(str(problem.file) for problem in problems) == [
        store.path("ledger/0000.parquet"),
        store.path(name),
    ]
    assert store.list("damaged") == ["damaged/ledger-0000.parquet", f"damaged/ledger-{SPEC.trial_id}.parquet"]
    assert SPEC.trial_id not in {one.spec.trial_id for one in Ledger(store).outcomes()}
    assert len(list(Ledger(store).outcomes())) == 4
    assert Ledger(store).set_aside() == []


@settings(max_examples=150)
@given(st.data())
def test_no_flipped_bit_passes_for_a_result(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        Ledger(store).write(entry(SPEC, curve=(1.0, 70.0), suggestion="s"))
        name = f"ledger/{SPEC.trial_id}.parquet"
        content = bytearray(store.read(name))
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        store.write(name, bytes(content))
        with pytest.raises(DamagedLedger):
            Ledger(store).read()


def test_a_file_of_an_earlier_version_is_read(store: Store) -> None:
    name = f"ledger/{SPEC.trial_id}.parquet"
    old = pq.read_table(store.path(name)).drop_columns(["curve", "device", "suggestion", "attempts"])
    store.write(name, _parquet(old))
    outcomes = {one.spec.trial_id: one for one in Ledger(store).outcomes()}
    assert (outcomes[SPEC.trial_id].curve, outcomes[SPEC.trial_id].suggestion) == ((), None)
    assert query(store, "select count(*) n from trials where attempts is null").to_pylist() == [{"n": 1}]


def test_predictions_are_read_only_for_those_who_ask(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    read = Ledger.read
    monkeypatch.setattr(Ledger, "read", lambda self, columns=None: asked.append(columns) or read(self, columns))
    query(store, "select count(*) from scores")
    query(store, "select count(*) from Predictions")
    assert ["predictions" in columns for columns in asked] == [False, True]
