"""`sweep doctor STORE`: each kind of damage is found, named and mended, and nothing that a plan needs is removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

from sweep.planning import history
from sweep.running import lease
from sweep.running.doctor import store as doctor
from sweep.running.doctor.finding import exit_code, worst
from tests.unit.test_driver import Rig
from tests.unit.test_views import play
from trainables.errors import UserError
from trainables.features import SCHEMA
from trainables.models.checkpoint import save_checkpoint, write_tensors
from trainables.spec import TrialSpec
from trainables.store import PROBE, Store, checkpoint_name, state_name


class WeightsRig(Rig):
    """A rig whose trials leave real checkpoints."""

    def end(self, spec: TrialSpec, **said: Any) -> None:
        super().end(spec, **said)
        if self.store.exists(checkpoint_name(spec.trial_id)):
            save_checkpoint(self.store, spec, {"encoder.a": torch.arange(6.0).reshape(2, 3), "heads.b": torch.ones(3)})


SMALL = {"targets": ["mini-pos"], "trials": {"intermediate": 2, "target": 2}}


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsRig:
    """A sweep that is done."""
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    rig = WeightsRig(tmp_path, **SMALL)
    play(rig)
    rig.driver.tidy()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, SCHEMA) as writer:
        writer.write_batch(pa.RecordBatch.from_pylist([{"example": 1, "weight": 1}], schema=SCHEMA))
    rig.store.write("features/key.arrow", sink.getvalue())
    return rig


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsRig:
    """A sweep that was stopped in the middle of a pair, with the state of the trial that ran."""
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    rig = WeightsRig(tmp_path, **SMALL)
    spec = rig.run(stop_at="target")
    assert spec is not None
    write_state(rig, spec.trial_id)
    return rig


def write_state(rig: Rig, trial_id: str) -> None:
    write_tensors(rig.store, state_name(trial_id), {"network.a": torch.ones(3)}, {"state": "{}"})


def faults(rig: Rig) -> list[tuple[str, str, str | None]]:
    found = [one.finding for one in doctor.check(rig.store).faults]
    return [(one.level, one.check, one.where) for one in found]


def mend(rig: Rig) -> list[str]:
    return doctor.mend(rig.store, lambda found: None)


def ids(rig: Rig, sql: str) -> list[str]:
    return [row["trial_id"] for row in rig.trials(f"select distinct trial_id from trials where {sql} order by 1")]


def flip(store: Store, name: str, place: float = 0.5) -> None:
    content = bytearray(store.read(name))
    content[int(len(content) * place)] ^= 4
    store.write(name, bytes(content))


def test_a_sweep_that_is_done_has_no_faults(rig: WeightsRig) -> None:
    found = doctor.check(rig.store)
    assert found.faults == ()
    assert exit_code(found.findings) == 0
    told = {one.check: one.message for one in found.findings}
    assert told["plans"] == "1 of small"
    assert told["ledger"].endswith("8 trials")
    assert told["next"] == "small is done"
    assert mend(rig) == []


def test_a_sweep_that_was_stopped_has_none_either(stopped: WeightsRig) -> None:
    found = doctor.check(stopped.store)
    assert found.faults == ()
    assert [one.message for one in found.findings if one.check == "next"] == [
        "`sweep run` of small has at most 6 trials to run"
    ]
    assert mend(stopped) == []


Damage = Callable[[WeightsRig], str]


def cut_ledger(rig: WeightsRig) -> str:
    name = rig.ledger.files()[0]
    rig.store.write(name, rig.store.read(name)[:-100])
    return name


def flipped_ledger(rig: WeightsRig) -> str:
    flip(rig.store, name := rig.store.list("ledger/scores")[-1])
    return name


def flipped_part(rig: WeightsRig) -> str:
    rig.ledger.compact(at_least=1)
    (name,) = rig.store.list("ledger/trials")
    flip(rig.store, name)
    return name


def flipped_plan(rig: WeightsRig) -> str:
    (name,) = rig.store.list(history.FOLDER)
    text = rig.store.read(name).replace(b'"trials": 2', b'"trials": 3')
    assert text != rig.store.read(name)
    rig.store.write(name, text)
    return name


def cut_plan(rig: WeightsRig) -> str:
    (name,) = rig.store.list(history.FOLDER)
    rig.store.write(name, rig.store.read(name)[:-10])
    return name


def flipped_weights(rig: WeightsRig) -> str:
    flip(rig.store, name := rig.store.list("checkpoints")[0], 0.999)
    return name


def flipped_header(rig: WeightsRig) -> str:
    flip(rig.store, name := rig.store.list("checkpoints")[0], 0.1)
    return name


def cut_weights(rig: WeightsRig) -> str:
    name = rig.store.list("checkpoints")[0]
    rig.store.write(name, rig.store.read(name)[:-3])
    return name


def empty_weights(rig: WeightsRig) -> str:
    rig.store.write(name := rig.store.list("checkpoints")[0], b"")
    return name


def foreign_weights(rig: WeightsRig) -> str:
    name = rig.store.list("checkpoints")[0]
    save_checkpoint(rig.store, rig.plan.studies[0].question, {"encoder.a": torch.ones(1)})
    rig.store.move(checkpoint_name(rig.plan.studies[0].question.trial_id), name)
    return name


def cut_state(rig: WeightsRig) -> str:
    write_state(rig, "0123")
    name = state_name("0123")
    rig.store.write(name, rig.store.read(name)[:-1])
    return name


def record_of_models(rig: WeightsRig) -> str:
    rig.store.write("models.json", b"{")
    return "models.json"


def record_of_precisions(rig: WeightsRig) -> str:
    rig.store.write("precision.json", b'{"random:tiny": "int8"}')
    return "precision.json"


def cut_examples(rig: WeightsRig) -> str:
    rig.store.write("examples/feed.parquet", rig.store.read("examples/feed.parquet")[:-7])
    return "examples/feed.parquet"


def flipped_predictions(rig: WeightsRig) -> str:
    rig.ledger.compact(at_least=1)
    (name,) = rig.store.list("ledger/predictions")
    flip(rig.store, name, 0.2)
    return name


def cut_features(rig: WeightsRig) -> str:
    name = "features/key.arrow"
    rig.store.write(name, rig.store.read(name)[:-20])
    return name


DAMAGE = {
    cut_examples: "examples", flipped_predictions: "ledger",
    cut_ledger: "ledger", flipped_ledger: "ledger", flipped_part: "ledger", flipped_plan: "plans", cut_plan: "plans",
    flipped_weights: "weights", flipped_header: "weights", cut_weights: "weights", empty_weights: "weights",
    foreign_weights: "weights", cut_state: "states", record_of_models: "models", record_of_precisions: "precisions",
    cut_features: "features",
}  # fmt: skip


@pytest.mark.parametrize(("damage", "check"), DAMAGE.items(), ids=[one.__name__ for one in DAMAGE])
def test_damage_is_found_and_mended(rig: WeightsRig, damage: Damage, check: str) -> None:
    name = damage(rig)
    there = faults(rig)
    assert ("wrong", check, name) in there
    assert [where for level, _, where in there if level == "wrong"] == [name]
    done = mend(rig)
    assert len(done) == 1 and name in done[0]
    assert rig.store.exists(f"damaged/{name.replace('/', '-')}") == (check != "features")
    assert not rig.store.exists(name)
    again = doctor.check(rig.store)
    assert "wrong" not in {one.level for one in again.findings}
    assert mend(rig) == []


def test_what_was_set_aside_runs_again_and_the_store_is_whole(rig: WeightsRig) -> None:
    before = set(rig.weights())
    winner = ids(rig, "phase = 'intermediate' and winner")[0]
    rig.store.write(f"ledger/trials/{winner}.parquet", b"PAR1")
    flip(rig.store, checkpoint_name(winner), 0.999)
    (wrong, other) = [one.finding for one in doctor.check(rig.store).faults]
    assert wrong.todo == f"the next `sweep run` runs trial {winner} again"
    assert other.where == checkpoint_name(winner)
    mend(rig)
    told = [one.message for one in doctor.check(rig.store).findings if one.check == "next"]
    assert told == ["`sweep run` of small has at most 4 trials to run"]  # most of them will be in the ledger
    rig.restart()
    play(rig)
    rig.driver.tidy()
    assert doctor.check(rig.store).faults == ()
    assert rig.weights() == before


def test_trials_that_lost_their_scores_are_told_and_run_again(rig: WeightsRig) -> None:
    before = rows_of(rig)
    for name in rig.store.list("ledger/scores"):
        rig.store.delete(name)
    (told,) = [one.finding.message for one in doctor.check(rig.store).faults if one.finding.check == "ledger"]
    assert told == "2 trials have lost scores or predictions"
    assert mend(rig) == []
    rig.restart()
    play(rig)
    rig.driver.tidy()
    assert doctor.check(rig.store).faults == ()
    assert rows_of(rig) == before


def rows_of(rig: Rig) -> list[dict[str, Any]]:
    return rig.trials("select target, language, split, metric, value from scores order by all")


def test_weights_of_what_comes_after_a_lost_trial_are_no_orphans(rig: WeightsRig) -> None:
    """Without the winner's row the plan does not know yet which trials start from it: their weights stay."""
    (winner,) = ids(rig, "phase = 'intermediate' and winner")
    child = ids(rig, "phase = 'target' and winner and condition = 'mini-nli'")[0]
    save_checkpoint(rig.store, spec_of(rig, child), {"encoder.a": torch.ones(1)})
    cut = rig.store.read(f"ledger/trials/{winner}.parquet")[:-1]
    rig.store.write(f"ledger/trials/{winner}.parquet", cut)
    mend(rig)
    mend(rig)
    assert child in rig.weights()


