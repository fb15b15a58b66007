"""What a sweep's machines cost: the hours that Ray's record of its nodes has, times the prices that are known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.planning.pricing.gpus import GpuTable
from sweep.running.launch.cluster_file import ClusterFile

ACCELERATOR = "accelerator_type:"
HOUR = 3_600_000
"""Milliseconds of one."""


@dataclass(frozen=True)
class Stay:
    """How long a machine was there.

    Attributes:
        kind: `head`, a GPU type by Ray's name for it, or `CPU`.
        gpus: how many it has.
    """

    kind: str
    gpus: float
    hours: float


def stays(nodes: Iterable[Mapping[str, Any]], since: int, now: int) -> list[Stay]:
    """The machines that were there at some time since then.

    Args:
        nodes: rows of Ray's table of nodes, with those that have gone.
        since, now: in milliseconds of Unix time.
    """
    found = []
    for node in nodes:
        ended = node["end_time_ms"] or now
        hours = (min(ended, now) - max(node["start_time_ms"], since)) / HOUR
        has = node["resources_total"]
        types = [name.removeprefix(ACCELERATOR) for name in has if name.startswith(ACCELERATOR)]
        kind = "head" if node["is_head_node"] else types[0] if types else "GPU" if has.get("GPU") else "CPU"
        if hours > 0:
            found.append(Stay(kind, has.get("GPU", 0), hours))
    return found


def told(found: Sequence[Stay], cluster: ClusterFile, table: GpuTable) -> list[str]:
    """The bill in words: a line for the hours, one for each kind of machine that costs something."""
    kinds: dict[str, list[Stay]] = defaultdict(list)
    for stay in found:
        kinds[stay.kind].append(stay)
    hours = {kind: sum(stay.hours for stay in ones) for kind, ones in kinds.items()}
    in_order = sorted(kinds, key=lambda kind: (kind != "head", kind))
    parts = [f"{len(kinds[kind])} {_name(kind)} {hours[kind]:.2f} h" for kind in in_order]
    lines = [f"Machines: {', '.join(parts)} (while Ray ran on them; starting them comes on top)"]
    if cluster.is_of_own_machines:
        return lines
    for kind in in_order:
        gpu = table.gpus.get(kind)
        gpu_hours = sum(stay.gpus * stay.hours for stay in kinds[kind])
        prices = [
            f"${price * gpu_hours:.2f} {market} (${price:.3g} an hour of {gpu.priced})"
            for market, price in (("on spot machines", gpu.spot), ("on demand", gpu.on_demand))
            if price is not None and market in _markets(cluster)
        ] if gpu is not None else []  # fmt: skip
        lines.append(f"{_name(kind)}: {' or '.join(prices) if prices else 'the price of an hour is not known'}")
    return lines


def _name(kind: str) -> str:
    return kind if kind == "head" else f"with {kind}s"


def _markets(cluster: ClusterFile) -> set[str]:
    """How the workers are bought."""
    types = cluster.values.get("available_node_types") or {}
    workers = [kind for name, kind in types.items() if name != cluster.values.get("head_node_type")]
    markets = {(kind.get("node_config") or {}).get("InstanceMarketOptions", {}).get("MarketType") for kind in workers}
    return {"on spot machines" if market == "spot" else "on demand" for market in markets}
