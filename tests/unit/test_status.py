"""How far an experiment is, from its store alone."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sweep.cli import app
from sweep.planning.plan import PLANS
from sweep.running import lease
from sweep.running.status import status
from tests.unit.test_driver import Rig
from trainables.errors import UserError
from trainables.reports import Report
from trainables.store import Store


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """A sweep on its way: its condition is done, but for a trial that failed, and a pair is running."""
    rig = Rig(tmp_path, trials={"intermediate": 3, "target": 2})
    rig.store.write(f"{PLANS}/small.json", rig.plan.to_json())
    spec = rig.run(stop_at="intermediate")
    assert spec is not None
    rig.end(spec, error="the gradient is nan in epoch 1\nand more")
    while (pair := rig.run(stop_at="target")) is not None and pair.parent is None:
        rig.end(pair, report=Report(1.0, objective=60.0, collapsed=True, examples_per_second=100.0))
    return rig


def test_every_trial_is_accounted_for(rig: Rig) -> None:
    (state,) = status(rig.store).experiments
    counts = {one.name: (one.planned, one.finished, one.failed, one.left) for one in state.studies}
    assert counts["intermediate/mini-nli"] == (3, 2, 1, 0)
    assert counts["target/none/mini-pos"] == (2, 2, 0, 0)
    assert counts["target/mini-nli/mini-pos"] == (2, 0, 0, 2)
    assert all(one.planned == one.finished + one.pruned + one.failed + one.left for one in state.studies)
    assert [(one.reason, one.count) for one in state.failures] == [("the gradient is nan in epoch 1", 1)]
    assert state.collapsed == 2
    assert state.trials_per_hour is not None
    assert state.seconds_left is not None


def test_a_run_that_goes_on_shows_what_it_does(rig: Rig) -> None:
    assert status(rig.store).run is None
    record = {"run": "r", "host": "elsewhere", "pid": 7, "started": time.time(), "beat": time.time()}
    running = [{"trial_id": "t", "study": "target/mini-nli/mini-pos", "settings": "lr", "progress": 0.5}]
    record |= {"experiment": "small", "running": running}
    rig.store.write(lease.NAME, json.dumps(record).encode())
    found = status(rig.store)
    assert found.run is not None
    assert found.run.alive
    assert {one.name: one.running for one in found.experiments[0].studies}["target/mini-nli/mini-pos"] == 1
    rig.store.write(lease.NAME, json.dumps({**record, "beat": 0.0}).encode())
    found = status(rig.store)
    assert found.run is not None
    assert not found.run.alive
    assert all(one.running == 0 for one in found.experiments[0].studies)


def test_studies_that_cannot_run_are_blocked_and_not_left(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.store.write(f"{PLANS}/small.json", rig.plan.to_json())
    while (found := rig.start()) is not None:
        said = {"error": "the gradient is nan"} if found[0].phase == "intermediate" else {}
        rig.end(found[0], **said)
    (state,) = status(rig.store).experiments
    blocked = {one.name for one in state.studies if one.blocked}
    assert blocked == {"target/mini-nli/mini-pos", "evaluate/mini-nli/mini-pos", "evaluate/mini-nli/untrained"}
    assert sum(one.left for one in state.studies) == 0


def test_nothing_has_ended_yet(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.store.write(f"{PLANS}/small.json", rig.plan.to_json())
    (state,) = status(rig.store).experiments
    assert state.seconds_left is state.trials_per_hour is None
    shown = CliRunner().invoke(app, ["status", rig.store.uri]).output
    assert "unknown, as none has ended yet" in shown


def test_the_command_tells_it_to_people_and_to_scripts(rig: Rig) -> None:
    shown = CliRunner().invoke(app, ["status", rig.store.uri]).output
    for words in ("intermediate/mini-nli", "1 failed", "failed (1, such as", "the gradient is nan", "trials an hour"):
        assert words in shown
    found = json.loads(CliRunner().invoke(app, ["status", rig.store.uri, "--json"]).output)
    assert found["run"] is None
    assert found["experiments"][0]["failures"][0]["count"] == 1


def test_a_store_without_an_experiment_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no experiment was run in"):
        status(Store(str(tmp_path)))


def test_a_plan_that_is_none_is_named(rig: Rig) -> None:
    rig.store.write(f"{PLANS}/other.json", b"{")
    with pytest.raises(UserError, match=r"other\.json: is not a plan"):
        status(rig.store)
