"""The ledger and the SQL over it."""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces import Choices, Parameter
from sweep.ledger import TABLES, DamagedLedger, Entry, Ledger, of_earlier_code
from sweep.planning import history
from sweep.planning.plan import Plan, Study
from sweep.results.query import query
from tests.unit.test_spec import SPEC
from trainables import sealed
from trainables.errors import UserError
from trainables.reports import Predicted, Score
from trainables.sealed import SealedFile
from trainables.spec import CODE_VERSION, SEARCHED, TrialSpec
from trainables.store import Store

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


FAILED = dataclasses.replace(SPEC, epochs=3)
EVALUATION = TrialSpec("evaluate", "minilm", ("xnli",), ("de", "ru"), "d", parent=SPEC.trial_id)


def entry(spec: TrialSpec, minutes: int = 1, **changes: object) -> Entry:
    values = {"objective": 70.0, **changes}
    return Entry(spec, NOON, NOON + timedelta(minutes=minutes), **values)  # type: ignore[arg-type]


def plan_of(*specs: TrialSpec) -> Plan:
    """A plan that asks for these trials and nothing else."""
    values = {name: tuple({spec.hyperparameters[name]: 0 for spec in specs}) for name in SEARCHED}
    parameters: dict[str, Parameter] = {
        name: Choices(tuple(dict.fromkeys(ones)), ones[0]) for name, ones in values.items()
    }
    question = dataclasses.replace(specs[0], **dict.fromkeys(specs[0].hyperparameters))
    search = Study("target/none/mnli", "none", "mnli", question, None, len(specs), (1,), "grid", parameters)
    scored = dataclasses.replace(EVALUATION, parent=None)
    evaluation = Study("evaluate/none/mnli", "none", "mnli", scored, search.name, 1, (1,), "grid", {})
    return Plan("test", "store", (search, evaluation))


def filled_store(folder: Path) -> Store:
    """A store with a finished, a failed and an evaluated trial, and their plan."""
    store = Store(str(folder / "store"))
    ledger = Ledger(store)
    ledger.write(entry(SPEC))
    ledger.write(entry(FAILED, objective=None, error="the loss is nan"))
    scores = (Score("xnli", "mnli", "de", "dev", "accuracy", True, 60.0, 33.0, 100),)
    predictions = (Predicted("xnli", "de", "dev", "feed", ("neutral",), ((1.0, 1.0),)),)
    ledger.write(entry(EVALUATION, objective=None, scores=scores, predictions=predictions))
    history.keep(store, plan_of(SPEC, FAILED))
    return store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return filled_store(tmp_path)


def test_a_trial_comes_back_as_it_was_written(store: Store) -> None:
    outcomes = {one.spec.trial_id: one for one in Ledger(store).outcomes()}
    assert len(outcomes) == 3
    assert outcomes[SPEC.trial_id].spec == SPEC
    assert outcomes[SPEC.trial_id].objective == 70.0
    assert outcomes[FAILED.trial_id].status == "failed"


def test_one_parquet_file_a_trial_with_the_declared_schema(store: Store) -> None:
    files = Ledger(store).files()
    assert [Path(name).parent.name for name in files] == ["trials"] * 3 + ["scores", "predictions"]
    for name in files:
        table = pq.read_table(store.path(name))
        assert table.schema.equals(TABLES[Path(name).parent.name])
        assert table.schema.metadata == {b"sweep.ledger": b"2"}
        assert Path(name).stem == table["trial_id"][0].as_py()


def test_trials_says_how_each_ended(store: Store) -> None:
    rows = query(store, "select status, seconds, error, count(*) n from trials group by all order by all").to_pylist()
    assert rows == [
        {"status": "failed", "seconds": 60.0, "error": "the loss is nan", "n": 1},
        {"status": "finished", "seconds": 60.0, "error": None, "n": 2},
    ]


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


