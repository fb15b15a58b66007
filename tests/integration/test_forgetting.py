"""What a run keeps of trials that have ended: next to nothing, however many. The real Tune and broker."""

from __future__ import annotations

import asyncio
import gc
import itertools
from pathlib import Path
from typing import Any

import pytest

from sweep.console import Console
from sweep.experiment import Experiment, Resources
from sweep.ledger import Entry, Ledger
from sweep.planning.plan import Study
from sweep.planning.planner import make_plan
from sweep.running.cluster import ray_cluster
from sweep.running.driver import Driver
from sweep.running.progress import Progress
from sweep.running.run import tune_all
from sweep.running.scratch import scratch
from sweep.search import Search
from tests.conftest import experiment_values
from trainables.reports import Report
from trainables.store import Store
from trainables.workers.messages import Message

pytestmark = pytest.mark.integration

SLOTS = 2
TRIALS = 50
EVERY = 10
"""Trials from count to count."""


class Played:
    """A worker group in the broker's process, which has done every trial at once."""

    def __init__(self, name: str) -> None:
        import ray

        self.name = name
        self.failure: str | None = None
        self.broker = ray.get_runtime_context().current_actor
        self.life = asyncio.get_running_loop().create_task(self._live())

    def kill(self) -> None:
        self.life.cancel()

    def controlled_by(self, controller: Any) -> None:
        pass

    async def _live(self) -> None:
        for done in itertools.count():
            job = await self.broker.get_job.remote(self.name, 0, "here", done)
            if job is None:
                return
            report = Report(1.0, objective=50.0, curve=(50.0,))
            await self.broker.put_message.remote(Message(job.spec.trial_id, report, group=self.name))


class Counting(Progress):
    """Counts now and then the trials that Tune has, and what it has written of them."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))
        self.ended = 0
        self.trials: list[int] = []
        self.metadata: list[int] = []

    def finished(self, study: Study, entry: Entry) -> None:
        from ray.tune.execution.tune_controller import TuneController
        from ray.tune.experiment import Trial

        super().finished(study, entry)
        self.ended += 1
        if self.ended % EVERY:
            return
        gc.collect()
        there = gc.get_objects()
        self.trials.append(sum(type(one) is Trial for one in there))
        (controller,) = [one for one in there if type(one) is TuneController]
        self.metadata.append(len(controller._trial_metadata))


@pytest.mark.slow
def test_nothing_grows_with_the_trials_that_have_ended(tmp_path: Path) -> None:
    values = experiment_values(
        tmp_path / "store", conditions=["mini-nli"], targets=["mini-pos"], sampler="random", search_space="wide",
        trials={"intermediate": 1, "target": TRIALS},
    )  # fmt: skip
    experiment = Experiment.model_validate(values)
    plan = make_plan(experiment)
    search, counting = Search(plan), Counting()
    driver = Driver(experiment, search, Ledger(Store(experiment.store)), counting)
    driver.slots = lambda: SLOTS
    with (
        scratch() as own,
        ray_cluster(None, Resources(), tmp_path / "ray.log", print, own),
        counting.running(plan, search, ""),
    ):
        tune_all(driver, Played, own)
        folders = [path for path in (own / "sweep").rglob("*") if path.is_dir()]
    assert search.is_over
    assert counting.ended == plan.runs >= TRIALS
    assert max(counting.trials) <= 2 * SLOTS, counting.trials
    assert len(folders) <= 2 * SLOTS, folders
    assert max(counting.metadata) <= 2 * SLOTS, counting.metadata
