"""Machines that are not there: one process plays what Tune starts on them, and how they come and go.

Tune starts a process for each of its actors, some 150 MB; a machine with two cores has no room for 512. Here Tune, its
actor manager and its placement groups are the real ones, and so are the trainables, their results and the way that
these take through Ray. But all trainables live in one process, `Machines`, and what takes long is waited for there.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ray
from ray import tune
from ray.actor import ActorClass
from ray.exceptions import ActorDiedError
from ray.tune.execution.class_cache import _ActorClassCache

from trainables.reports import Report
from trainables.spec import TrialSpec
from trainables.workers.broker import Message


@dataclass(frozen=True)
class Fleet:
    """Machines and how they fare. `days`, `nights`: seconds for which one is there and away on average; 0: for ever."""

    machines: int
    slots: int
    days: float = 0.0
    nights: float = 0.0


@dataclass(frozen=True)
class Tally:
    """Slot seconds since the fleet began: in all, and with a trial at work; and what was lost."""

    there: float
    at_work: float
    machines_lost: int
    trials_lost: int


@dataclass
class _Actor:
    trainable: Simulated
    machine: int
    is_gone: asyncio.Event = field(default_factory=asyncio.Event)


def score(spec: TrialSpec) -> float:
    """Best at a learning rate of 3e-5 and 4 epochs, by an amount that depends on the question."""
    level = 50 + int(spec.question, 16) % 30
    assert spec.learning_rate is not None and spec.epochs is not None
    return level - 5 * abs(math.log10(spec.learning_rate / 3e-5)) - abs(spec.epochs - 4)


class Simulated(tune.Trainable):
    """What Tune sees of a trial, in the process that plays (`Machines`), where fine-tuning is waiting."""

    def setup(self, config: dict[str, Any]) -> None:
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.spec = TrialSpec.from_dict(new_config["spec"])
        return True

    def seconds(self, mean: float) -> float:
        """How long it takes."""
        return mean * (0.5 + random.Random(self.spec.trial_id).random())

    def message(self) -> Message:
        """What a worker says at its end."""
        objective = None if self.spec.phase == "evaluate" else score(self.spec)
        curve = () if objective is None else (objective,)
        return Message(self.spec.trial_id, Report(1.0, objective=objective, curve=curve))

    def step(self) -> dict[str, Any]:
        return {"trial": self.spec.trial_id, "progress": 1.0, "group": "simulated", "done": True}


@ray.remote(num_cpus=0, max_concurrency=100_000)
class Machines:
    """The process that plays. `seconds`: that a trial takes."""

    def __init__(self, fleet: Fleet, seconds: float, broker: Any) -> None:
        self.fleet, self.seconds, self.broker = fleet, seconds, broker
        self.free = dict.fromkeys(range(fleet.machines), fleet.slots)  # of the machines that are there
        self.actors: dict[int, _Actor] = {}
        self.room = asyncio.Condition()
        self.working = self.machines_lost = self.trials_lost = 0
        self.there = self.at_work = 0.0
        self.since = time.monotonic()

    async def begin(self) -> None:
        """The machines begin to come and go."""
        self._count()
        if self.fleet.days:
            draw = random.Random(0)
            self.lives = [asyncio.create_task(self._live(number, draw)) for number in range(self.fleet.machines)]

    async def tally(self) -> Tally:
        self._count()
        return Tally(self.there, self.at_work, self.machines_lost, self.trials_lost)

    def _count(self) -> None:
        now = time.monotonic()
        self.there += (now - self.since) * len(self.free) * self.fleet.slots
        self.at_work += (now - self.since) * self.working
        self.since = now

    async def _live(self, machine: int, draw: random.Random) -> None:
        while True:
            await asyncio.sleep(draw.expovariate(1 / self.fleet.days))
            self._count()
            del self.free[machine]
            self.machines_lost += 1
            for actor in self.actors.values():
                if actor.machine == machine:
                    actor.is_gone.set()
            await asyncio.sleep(draw.expovariate(1 / self.fleet.nights))
            self._count()
            async with self.room:
                self.free[machine] = self.fleet.slots
                self.room.notify_all()

    async def call(self, number: int, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A method of one of Tune's actors."""
        if method == "__ray_ready__":
            return await self._start(number, *args, **kwargs)
        actor = self.actors.get(number)
        if actor is None or actor.is_gone.is_set():
            self.actors.pop(number, None)
            raise ActorDiedError
        if method == "stop":
            del self.actors[number]
            async with self.room:
                if actor.machine in self.free:
                    self.free[actor.machine] += 1
                    self.room.notify()
        elif method == "train":
            await self._work(actor)
        return getattr(actor.trainable, method)(*args, **kwargs)

    async def _start(self, number: int, **kwargs: Any) -> None:
        async with self.room:
            await self.room.wait_for(lambda: any(self.free.values()))
            machine = max(self.free, key=self.free.__getitem__)
            self.free[machine] -= 1
        self.actors[number] = _Actor(Simulated(**kwargs), machine)

    async def _work(self, actor: _Actor) -> None:
        self._count()
        self.working += 1
        try:
            await asyncio.wait_for(actor.is_gone.wait(), actor.trainable.seconds(self.seconds))
        except TimeoutError:
            await self.broker.put_message.remote("simulated", actor.trainable.message())
        else:
            self.trials_lost += 1
            raise ActorDiedError
        finally:
            self._count()
            self.working -= 1


class _PlayedClass(ActorClass):
    """What Tune takes for the class of its actors."""

    def __init__(self, machines: Any) -> None:
        self.machines, self.started = machines, 0

    def options(self, **options: Any) -> _PlayedClass:
        return self

    def remote(self, **kwargs: Any) -> _PlayedActor:
        self.started += 1
        return _PlayedActor(self.machines, self.started, kwargs)


class _PlayedActor:
    """What Tune takes for one of its actors."""

    def __init__(self, machines: Any, number: int, kwargs: dict[str, Any]) -> None:
        self.machines, self.number, self.kwargs = machines, number, kwargs

    def __getattr__(self, method: str) -> _PlayedMethod:
        return _PlayedMethod(self, method)


@dataclass(frozen=True)
class _PlayedMethod:
    actor: _PlayedActor
    name: str

    def remote(self, *args: Any, **kwargs: Any) -> Any:
        if self.name == "__ray_ready__":
            kwargs = self.actor.kwargs
        return self.actor.machines.call.remote(self.actor.number, self.name, args, kwargs)


def begin(fleet: Fleet, seconds: float, broker: Any) -> Callable[[], Tally]:
    """From now on Tune's actors of this process are played."""
    machines = Machines.remote(fleet, seconds, broker)  # type: ignore[attr-defined]
    played = _PlayedClass(machines)
    _ActorClassCache.get = lambda self, trainable_cls: played  # type: ignore[method-assign]
    ray.get(machines.begin.remote())
    return lambda: ray.get(machines.tally.remote())


def trainable() -> Any:
    """What Tune is given. A placement group each, of as good as nothing: the room is the machines'."""
    return tune.with_resources(Simulated, {"CPU": 0.001})