def test_a_ledger_without_a_plan_says_nothing_of_experiments(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    Ledger(store).write(entry(SPEC))
    with pytest.raises(UserError, match="no experiment was run"):
        query(store, "from trials")


def test_a_damaged_file_is_named(store: Store) -> None:
    store.write("ledger/trials/0000.parquet", b"PAR1 not really")
    with pytest.raises(UserError, match=r"0000\.parquet: is not a ledger file"):
        query(store, "from trials")


def many(store: Store, count: int) -> list[TrialSpec]:
    specs = [dataclasses.replace(SPEC, seed=seed) for seed in range(count)]
    ledger = Ledger(store)
    for spec in specs:
        ledger.write(entry(spec, objective=float(spec.seed), curve=(1.0, float(spec.seed))))
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
    store.write("ledger/trials/0000.parquet", b"PAR1")
    ledger.compact(at_least=1)
    assert store.read("ledger/trials/0000.parquet") == b"PAR1"  # it is there to be set aside
    store.delete("ledger/trials/0000.parquet")
    failed = dataclasses.replace(SPEC, seed=3)
    ledger.write(entry(failed, minutes=-9, objective=None, error="late"))  # the clock went back
    assert len(ledger.files()) == 4
    assert {one.spec.seed: one.status for one in ledger.outcomes()}[3] == "failed"  # the latest row counts
    assert {one.spec.seed: one.status for one in Ledger(store).outcomes()}[3] == "failed"
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
    name = f"ledger/trials/{SPEC.trial_id}.parquet"
    store.write(name, store.read(name)[:-100])
    store.write("ledger/trials/0000.parquet", b"")
    problems = Ledger(store).set_aside()
    assert sorted(str(problem.file) for problem in problems) == [
        store.path("ledger/trials/0000.parquet"),
        store.path(name),
    ]
    assert store.list("damaged") == [
        "damaged/ledger-trials-0000.parquet",
        f"damaged/ledger-trials-{SPEC.trial_id}.parquet",
    ]
    assert SPEC.trial_id not in {one.spec.trial_id for one in Ledger(store).outcomes()}
    assert len(list(Ledger(store).outcomes())) == 2
    assert Ledger(store).set_aside() == []


@settings(max_examples=150)
@given(st.data())
def test_no_flipped_bit_passes_for_a_result(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        Ledger(store).write(entry(SPEC, curve=(1.0, 70.0), suggestion="s"))
        name = f"ledger/trials/{SPEC.trial_id}.parquet"
        content = bytearray(store.read(name))
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        store.write(name, bytes(content))
        with pytest.raises(DamagedLedger):
            Ledger(store).read()


def rewritten(store: Store, name: str, table: pa.Table, **about: object) -> None:
    """Another content under a file's name, sealed as the ledger does."""
    store.write(name, sealed.write(table, {**SealedFile(store, name).about, **about}))


def test_a_ledger_of_a_newer_version_is_refused_by_name(store: Store) -> None:
    name = f"ledger/scores/{EVALUATION.trial_id}.parquet"
    rewritten(store, name, pq.read_table(store.path(name)), version=3)
    for ask in (Ledger(store).read, Ledger(store).set_aside, lambda: query(store, "from trials")):
        with pytest.raises(UserError, match=rf"{name}: is of format 3 of the ledger.*\n    update this package"):
            ask()
    assert store.exists(name)


def test_a_ledger_of_format_1_is_refused_by_name(store: Store) -> None:
    store.write("ledger/0123.parquet", b"PAR1")
    for ask in (Ledger(store).read, Ledger(store).set_aside, lambda: query(store, "from trials")):
        with pytest.raises(UserError, match=r"ledger/0123\.parquet: is of format 1 of the ledger.*\n.*store=DIR"):
            ask()


def scored(spec: TrialSpec, value: float, predicted: int = 3, **changes: object) -> Entry:
    """An evaluation with a score and some predictions."""
    scores = (Score("xnli", "mnli", "de", "test", "accuracy", True, value, 33.0, predicted),)
    labels = tuple(f"label {value}" for _ in range(predicted))
    block = Predicted("xnli", "de", "test", "feed", labels, ((value,),) * predicted, (0.5,) * predicted)
    return entry(spec, objective=None, scores=scores, predictions=(block,), **changes)


EVALUATIONS = tuple(dataclasses.replace(EVALUATION, seed=seed) for seed in range(1, 5))


def said(store: Store) -> list[tuple[str, float, int]]:
    """By trial its score, and how many of its predictions there are, as whoever reads has them."""
    ledger = Ledger(store)
    snapshot = ledger.snapshot()
    trials, scores, predictions = (ledger.rows(snapshot, name, TABLES[name].names).to_pylist() for name in TABLES)
    found = []
    for trial in trials:
        (value,) = [one["value"] for one in scores if one["trial_id"] == trial["trial_id"]]
        own = [one for one in predictions if one["trial_id"] == trial["trial_id"]]
        assert {one["prediction"] for one in own} == {f"label {value}"}
        assert [one["position"] for one in own] == [*range(len(own))]
        found.append((trial["trial_id"], value, len(own)))
    assert {one["trial_id"] for one in (*scores, *predictions)} == {one["trial_id"] for one in trials}
    return found


class Killed(BaseException):
    """The process ends here."""


class Mortal(Store):
    """A store whose process is killed before its `left`-th change."""

    left = -1

    def _step(self) -> None:
        self.left -= 1
        if self.left == -1:
            raise Killed

    def write(self, name: str, content: bytes) -> None:
        self._step()
        super().write(name, content)

    def delete(self, name: str) -> None:
        self._step()
        super().delete(name)


def killed(store: Mortal, work: Callable[[], None]) -> Iterator[None]:
    """Does the work again and again, killed one step later each time, until it is done."""
    for steps in itertools.count():
        store.left = steps
        try:
            work()
        except Killed:
            yield
        else:
            store.left = -1
            yield
            return


def test_a_trial_is_there_as_a_whole_or_not_at_all_wherever_its_writer_is_killed(tmp_path: Path) -> None:
    store = Mortal(str(tmp_path))
    first, second = EVALUATIONS[:2]
    Ledger(store).write(scored(first, 50.0))
    seen = []
    for _ in killed(store, lambda: Ledger(store).write(scored(second, 60.0, predicted=2))):
        seen.append(said(store))
    assert len(seen) == 4  # predictions, scores, its own row
    assert all(one == [(first.trial_id, 50.0, 3)] for one in seen[:-1])
    assert (second.trial_id, 60.0, 2) in seen[-1]


def test_what_a_trial_said_before_stands_until_it_has_said_all_of_the_new(tmp_path: Path) -> None:
    store = Mortal(str(tmp_path))
    spec = EVALUATION
    Ledger(store).write(scored(spec, 50.0, error="xnli (test, ru): a bad line"))
    seen = []
    for _ in killed(store, lambda: Ledger(store).write(scored(spec, 60.0, predicted=5))):
        seen.append(said(store))
    assert all(one == [(spec.trial_id, 50.0, 3)] for one in seen[:-1])
    assert seen[-1] == [(spec.trial_id, 60.0, 5)]
    Ledger(store).compact(at_least=1)
    assert said(store) == [(spec.trial_id, 60.0, 5)]


def test_putting_together_loses_and_doubles_nothing_wherever_it_is_killed(tmp_path: Path) -> None:
    store = Mortal(str(tmp_path))
    for number, spec in enumerate(EVALUATIONS):
        Ledger(store).write(scored(spec, float(number)))
    before = said(store)
    assert len(before) == 4
    for _ in killed(store, lambda: Ledger(store).compact(at_least=1)):
        assert said(store) == before
    assert len(Ledger(store).files()) == 3


def test_a_trial_whose_scores_were_set_aside_runs_again(tmp_path: Path) -> None:
    """Its own row is in a part with others, and says nothing without them."""
    store = Store(str(tmp_path))
    for number, spec in enumerate(EVALUATIONS):
        Ledger(store).write(scored(spec, float(number)))
    Ledger(store).compact(at_least=1)
    (name,) = store.list("ledger/scores")
    store.write(name, store.read(name)[:-1])
    assert len(Ledger(store).set_aside()) == 1
    assert said(store) == []
    ledger = Ledger(store)
    for number, spec in enumerate(EVALUATIONS[:2]):
        ledger.write(scored(spec, float(number)))
    assert said(store) == [*sorted((spec.trial_id, float(number), 3) for number, spec in enumerate(EVALUATIONS[:2]))]
    Ledger(store).compact(at_least=1)
    assert len(said(store)) == 2


def test_two_stores_whose_files_lie_together_are_read_once(tmp_path: Path) -> None:
    """Whoever copies a ledger into another one has parts that overlap."""
    stores = [Store(str(tmp_path / name)) for name in "ab"]
    for store, specs in zip(stores, (EVALUATIONS[:3], EVALUATIONS[1:]), strict=True):
        for spec in specs:
            Ledger(store).write(scored(spec, float(spec.seed)))
        Ledger(store).compact(at_least=1)
    for name in Ledger(stores[1]).files():
        stores[0].write(name, stores[1].read(name))
    assert said(stores[0]) == sorted((spec.trial_id, float(spec.seed), 3) for spec in EVALUATIONS)


def test_trials_of_an_earlier_version_of_the_maths_are_counted(store: Store) -> None:
    Ledger(store).write(entry(dataclasses.replace(SPEC, code=CODE_VERSION - 1)))
    assert of_earlier_code(Ledger(store).outcomes()) == 1


@pytest.mark.parametrize("spec", ['{"phase": "target", "tutor": "x"}', "{}", "[]", "null", "{"])
def test_a_trial_of_another_version_is_said(store: Store, spec: str) -> None:
    name = Ledger(store).files()[0]
    table = pq.read_table(store.path(name))
    column = table.schema.get_field_index("spec")
    rewritten(store, name, table.set_column(column, TABLES["trials"].field("spec"), [[spec]]))
    with pytest.raises(UserError, match=r"a spec that is not known here: .*\n    a newer version of this package"):
        list(Ledger(store).outcomes())


def test_who_asks_while_files_are_put_together_is_answered_right(tmp_path: Path) -> None:
    """Also while trials that failed run again, with other scores."""
    store = Store(str(tmp_path / "store"))
    specs = [dataclasses.replace(SPEC, seed=seed) for seed in range(1, 9)]
    history.keep(store, plan_of(*specs[:1]))
    ledger = Ledger(store)
    for spec in specs:
        ledger.write(scored(dataclasses.replace(EVALUATION, seed=spec.seed), 0.0, error="a bad line"))
    sql = "select count(*) as n, count(distinct trial_id) as trials, sum(value) as sum from internal.scored"
    with ThreadPoolExecutor(2) as pool:
        asking = pool.submit(lambda: [query(store, sql).to_pylist()[0] for _ in range(15)])
        for number in range(1, 6):
            for spec in specs:
                again = dataclasses.replace(EVALUATION, seed=spec.seed)
                ledger.write(scored(again, float(number), error="a bad line"))
            ledger.compact(at_least=1)
        answers = asking.result()
    assert {(one["n"], one["trials"]) for one in answers} == {(8, 8)}
    sums = [one["sum"] for one in answers]
    assert sums == sorted(sums)  # nothing that was replaced comes back
    assert query(store, sql).to_pylist()[0]["sum"] == 8 * 5


def test_what_a_split_does_not_have_is_null(tmp_path: Path) -> None:
    """Labels that the release hides have no statistics, some kinds of tasks no confidence; a split may be empty."""
    store = Store(str(tmp_path))
    blocks = (
        Predicted("xnli", "de", "test", "a", ("x", "y")),
        Predicted("xnli", "ru", "test", "b", ("z",), ((1.0, 2.0),), (0.25,)),
        Predicted("xnli", "sw", "test", "c", ()),
    )
    Ledger(store).write(entry(EVALUATION, objective=None, predictions=blocks))
    ledger = Ledger(store)
    columns = ["language", "position", "prediction", "confidence", "statistics", "examples"]
    found = ledger.rows(ledger.snapshot(), "predictions", columns).to_pylist()
    assert [tuple(row.values()) for row in found] == [
        ("de", 0, "x", None, None, "a"),
        ("de", 1, "y", None, None, "a"),
        ("ru", 0, "z", 0.25, [1.0, 2.0], "b"),
    ]


def test_parts_are_of_a_size_that_has_room_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweep.ledger.ledger.PART_ROWS", 8)
    store = Store(str(tmp_path))
    for spec, predicted in zip(EVALUATIONS, (3, 4, 4, 7), strict=True):
        Ledger(store).write(scored(spec, float(spec.seed), predicted=predicted))
    before = said(store)
    Ledger(store).compact(at_least=1)
    assert said(store) == before
    trials = [sorted(one.file.about["trials"]) for one in Ledger(store).snapshot().portions["predictions"]]
    assert sorted(sum(entry[2] for entry in of) for of in trials) in ([4, 7, 7], [3, 7, 8])
    assert store.exists(f"ledger/predictions/{EVALUATIONS[3].trial_id}.parquet")  # as large as a part