def spec_of(rig: Rig, trial_id: str) -> TrialSpec:
    return next(one.spec for one in rig.ledger.outcomes() if one.spec.trial_id == trial_id)


def test_a_lost_plan_makes_no_orphans(rig: WeightsRig) -> None:
    before = rig.weights()
    flipped_plan(rig)
    mend(rig)
    assert mend(rig) == []
    assert rig.weights() == before
    told = [one for one in doctor.check(rig.store).findings if "was set aside and is not there again" in one.message]
    assert told[0].todo == "run its experiment: it writes it anew"
    assert ("warning", "plans", None) in faults(rig)  # nobody says what the trials are for
    history.keep(rig.store, rig.plan)
    assert faults(rig) == []


def test_a_plan_of_a_newer_version_is_left_alone(rig: WeightsRig) -> None:
    (name,) = rig.store.list(history.FOLDER)
    rig.store.write(name, json.dumps({**json.loads(rig.store.read(name)), "version": 99}).encode())
    assert ("wrong", "plans", name) in faults(rig)
    assert mend(rig) == []
    assert rig.store.exists(name)


def test_orphans_are_removed_once_every_plan_is_over(rig: WeightsRig) -> None:
    ended = ids(rig, "phase = 'intermediate'")[0]
    stranger = checkpoint_name("stranger")
    write_tensors(rig.store, stranger, {"encoder.a": torch.ones(1)}, {})
    write_state(rig, ended)
    write_state(rig, "stranger")
    wanted = [("warning", "orphans", one) for one in (state_name(ended), state_name("stranger"), stranger)]
    assert sorted(faults(rig)) == sorted(wanted)
    assert len(mend(rig)) == 3
    assert faults(rig) == []


