"""A sweep sent to machines of one's own, of which one loses its power and another one is given notice."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sweep.results.query import query
from tests.cluster import machines, namespace
from tests.cluster.cluster import drain
from tests.cluster.machines import Machines, raylets, until
from tests.conftest import ROOT
from tests.faults.sweeps import write_sweep
from trainables.store import Store

pytestmark = [pytest.mark.cluster, namespace.needs(*machines.PROGRAMS), pytest.mark.timeout(600)]

SMALL = {"trials": {"intermediate": 2, "target": 3}, "seeds": [1], "targets": ["mini-pos", "mini-ner"]}
TOKEN = {"RAY_AUTH_MODE": "token"}


def test_a_launched_sweep_outlives_its_machines(tmp_path: Path) -> None:
    """From `sweep launch` over workers that come when trials ask to `ray down`, in one command."""
    path = write_sweep(tmp_path, "launched", (100, 80, 120), **SMALL)
    with Machines(tmp_path, 3) as there:
        made = there.run("ray get-auth-token --generate")
        assert made.returncode == 0, made.stdout
        on = there.cluster_file(ROOT / "clusters" / "local.yaml", idle_timeout_minutes=1)
        command = f"sweep launch {path} resources.concurrent=2 --on {on} --down when-done"
        launched = there.popen(f"cd {ROOT} && exec {command}")
        until(launched, r"^[\d:]+ 2/\d+ ")
        deadline = time.monotonic() + 120
        while raylets(there) != [1, 2, 3]:
            assert time.monotonic() < deadline, "both machines work"
            time.sleep(1)
        there.kill(2)
        until(launched, "starts again")
        there.start(2)  # from where the autoscaler takes it back, or not: machine 3 is enough
        until(launched, r"^[\d:]+ \d+/\d+ ")
        drain(there, 3, 15, **TOKEN)
        until(launched, "It is down.")
        assert launched.wait(30) == 0
        deadline = time.monotonic() + 120
        while raylets(there):  # workers that Ray started anew end when they miss their head
            assert time.monotonic() < deadline, raylets(there)
            time.sleep(1)
    store = Store(str(tmp_path / "launched"))
    (ended,) = query(store, "select count(*) as trials, count(distinct trial_id) as ids from trials").to_pylist()
    assert ended["trials"] == ended["ids"]
    assert query(store, "from trials where status <> 'finished'").num_rows == 0
    seeds = query(store, "select distinct seeds from best").column("seeds").to_pylist()
    assert seeds == ["1 of 1"], "nothing is lost"
