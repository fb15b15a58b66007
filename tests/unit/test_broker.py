"""The broker: jobs are the sweep's, groups follow them, and what a group leaves behind goes on elsewhere."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.integration.test_fine_tune import SPEC
from trainables.reports import Report
from trainables.workers import broker as module
from trainables.workers.broker import Broker
from trainables.workers.messages import Job, Message


class Played:
    """A worker group that a test plays: it comes up when the cluster has room for it."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.name = cluster, name
        self.failure: str | None = None
        self.is_up = False

    def kill(self) -> None:
        self.failure = "killed"

    def controlled_by(self, controller: Any) -> None:
        raise AssertionError("no Ray here")


class Cluster:
    """Room for so many groups at once; each does the jobs that it is given until it is sent home."""

    def __init__(self, room: int, seconds: float = 0.0) -> None:
        self.room, self.seconds = room, seconds
        self.groups: list[Played] = []
        self.leaving: set[str] = set()
        self.done: list[tuple[str, str]] = []
        self.broker = Broker(self.start, lambda: self.leaving)
        self.tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str) -> Played:
        group = Played(self, name)
        self.groups.append(group)
        return group

    @property
    def alive(self) -> list[Played]:
        return [group for group in self.groups if group.failure is None]

    async def look(self) -> None:
        """A look of the broker's, and what the cluster makes of it."""
        self.broker._looked = float("-inf")
        await self.broker._look()
        up = [group for group in self.alive if group.is_up]
        for group in [group for group in self.alive if not group.is_up][: max(0, self.room - len(up))]:
            group.is_up = True
            task = asyncio.get_running_loop().create_task(self._work(group))
            self.tasks.add(task)
        await asyncio.sleep(0)

    async def _work(self, group: Played) -> None:
        done, node = 0, f"node-of-{group.name}"
        while (job := await self.broker.get_job(group.name, 0, node, done)) is not None:
            await asyncio.sleep(self.seconds)
            if group.failure is not None:
                return
            self.done.append((group.name, job.spec.trial_id))
            await self.broker.put_message(Message(job.spec.trial_id, Report(1.0), group=group.name))
            done += 1
        group.failure = "the worker group has ended"


def jobs(number: int) -> list[Job]:
    return [Job(dataclasses.replace(SPEC, seed=seed)) for seed in range(number)]


async def last_of(broker: Broker, job: Job) -> Message:
    """What the trial in front sees in the end."""
    heard = 0
    while True:
        message = await broker.next_message(job.spec.trial_id, heard)
        if message is not None:
            heard += 1
            if message.is_last:
                assert await broker.take_last(job.spec.trial_id) == message
                return message


def play(story: Coroutine[Any, Any, None]) -> None:
    async def within() -> None:
        async with asyncio.timeout(20):
            await story
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    asyncio.run(within())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(module, "LOOKING", 3600.0)  # the tests look


@pytest.mark.parametrize(("room", "number"), [(1, 3), (1, 8), (2, 3), (8, 3)])
def test_all_jobs_are_done_however_few_groups_have_room(room: int, number: int) -> None:
    """With more trials handed out than there is room: groups that wait for room hold no job."""

    async def story() -> None:
        cluster = Cluster(room)
        asked = jobs(number)
        for job in asked:
            await cluster.broker.put_job(job)
        ends = [asyncio.ensure_future(last_of(cluster.broker, job)) for job in asked]
        while not all(end.done() for end in ends):
            await cluster.look()
            await asyncio.sleep(0.001)
        assert sorted(trial_id for _, trial_id in cluster.done) == sorted(job.spec.trial_id for job in asked)
        assert len({name for name, _ in cluster.done}) <= room
        assert len(cluster.groups) <= number

    play(story())