def test_before_that_only_states_of_trials_that_have_ended_are(stopped: WeightsRig) -> None:
    write_tensors(stopped.store, checkpoint_name("stranger"), {"encoder.a": torch.ones(1)}, {})
    write_state(stopped, "stranger")
    ended = ids(stopped, "phase = 'intermediate'")[0]
    write_state(stopped, ended)
    assert faults(stopped) == [("warning", "orphans", state_name(ended))]


def test_the_state_of_a_failed_trial_stays_for_those_who_try_it_again(tmp_path: Path) -> None:
    rig = WeightsRig(tmp_path, **{**SMALL, "conditions": ["none"], "seeds": [1, 2]})
    failing = iter([{"error": "the gradient is nan"}])
    play(rig, ends=lambda study, spec: next(failing, {}))
    write_state(rig, ids(rig, "status = 'failed'")[0])
    assert faults(rig) == []


def test_what_an_earlier_plan_needs_is_no_orphan(rig: WeightsRig, tmp_path: Path) -> None:
    before = rig.weights()
    other = WeightsRig(tmp_path, **{**SMALL, "conditions": ["none"]})
    play(other)
    other.driver.tidy()
    assert faults(other) == []
    assert mend(other) == []
    assert before <= other.weights()


def test_weights_that_are_kept_on_purpose_are_told_and_left(rig: WeightsRig) -> None:
    spare = ids(rig, "phase = 'target'")[0]
    save_checkpoint(rig.store, spec_of(rig, spare), {"encoder.a": torch.ones(1)})
    found = doctor.check(rig.store)
    assert found.faults == ()
    assert any(one.message.startswith("nothing starts any more from those of 1 trial") for one in found.findings)
    assert mend(rig) == []


