"""What the driver does with trials that end, well or not. No Ray: messages are values."""

from __future__ import annotations

import dataclasses
import errno
import io
import time
from pathlib import Path
from typing import Any

import pytest

from sweep import experiment
from sweep.console import Console
from sweep.ledger import Ledger
from sweep.planning import history
from sweep.planning.planner import make_plan
from sweep.results.query import query
from sweep.running import driver as module
from sweep.running.driver import Driver
from sweep.running.progress import Progress
from sweep.search import Search
from tests.conftest import experiment_values
from tests.unit.test_search import score
from trainables.errors import UserError
from trainables.reports import Report
from trainables.spec import TrialSpec
from trainables.store import Store, checkpoint_name, state_name


@dataclasses.dataclass(frozen=True)
class Said:
    """A worker's last message, as in `trainables.workers.broker`, without Ray."""

    report: Report | None = None
    error: str | None = None
    cause: str = "trial"
    pruned: bool = False
    lost: str | None = None


class Rig:
    """A driver over a store in a folder, whose trials end as they are told to."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        values = experiment_values(folder / "store", **{"retries": 2, **changes})
        self.experiment = experiment.Experiment.model_validate(values)
        self.plan, self.store = make_plan(self.experiment), Store(self.experiment.store)
        self.ledger = Ledger(self.store)
        history.keep(self.store, self.plan)
        self.output = io.StringIO()
        self.restart()

    def restart(self) -> None:
        """Another run of the same experiment."""
        search = Search(self.plan, self.ledger.outcomes())
        self.driver = Driver(self.experiment, search, self.ledger, Progress(Console(file=self.output, width=200)))
        self.driver.progress._plan, self.driver.progress._search = self.plan, search

    def start(self) -> tuple[TrialSpec, dict[str, Any]] | None:
        found = self.driver.next()
        return found and (TrialSpec.from_dict(found[1]["spec"]), found[1])

    def end(self, spec: TrialSpec, **said: Any) -> None:
        """As a worker would: a trial that finishes has left its weights in the store."""
        objective = None if spec.phase == "evaluate" else score(spec)
        if not said:
            said = {"report": Report(1.0, objective=objective, curve=() if objective is None else (objective,))}
            if spec.phase != "evaluate":
                self.store.write(checkpoint_name(spec.trial_id), spec.trial_id.encode())
        message: Any = Said(**said)
        self.driver.finish(spec.trial_id, {"group": "g"}, message)

    def run(self, stop_at: str | None = None) -> TrialSpec | None:
        """Runs until a trial of a phase is next, which has then been started; or to the end."""
        while (found := self.start()) is not None:
            if found[0].phase == stop_at:
                return found[0]
            self.end(found[0])
        return None

    def trials(self, sql: str) -> list[dict[str, Any]]:
        return list(query(self.store, sql).to_pylist())

    def weights(self) -> set[str]:
        return {Path(name).stem for name in self.store.list("checkpoints")}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.0)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_a_fault_of_the_machines_starts_the_trial_again_a_few_times(rig: Rig) -> None:
    first = rig.run(stop_at="intermediate")
    assert first is not None
    rig.end(first, error="worker died", cause="machine")
    assert not rig.ledger.files() or first.trial_id not in str(rig.ledger.files())
    again = rig.run(stop_at="intermediate")
    assert again == first
    rig.driver.finish(first.trial_id, None, None)  # this time the Tune actor died, with no last word
    assert rig.run(stop_at="intermediate") == first
    rig.end(first)
    (row,) = rig.trials(f"select status, attempts from trials where trial_id = '{first.trial_id}'")
    assert row == {"status": "finished", "attempts": 3}
    assert rig.output.getvalue().count("starts again") == 2


def test_a_machine_that_goes_and_says_so_is_nobody_s_fault(rig: Rig) -> None:
    for _ in range(10):  # more often than there are retries
        spec = rig.run(stop_at="intermediate")
        assert spec is not None
        rig.end(spec, error="its machine was given notice", cause="notice")
    rig.run()
    assert rig.trials("select * from trials where status = 'failed'") == []
    assert not rig.driver.met_faults


def test_trials_are_handed_out_as_the_room_grows_and_shrinks(rig: Rig) -> None:
    room = 1
    rig.driver.slots = lambda: room
    first = rig.start()
    assert first is not None
    assert rig.start() is None
    room = 2
    second = rig.start()
    assert second is not None
    room = 1
    rig.end(first[0])
    assert rig.start() is None
    rig.end(second[0], error="worker died", cause="machine")  # while it pauses its place is another's
    assert rig.start() is not None


def test_a_trial_s_time_begins_when_a_group_has_it(rig: Rig) -> None:
    found = rig.start()
    assert found is not None
    trial_id, taken = found[0].trial_id, time.time() + 100
    assert rig.driver.report({"trial": trial_id, "group": "g", "progress": 0.0, "started": taken})
    rig.end(found[0])
    (row,) = rig.trials(f"select started_at from trials where trial_id = '{trial_id}'")
    assert row["started_at"].timestamp() == pytest.approx(taken)


def test_a_trial_that_machines_end_too_often_has_failed(rig: Rig) -> None:
    for _ in range(3):
        spec = rig.run(stop_at="intermediate")
        assert spec is not None
        rig.end(spec, error="worker died", cause="machine")
    rows = rig.trials("select trial_id, error, attempts from trials where status = 'failed'")
    assert rows == [{"trial_id": spec.trial_id, "error": "worker died", "attempts": 3}]
    assert rig.run() is None
    assert rig.driver.search.is_over


def test_a_trial_s_own_error_is_final(rig: Rig) -> None:
    spec = rig.run(stop_at="intermediate")
    assert spec is not None
    rig.end(spec, error="the gradient is nan")
    rig.run()
    rows = rig.trials("select trial_id, error, attempts from trials where status = 'failed'")
    assert rows == [{"trial_id": spec.trial_id, "error": "the gradient is nan", "attempts": 1}]


def test_a_node_that_lacks_something_stops_the_run_and_costs_no_trial(rig: Rig) -> None:
    spec = rig.run(stop_at="intermediate")
    assert spec is not None
    with pytest.raises(UserError, match=r"^on node n1: there is no data folder '/d'\n    mount it there$"):
        rig.end(spec, error="on node n1: there is no data folder '/d'\n    mount it there", cause="setup")
    assert isinstance(rig.driver.stopped, UserError)  # Tune wraps what is raised in its callbacks
    rig.restart()  # once the folder is there
    assert rig.run(stop_at="intermediate") == spec


def test_a_group_that_ran_out_of_memory_gets_smaller_pieces(rig: Rig) -> None:
    spec = rig.run(stop_at="intermediate")
    assert spec is not None
    for halvings in (1, 2, 3):
        rig.end(spec, error="CUDA out of memory", cause="memory")
        found = rig.start()
        assert found is not None
        assert (found[0], found[1]["halvings"]) == (spec, halvings)
    rig.end(spec, report=Report(1.0, objective=70.0, micro_batch_tokens=64))
    asked = f"from trials where trial_id = '{spec.trial_id}'"
    (row,) = rig.trials(f"select status, attempts, halvings, micro_batch_tokens {asked}")
    assert row == {"status": "finished", "attempts": 4, "halvings": 3, "micro_batch_tokens": 64}


@pytest.mark.parametrize("is_damaged", [True, False])
def test_weights_that_are_gone_are_made_again(rig: Rig, is_damaged: bool) -> None:
    child = rig.run(stop_at="target")
    while child is not None and child.parent is None:
        rig.end(child)
        child = rig.run(stop_at="target")
    assert child is not None
    parent = str(child.parent)
    entry = rig.store.read(f"ledger/trials/{parent}.parquet")
    if is_damaged:
        rig.store.write(checkpoint_name(parent), b"cut off")
    else:
        rig.store.delete(checkpoint_name(parent))
    rig.end(child, error="the weights are damaged", cause="weights")
    started = [found[0] for found in iter(rig.start, None)]
    assert parent in {spec.trial_id for spec in started}
    assert child not in started
    for spec in started:
        rig.end(spec)
    assert rig.store.read(f"ledger/trials/{parent}.parquet") == entry  # its scores stand
    rig.run()
    assert rig.driver.search.is_over
    assert rig.trials("select count(*) as n from trials where status <> 'finished'") == [{"n": 0}]
    aside = rig.store.list("damaged")
    assert aside == ([f"damaged/checkpoints-{parent}.safetensors"] if is_damaged else [])
    assert ("set aside" in rig.output.getvalue()) is is_damaged


def test_one_who_met_the_old_weights_does_not_cost_the_new_ones(rig: Rig) -> None:
    """Two trials find their parent's weights damaged; the second one's word comes when they have been made again."""
    children = []
    while len(children) < 2:
        spec = rig.run(stop_at="target")
        assert spec is not None
        if spec.parent is None:
            rig.end(spec)
        else:
            children.append(spec)
    parent = str(children[0].parent)
    rig.end(children[0], error="damaged", cause="weights")
    found = rig.start()
    while found is not None and found[0].trial_id != parent:
        rig.end(found[0])
        found = rig.start()
    assert found is not None
    rig.end(found[0])
    rig.end(children[1], error="damaged", cause="weights")
    assert parent in rig.weights()
    assert not rig.driver.search.is_lost(parent)


def test_a_pair_whose_weights_were_dropped_can_be_scored_in_more_languages(tmp_path: Path) -> None:
    rig = Rig(tmp_path, languages=["de"])
    rig.run()
    kept = rig.weights()
    more = Rig(tmp_path, languages=["de", "tr"])
    started = []
    while (found := more.start()) is not None:
        spec = found[0]
        started.append(spec)
        if spec.parent and not more.store.exists(checkpoint_name(spec.parent)):
            more.end(spec, error="the weights are not in the store", cause="weights")
        else:
            more.end(spec)
    assert more.driver.search.is_over
    again = {spec.trial_id for spec in started if spec.phase == "target"}
    winners = {str(spec.parent) for spec in started if spec.phase == "evaluate" and spec.tasks == ("mini-pos",)}
    assert again == winners  # trained again, for their weights alone
    assert more.weights() == kept


@pytest.mark.parametrize("top", [1, 2])
@pytest.mark.parametrize("keep", ["winners", "models", "all"])
def test_at_the_end_the_conditions_winners_are_kept(tmp_path: Path, keep: str, top: int) -> None:
    rig = Rig(tmp_path, keep=keep, seeds=[1, 2], evaluate={"top": top})
    rig.run()
    condition = rig.plan.study("intermediate/mini-nli")
    winners = {one.spec.trial_id for one in rig.driver.search.winners(condition)}
    trained = {row["trial_id"] for row in rig.trials("select trial_id from trials where phase <> 'evaluate'")}
    assert len(winners) == 2
    sql = "select distinct trial_id from trials where phase <> 'evaluate' and winner"
    models = {row["trial_id"] for row in rig.trials(sql)}
    assert winners < models < trained
    assert rig.weights() == {"winners": winners, "models": models, "all": trained}[keep]


def test_models_that_are_asked_for_when_their_weights_are_gone_are_trained_again(tmp_path: Path) -> None:
    """Only they, for their weights alone; a second time there is nothing to do."""
    before = Rig(tmp_path, seeds=[1, 2])
    before.run()
    models = {row["trial_id"] for row in before.trials("from trials where phase <> 'evaluate' and winner")}
    ledger = before.ledger.files()
    gone = models - before.weights()
    assert gone
    rig = Rig(tmp_path, seeds=[1, 2], keep="models")
    rig.driver.want_models()
    assert not rig.driver.search.is_over
    started = set()
    while (found := rig.start()) is not None:
        started.add(found[0].trial_id)
        rig.end(found[0])
    assert started == gone
    assert rig.weights() == models
    assert rig.ledger.files() == ledger
    rig.restart()
    rig.driver.want_models()
    assert rig.driver.search.is_over
    rig.driver.tidy()
    assert rig.weights() == models


def test_weights_of_trials_that_are_scored_beside_the_winner_stay_until_then(tmp_path: Path) -> None:
    of = {"conditions": ["none"], "targets": ["mini-pos"], "trials": {"target": 4}}
    rig = Rig(tmp_path, **of, evaluate={"top": 3})
    waiting = []
    while (spec := rig.run(stop_at="evaluate")) is not None:
        assert spec.parent in rig.weights()
        waiting.append(len(rig.weights()))
        rig.end(spec)
    assert waiting == [3, 3, 2]  # the winner first, which is dropped with the last of them
    assert rig.weights() == set()


def test_scores_that_are_asked_for_when_the_weights_are_gone_train_their_trials_again(tmp_path: Path) -> None:
    of = {"conditions": ["none"], "targets": ["mini-pos"], "trials": {"target": 3}}
    Rig(tmp_path, **of).run()
    rig = Rig(tmp_path, **of, evaluate={"top": 2})
    spec = rig.run(stop_at="evaluate")
    assert spec is not None
    assert spec.parent not in rig.weights()
    rig.end(spec, error="no such checkpoint", cause="weights")
    again = rig.start()
    assert again is not None
    assert again[0].trial_id == spec.parent
    rig.end(again[0])
    assert rig.run() is None
    assert rig.trials("select rank, status from trials where phase = 'evaluate' order by all") == [
        {"rank": 1, "status": "finished"},
        {"rank": 2, "status": "finished"},
    ]
    assert rig.weights() == set()


def test_weights_that_another_experiment_of_the_store_needs_stay(tmp_path: Path) -> None:
    """With more trials another one wins, and what won before is dropped, unless it is the first experiment's winner."""
    first = Rig(tmp_path, trials={"intermediate": 1, "target": 1})
    first.run()
    (winner,) = first.weights()
    for name, needed in (("second", first.driver.search.needed()), ("third", set())):
        more = Rig(tmp_path, name=name, trials={"intermediate": 6, "target": 1})
        more.driver.needed_elsewhere = needed
        more.run()
        more.driver.tidy()
        (other,) = {one.spec.trial_id for one in more.driver.search.winners(more.plan.study("intermediate/mini-nli"))}
        assert other != winner
        assert more.weights() == {other} | needed
    assert first.driver.search.needed() == {winner}


