"""Ray Train workers: however many share a trial, its weights are the same; a failed trial does not end the group."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from sweep.experiment import Resources
from sweep.running.cluster import ray_cluster
from sweep.running.scratch import scratch
from tests.integration.test_fine_tune import SPEC, difference, lively_parent
from trainables.models.checkpoint import load_checkpoint
from trainables.spec import TrialSpec
from trainables.store import Store

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with (
        scratch() as folder,
        ray_cluster(None, Resources(), tmp_path_factory.mktemp("ray") / "ray.log", print, folder) as found,
    ):
        assert found.room.slots >= 2
        yield


class Sweep:
    """A broker and its groups, of so many workers each."""

    def __init__(self, store: Path, workers: int, data: Any = "mock") -> None:
        from sweep.running.run import start_broker
        from trainables.workers.group import GroupConfig, start_group

        config = GroupConfig(str(store), data, (), workers, 1, gpus_per_worker=0, save_minutes=1, model="random:tiny")
        self.broker = start_broker(partial(start_group, config))

    def run(self, specs: list[TrialSpec]) -> list[list[Any]]:
        """Runs trials one after the other; returns the messages about each, without the first: that a group has it."""
        import ray

        from trainables.workers.messages import Job

        told: list[list[Any]] = []
        for spec in specs:
            ray.get(self.broker.put_job.remote(Job(spec)))
            messages: list[Any] = []
            while not (messages and messages[-1].is_last):
                message = ray.get(self.broker.next_message.remote(spec.trial_id, len(messages)))
                messages += [message] if message else []
            assert messages[0].started
            assert ray.get(self.broker.take_last.remote(spec.trial_id)) == messages[-1]
            told.append(messages[1:])
        return told

    def end(self) -> None:
        import ray  # not above: how Ray listens is decided before

        ray.kill(self.broker)


def listening() -> list[tuple[str, str]]:
    """The addresses on which this process and all below it can be spoken to, and which of them it is."""
    own = psutil.Process()
    return [
        (entry.laddr.ip.removeprefix("::ffff:"), process.name())
        for process in [own, *own.children(recursive=True)]
        for entry in process.net_connections("inet")
        if entry.status == psutil.CONN_LISTEN
    ]


def run(specs: list[TrialSpec], store: Path, workers: int, data: Any = "mock") -> list[list[Any]]:
    sweep = Sweep(store, workers, data)
    try:
        told = sweep.run(specs)
        found = listening()
        assert found  # Ray's own
        assert {address for address, _ in found} <= {"127.0.0.1", "::1"}  # nor torch's rendezvous, nor gloo's pairs
        by_workers = [name for _, name in found if "TrainWorker" in name]
        assert workers > 1 or len(by_workers) <= 1  # one needs no rendezvous; Ray's own is for calls of others
        return told
    finally:
        sweep.end()


def test_two_workers_give_the_weights_of_one(cluster: None, tmp_path: Path) -> None:
    """For the same TrialSpec with dropout off, or with masks that belong to rows.

    Batches of 9 cannot be shared evenly, and of those of 5 the last has one example: a worker idles. A query of lareqa
    is set against the passages of both workers; the choices of copa stay with their question.
    """
    spec = dataclasses.replace(SPEC, batch_size=9, learning_rate=1e-3)
    both = dataclasses.replace(spec, phase="intermediate", tasks=("mini-nli", "mini-pos"), languages=("de", "en"))
    evaluation = TrialSpec("evaluate", "random:tiny", ("mini-pos",), ("de", "zh"), "d", parent=spec.trial_id)
    stores = {workers: tmp_path / f"workers-{workers}" for workers in (1, 2)}
    parents = {lively_parent(Store(str(store))) for store in stores.values()}
    coupled = [
        dataclasses.replace(SPEC, tasks=(task,), batch_size=5, learning_rate=1e-4, parent=parent)
        for parent in parents
        for task in ("lareqa", "copa")
    ]
    dropping = dataclasses.replace(coupled[-1], dropout=0.3, dropout_masks="rows")
    specs = [spec, both, evaluation, *coupled, dropping]
    told = {workers: run(specs, store, workers) for workers, store in stores.items()}
    for one, tolerance in ((spec, 1e-5), (both, 1e-5), *((one, 1e-4) for one in (*coupled, dropping))):
        weights = {n: load_checkpoint(Store(str(store)), one.trial_id) for n, store in stores.items()}
        assert difference(weights[2], weights[1]) < tolerance, one.tasks
    losses = {workers: [message.report.loss for message in messages[0]] for workers, messages in told.items()}
    assert losses[2] == pytest.approx(losses[1], rel=1e-4)
    scores = {workers: messages[2][-1].report.scores for workers, messages in told.items()}
    assert [(one.language, one.metric, one.n) for one in scores[2]] == [
        (one.language, one.metric, one.n) for one in scores[1]
    ]
    assert [one.value for one in scores[2]] == pytest.approx([one.value for one in scores[1]], abs=2.0)


def test_a_group_survives_a_trial_that_fails(cluster: None, tmp_path: Path) -> None:
    diverging = dataclasses.replace(SPEC, learning_rate=1e30)
    orphan = dataclasses.replace(SPEC, parent="f" * 16)
    told = run([diverging, orphan, SPEC], tmp_path, workers=1)
    assert "the gradient is" in told[0][-1].error
    assert "are not in the store" in told[1][-1].error
    assert [messages[-1].cause for messages in told[:2]] == ["trial", "weights"]
    assert told[2][-1].report.progress == 1


def test_a_node_without_the_data_says_so(cluster: None, tmp_path: Path) -> None:
    ((message,),) = run([SPEC], tmp_path, workers=1, data={"files": str(tmp_path / "elsewhere")})
    assert message.cause == "setup"
    where = f"on node {socket.gethostname()}: there is no data folder '{tmp_path / 'elsewhere'}'"
    assert message.error.startswith(f"{where}\n    mount it there")


def test_a_bucket_that_does_not_answer_a_worker_is_a_fault_with_its_reason(cluster: None, tmp_path: Path) -> None:
    """Not a mistake of the user's: the trial is started again."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"127.0.0.1:{closed.getsockname()[1]}"
    data = {"files": f"s3://bucket/data?endpoint_override={nobody}&scheme=http&region=us-east-1"}
    ((message,),) = run([SPEC], tmp_path, workers=1, data=data)
    assert (message.cause, message.ends_group) == ("machine", True)
    assert message.error.startswith(f"on node {socket.gethostname()}: OSError: data 's3://bucket/data")


def test_a_second_trial_starts_at_once(cluster: None, tmp_path: Path) -> None:
    """Base weights and features are warm: the second trial's first step comes within a second."""
    told = run([dataclasses.replace(SPEC, seed=seed) for seed in (1, 2, 3)], tmp_path, workers=1)
    assert all(messages[-1].report.startup_seconds < 1 for messages in told[1:])


@pytest.mark.slow
def test_a_group_that_broke_is_replaced(cluster: None, tmp_path: Path) -> None:
    """An error that not all workers may share ends the group; the next trial gets a new one."""
    orphan = dataclasses.replace(SPEC, parent="f" * 16)
    broken, whole = run([orphan, SPEC], tmp_path, workers=2)
    assert "are not in the store" in broken[-1].error
    assert whole[-1].error is None
    assert whole[-1].group != broken[-1].group
