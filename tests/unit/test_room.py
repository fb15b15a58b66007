"""How many trials have room, by machine and not by sum; and what is said where none ever will."""

from __future__ import annotations

from typing import Any

import pytest

from sweep.experiment import Resources
from sweep.running.autoscaler import Growth, NodeType, of_config
from sweep.running.room import Room, fit, fit_at_most
from trainables.errors import UserError

GPU_NODE = {"CPU": 8.0, "GPU": 1.0}


@pytest.mark.parametrize(
    ("asked", "machines", "trials"),
    [
        ({"gpus_per_worker": 2, "cpus_per_worker": 1}, [GPU_NODE] * 8, 0),
        ({"gpus_per_worker": 1, "cpus_per_worker": 4}, [GPU_NODE] * 8, 8),
        ({"gpus_per_worker": 0.5, "cpus_per_worker": 2}, [GPU_NODE] * 2, 4),
        ({"gpus_per_worker": 0.1, "cpus_per_worker": 0.5}, [GPU_NODE], 10),
        ({"cpus_per_worker": 2}, [{"CPU": 3.0}] * 3, 3),
        ({"workers": 2, "gpus_per_worker": 1}, [GPU_NODE] * 3, 1),  # the workers of one trial may be on two machines
        ({"workers": 3, "cpus_per_worker": 2}, [{"CPU": 4.0}, {"CPU": 3.0}], 1),
        ({}, [{"CPU": 0.0, "memory": 1e9}], 0),
        ({"gpus_per_worker": 1}, [{"CPU": 64.0}], 0),
    ],
)
def test_what_fits(asked: dict[str, Any], machines: list[dict[str, float]], trials: int) -> None:
    resources = Resources.model_construct(**{**Resources().model_dump(), **asked})
    assert fit(resources, machines) == trials


def growth(*types: tuple[dict[str, float], int], most: int = 100) -> Growth:
    return Growth(tuple(NodeType(f"type{i}", has, number) for i, (has, number) in enumerate(types)), most)


def test_what_fits_when_it_has_grown() -> None:
    two = Resources(gpus_per_worker=1, cpus_per_worker=4)
    mixed = growth(({"CPU": 8, "GPU": 1}, 8), ({"CPU": 16, "GPU": 4}, 2))
    assert fit_at_most(two, mixed) == 16
    assert fit_at_most(two, Growth(mixed.types, most=3)) == 9  # the largest two, and one of the others


@pytest.mark.parametrize(
    ("room", "slots"),
    [
        (Room(Resources(), ({"CPU": 2.0},)), 2),
        (Room(Resources(concurrent=3), ({"CPU": 2.0},)), 2),  # a Ray of one's own does not grow
        (Room(Resources(concurrent=1), ({"CPU": 2.0},)), 1),
        (Room(Resources(), ({"CPU": 0.0},), growth(({"CPU": 1}, 3)), may_join=True), 3),
        (Room(Resources(concurrent=3), ({"CPU": 0.0},), growth(({"CPU": 1}, 1)), may_join=True), 1),
        (Room(Resources(concurrent=2), ({"CPU": 0.0},), growth(({"CPU": 1}, 3)), may_join=True), 2),
        (Room(Resources(), ({"CPU": 4.0},), growth(({"CPU": 1}, 3)), may_join=True), 4),
        (Room(Resources(concurrent=8), ({"CPU": 2.0},), may_join=True), 8),  # nobody knows what may come
        (Room(Resources(), (), may_join=True), 1),  # all machines are gone: one trial waits for the next
    ],
)
def test_slots(room: Room, slots: int) -> None:
    assert room.slots == slots


@pytest.mark.parametrize(
    ("room", "said"),
    [
        (
            Room(Resources(gpus_per_worker=1, concurrent=4), ({"CPU": 2.0},)),
            "a trial needs a machine with 1 CPU and 1 GPU, but there is no room for one: 1 machine with 2 CPUs and 0",
        ),
        (
            Room(Resources(gpus_per_worker=2), ({"CPU": 0.0},), growth((GPU_NODE, 8)), may_join=True),
            "a trial needs a machine with 1 CPU and 2 GPUs, but there is no room for one: 1 machine with 0 CPUs and 0"
            " GPUs; to be started at most 8 machines with 8 CPUs and 1 GPU",
        ),
        (Room(Resources(workers=2), ({"CPU": 1.0},)), "a trial needs room for 2 workers with 1 CPU each, but there"),
        (Room(Resources(), ({"CPU": 0.0},), may_join=True), "resources.concurrent=N"),
    ],
)
def test_what_can_never_be_met_is_refused(room: Room, said: str) -> None:
    with pytest.raises(UserError) as caught:
        room.check()
    assert said in str(caught.value.problems[0])


def test_a_cluster_file_says_what_may_be_started() -> None:
    config = {
        "max_workers": 5,
        "head_node_type": "head",
        "available_node_types": {
            "head": {"resources": {"CPU": 0}},
            "spot": {"resources": {"CPU": 8, "GPU": 1}, "max_workers": 8},
            "other": {"resources": {"CPU": 4}},
        },
    }
    found = of_config(config)
    assert found is not None
    assert [(one.name, one.most) for one in found.types] == [("spot", 5), ("other", 5)]
    assert fit_at_most(Resources(gpus_per_worker=1), found) == 5
    config["available_node_types"]["other"] = {"resources": {}}  # type: ignore[index]
    assert of_config(config) is None
