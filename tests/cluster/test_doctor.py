"""`sweep doctor` on real nodes: one that is as it should be, and one that is not."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import machines, namespace
from tests.cluster.machines import Machines
from tests.conftest import ROOT, write_experiment

pytestmark = [pytest.mark.integration, pytest.mark.cluster, namespace.needs()]

HEAD, OTHER = "10.9.0.1", "10.9.0.2"

NODES = f"""
export RAY_AUTH_MODE=token
ray get-auth-token --generate > /dev/null 2>&1
ray start --head --node-ip-address={HEAD} --num-cpus=1 --include-dashboard=false > head.log 2>&1
unshare --mount bash -c '
  mount -t tmpfs tmpfs "$DATA"
  mount -t tmpfs tmpfs "$STORE"
  ulimit -n 1024
  PYTHONPATH="$COPY:$PYTHONPATH" HF_HUB_OFFLINE=1 \\
    ray start --address={HEAD}:6379 --node-ip-address={OTHER} --num-cpus=1 > other.log 2>&1'
"""
"""The second node sees neither the data nor the store, has another version of the package, and few files to open."""

ASK = f"""
set +e
sweep doctor experiment.yaml --address {HEAD}:6379 --json > doctor.json 2> doctor.err; echo $? > doctor.code
sweep run experiment.yaml --address {HEAD}:6379 > run.out 2> run.err; echo $? > run.code
RAY_AUTH_MODE=disabled sweep doctor --address {HEAD}:6379 > token.out 2> token.err; echo $? > token.code
kill -STOP $(pgrep -f "raylet/raylet .*--node_ip_address={OTHER}")
python silence.py > silence.out 2>&1
"""

SILENCE = f"""
from sweep.running.address import joined
from sweep.running.doctor.nodes import every_node
with joined("{HEAD}:6379"):
    found = every_node({{}}, 8.0)
for one in found:
    print(one.name, one.silence)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands ran, with what they said."""
    folder = tmp_path_factory.mktemp("doctor")
    data, store, copy = (folder / name for name in ("data", "store", "copy"))
    shutil.copytree(ROOT / "trainables", copy / "trainables", ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / "trainables" / "spec.py").open("a") as file:
        file.write("# another version\n")
    for one in (data, store):
        one.mkdir()
    write_files(data)
    write_experiment(folder, data={"files": str(data)}, targets=["tatoeba"], conditions=["none"], languages=["de"])
    environment = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
        "DATA": str(data), "STORE": str(store), "COPY": str(copy),
    }  # fmt: skip
    (folder / "silence.py").write_text(SILENCE)
    namespace.run(NODES + ASK, folder, (HEAD, OTHER), **environment)
    return folder


def write_files(data: Path) -> None:
    """A few sentences as Tatoeba's release has them."""
    (data / "tatoeba").mkdir()
    for language in ("deu", "eng"):
        (data / "tatoeba" / f"tatoeba.deu-eng.{language}").write_text(
            "".join(f"Satz {number}\n" for number in range(20))
        )


def findings(folder: Path, node: str) -> dict[str, Any]:
    """The findings of a node by what was looked at, the worst of each."""
    told = json.loads((folder / "doctor.json").read_text())["findings"]
    ordered = sorted((one for one in told if one["where"] == node), key=lambda one: one["level"] != "fine")
    return {one["check"]: one for one in ordered}


def test_a_node_that_is_as_it_should_be(folder: Path) -> None:
    found = findings(folder, HEAD)
    assert {one["level"] for one in found.values()} == {"fine"}, found
    assert {"code", "versions", "torch", "disk", "store", "data", "model", "clock", "open files", "ports"} <= set(found)
    assert "behind its token" in found["ports"]["message"]


def test_a_node_that_is_not(folder: Path) -> None:
    found = findings(folder, OTHER)
    assert (folder / "doctor.code").read_text() == "2\n"
    assert found["code"]["message"].endswith("is another version than here")
    assert found["store"]["message"].startswith("is another folder than the one here")
    assert "0 files" in found["data"]["message"]
    assert {name for name, one in found.items() if one["level"] == "wrong"} == {"code", "store", "data"}
    assert found["open files"]["level"] == "warning"
    assert found["versions"]["level"] == found["torch"]["level"] == "fine"
    assert "probes" not in {path.name for path in (folder / "store").iterdir()}


def test_a_run_refuses_to_begin_there(folder: Path) -> None:
    said = (folder / "run.err").read_text()
    assert (folder / "run.code").read_text() == "2\n", said
    assert f"{OTHER}: code: " in said and f"{OTHER}: store: " in said and f"{OTHER}: data: " in said
    assert "Traceback" not in said


def test_without_its_token_nobody_is_let_in(folder: Path) -> None:
    said = (folder / "token.err").read_text()
    assert (folder / "token.code").read_text() == "2\n"
    assert said.startswith(f"error: the Ray cluster at '{HEAD}:6379' lets only those in who have its token")
    assert len(said.splitlines()) == 2


def test_a_node_that_is_silent_holds_nobody_up(folder: Path) -> None:
    assert (folder / "silence.out").read_text().splitlines() == [
        f"{HEAD} None",
        f"{OTHER} it did not answer within 8 s",
    ]


@namespace.needs(*machines.PROGRAMS)
def test_a_cluster_is_asked_by_its_head(tmp_path: Path) -> None:
    with Machines(tmp_path, 2) as there:
        assert there.run("ray get-auth-token --generate").returncode == 0
        on = there.cluster_file(ROOT / "clusters" / "local.yaml")
        asked = f"cd {ROOT} && sweep doctor demo --on {on} --json"
        before = there.run(asked)
        assert "is not up: its file alone was looked at" in before.stdout
        assert before.returncode == 0, before.stdout
        up = there.run(f"cd {ROOT} && ray up --yes --no-config-cache {on}")
        assert up.returncode == 0, up.stdout
        after = there.run(asked)
        found = json.loads(after.stdout[after.stdout.index("{") :])["findings"]
        of_head = {one["check"]: one for one in found if one["where"] == "10.9.0.1"}
        assert of_head["code"]["level"] == of_head["store"]["level"] == "fine", after.stdout
        assert of_head["ports"]["message"].startswith("Ray listens on all interfaces, behind its token")
        assert "plan" in {one["check"] for one in found}
        assert "data" not in of_head and "model" not in of_head  # trials do not run there
