"""How many trials fit on the nodes that are there, and on those that an autoscaler may start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.experiment import Resources
from sweep.running.doctor.finding import Finding

Machine = Mapping[str, float]
"""What a machine has, in Ray's words: `CPU`, `GPU`."""


@dataclass(frozen=True)
class Growth:
    """What may be started: how many machines with what, and how many of them all."""

    machines: Sequence[tuple[Machine, int]]
    most: int


def growth(config: Mapping[str, Any]) -> Growth | None:
    """What a cluster's file lets the autoscaler start; None where it does not say what a machine has."""
    head, most = config.get("head_node_type"), int(config.get("max_workers", 0))
    found: list[tuple[Machine, int]] = []
    for name, kind in (config.get("available_node_types") or {}).items():
        resources = kind.get("resources") or {}
        if name == head:
            continue
        if not resources.keys() & {"CPU", "GPU"}:  # as in clusters of the user's own machines
            return None
        found.append((resources, min(int(kind.get("max_workers", most)), most)))
    return Growth(found, most)


def now(resources: Resources, machines: Iterable[Machine]) -> int:
    """How many trials fit at once. A worker has to fit into one machine; those of one trial may be on several."""
    return sum(_workers(resources, machine) for machine in machines) // resources.workers


def most(resources: Resources, grown: Growth) -> int:
    """How many fit when all is started that may be, those machines first that hold most."""
    held = sorted((_workers(resources, one) for one, number in grown.machines for _ in range(number)), reverse=True)
    return sum(held[: grown.most]) // resources.workers


def of_room(resources: Resources, machines: Sequence[Machine], grown: Growth | None) -> Iterator[Finding]:
    """Findings about room, of a cluster that is up, or of its file alone (no machines)."""
    here, later = now(resources, machines), most(resources, grown) if grown is not None else 0
    total = max(here, later)
    wanted = f"{resources.cpus_per_worker} CPUs" + f" and {resources.gpus_per_worker:g} GPUs" * bool(
        resources.gpus_per_worker
    )
    if not total:
        there = ", ".join(f"{one.get('CPU', 0):g} CPUs and {one.get('GPU', 0):g} GPUs" for one in machines) or "none"
        may = "" if grown is None else ", and no node type that may be started does"
        message = f"no machine holds a worker with {wanted} (there: {there}){may}"
        if now(resources.model_copy(update={"workers": 1}), machines) or (grown and grown.machines):
            message = f"there is no room for a trial of {resources.workers} workers with {wanted} each{may}"
        todo = "lower resources.workers, resources.cpus_per_worker or resources.gpus_per_worker, or use larger machines"
        yield Finding("wrong", "room", message, todo=todo)
        return
    told = f"{here} trials fit now" if machines else f"{later} trials fit at most"
    told += f", {later} when the cluster has grown" if machines and later > here else ""
    if resources.concurrent is not None and resources.concurrent > total:
        message = f"resources.concurrent is {resources.concurrent}: {told}, the others wait"
        yield Finding("warning", "room", message, todo=f"resources.concurrent={total}, or let more machines be started")
    else:
        yield Finding("fine", "room", told)


def _workers(resources: Resources, machine: Machine) -> int:
    needs = {"CPU": resources.cpus_per_worker, "GPU": resources.gpus_per_worker}
    return min(int(machine.get(name, 0) / need + 1e-6) for name, need in needs.items() if need)
