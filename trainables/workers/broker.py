"""Jobs in, messages out, and the worker groups between them: one light actor for the whole sweep.

The jobs are the sweep's, not a group's: whichever group is free takes the next one. So a job never waits for the room
that an idle group holds, however few groups the cluster has room for, and a group that is still waiting for a machine
holds no job.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from trainables.workers.messages import Cause, Job, Message

POLL_SECONDS = 10.0
"""How long somebody who asks for a message waits at most before he asks again."""

VERDICT_SECONDS = 60.0
"""How long a worker waits to be told whether its trial goes on; then it does."""

LOOKING = 0.5
"""Seconds between two looks at the groups."""

DRAINING = 2.0
"""Seconds between two looks for machines that were given notice."""

IDLE = 60.0
"""Seconds without a job after which a group goes, and with it its machine where the cluster shrinks."""

UNNEEDED = 10.0
"""Seconds after which a group that waits for room goes, as no job waits for it any more."""


class Group(Protocol):
    """A worker group as the broker sees it: `WorkerGroup`, or one that a test plays."""

    @property
    def failure(self) -> str | None:
        """Why it has ended; None while it lives."""

    def kill(self) -> None:
        """Ends it while it waits for room."""

    def controlled_by(self, controller: Any) -> None:
        """Is told of Ray Train's actor that runs it."""


@dataclass
class _Place:
    """A group and what it is at.

    Attributes:
        nodes: where its workers are; empty until the first of them asks for a job.
        job: what it is at.
        number: how many jobs it has taken; `jobs`: those that some worker may ask for; `done`: by rank, how many each
            worker has done.
        asks: it waits for a job.
        closes: it takes no more jobs. `noticed`: as one of its machines goes away.
        since: when it was started, or became idle.
    """

    group: Group
    nodes: set[str] = field(default_factory=set)
    job: Job | None = None
    number: int = 0
    jobs: dict[int, Job] = field(default_factory=dict)
    done: dict[int, int] = field(default_factory=dict)
    asks: bool = False
    closes: bool = False
    noticed: bool = False
    since: float = field(default_factory=time.monotonic)

    @property
    def is_up(self) -> bool:
        return bool(self.nodes)


