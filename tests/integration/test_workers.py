"""Ray Train workers: however many share a trial, its weights are the same; a failed trial does not end the group."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with (
        scratch() as folder,
        ray_cluster(None, Resources(), tmp_path_factory.mktemp("ray") / "ray.log", print, folder) as room,
    ):
        from trainables.workers.broker import Broker

        assert room >= 2
        yield Broker.remote()  # type: ignore[attr-defined]


def run(specs: list[TrialSpec], broker: Any, store: Path, workers: int, data: Any = "mock") -> list[list[Any]]:
    """Runs trials one after the other on one group; returns the messages about each."""
    from trainables.workers.broker import Job
    from trainables.workers.group import GroupConfig, WorkerGroup

    config = GroupConfig(str(store), data, (), workers, 1, gpus_per_worker=0, save_minutes=1, model="random:tiny")
    group = WorkerGroup(f"{store.name}-{workers}", broker, config)
    told: list[list[Any]] = []
    for spec in specs:
        group.start(Job(spec, time.time()))
        messages = [group.next_message(spec.trial_id)]
        while messages[-1].report and messages[-1].report.progress < 1:
            messages.append(group.next_message(spec.trial_id))
        told.append(messages)
    group.close()
    assert not group.is_alive
    return told


def test_two_workers_give_the_weights_of_one(broker: Any, tmp_path: Path) -> None:
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
    told = {workers: run(specs, broker, store, workers) for workers, store in stores.items()}
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


def test_a_group_survives_a_trial_that_fails(broker: Any, tmp_path: Path) -> None:
    diverging = dataclasses.replace(SPEC, learning_rate=1e30)
    orphan = dataclasses.replace(SPEC, parent="f" * 16)
    told = run([diverging, orphan, SPEC], broker, tmp_path, workers=1)
    assert "the gradient is" in told[0][-1].error
    assert "are not in the store" in told[1][-1].error
    assert [messages[-1].cause for messages in told[:2]] == ["trial", "weights"]
    assert told[2][-1].report.progress == 1


def test_a_node_without_the_data_says_so(broker: Any, tmp_path: Path) -> None:
    ((message,),) = run([SPEC], broker, tmp_path, workers=1, data={"files": str(tmp_path / "elsewhere")})
    assert message.cause == "setup"
    where = f"on node {socket.gethostname()}: there is no data folder '{tmp_path / 'elsewhere'}'"
    assert message.error.startswith(f"{where}\n    mount it there")


def test_a_second_trial_starts_at_once(broker: Any, tmp_path: Path) -> None:
    """Base weights and features are warm: the second trial's first step comes within a second."""
    told = run(
        [SPEC, dataclasses.replace(SPEC, seed=2), dataclasses.replace(SPEC, seed=3)], broker, tmp_path, workers=1
    )
    assert all(messages[-1].report.startup_seconds < 1 for messages in told[1:])


def test_a_group_that_broke_is_replaced(broker: Any, tmp_path: Path) -> None:
    """An error that not all workers may share ends the group; the next trial gets a new one."""
    from ray import tune

    from trainables.workers.group import GroupConfig
    from trainables.workers.trainable import FineTuneTrainable

    config = GroupConfig(str(tmp_path), "mini", (), 2, 1, gpus_per_worker=0, save_minutes=1, model="random:tiny")
    orphan = dataclasses.replace(SPEC, parent="f" * 16)
    trainable = tune.with_parameters(FineTuneTrainable, broker=broker, group=config)({"spec": orphan.to_dict()})
    broken = trainable.train()
    assert broken["done"]
    assert "are not in the store" in broken["error"]
    assert trainable.reset_config({"spec": SPEC.to_dict()})
    results = [trainable.train(), trainable.train()]
    assert [result.get("error") for result in results] == [None, None]
    assert results[-1]["done"]
    assert results[-1]["group"] != broken["group"]
    trainable.stop()
