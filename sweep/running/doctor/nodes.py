"""Every machine is asked at the same time: this one alone, or each node of a cluster by a task of Ray's."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.running.doctor import node

PATIENCE = 150.0
"""Seconds in which a node must have answered. Most of them are for the import of torch from a slow disk."""


OF_TRIALS = ("data", "datasets", "model", "hub_model", "weights", "bf16")
"""What is asked only where trials run."""


@dataclass(frozen=True)
class Node:
    """A machine and what it answered.

    Attributes:
        name: its address, and what makes it another one than its namesakes.
        has: what Ray thinks that it has; None: nobody asked Ray.
        facts: see `node.examine`; None: it did not answer, for the reason in `silence`.
        sent, received: when it was asked and had answered, by this machine's clock.
    """

    name: str | None
    has: Mapping[str, float] | None
    facts: Mapping[str, Any] | None
    silence: str | None = None
    sent: float = 0.0
    received: float = 0.0


def this_machine(asked: Mapping[str, Any]) -> Node:
    """This one, without Ray."""
    return Node(None, None, node.examine({**asked}))


def every_node(asked: Mapping[str, Any], patience: float = PATIENCE) -> list[Node]:
    """All nodes of the cluster that this process has joined.

    Args:
        patience: seconds in which they must have answered.
    """
    import ray
    from ray import cloudpickle
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # By value: a node without this package, or with another version of it, has to be able to say so.
    cloudpickle.register_pickle_by_value(node)  # type: ignore[no-untyped-call]
    try:
        task: Any = ray.remote(num_cpus=0, max_retries=0)(node.examine)
        there: Any = ray.nodes()  # type: ignore[no-untyped-call]
        alive = [one for one in there if one["Alive"]]
        sent = time.time()
        waiting = {}
        for one, name in zip(alive, _names(alive), strict=True):
            here = NodeAffinitySchedulingStrategy(one["NodeID"], soft=False)
            is_for_trials = bool(one["Resources"].get("CPU"))  # a head for the driver alone needs no data
            question = {key: value for key, value in asked.items() if is_for_trials or key not in OF_TRIALS}
            waiting[task.options(scheduling_strategy=here).remote(question)] = name, one["Resources"]
    finally:
        cloudpickle.unregister_pickle_by_value(node)  # type: ignore[no-untyped-call]
    found = []
    deadline = time.monotonic() + patience
    while waiting:
        done, _ = ray.wait([*waiting], timeout=max(0.0, deadline - time.monotonic()))
        if not done:
            break
        received = time.time()
        name, has = waiting.pop(done[0])
        try:
            found.append(Node(name, has, ray.get(done[0]), None, sent, received))
        except ray.exceptions.RayError as error:
            found.append(Node(name, has, None, str(error).strip().splitlines()[-1]))
    for late, (name, has) in waiting.items():
        ray.cancel(late, force=True)
        found.append(Node(name, has, None, f"it did not answer within {patience:g} s"))
    return sorted(found, key=lambda one: one.name or "")


def _names(nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Addresses; where several nodes have the same one, as in tests, with the start of Ray's name for them."""
    addresses = Counter(one["NodeManagerAddress"] for one in nodes)
    return [
        address if addresses[address] == 1 else f"{address}/{one['NodeID'][:6]}"
        for one in nodes
        for address in [str(one["NodeManagerAddress"])]
    ]
