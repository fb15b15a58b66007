"""What has no room on two cores: the processes of the head node, and machines that come and go with worker groups.

Tune, its controller, its actor manager and its placement groups are the real ones, and so are the broker and the
trainables, which wait for its messages as ever. But Tune starts a process for each trainable, some 100 MB: here they
are threads of one process, `Fronts`. Worker groups are tasks in the broker's process, `Group`: they ask it for jobs,
wait for as long as these take, and say how they ended, by the calls that real workers make.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
import math
import mmap
import random
import struct
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import ray
from ray.actor import ActorClass
from ray.tune.execution.class_cache import _ActorClassCache

from trainables.reports import Report
from trainables.spec import TrialSpec
from trainables.workers.messages import Job, Message

STARTUP = 5.0
"""Seconds that a worker group takes to start on a machine that is there."""

LONGEST = 12 * 3600.0
"""Seconds for which it is known when machines come and go."""


@dataclass(frozen=True)
class Fleet:
    """Machines, and when they are there: a function of the time alone, so that several processes know it.

    Attributes:
        slots: of each machine.
        days, nights: seconds for which one is there and then away, on average; no nights: it stays.
        begun: when it all began, in seconds since the epoch.
    """

    machines: int
    slots: int
    days: float
    nights: float
    begun: float

    @cached_property
    def turns(self) -> list[list[float]]:
        """When each machine goes, comes, goes ..., in seconds since the beginning, at which all are there."""
        return [self._turns(random.Random(machine)) for machine in range(self.machines)]

    def _turns(self, draw: random.Random) -> list[float]:
        if not self.nights:
            return [math.inf]
        lengths = (draw.expovariate(1 / mean) for mean in itertools.cycle((self.days, self.nights)))
        return list(itertools.takewhile(lambda turn: turn < LONGEST, itertools.accumulate(lengths)))

    def goes(self, machine: int, now: float) -> float | None:
        """When a machine that is there goes; None: it is not there."""
        turns = self.turns[machine]
        at = bisect.bisect(turns, now - self.begun)
        return None if at % 2 else self.begun + turns[at]

    def there(self, now: float) -> int:
        """How many slots there are."""
        return self.slots * sum(self.goes(machine, now) is not None for machine in range(self.machines))

    def lost(self, now: float) -> int:
        """How many machines have gone so far."""
        return sum((bisect.bisect(turns, now - self.begun) + 1) // 2 for turns in self.turns)

    def slot_seconds(self, now: float) -> float:
        """How long slots were there so far, all together."""
        total = 0.0
        for turns in self.turns:
            until = [0.0, *(turn for turn in turns if turn < now - self.begun), now - self.begun]
            total += sum(end - start for start, end in list(itertools.pairwise(until))[::2])
        return self.slots * total


class Tally:
    """How long slots were at work, in seconds all together, and how many trials were lost: a file for two processes."""

    FORMAT = "dd"

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(struct.calcsize(self.FORMAT)))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)

    def write(self, at_work: float, lost: int) -> None:
        struct.pack_into(self.FORMAT, self._memory, 0, at_work, lost)

    def read(self) -> tuple[float, int]:
        at_work, lost = struct.unpack_from(self.FORMAT, self._memory)
        return at_work, int(lost)


class Machines:
    """Starts worker groups on a fleet. One for all, in the broker's process.

    Args:
        seconds: that a trial takes.
        tally: the file of the `Tally`.
    """

    def __init__(self, fleet: Fleet, seconds: float, tally: Path) -> None:
        self.fleet, self.seconds, self.tally = fleet, seconds, tally
        self.used = [0] * fleet.machines
        self.working, self.lost = 0, 0
        self.at_work, self.since = 0.0, time.monotonic()

    @cached_property
    def _file(self) -> Tally:
        return Tally(self.tally)

    def __call__(self, name: str) -> Group:
        return Group(name, self)

    def place(self) -> int | None:
        """A machine with room, of those that are there; the slot is taken then."""
        now = time.time()
        for machine, used in enumerate(self.used):
            if used < self.fleet.slots and self.fleet.goes(machine, now) is not None:
                self.used[machine] += 1
                return machine
        return None

    def count(self, more: int, lost: int = 0) -> None:
        """More or fewer slots are at work from now on."""
        now = time.monotonic()
        self.at_work += (now - self.since) * self.working
        self.since = now
        self.working += more
        self.lost += lost
        self._file.write(self.at_work, self.lost)


class Group:
    """A worker group on one of the machines, as the broker sees it (`trainables.workers.broker.Group`)."""

    def __init__(self, name: str, machines: Machines) -> None:
        self.name, self.machines = name, machines
        self.failure: str | None = None
        self.broker: Any = ray.get_runtime_context().current_actor
        self.life = asyncio.get_running_loop().create_task(self._live())

    def kill(self) -> None:
        self.life.cancel()

    def controlled_by(self, controller: Any) -> None:
        pass

    async def _live(self) -> None:
        machines, failure = self.machines, "the worker group has ended"
        try:
            while (machine := machines.place()) is None:
                await asyncio.sleep(0.5)
            try:
                goes = machines.fleet.goes(machine, time.time())
                left = 0.0 if goes is None else goes - time.time()
                await asyncio.wait_for(self._serve(f"machine-{machine}"), None if left == math.inf else left)
            finally:
                machines.used[machine] -= 1
        except TimeoutError:
            failure = "the worker group died: its machine is gone"
        finally:
            self.failure = failure

    async def _serve(self, node: str) -> None:
        await asyncio.sleep(STARTUP)
        for done in itertools.count():
            job: Job | None = await self.broker.get_job.remote(self.name, 0, node, done)
            if job is None:
                return
            await self._work(job.spec)

    async def _work(self, spec: TrialSpec) -> None:
        self.machines.count(1)
        try:
            await asyncio.sleep(self.machines.seconds * (0.5 + random.Random(spec.trial_id).random()))
        except asyncio.CancelledError:
            self.machines.count(-1, lost=1)
            raise
        self.machines.count(-1)
        objective = None if spec.phase == "evaluate" else score(spec)
        report = Report(1.0, objective=objective, curve=() if objective is None else (objective,))
        await self.broker.put_message.remote(Message(spec.trial_id, report, group=self.name))


def score(spec: TrialSpec) -> float:
    """Best at a learning rate of 3e-5 and 4 epochs, by an amount that depends on the question."""
    level = 50 + 30 * int(spec.question, 16) / 16 ** len(spec.question)
    assert spec.learning_rate is not None and spec.epochs is not None
    return level - 5 * abs(math.log10(spec.learning_rate / 3e-5)) - abs(spec.epochs - 4)


@ray.remote(num_cpus=0)
class Fronts:
    """The process in which the trainables are that Tune takes for an actor each."""

    def __init__(self, trainable: Any) -> None:
        self.trainable = trainable
        self.there: dict[int, Any] = {}

    def call(self, number: int, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A method of one of them."""
        if method == "__ray_ready__":
            self.there[number] = self.trainable(**kwargs)
            return None
        found = self.there.pop(number) if method == "stop" else self.there[number]
        return getattr(found, method)(*args, **kwargs)