def test_groups_go_when_nothing_waits_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        cluster = Cluster(room=2)
        for job in jobs(5):
            await cluster.broker.put_job(job)
        while len(cluster.done) < 5:
            await cluster.look()
            await asyncio.sleep(0.001)
        assert len(cluster.alive) >= 2
        await cluster.look()
        assert any(group.is_up for group in cluster.alive)  # it is warm: the next job may come at once
        monkeypatch.setattr(module, "IDLE", 0.0)
        monkeypatch.setattr(module, "UNNEEDED", 0.0)
        for _ in range(3):
            await asyncio.sleep(0.002)
            await cluster.look()
        assert cluster.alive == []

    play(story())


def test_what_a_dead_group_had_is_told_and_its_late_words_are_not_heard() -> None:
    async def story() -> None:
        cluster = Cluster(room=1, seconds=0.05)
        (job,) = jobs(1)
        trial_id = job.spec.trial_id
        await cluster.broker.put_job(job)
        await cluster.look()
        first = await cluster.broker.next_message(trial_id, 0)
        assert first is not None
        assert first.started is not None
        cluster.groups[0].failure = "the node died"
        await cluster.look()
        end = await last_of(cluster.broker, job)
        assert (end.error, end.cause) == ("the node died", "machine")
        await cluster.broker.put_job(job)  # the driver starts it again
        await cluster.broker.put_message(Message(trial_id, Report(1.0, objective=1.0), group=first.group))
        assert await cluster.broker.next_message(trial_id, 0) is None
        await cluster.look()
        await cluster.look()
        end = await last_of(cluster.broker, job)
        assert end.group != first.group
        assert end.error is None

    play(story())


def test_a_group_that_never_comes_up_fails_the_job_that_waits_for_it() -> None:
    async def story() -> None:
        cluster = Cluster(room=0)
        (job,) = jobs(1)
        await cluster.broker.put_job(job)
        await cluster.look()
        cluster.groups[0].failure = "no such module"
        await cluster.look()
        assert (await last_of(cluster.broker, job)).error == "no such module"

    play(story())


def test_a_machine_that_was_given_notice_gets_no_more_jobs() -> None:
    """Its workers hear of it while they are at work; what they lose by it counts as nobody's fault."""

    async def story() -> None:
        cluster = Cluster(room=1, seconds=3600)
        first, second = jobs(2)
        await cluster.broker.put_job(first)
        await cluster.look()
        (group,) = cluster.groups
        notice = asyncio.ensure_future(cluster.broker.notice(group.name))
        await asyncio.sleep(0.01)
        assert not notice.done()
        cluster.leaving = {f"node-of-{group.name}"}
        await cluster.look()
        assert await notice
        await cluster.broker.put_job(second)
        group.failure = "the node died"
        await cluster.look()
        assert (await last_of(cluster.broker, first)).cause == "notice"
        assert await cluster.broker.get_job(group.name, 0, "anywhere", 1) is None

    play(story())


def test_calls_that_ray_repeats_do_no_harm() -> None:
    """After a network was away Ray calls again: nothing is given out twice, and nothing is lost."""

    async def story() -> None:
        broker = Broker(lambda name: Played(Cluster(1), name))
        one, other = jobs(2)
        await broker.put_job(one)
        await broker.put_job(one)
        await broker.put_job(other)
        await broker._look()
        name = next(iter(broker._places))
        asked = [asyncio.ensure_future(broker.get_job(name, 0, "node", 0)) for _ in range(2)]
        found = [await task for task in asked]
        assert found[0] == found[1]
        assert found[0] is not None
        assert found[0].spec == one.spec
        followed = [await broker.get_job(name, 1, "node", 0) for _ in range(2)]
        assert followed == found
        await broker.put_job(one)  # whoever asked for it died, and another one asks
        assert (await broker.next_message(one.spec.trial_id, 0)).started  # type: ignore[union-attr]
        for _ in range(2):
            await broker.put_message(Message(one.spec.trial_id, Report(1.0), group=name))
        assert await broker.next_message(one.spec.trial_id, 2) is None
        assert (await broker.next_message(one.spec.trial_id, 1)).is_last  # type: ignore[union-attr]
        nobody = await broker.take_last(other.spec.trial_id)
        assert nobody is None
        following = await broker.get_job(name, 0, "node", 1)
        assert following is not None
        assert following.spec == other.spec

    play(story())
