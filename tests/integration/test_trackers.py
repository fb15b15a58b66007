"""What every experiment tracker does, whichever is installed: read back by its own reader."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest

from sweep.sharing.run import DEVELOPMENT, LOSS, Run, runs
from sweep.sharing.sync import Synced, sync
from sweep.sharing.tracker import PACKAGES, Tracker, open_tracker
from tests.integration.trackers import READERS, Shown
from tests.unit.test_driver import Rig
from tests.unit.test_views import ONE_TARGET, failing, play

pytestmark = pytest.mark.integration

BEGUN = datetime(2025, 3, 1, 12, tzinfo=UTC)

TRAINED = Run(
    trial_id="0123456789abcdef",
    experiment="demo",
    name="target/none/anli+/0123456789abcdef",
    status="finished",
    error=None,
    started_at=BEGUN,
    finished_at=BEGUN + timedelta(minutes=3),
    parameters={"learning_rate": 3e-05, "epochs": 3, "batch_size": 32, "model": "minilm", "seed": 2},
    tags={"experiment": "demo", "condition": "nli-en", "study": "target/none/anli+", "phase": "target", "seed": "2",
          "winner": "true"},
    curves={DEVELOPMENT: (50.25, 60.5, 61.75), LOSS: (1.5, 0.75, 0.5)},
    scores={"anli+/en/dev/accuracy": 61.75, "anli+/zh/test/accuracy": 44.5},
    numbers={"objective": 61.75, "seconds": 180.0},
)  # fmt: skip
BROKEN = dataclasses.replace(
    TRAINED,
    trial_id="fedcba9876543210",
    name="target/none/anli+/fedcba9876543210",
    status="failed",
    error="the loss is nan ```<b>",
    curves={},
    scores={},
    numbers={},
)


@pytest.fixture(params=PACKAGES)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    if find_spec(found) is None:
        pytest.skip(f"{PACKAGES[found]} is not installed")
    return found


@pytest.fixture
def tracker(name: str, tmp_path: Path) -> Tracker:
    return open_tracker(name, str(tmp_path / name))


def put(tracker: Tracker, *runs: Run) -> None:
    for run in runs:
        tracker.put(run)
    tracker.flush()


def shown(name: str, folder: Path, experiment: str = "demo") -> dict[str, Shown]:
    return READERS[name](folder / name, experiment)


def test_a_run_shows_what_the_ledger_has(name: str, tracker: Tracker, tmp_path: Path) -> None:
    put(tracker, TRAINED)
    found = shown(name, tmp_path)[TRAINED.trial_id]
    for key, value in {**TRAINED.parameters, **TRAINED.tags}.items():
        if key != "seed":
            assert found.says(key, value) or float(found.values[key]) == value, key
    assert float(found.values["seed"]) == 2
    for key, curve in TRAINED.curves.items():
        assert found.series[key] == [*enumerate(curve, start=1)]
    measured = {**TRAINED.scores, **TRAINED.numbers}
    if name == "mlflow":  # it takes no plus
        measured = {key.replace("+", "_"): value for key, value in measured.items()}
    for key, score in measured.items():
        assert found.series[key] == [(3, score)], key
    assert not found.failed


def test_a_failure_shows_why(name: str, tracker: Tracker, tmp_path: Path) -> None:
    put(tracker, BROKEN)
    found = shown(name, tmp_path)[BROKEN.trial_id]
    assert found.failed
    assert BROKEN.error is not None
    assert BROKEN.error in found.text
    assert not {DEVELOPMENT, LOSS} & found.series.keys()


def test_what_was_put_is_held(tracker: Tracker) -> None:
    assert tracker.held("demo") == {}
    put(tracker, TRAINED, BROKEN)
    assert tracker.held("demo") == {one.trial_id: one.digest for one in (TRAINED, BROKEN)}
    assert tracker.held("another") == {}


def test_a_run_that_is_another_by_now_takes_the_place_of_the_old_one(
    name: str, tracker: Tracker, tmp_path: Path
) -> None:
    """Run again after a failure; no longer the winner; part of another study."""
    again = dataclasses.replace(BROKEN, status="finished", error=None, curves={DEVELOPMENT: (40.0,)})
    moved = dataclasses.replace(again, name=f"target/z/{again.trial_id}", tags={**again.tags, "winner": "false"})
    for one in (BROKEN, TRAINED, again, moved):
        put(tracker, one)
        assert tracker.held("demo")[one.trial_id] == one.digest
    found = shown(name, tmp_path)
    assert found.keys() == {TRAINED.trial_id, BROKEN.trial_id}
    assert not found[moved.trial_id].failed
    assert found[moved.trial_id].says("winner", "false")
    assert found[moved.trial_id].series[DEVELOPMENT] == [(1, 40.0)]


def test_the_same_trial_in_two_experiments_is_a_run_in_each(name: str, tracker: Tracker, tmp_path: Path) -> None:
    for experiment in ("demo", "other"):
        put(tracker, dataclasses.replace(TRAINED, experiment=experiment))
    for experiment in ("demo", "other"):
        assert shown(name, tmp_path, experiment).keys() == {TRAINED.trial_id}


def test_names_lead_to_no_other_folder(name: str, tracker: Tracker, tmp_path: Path) -> None:
    """Of a ledger that somebody else has written."""
    evil = dataclasses.replace(TRAINED, experiment="../e#1", name=f"../../../x/..//{TRAINED.trial_id}")
    put(tracker, evil)
    assert tracker.held(evil.experiment) == {evil.trial_id: evil.digest}
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert [file.name for file in tmp_path.parent.iterdir() if file.name == "x"] == []


def test_a_second_sync_changes_nothing(name: str, tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, seeds=[1, 2], **ONE_TARGET), ends=failing("target", seed=2))
    ended = [*runs(rig.store)]
    assert {one.status for one in ended} == {"finished", "failed"}
    assert sync(open_tracker(name, str(tmp_path / name)), ended) == Synced(len(ended), 0)
    before = contents(tmp_path / name)
    assert sync(open_tracker(name, str(tmp_path / name)), ended) == Synced(0, len(ended))
    assert contents(tmp_path / name) == before
    found = shown(name, tmp_path, rig.plan.experiment)
    assert found.keys() == {one.trial_id for one in ended}
    assert any(series.endswith("/de/test/f1") for one in found.values() for series in one.series)


def contents(folder: Path) -> dict[str, bytes]:
    """All files, less the journals that SQLite keeps while it is open, and what wandb says of its own doings."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.name.endswith((".log", "-wal", "-shm", ".lock"))
    }