def test_missing_weights_are_told(rig: WeightsRig) -> None:
    (gone,) = ids(rig, "phase = 'intermediate' and winner")
    rig.store.delete(checkpoint_name(gone))
    (fault,) = doctor.check(rig.store).faults
    assert (fault.finding.level, fault.finding.message) == ("warning", f"those of trial {gone} are gone")


def test_leftovers_of_writers_that_were_killed(rig: WeightsRig) -> None:
    old, new = (Path(rig.store.path(f"ledger/.{name}.{'0' * 32}")) for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"")
    os.utime(old, (time.time() - 100, time.time() - 100))
    rig.store.write(PROBE, b"")
    assert faults(rig) == [("warning", "leftovers", f"ledger/{old.name}"), ("warning", "leftovers", PROBE)]
    assert len(mend(rig)) == 2
    assert faults(rig) == []
    assert new.exists()  # its writer may live


def test_a_dead_run_is_told_and_mended_away(rig: WeightsRig) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    rig.store.write(
        lease.NAME, json.dumps({"run": "x", "host": lease.socket.gethostname(), "pid": process.pid}).encode()
    )
    assert faults(rig) == [("warning", "run", lease.NAME)]
    mend(rig)
    assert faults(rig) == []


def test_a_store_that_a_run_holds_is_read_and_not_mended(rig: WeightsRig) -> None:
    cut_weights(rig)
    with lease.hold(rig.store, dict, print):
        beat = {**json.loads(rig.store.read(lease.NAME)), "pid": os.getppid()}
        rig.store.write(lease.NAME, json.dumps(beat).encode())
        found = doctor.check(rig.store)
        assert worst(found.findings) == "wrong"
        assert next(one for one in found.findings if one.check == "run").message.startswith("a run goes on")
        with pytest.raises(UserError, match="another run works on the store"):
            mend(rig)
    assert not rig.store.exists("damaged")


def test_neither_ray_nor_torch_is_needed(rig: WeightsRig) -> None:
    code = (
        "import sys; from sweep.cli import app; from typer.testing import CliRunner;"
        f"done = CliRunner().invoke(app, ['doctor', {rig.store.uri!r}, '--mend']);"
        "assert done.exit_code == 0, done.output;"
        "assert not {'torch', 'ray', 'transformers', 'duckdb'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