def test_what_a_killed_run_left_is_tidied(rig: Rig) -> None:
    spec = rig.run(stop_at="target")
    assert spec is not None
    rig.end(spec)
    loser = next(
        one.spec for one in rig.driver.search.ended(rig.plan.study("intermediate/mini-nli"))
        if one not in rig.driver.search.winners(rig.plan.study("intermediate/mini-nli"))
    )  # fmt: skip
    running = rig.run(stop_at="target")
    assert running is not None
    rig.store.write(checkpoint_name(loser.trial_id), b"")  # killed between the ledger and the removal
    rig.store.write(state_name(spec.trial_id), b"")
    rig.store.write(state_name(running.trial_id), b"")
    rig.restart()
    rig.driver.tidy()
    assert loser.trial_id not in rig.weights()
    assert rig.store.list("states") == [state_name(running.trial_id)]  # from which the trial goes on


class Full:
    """A file system without room for any more."""

    def __init__(self, ledger: Ledger, times: int, code: int) -> None:
        self.write, self.left, self.code = ledger.write, times, code

    def __call__(self, entry: Any) -> None:
        if self.left:
            self.left -= 1
            raise OSError(self.code, f"store 'x', file 'y': {errno.errorcode[self.code]}")
        self.write(entry)


def test_a_store_that_is_away_for_a_while_loses_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig.ledger, "write", Full(rig.ledger, module.WRITING_ATTEMPTS - 1, errno.EIO))
    assert rig.run() is None
    assert rig.driver.search.is_over