def test_a_sync_goes_on_where_another_one_was_killed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = play(Rig(tmp_path, **ONE_TARGET))
    ended = [*runs(rig.store)]
    tracker = open_tracker(name, str(tmp_path / name))
    puts = iter(range(len(ended)))
    put_one = tracker.put

    def dying(run: Run) -> None:
        if next(puts) == 3:
            raise OSError("no space left")
        put_one(run)

    monkeypatch.setattr(tracker, "put", dying)
    monkeypatch.setattr("sweep.sharing.sync.AT_ONCE", 2)
    with pytest.raises(OSError, match="no space"):
        sync(tracker, ended)
    there = open_tracker(name, str(tmp_path / name)).held(ended[0].experiment)
    assert len(there) in (2, 3)  # the third was not waited for
    again = sync(open_tracker(name, str(tmp_path / name)), ended)
    assert again == Synced(len(ended) - len(there), len(there))
    assert shown(name, tmp_path, ended[0].experiment).keys() == {one.trial_id for one in ended}


def test_what_was_killed_while_it_was_written_is_written_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each package dies after the first thing that it has written of a run."""
    deaths = {
        "tensorboard": "tensorboard.summary.writer.record_writer.RecordWriter.write",
        "mlflow": "mlflow.tracking.MlflowClient.set_terminated",
        "wandb": "wandb.sdk.wandb_run.Run.log",
        "trackio": "trackio.sqlite_storage.SQLiteStorage._insert_trace_rows",
    }
    tracker = open_tracker(name, str(tmp_path / name))
    with monkeypatch.context() as patched:

        def die(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(deaths[name], die)
        with pytest.raises(KeyboardInterrupt):
            tracker.put(TRAINED)
    again = open_tracker(name, str(tmp_path / name))
    assert again.held("demo") == {}
    put(again, TRAINED)
    assert shown(name, tmp_path).keys() == {TRAINED.trial_id}
