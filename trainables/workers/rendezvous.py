"""How the workers of one trial find each other: on the address of their own node, and only where there are several.

Ray's own backend for torch opens torch's TCPStore, which takes keys from everybody, on every interface of the machine,
for a single worker, too.
"""

from __future__ import annotations

import os
import socket
from typing import Any

import psutil
import ray
from ray.train.backend import Backend, BackendConfig

PATIENCE = 30.0
"""Seconds in which the sockets of a group that ends are closed."""


class Rendezvous(BackendConfig):
    """What Ray Train is told of it."""

    @property
    def backend_cls(self) -> type[Backend]:
        return _Rendezvous


class _Rendezvous(Backend):
    share_cuda_visible_devices = True  # GPUs of one node talk to each other directly

    def on_start(self, worker_group: Any, backend_config: BackendConfig) -> None:
        size = len(worker_group)
        if size == 1:
            return
        on_gpus = worker_group.get_resources_per_worker().get("GPU", 0) > 0
        place = worker_group.execute_single(0, _listen)
        joining = [worker_group.execute_single_async(rank, _join, place, rank, size, on_gpus) for rank in range(size)]
        ray.get(joining)

    def on_shutdown(self, worker_group: Any, backend_config: BackendConfig) -> None:
        if len(worker_group) > 1:
            ray.get(worker_group.execute_async(_leave), timeout=PATIENCE)


_listener: list[socket.socket] = []
"""The first worker's, from when it is bound until torch has it."""


def _listen() -> tuple[str, int]:
    """Binds a port of the node's own address; torch, left to itself, would bind all addresses."""
    host = ray.util.get_node_ip_address()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)
    _listener.append(listener)
    return host, listener.getsockname()[1]


def _join(place: tuple[str, int], rank: int, size: int, on_gpus: bool) -> None:
    from torch import distributed  # not above: the broker needs no torch
    from torch._C._distributed_c10d import TCPStore

    interface = _interface(ray.util.get_node_ip_address())
    if interface is not None:  # for what the workers open between them; who set these knows better
        os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
        os.environ.setdefault("NCCL_SOCKET_IFNAME", f"={interface}")
    host, port = place
    bound = _listener.pop().detach() if rank == 0 else None
    store = TCPStore(host, port, size, is_master=rank == 0, wait_for_workers=False, master_listen_fd=bound)
    distributed.init_process_group("nccl" if on_gpus else "gloo", store=store, rank=rank, world_size=size)


def _leave() -> None:
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()


def _interface(address: str) -> str | None:
    """The name of the interface that has an address."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(one.address == address for one in addresses):
            return name
    return None
