"""Whether a sweep could begin, on this machine or on a cluster's nodes; and of a run that begins the cheap part."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sweep.console import counted
from sweep.experiment import Experiment
from sweep.planning.plan import Plan
from sweep.planning.weights import UNKNOWN
from sweep.running import autoscaler, lease
from sweep.running.address import joined
from sweep.running.doctor.finding import Finding, Level
from sweep.running.doctor.needs import Needs, needs, on_cpus_in_bf16
from sweep.running.doctor.node import examine
from sweep.running.doctor.nodes import every_node, this_machine
from sweep.running.doctor.verdicts import Wanted, verdicts
from sweep.running.room import Machine, Room
from trainables.errors import UserError
from trainables.models.shapes import is_built_in
from trainables.store import PROBES, Store

QUICK = 10.0
"""Seconds that a run which begins waits for the nodes' answers."""


def ready(experiment: Experiment | None, address: str | None) -> list[Finding]:
    """All findings before a sweep.

    Args:
        experiment: what is to be run; None: the machines as such are looked at.
        address: of a running cluster; None: this machine alone is looked at.

    Raises:
        UserError: the store cannot be read or written, or the cluster cannot be joined.
    """
    if experiment is None:
        return _machines(None, address, {"torch": True})
    wanted = needs(experiment)
    with _probe(wanted.store) as probe:
        found = _machines(wanted, address, wanted.questions(probe))
    return [*found, *of_plan(wanted)]


def quick(experiment: Experiment, plan: Plan, store: Store) -> list[Finding]:
    """The cheap part, for a run that has joined a cluster: what of the nodes that are there would make trials fail.

    Args:
        plan: of the experiment.
        store: of the experiment; it can be written.

    Returns:
        What a person should know, but does not keep trials from running.

    Raises:
        UserError: with everything that does.
    """
    asked: dict[str, Any] = {"store": store.root if store.is_local else None, "data": _folders(experiment)}
    asked["model"] = experiment.model if is_built_in(experiment.model) else None
    asked["bf16"] = on_cpus_in_bf16(experiment, plan)
    with _probe(store) as probe:
        asked["probe"] = probe
        found = verdicts(every_node(asked, QUICK), examine(asked), Wanted(weights=plan.studies[0].question.weights))
    silent = [one for one in found if one.check == "node"]  # busy, perhaps, or on its way out: the run will see
    wrong = [one for one in found if one.level == "wrong" and one not in silent]
    if wrong:
        raise UserError(one.problem for one in wrong)
    return [*silent, *(one for one in found if one.level == "warning")]


def of_plan(wanted: Needs) -> Iterator[Finding]:
    """What the plan takes, and whether the store's disk has it."""
    if wanted.left == 0:
        yield Finding("fine", "plan", "nothing is left to run")
        return
    left = counted(wanted.left, "trial is left to run", "trials are left to run")
    yield Finding("fine", "plan", f"{left}, in {counted(len(wanted.plan.studies), 'study')}")
    held = lease.read(wanted.store)
    if held is not None and lease.is_alive(held):
        message = f"a run works on it: process {held['pid']} on {held['host']}"
        yield Finding(
            "warning", "store", message, wanted.store.uri, "wait for its end, or take another store: store=DIR"
        )
    free, peak = wanted.store.free_space(), wanted.disk.peak
    (told,) = wanted.disk.lines()
    if free is None or peak is None:
        yield Finding("fine", "disk", told, wanted.store.uri)
    else:
        there = sum(wanted.store.size(name) for name in wanted.store.list("checkpoints"))
        todo = "free some, or give a larger one: store=DIR"
        if free + there < peak.low:
            yield Finding("wrong", "disk", f"{free / 1e9:.2g} GB are free, and it needs {told}", wanted.store.uri, todo)
        elif free + there < peak.high:
            yield Finding("warning", "disk", f"{free / 1e9:.2g} GB are free: {told}", wanted.store.uri, todo)
        else:
            yield Finding("fine", "disk", f"{free / 1e9:.2g} GB are free: {told}", wanted.store.uri)
    for line in wanted.price.lines():
        yield Finding("fine", "price", line)


def of_room(room: Room) -> Iterator[Finding]:
    """How many trials fit on the machines that are there, one by one, and on those that may be started."""
    total = room.known
    if not total:
        level: Level = "warning" if room.grown else "wrong"  # others may join that nobody announces
        todo = "lower resources.workers, resources.cpus_per_worker or resources.gpus_per_worker; or use larger machines"
        yield Finding(level, "room", f"a trial needs {room.need}, and none is there: {room.there}", todo=todo)
        return
    told = (
        f"{counted(room.now, 'trial fits', 'trials fit')} now"
        if room.machines
        else f"{counted(total, 'trial fits', 'trials fit')} at most"
    )
    told += f", {total} when the cluster has grown" if room.machines and total > room.now else ""
    concurrent = room.resources.concurrent
    if concurrent is not None and concurrent > total:
        todo = f"resources.concurrent={total}, or let more machines be started"
        yield Finding("warning", "room", f"resources.concurrent is {concurrent}, and {told}: others wait", todo=todo)
    else:
        yield Finding("fine", "room", told)


def _machines(wanted: Needs | None, address: str | None, asked: Mapping[str, Any]) -> list[Finding]:
    """What the machines answer, and what that comes to."""
    known = _known(wanted)
    if address is None:
        alone = this_machine(asked)
        assert alone.facts is not None  # it is this process that answers
        there: Machine = {"CPU": len(os.sched_getaffinity(0)), "GPU": len(alone.facts["torch"].get("gpus", ()))}
        room = of_room(Room(wanted.resources, (there,))) if wanted else ()
        return [*verdicts([alone], alone.facts, known), *room]
    here = examine({key: value for key, value in asked.items() if key == "data"})
    import ray

    with joined(address):
        nodes = every_node(asked)
        machines = tuple(one.has for one in nodes if one.has is not None)
        growth = autoscaler.growth(ray.get_runtime_context().gcs_address)
        room = of_room(Room(wanted.resources, machines, growth, may_join=True)) if wanted else ()
        return [*verdicts(nodes, here, known), *room]


def _known(wanted: Needs | None) -> Wanted:
    if wanted is None:
        return Wanted()
    question = wanted.plan.studies[0].question
    return Wanted(
        gpu=wanted.resources.gpus_per_worker > 0,
        bf16=question.precision == "bf16",
        weights=None if question.weights == UNKNOWN else question.weights,
        spool=wanted.spool,
        download=wanted.download,
    )


def _folders(experiment: Experiment) -> dict[str, str] | None:
    """The folders of the experiment's data: what can be looked for at once."""
    config = experiment.data_config
    if isinstance(config, str):
        return None
    return {kind: place for kind, place in config.items() if isinstance(place, str) and "://" not in place}


@contextmanager
def _probe(store: Store) -> Iterator[str]:
    """A file in the store by which others tell that it is the same one. Where no store was, none is afterwards."""
    was_there = store.is_local and Path(store.root).is_dir()
    store.check_writable()
    name = f"{PROBES}/{uuid.uuid4().hex}"
    store.write(name, name.encode())
    try:
        yield name
    finally:
        store.delete(name)
        if store.is_local:
            with suppress(OSError):  # there is something in it
                (Path(store.root) / PROBES).rmdir()
                if not was_there:
                    Path(store.root).rmdir()