class Broker:
    """See the module. Calls may be repeated by Ray after a network was away: none does harm when it comes twice.

    Args:
        start_group: starts a worker group of a name.
        draining: the nodes that were given notice.
    """

    def __init__(self, start_group: Callable[[str], Group], draining: Callable[[], Iterable[str]] = tuple) -> None:
        self._start_group, self._draining = start_group, draining
        self._waiting: deque[Job] = deque()
        self._places: dict[str, _Place] = {}
        self._messages: dict[str, list[Message]] = {}
        self._verdicts: dict[tuple[str, int], asyncio.Future[bool]] = {}
        self._leaving: set[str] = set()
        self._wakers: dict[str, asyncio.Event] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._started = 0
        self._looked = float("-inf")

    # the trials in front

    async def put_job(self, job: Job) -> None:
        """A trial wants to be run. One that is at work already, as another one who asked for it died, goes on."""
        trial_id = job.spec.trial_id
        said = self._messages.get(trial_id)
        if not self._is_known(trial_id) and not (said and said[-1].is_last):
            self._messages[trial_id] = []
            self._waiting.append(job)
            self._hand_out()
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def next_message(self, trial_id: str, after: int) -> Message | None:
        """The message about a trial that follows the first `after`; None when there is none for a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._until(trial_id, lambda: len(self._messages.get(trial_id, ())) > after)
                return self._messages[trial_id][after]
        return None

    async def take_last(self, trial_id: str) -> Message | None:
        """The message that ended a trial, with its scores and predictions; None if it has not ended."""
        said = self._messages.get(trial_id, [])
        if not said or not said[-1].is_last:
            return None
        for place in [place for place in self._verdicts if place[0] == trial_id]:
            del self._verdicts[place]
        return self._messages.pop(trial_id)[-1]

    async def decide(self, trial_id: str, epoch: int, goes_on: bool) -> None:
        """Says whether a trial goes on after an epoch. The first word counts: all workers hear the same."""
        verdict = self._verdict(trial_id, epoch)
        if not verdict.done():
            verdict.set_result(goes_on)

    # the workers behind

    async def get_job(self, group: str, rank: int, node: str, done: int) -> Job | None:
        """A worker's next job; None sends it home.

        Args:
            node: where the worker is.
            done: how many jobs it has done in this group. What it has not done it is given again.
        """
        place = self._places.get(group)
        if place is None:
            return None
        place.nodes.add(node)
        place.done[rank] = done
        place.closes |= node in self._leaving
        if rank == 0 and place.job is None:
            place.asks, place.since = True, time.monotonic()
            self._hand_out()
        await self._until(group, lambda: done < place.number or place.closes)
        return place.jobs.get(done)

    async def put_message(self, message: Message) -> None:
        """Passes a worker's message on. Those of a group that is no more are not heard: its job is another's by now."""
        place = self._places.get(message.group)
        if place is None or place.job is None or place.job.spec.trial_id != message.trial_id:
            return
        place.closes |= message.ends_group
        if message.is_last:
            place.job, place.since = None, time.monotonic()
        self._say(message)

    async def goes_on(self, trial_id: str, epoch: int) -> bool:
        """Waits for the word whether a trial goes on after an epoch."""
        verdict = self._verdict(trial_id, epoch)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(verdict), VERDICT_SECONDS)
        if not verdict.done():
            verdict.set_result(True)
        return verdict.result()

    async def notice(self, group: str) -> bool:
        """Waits until a machine of a group is given notice; False: the group ended before."""
        place = self._places.get(group)
        if place is None:
            return False
        await self._until(group, lambda: place.noticed or group not in self._places)
        return place.noticed

    # the groups between them

    async def controlled_by(self, group: str, controller: Any) -> None:
        """A group's controller is up."""
        if place := self._places.get(group):
            place.group.controlled_by(controller)

    def _hand_out(self) -> None:
        """Gives the jobs that wait to the groups that ask: the last one to become free first, so that others may go."""
        asking = sorted((place.since, name) for name, place in self._places.items() if place.asks and not place.closes)
        while self._waiting and asking:
            _, name = asking.pop()
            place = self._places[name]
            place.job, place.asks = replace(self._waiting.popleft(), started=time.time()), False
            place.jobs[place.number] = place.job
            place.number += 1
            for number in [number for number in place.jobs if number < min(place.done.values())]:
                del place.jobs[number]
            self._say(Message(place.job.spec.trial_id, group=name, started=place.job.started))
            self._wake(name)

    async def _keep(self) -> None:
        """As long as the sweep lasts: starts the groups that are missing, and deals with those that end."""
        while True:
            await self._look()
            await asyncio.sleep(LOOKING)

    async def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked >= DRAINING:
            self._looked = now
            with suppress(Exception):  # the cluster's memory may be away for a while; there is a next time
                self._leaving = set(await asyncio.to_thread(self._draining))
        for name, place in list(self._places.items()):
            if place.group.failure is not None:
                self._lose(name, place.group.failure)
            elif place.nodes & self._leaving and not place.noticed:
                place.noticed = place.closes = True
                self._wake(name)
        free = {name: place for name, place in self._places.items() if place.job is None and not place.closes}
        for _ in range(len(self._waiting) - len(free)):
            self._start()
        for name, place in free.items():
            if not self._waiting and now - place.since > (IDLE if place.is_up else UNNEEDED):
                place.closes = True
                if not place.is_up:
                    place.group.kill()
                self._wake(name)

    def _start(self) -> None:
        self._started += 1
        name = f"group-{self._started}"  # never the same again: no message of a dead group is taken for a new one's
        self._places[name] = _Place(self._start_group(name))

    def _lose(self, name: str, reason: str) -> None:
        """A group has ended: so has its job, and where it never came up, the job that waited for it."""
        place = self._places.pop(name)
        job = place.job
        if job is None and not place.is_up and not place.closes and self._waiting:
            job = self._waiting.popleft()
        if job is not None:
            cause: Cause = "notice" if place.noticed else "machine"
            self._say(Message(job.spec.trial_id, error=reason, cause=cause, ends_group=True, group=name))
        place.closes = True
        self._wake(name)

    def _is_known(self, trial_id: str) -> bool:
        """Whether a trial waits, or is at work."""
        jobs = [*self._waiting, *(place.job for place in self._places.values() if place.job)]
        return any(job.spec.trial_id == trial_id for job in jobs)

    def _say(self, message: Message) -> None:
        self._messages.setdefault(message.trial_id, []).append(message)
        self._wake(message.trial_id)

    def _verdict(self, trial_id: str, epoch: int) -> asyncio.Future[bool]:
        return self._verdicts.setdefault((trial_id, epoch), asyncio.get_running_loop().create_future())

    async def _until(self, key: str, happened: Callable[[], bool]) -> None:
        """Waits for something that may happen whenever the key is woken: a trial's id or a group's name."""
        while not happened():
            waker = self._wakers.setdefault(key, asyncio.Event())
            await waker.wait()

    def _wake(self, key: str) -> None:
        if waker := self._wakers.pop(key, None):
            waker.set()
