"""The real Ray autoscaler around one `sweep run`: machines come for its trials, and go after them.

Over Ray's provider for one machine, whose "machines" are Ray nodes of one CPU. What is slow with a cloud is not here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sweep.results.query import query
from tests.cluster import namespace
from tests.conftest import write_experiment
from trainables.store import Store

pytestmark = [pytest.mark.integration, namespace.needs(), pytest.mark.timeout(300)]

SCRIPT = """
export RAY_FAKE_CLUSTER=1 AUTOSCALER_UPDATE_INTERVAL_S=1
ray start --head --port=6379 --num-cpus=0 --autoscaling-config=cluster.json --include-dashboard=false \
    --object-store-memory=100000000 >head.log 2>&1
count() {
    while sleep 1; do
        echo "nodes $(pgrep -fc '^[^ ]*/raylet/raylet ')" >>nodes.log
    done
}
count &
sweep run experiment.yaml --address auto || code=$?
echo "exit ${code:-0}"
for _ in $(seq 40); do
    [ "$(tail -1 nodes.log)" = "nodes 1" ] && break
    sleep 1
done
"""


def run(folder: Path, most: int, **resources: Any) -> tuple[str, list[int]]:
    """Runs a sweep on a cluster of at most so many machines; gives its output, and how many there were over time."""
    path = write_experiment(
        folder,
        resources=resources,
        trials={"intermediate": 3, "target": 3, "parallel": 3},
        limits={"train_examples": 160, "eval_examples": 16},
    )
    assert path.name == "experiment.yaml"
    worker = {"resources": {"CPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": most}
    config = {
        "cluster_name": "fake",
        "max_workers": most,
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": 0.05,
        "docker": {},
        "provider": {
            "type": "fake_multinode",
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "auth": {"ssh_user": "x"},
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "worker": worker,
        },
        "file_mounts": {},
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
    }
    commands = ("initialization", "setup", "head_setup", "worker_setup", "head_start_ray", "worker_start_ray")
    lists = {f"{name}_commands": [] for name in commands} | {"rsync_exclude": [], "rsync_filter": []}
    (folder / "cluster.json").write_text(json.dumps(config | lists))
    done = namespace.run(SCRIPT, folder, seconds=240)
    log = (folder / "nodes.log").read_text()
    return done.stdout, [int(number) for number in re.findall(r"nodes (\d+)", log)]


def check(folder: Path, output: str) -> None:
    assert "exit 0" in output, output
    assert "starts again" not in output
    trials = query(Store(str(folder / "store")), "select trial_id, attempts from trials").to_pylist()
    assert len(trials) == 13
    assert {row["attempts"] for row in trials} == {1}


@pytest.mark.slow
def test_machines_come_for_the_trials_and_go_after_them(tmp_path: Path) -> None:
    """Without `concurrent`: as many trials at a time as the cluster can hold."""
    output, nodes = run(tmp_path, most=3)
    check(tmp_path, output)
    assert "3 trials at a time" in output
    assert max(nodes) == 4  # the head is one of them
    assert nodes[-1] == 1


@pytest.mark.cluster
def test_fewer_machines_than_trials_are_enough(tmp_path: Path) -> None:
    """More trials at a time than will ever have room: they wait for their turn, and none waits for ever."""
    output, nodes = run(tmp_path, most=1, concurrent=3)
    check(tmp_path, output)
    assert "1 trial at a time" in output
    assert max(nodes) == 2
    assert nodes[-1] == 1