@pytest.mark.parametrize(("code", "words"), [(errno.ENOSPC, "is full"), (errno.EIO, "cannot be written")])
def test_a_store_that_stays_away_stops_the_run(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    monkeypatch.setattr(rig.ledger, "write", Full(rig.ledger, 10**9, code))
    with pytest.raises(UserError, match=words) as caught:
        rig.run()
    assert rig.driver.stopped is caught.value
    assert "the same command goes on" in str(caught.value)


def test_workers_that_find_the_disk_full_stop_the_run_and_fail_no_trial(rig: Rig) -> None:
    for _ in range(rig.experiment.retries):
        spec = rig.run(stop_at="intermediate")
        assert spec is not None
        rig.end(spec, error="OSError: [Errno 28] No space left on device", cause="machine")
    spec = rig.run(stop_at="intermediate")
    assert spec is not None
    with pytest.raises(UserError, match="is full"):
        rig.end(spec, error="OSError: [Errno 28] No space left on device", cause="machine")
    assert rig.trials("select count(*) as n from trials where status = 'failed'") == [{"n": 0}]


def test_a_run_that_lost_its_store_stops(rig: Rig) -> None:
    class Lost:
        lost = type("Event", (), {"is_set": staticmethod(lambda: True)})

    lost: Any = Lost()
    rig.driver.lease = lost
    with pytest.raises(UserError, match="another run took the store"):
        rig.driver.next()


def test_a_hopeless_trial_is_pruned_and_told_as_such(tmp_path: Path) -> None:
    """Rivals are the trials with the same schedule that came before: here all, with two epochs of eight."""
    rig = Rig(tmp_path, pruning="median", trials={"intermediate": 1, "target": 6, "parallel": 1}, conditions=["none"])
    verdicts = []
    while (found := rig.start()) is not None:
        spec, told = found
        if spec.phase == "evaluate" or spec.epochs != 2:
            rig.end(spec)
            continue
        curve = (50.0, 60.0) if not told["asks"] else (1.0,)
        goes_on = rig.driver.report({"trial": spec.trial_id, "progress": 0.5, "epoch": 1, "curve": list(curve[:1])})
        verdicts.append((told["asks"], goes_on))
        if goes_on:
            rig.end(spec, report=Report(1.0, objective=curve[-1], curve=curve))
        else:
            rig.end(spec, report=Report(0.5, objective=1.0, curve=curve), pruned=True)
    assert (False, True) in verdicts
    assert all(goes_on for asks, goes_on in verdicts if not asks)
    pruned = rig.trials("select status, objective, curve from ledger where status = 'pruned'")
    assert len(pruned) == sum(not goes_on for _, goes_on in verdicts)
    assert all(row["objective"] is None and row["curve"] == [1.0] for row in pruned)
    assert rig.driver.search.is_over


LORA: dict[str, Any] = {"tuning": {"target": {"lora": {"rank": 4}}}, "strategy": "staged"}


def test_weights_under_those_of_lora_that_are_gone_are_made_again(tmp_path: Path) -> None:
    """An evaluation needs its parent's weights and, where these are LoRA's, those from which that one started."""
    rig = Rig(tmp_path, conditions=["mini-nli"], targets=["mini-pos"], **LORA)
    child = rig.run(stop_at="evaluate")
    assert child is not None
    assert child.parent is not None
    parent = rig.driver.search.outcomes[child.parent].spec
    assert parent.lora is not None
    assert parent.parent is not None
    rig.store.delete(checkpoint_name(parent.parent))
    rig.end(child, error="the weights are not in the store", cause="weights", lost=parent.parent)
    again = rig.start()
    assert again is not None
    assert again[0].trial_id == parent.parent
    assert rig.start() is None  # the evaluation waits, though its parent's own weights are there
    rig.end(again[0])
    found = rig.start()
    assert found is not None
    assert found[0] == child
    assert rig.weights() >= {parent.parent, parent.trial_id}


@pytest.mark.parametrize("tuning", [{}, LORA["tuning"]])
def test_weights_that_lora_started_from_stay_as_long_as_it_is_needed(tmp_path: Path, tuning: Any) -> None:
    """copa comes after siqa: without LoRA siqa's winner can go once copa is trained, with it once copa is scored."""
    changes = {"data": "mock", "conditions": ["none"], "targets": ["xcopa"], "languages": ["sw"], "tuning": tuning}
    rig = Rig(tmp_path, **changes)
    evaluation = rig.run(stop_at="evaluate")
    assert evaluation is not None
    assert evaluation.parent is not None
    copa = rig.driver.search.outcomes[evaluation.parent].spec
    assert copa.tasks == ("copa",)
    assert (copa.parent in rig.weights()) == bool(tuning)
    rig.driver.tidy()
    assert (copa.parent in rig.weights()) == bool(tuning)
    rig.end(evaluation)
    assert rig.start() is None
    assert rig.weights() == set()