class _PlayedClass(ActorClass):
    """What Tune takes for the class of its actors."""

    def __init__(self, fronts: Any) -> None:
        self.fronts, self.numbers = fronts, itertools.count()

    def options(self, **options: Any) -> _PlayedClass:
        return self

    def remote(self, **kwargs: Any) -> _PlayedActor:  # type: ignore[override]
        return _PlayedActor(self.fronts, next(self.numbers), kwargs)


class _PlayedActor:
    """What Tune takes for one of its actors."""

    def __init__(self, fronts: Any, number: int, kwargs: dict[str, Any]) -> None:
        self.fronts, self.number, self.kwargs = fronts, number, kwargs

    def __getattr__(self, method: str) -> _PlayedMethod:
        return _PlayedMethod(self, method)


@dataclass(frozen=True)
class _PlayedMethod:
    actor: _PlayedActor
    name: str

    def remote(self, *args: Any, **kwargs: Any) -> Any:
        if self.name == "__ray_ready__":
            kwargs = self.actor.kwargs
        return self.actor.fronts.call.remote(self.actor.number, self.name, args, kwargs)


def play_fronts(most: int) -> None:
    """From now on Tune's actors are threads of one process, so many at most."""
    made: list[_PlayedClass] = []

    def get(cache: _ActorClassCache, trainable: Any) -> _PlayedClass:
        if not made:
            made.append(_PlayedClass(Fronts.options(max_concurrency=most).remote(trainable)))  # type: ignore[attr-defined]
        return made[0]

    _ActorClassCache.get = get  # type: ignore[method-assign]
