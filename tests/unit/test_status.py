"""How far an experiment is, from its store alone."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sweep.cli import app
from sweep.planning import history
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
    spec = rig.run(stop_at="intermediate")
    assert spec is not None
    rig.end(spec, error="the gradient is nan in epoch 1\nand more")
    while (pair := rig.run(stop_at="target")) is not None and pair.parent is None:
        rig.end(pair, report=Report(1.0, objective=60.0, collapsed=True, examples_per_second=100.0))
    return rig


def test_every_trial_is_accounted_for(rig: Rig) -> None:
    state = status(rig.store).experiment
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
    assert {one.name: one.running for one in found.experiment.studies}["target/mini-nli/mini-pos"] == 1
    rig.store.write(lease.NAME, json.dumps({**record, "beat": 0.0}).encode())
    found = status(rig.store)
    assert found.run is not None
    assert not found.run.alive
    assert all(one.running == 0 for one in found.experiment.studies)


def test_studies_that_cannot_run_are_blocked_and_not_left(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    while (found := rig.start()) is not None:
        said = {"error": "the gradient is nan"} if found[0].phase == "intermediate" else {}
        rig.end(found[0], **said)
    state = status(rig.store).experiment
    blocked = {one.name for one in state.studies if one.blocked}
    assert blocked == {"target/mini-nli/mini-pos", "evaluate/mini-nli/mini-pos", "evaluate/mini-nli/untrained"}
    assert sum(one.left for one in state.studies) == 0


def test_nothing_has_ended_yet(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    state = status(rig.store).experiment
    assert state.seconds_left is state.trials_per_hour is None
    shown = CliRunner().invoke(app, ["status", rig.store.uri]).output
    assert "unknown, as none has ended yet" in shown


def test_the_command_tells_it_to_people_and_to_scripts(rig: Rig) -> None:
    shown = CliRunner().invoke(app, ["status", rig.store.uri]).output
    for words in ("intermediate/mini-nli", "1 failed", "failed (1, such as", "the gradient is nan", "trials an hour"):
        assert words in shown
    found = json.loads(CliRunner().invoke(app, ["status", rig.store.uri, "--json"]).output)
    assert found["run"] is None
    assert found["experiment"]["failures"][0]["count"] == 1


def test_a_store_without_an_experiment_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no experiment was run in"):
        status(Store(str(tmp_path)))


def test_of_several_experiments_one_is_asked_for(rig: Rig) -> None:
    other = dataclasses.replace(rig.plan, experiment="other", studies=rig.plan.studies[:2])
    history.keep(rig.store, other)
    with pytest.raises(UserError, match=r"has 2 experiments\n.*--experiment other or --experiment small"):
        status(rig.store)
    assert len(status(rig.store, "other").experiment.studies) == 2
    with pytest.raises(UserError, match=r"no experiment 'smal' was run in .*\n.*did you mean 'small'"):
        status(rig.store, "smal")


def test_the_plans_of_before_are_told(rig: Rig) -> None:
    before = rig.plan.hash
    history.keep(rig.store, dataclasses.replace(rig.plan, studies=rig.plan.studies[:2]))
    found = status(rig.store).experiment
    assert (found.earlier_plans, len(found.studies)) == ((before,), 2)
    assert len(status(rig.store, f"small@{before[:4]}").experiment.studies) == len(rig.plan.studies)
    assert f"small@{before}" in CliRunner().invoke(app, ["status", rig.store.uri]).output
