"""The warm worker group: Ray Train workers that outlive their trials.

The documented way, a new Train run for every trial, costs eight new processes each time: 20 to 45 s on two cores. Here
the workers take jobs from a queue until they are told to go, and keep torch, the base weights and the tokenised data.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import traceback
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import ray
import ray.train
import torch
from ray.actor import ActorHandle
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer, get_device

from trainables.data import open_source
from trainables.data.source import DataConfig
from trainables.errors import UserError
from trainables.fine_tune import run_trial
from trainables.reports import Report, TrialError
from trainables.spec import TrialSpec
from trainables.store import Store
from trainables.workbench import Workbench

POLL_SECONDS = 2.0
"""How often somebody who waits for a message looks whether the sender still lives."""


@dataclass(frozen=True)
class GroupConfig:
    """What a worker group is made of, and where it works."""

    store: str
    data: DataConfig
    workers: int
    cpus_per_worker: int
    gpus_per_worker: float


@dataclass(frozen=True)
class Job:
    """A trial for a group. `started` is in seconds since the epoch."""

    spec: TrialSpec
    started: float


@dataclass(frozen=True)
class Message:
    """What the first worker says about a job: a report, or why the trial failed."""

    trial_id: str
    report: Report | None = None
    error: str | None = None


@ray.remote(num_cpus=0)
class Broker:
    """The queues between the trials in front and the workers behind: one actor for the whole sweep."""

    def __init__(self) -> None:
        self._jobs: dict[tuple[str, int], asyncio.Queue[Job | None]] = defaultdict(asyncio.Queue)
        self._messages: dict[str, asyncio.Queue[Message]] = defaultdict(asyncio.Queue)
        self._last: dict[str, Message] = {}

    async def put_job(self, group: str, workers: int, job: Job | None) -> None:
        """Gives every worker of a group the job; None sends them home."""
        for rank in range(workers):
            await self._jobs[group, rank].put(job)

    async def get_job(self, group: str, rank: int) -> Job | None:
        """Waits for a worker's next job."""
        return await self._jobs[group, rank].get()

    async def put_message(self, group: str, message: Message) -> None:
        """Passes a worker's message on. What ends a trial is kept until the driver takes it."""
        if message.error or (message.report and message.report.progress >= 1):
            self._last[message.trial_id] = message
        await self._messages[group].put(message)

    async def get_message(self, group: str) -> Message | None:
        """A group's next message, or None when there is none for a while."""
        try:
            return await asyncio.wait_for(self._messages[group].get(), POLL_SECONDS)
        except TimeoutError:
            return None

    async def take_last(self, trial_id: str) -> Message | None:
        """The message that ended a trial, with its scores and predictions; None if it ended without one."""
        return self._last.pop(trial_id, None)


class WorkerGroup:
    """One group of Ray Train workers, seen from the trial in front of it."""

    def __init__(self, name: str, broker: ActorHandle, config: GroupConfig) -> None:
        self.name, self.broker, self.config = name, broker, config
        self.failure: str | None = None
        trainer = TorchTrainer(
            _serve,
            train_loop_config={"group": name, "broker": broker, "config": config},
            scaling_config=ScalingConfig(
                num_workers=config.workers,
                use_gpu=config.gpus_per_worker > 0,
                resources_per_worker={
                    "CPU": config.cpus_per_worker,
                    **({"GPU": config.gpus_per_worker} if config.gpus_per_worker else {}),
                },
            ),
            run_config=RunConfig(name=f"group-{name}", storage_path=tempfile.mkdtemp(prefix="sweep-group-")),
        )
        self._thread = threading.Thread(target=self._fit, args=(trainer,), daemon=True)
        self._thread.start()

    def _fit(self, trainer: TorchTrainer) -> None:
        try:
            trainer.fit()
            self.failure = "the worker group has ended"
        except Exception as error:
            self.failure = f"the worker group died: {str(error).splitlines()[0]}"

    @property
    def is_alive(self) -> bool:
        """Whether the group can take jobs."""
        return self._thread.is_alive()

    def start(self, job: Job) -> None:
        """Sends a job to all workers."""
        ray.get(self.broker.put_job.remote(self.name, self.config.workers, job))

    def next_message(self, trial_id: str) -> Message:
        """Waits for the next message about a trial; those about earlier ones are dropped."""
        while True:
            message = ray.get(self.broker.get_message.remote(self.name))
            if message is not None and message.trial_id == trial_id:
                return message
            if message is None and not self.is_alive:
                return Message(trial_id, error=self.failure)

    def close(self) -> None:
        """Sends the workers home, and waits a while until they are gone."""
        ray.get(self.broker.put_job.remote(self.name, self.config.workers, None))
        self._thread.join(20)


def _serve(loop: dict[str, Any]) -> None:
    """What each Ray Train worker does: one trial after the other, until it is sent home."""
    group, broker, config = loop["group"], loop["broker"], loop["config"]
    context = ray.train.get_context()
    rank = context.get_world_rank()
    torch.set_num_threads(config.cpus_per_worker)
    bench = Workbench(
        Store(config.store), open_source(config.data), get_device(), rank=rank, world_size=context.get_world_size()
    )
    while (job := ray.get(broker.get_job.remote(group, rank))) is not None:
        trial_id = job.spec.trial_id
        try:
            for report in run_trial(job.spec, bench, job.started):
                if rank == 0:
                    ray.get(broker.put_message.remote(group, Message(trial_id, report)))
        except (TrialError, UserError) as error:  # the same on every worker: the group goes on
            if rank == 0:
                ray.get(broker.put_message.remote(group, Message(trial_id, error=str(error))))
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
            ray.get(broker.put_message.remote(group, Message(trial_id, error=reason)))
            if bench.world_size > 1:
                raise  # the others wait for this worker: all must go
