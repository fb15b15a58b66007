"""What a node must have for a worker to begin: the experiment's data, its model, its device."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from trainables.data import DataConfig, open_source
from trainables.errors import Problem, UserError
from trainables.mirror import is_uri
from trainables.store import S3_HINT, Store, is_refusal
from trainables.tasks import Catalogue
from trainables.training.workbench import Workbench

if TYPE_CHECKING:
    from trainables.workers.group import GroupConfig


BESIDE = 1e9
"""Bytes that a process takes of a GPU beside what torch keeps account of: CUDA's own, the code of kernels."""


def memory_share(gpus: float, total: int) -> float:
    """The part of a GPU's memory that a worker's tensors may have at most, so that none takes what is its neighbour's.

    Where it runs out of that, it takes smaller micro-batches, as it does on a GPU of its own.

    Args:
        gpus: the worker's share of it, or the number of its GPUs.
        total: the bytes that the GPU has.
    """
    return 1.0 if gpus >= 1 else max(gpus - BESIDE / total, gpus / 2)


def set_up(config: GroupConfig, device: torch.device, rank: int, world_size: int) -> Workbench:
    """A worker's place, with data and model at hand.

    Raises:
        UserError: this node lacks something that a person has to put there: no trial would get further on it.
        OSError: a network or a disk fails, which another attempt may get over.
    """
    torch.set_num_threads(config.cpus_per_worker)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(memory_share(config.gpus_per_worker, total), device)
    catalogue = Catalogue(config.tasks)
    try:
        store = Store(config.store)
        if missing := [*_missing_folders(config.data), *_missing_store(store), *_missing_bf16(config, device)]:
            raise UserError(missing)
        bench = Workbench(
            store,
            open_source(config.data, catalogue),
            device,
            rank=rank,
            world_size=world_size,
            catalogue=catalogue,
        )
        bench.save_minutes = config.save_minutes
        bench.gradient_checkpointing = config.gradient_checkpointing
        bench.model(config.model, config.weights)
    except UserError as error:
        where = f"on node {socket.gethostname()}"
        raise UserError(
            [dataclasses.replace(one, message=f"{where}: {one.message}") for one in error.problems]
        ) from error
    return bench


def _missing_store(store: Store) -> list[Problem]:
    """What is wrong with this node's way to the run's store, in which the driver has written already."""
    if store.is_local:
        hint = "mount it there as well, or keep everything in a bucket: store=s3://BUCKET/PREFIX"
        is_there = Path(store.root).is_dir()
        return [] if is_there else [Problem(f"there is no folder '{store.uri}', the run's store", hint=hint)]
    try:
        store.exists("run.json")
    except OSError as error:
        if not is_refusal(error):
            raise
        return [Problem(str(error), hint=S3_HINT)]
    return []


def _missing_bf16(config: GroupConfig, device: torch.device) -> list[Problem]:
    """That this GPU computes bf16 at best slowly, though its trials are in it. The driver's machine cannot know."""
    if config.precision == "fp32" or device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False):
        return []
    name = torch.cuda.get_device_name(device)
    return [Problem(f"{name} has no bf16", hint="precision=fp32, or let trials run on other GPUs")]


def _missing_folders(data: DataConfig) -> list[Problem]:
    """The experiment's data folders that are not here, though the run began where they are."""
    places = [str(place) for place in data.values() if place is not True] if isinstance(data, Mapping) else []
    folders = [Path(place) for place in places if not is_uri(place)]
    hint = "mount it there as well, or put it into a bucket: data.files=s3://BUCKET/PREFIX"
    return [Problem(f"there is no data folder '{one}'", hint=hint) for one in folders if not one.is_dir()]
