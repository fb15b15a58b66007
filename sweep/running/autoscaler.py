"""What Ray's autoscaler may start, and what it is at: for a driver on the head node."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
import yaml

from sweep.console import counted

FLAG = "--autoscaling-config="


@dataclass(frozen=True)
class NodeType:
    """Machines that the autoscaler may start: what each has, and how many there may be at most."""

    name: str
    resources: Mapping[str, float]
    most: int


@dataclass(frozen=True)
class Growth:
    """What may be started beside the head: machines of these types, and how many of them all."""

    types: tuple[NodeType, ...]
    most: int


def growth(gcs_address: str) -> Growth | None:
    """What the autoscaler of a cluster may start; None where there is none, or it is not seen from here.

    Ray does not say it to anybody, so it is read from the file that the autoscaler's own process was given.
    """
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        files = [word.removeprefix(FLAG) for word in command if word.startswith(FLAG)]
        if files and f"--gcs-address={gcs_address}" in command:
            with suppress(OSError, yaml.YAMLError), open(files[0], encoding="utf-8") as file:  # noqa: PTH123
                return of_config(yaml.safe_load(file))
    return None


def of_config(config: Mapping[str, Any]) -> Growth | None:
    """What a cluster's file lets the autoscaler start; None where that is nothing, or nobody knows what it has."""
    head, most = config.get("head_node_type"), config.get("max_workers", 0)
    found = []
    for name, told in config.get("available_node_types", {}).items():
        if name == head:
            continue
        resources = told.get("resources") or {}
        if not resources.keys() & {"CPU", "GPU"}:  # as in clusters of the user's own machines
            return None
        found.append(NodeType(name, resources, min(told.get("max_workers", most), most)))
    return Growth(tuple(found), most) if found else None


def says(gcs_address: str) -> tuple[str, ...]:
    """What the autoscaler is at: machines that start, and why others do not."""
    with suppress(Exception):  # it is on its way up, or there is none: then it says nothing
        return (*_first_says(), *_second_says(gcs_address))
    return ()


def _first_says() -> Iterator[str]:
    """What Ray's first autoscaler leaves in the cluster's memory."""
    from ray.experimental.internal_kv import _internal_kv_get

    told = _internal_kv_get("__autoscaling_status")
    report = json.loads(told).get("autoscaler_report", {}) if told else {}
    launches = report.get("pending_launches", {})
    starting = sum(launches.values()) + len(report.get("pending_nodes", ()))
    if starting:
        yield counted(starting, "machine is", "machines are") + " being started"
    failed = len(report.get("failed_nodes", ()))
    if failed:
        yield f"{counted(failed, 'machine')} failed to come up"
    for name, found in report.get("node_availability_summary", {}).get("node_availabilities", {}).items():
        if not found["is_available"]:
            why = found.get("unavailable_node_information") or {}
            yield f"no machine of type {name} is to be had: {why.get('category')} {why.get('description')}"


def _second_says(gcs_address: str) -> Iterator[str]:
    """What Ray's second autoscaler tells who asks."""
    from ray.autoscaler.v2.sdk import get_cluster_status

    status = get_cluster_status(gcs_address)
    starting = sum(one.count for one in status.pending_launches) + len(status.pending_nodes)
    if starting:
        yield counted(starting, "machine is", "machines are") + " being started"
    for one in status.failed_launches:
        yield f"no machine of type {one.ray_node_type_name} is to be had: {one.details}"
