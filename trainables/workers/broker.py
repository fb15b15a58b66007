"""The queues between the trials in front and the workers behind: one light actor for the whole sweep."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import ray

from trainables.reports import Report
from trainables.spec import TrialSpec

POLL_SECONDS = 2.0
"""How often somebody who waits for a message looks whether the sender still lives."""


VERDICT_SECONDS = 60.0
"""How long a worker waits to be told whether its trial goes on; then it does."""

Cause = Literal["trial", "machine", "memory", "weights", "setup"]
"""What a trial failed of: itself, so that it would fail again; a machine, a network, a store; too little memory for
several workers; the weights that it was to start from, which are gone or damaged; or a node that lacks what only a
person can put there, so that the run must stop.
"""


@dataclass(frozen=True)
class Job:
    """A trial for a group.

    Attributes:
        started: in seconds since the epoch.
        halvings: how often the micro-batch is halved from the start.
        asks: whether the trial asks after each epoch whether it goes on.
    """

    spec: TrialSpec
    started: float
    halvings: int = 0
    asks: bool = False


@dataclass(frozen=True)
class Message:
    """What a worker says about a job: a report, or why the trial failed, and whether its group ends with it.

    `pruned`: the trial was told to end; its last report came before.
    """

    trial_id: str
    report: Report | None = None
    error: str | None = None
    cause: Cause = "trial"
    pruned: bool = False
    ends_group: bool = False

    @property
    def is_last(self) -> bool:
        """Whether the trial ends with it."""
        return self.pruned or self.error is not None or (self.report is not None and self.report.progress >= 1)


@ray.remote(num_cpus=0)
class Broker:
    """The queues between the trials in front and the workers behind: one actor for the whole sweep."""

    def __init__(self) -> None:
        self._jobs: dict[tuple[str, int], asyncio.Queue[Job | None]] = defaultdict(asyncio.Queue)
        self._messages: dict[str, asyncio.Queue[Message]] = defaultdict(asyncio.Queue)
        self._last: dict[str, Message] = {}
        self._verdicts: dict[tuple[str, int], asyncio.Future[bool]] = {}

    async def put_job(self, group: str, workers: int, job: Job | None) -> None:
        """Gives every worker of a group the job; None sends them home."""
        for rank in range(workers):
            await self._jobs[group, rank].put(job)

    async def get_job(self, group: str, rank: int) -> Job | None:
        """Waits for a worker's next job."""
        return await self._jobs[group, rank].get()

    async def put_message(self, group: str, message: Message) -> None:
        """Passes a worker's message on. What ends a trial is kept until the driver takes it."""
        if message.is_last:
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
        for place in [place for place in self._verdicts if place[0] == trial_id]:
            del self._verdicts[place]
        return self._last.pop(trial_id, None)

    async def decide(self, trial_id: str, epoch: int, goes_on: bool) -> None:
        """Says whether a trial goes on after an epoch. The first word counts: all workers hear the same."""
        verdict = self._verdict(trial_id, epoch)
        if not verdict.done():
            verdict.set_result(goes_on)

    async def goes_on(self, trial_id: str, epoch: int) -> bool:
        """Waits for that word."""
        verdict = self._verdict(trial_id, epoch)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(verdict), VERDICT_SECONDS)
        if not verdict.done():
            verdict.set_result(True)
        return verdict.result()

    def _verdict(self, trial_id: str, epoch: int) -> asyncio.Future[bool]:
        return self._verdicts.setdefault((trial_id, epoch), asyncio.get_running_loop().create_future())
