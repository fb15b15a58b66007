"""The ledger and the SQL over it."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sweep.ledger import SCHEMA, Entry, Ledger
from sweep.query import VIEWS, query
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
