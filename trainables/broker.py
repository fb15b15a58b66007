"""The queues between the trials in front and the workers behind: one light actor for the whole sweep."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass

import ray

from trainables.reports import Report
from trainables.spec import TrialSpec

POLL_SECONDS = 2.0
"""How often somebody who waits for a message looks whether the sender still lives."""


@dataclass(frozen=True)
class Job:
    """A trial for a group. `started` is in seconds since the epoch."""

    spec: TrialSpec
    started: float


@dataclass(frozen=True)
class Message:
    """What a worker says about a job: a report, or why the trial failed, and whether its group ends with it."""

    trial_id: str
    report: Report | None = None
    error: str | None = None
    ends_group: bool = False


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
