"""A sweep on machines that go: with notice, without, and whose network is away. It comes out as if nothing had been."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sweep.results.query import query
from tests.cluster import namespace
from tests.cluster.cluster import Cluster
from tests.cluster.machines import PROGRAMS, Machines
from tests.faults.sweeps import Sweep, entries, leftovers, results, write_sweep
from trainables.store import Store

pytestmark = [namespace.needs(*PROGRAMS), pytest.mark.timeout(900)]

EPOCHS = (50, 40, 60)
SMALL = {"targets": ["mini-pos", "mini-bitext"], "trials": {"intermediate": 2, "target": 3}}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[Any, ...], float | None]:
    """What comes out of the sweep where nothing happens."""
    path = write_sweep(tmp_path_factory.mktemp("calm"), "undisturbed", EPOCHS, **SMALL)
    run = Sweep(path)
    assert run.wait(300) == 0, run.output
    return results(path.with_suffix(""))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Machines(tmp_path, 3) as machines:
        yield Cluster(machines)


@pytest.mark.cluster
def test_machines_come_and_go_and_nothing_is_lost(
    cluster: Cluster, tmp_path: Path, undisturbed: dict[tuple[Any, ...], float | None]
) -> None:
    """One is given notice, another is killed, a third comes back: what ran on them goes on elsewhere."""
    path = write_sweep(tmp_path, "disturbed", EPOCHS, **SMALL)
    store = path.with_suffix("")
    cluster.join(2)
    cluster.join(3)
    cluster.run(path)
    cluster.wait_for(lambda output: cluster.done >= 3)
    cluster.drain(2, 15)
    cluster.wait_for(lambda output: "its machine was given notice" in output or "1 trial at a time" in output)
    before = entries(store)
    cluster.comes_back(2)
    cluster.wait_for(lambda output: "2 trials at a time" in output.split("1 trial at a time")[-1])
    cluster.machines.kill(3)
    assert cluster.wait() == 0, cluster.output
    assert results(store) == undisturbed
    assert leftovers(store) == []
    after = entries(store)
    assert {name: after[name] for name in before} == before  # nothing was written twice
    longest = max(row["seconds"] for row in query(Store(str(store)), "select seconds from trials").to_pylist())
    assert cluster.longest_pause < 60 + longest
