"""A real sweep to which everything happens: kills (a short `make faults`), damaged files, a second run, a full disk."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sweep.ledger import Ledger
from sweep.results.query import query
from tests.faults.kills import SORTS, disturb
from tests.faults.sweeps import SWEEP, Sweep, entries, leftovers, results, write_sweep
from trainables.store import Store, checkpoint_name

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SMALL: dict[str, Any] = {"targets": ["mini-pos", "mini-bitext"], "trials": {"intermediate": 2, "target": 3}}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The experiment of a sweep that was left alone; beside it lies its store."""
    path = write_sweep(tmp_path_factory.mktemp("faults"), "undisturbed", **SMALL)
    run = Sweep(path)
    assert run.wait() == 0, run.output
    return path


def store_of(path: Path) -> Path:
    return path.with_suffix("")


def groups_of(store: Path) -> int:
    """How many worker groups have finished a trial."""
    return len(set(Ledger(Store(str(store))).read(["worker_group"])["worker_group"].to_pylist()))


@pytest.mark.slow
def test_a_sweep_survives_a_kill_of_each_of_its_parts(undisturbed: Path, tmp_path: Path) -> None:
    path = write_sweep(tmp_path, "disturbed", **{**SMALL, "limits": {"train_examples": 160, "eval_examples": 16}})
    rng = random.Random(4)
    sorts = rng.sample(SORTS, len(SORTS))
    tally = disturb(path, store_of(undisturbed), [(sort, rng.uniform(0.5, 3.0)) for sort in sorts], rng)
    assert sum(tally.kills.values()) == 4
    assert tally.resumes >= 1
    assert tally.is_well, tally


@pytest.mark.slow
def test_damage_is_set_aside_told_and_made_good(undisturbed: Path) -> None:
    """A truncated ledger file, one with a flipped bit, and damaged weights from which a trial has to start again."""
    store, opened = store_of(undisturbed), Store(str(store_of(undisturbed)))
    before, kept = results(store), entries(store)
    ids = {
        row["study"]: row["trial_id"]
        for row in query(opened, "select study, any_value(trial_id) as trial_id from trials group by all").to_pylist()
    }
    cut, flipped = ids["target/mini-nli/mini-pos"], ids["evaluate/none/mini-pos"]
    (row,) = query(opened, f"select parent from ledger where trial_id = '{cut}'").to_pylist()
    parent = row["parent"]
    truncated = store / "ledger" / "trials" / f"{cut}.parquet"
    truncated.write_bytes(truncated.read_bytes()[:-200])
    bit = store / "ledger" / "trials" / f"{flipped}.parquet"
    content = bytearray(bit.read_bytes())
    content[len(content) // 2] ^= 4
    bit.write_bytes(content)
    weights = Path(opened.path(checkpoint_name(parent)))
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 4
    weights.write_bytes(content)

    asked = subprocess.run([SWEEP, "query", str(store), "from best"], capture_output=True, text=True, timeout=60)
    assert asked.returncode == 2
    assert f"{cut}.parquet: is not a ledger file" in asked.stderr
    run = Sweep(undisturbed)
    assert run.wait() == 0, run.output
    told = [line for line in run.output.splitlines() if line.startswith("set aside")]
    assert len(told) == 3, run.output
    assert sorted(path.name for path in (store / "damaged").iterdir()) == sorted(
        [f"ledger-trials-{cut}.parquet", f"ledger-trials-{flipped}.parquet", f"checkpoints-{parent}.safetensors"]
    )
    assert results(store) == before
    assert leftovers(store) == []
    changed = {name.partition("-")[0] for name, content in entries(store).items() if kept.get(name) != content}
    assert changed == {cut, flipped}  # the winner ran again for its weights alone


@pytest.mark.faults
def test_a_second_run_is_refused_and_status_shows_the_first(tmp_path: Path) -> None:
    path = write_sweep(tmp_path, "twice", **SMALL)
    first = Sweep(path)
    try:
        assert first.wait_for(lambda run: " dev " in run.output)
        second = subprocess.run([SWEEP, "run", str(path)], capture_output=True, text=True, timeout=60)
        assert second.returncode == 2
        assert f"another run works on the store '{store_of(path)}': process {first.process.pid} on " in second.stderr
        status = subprocess.run([SWEEP, "status", str(store_of(path)), "--json"], capture_output=True, timeout=60)
        found = json.loads(status.stdout)
        assert found["run"]["alive"]
        assert found["run"]["pid"] == first.process.pid
        assert first.kill("driver")
        first.wait()
        status = subprocess.run([SWEEP, "status", str(store_of(path)), "--json"], capture_output=True, timeout=60)
        assert not json.loads(status.stdout)["run"]["alive"]
    finally:
        first.end()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.faults
def test_a_full_disk_stops_the_run_and_the_same_command_goes_on(undisturbed: Path, disk: Path) -> None:
    path = write_sweep(disk, "full", **SMALL, retries=1)
    filler = disk / "filler"
    run = Sweep(path)
    assert run.wait_for(lambda run: run.output.count(" dev ") >= 2)
    with filler.open("wb") as file:
        try:
            while True:
                file.write(b"0" * 2**20)
        except OSError:
            pass
    assert run.wait() == 2, run.output
    assert "is full" in run.output
    assert "Traceback" not in run.output
    assert not query(Store(str(store_of(path))), "from trials where status = 'failed'").num_rows
    refused = Sweep(path)
    assert refused.wait() == 2  # before anything is started
    filler.unlink()
    again = Sweep(path)
    assert again.wait() == 0, again.output
    assert results(store_of(path)) == results(store_of(undisturbed))


@pytest.mark.faults
def test_too_small_a_disk_is_refused_at_the_start(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
    run = Sweep(write_sweep(disk, "small", **SMALL))
    assert run.wait() == 2
    assert "GB left, and this needs" in run.output
    assert not (disk / "small" / "ledger").exists()


@pytest.mark.faults
def test_a_lost_node_costs_no_trial(tmp_path: Path) -> None:
    """A cluster of a head without CPUs and two nodes with one each, of which one vanishes with its trial."""
    lasting: dict[str, Any] = {**SMALL, "epochs": (50, 40, 60)}
    calm = write_sweep(tmp_path, "calm", **lasting)
    undisturbed = Sweep(calm)
    assert undisturbed.wait() == 0, undisturbed.output
    code = """
import sys
from ray.cluster_utils import Cluster
local = {"node_ip_address": "127.0.0.1", "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **local})
nodes = [cluster.add_node(num_cpus=1, **local) for _ in range(2)]
print(cluster.address, flush=True)
sys.stdin.readline()
cluster.remove_node(nodes[0], allow_graceful=False)
print("gone", flush=True)
sys.stdin.readline()
cluster.shutdown()
"""
    loopback = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # else 127.0.0.1 becomes this machine's own address
    cluster = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        env={**os.environ, **loopback},
    )
    assert cluster.stdin is not None
    assert cluster.stdout is not None
    try:
        path = write_sweep(tmp_path, "node", **lasting)
        run = Sweep(path, "--address", cluster.stdout.readline().strip(), **loopback)
        # A group that is still starting, as on a busy machine, would be lost without any trial.
        assert run.wait_for(lambda run: groups_of(store_of(path)) == 2), run.output
        cluster.stdin.write("\n")
        assert cluster.stdout.readline() == "gone\n"
        assert run.wait() == 0, run.output
        assert "starts again" in run.output
        assert results(store_of(path)) == results(store_of(calm))
    finally:
        run.end()
        cluster.communicate("\n", timeout=60)
