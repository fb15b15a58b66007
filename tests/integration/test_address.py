"""A cluster that does not answer, or not to everybody, is named within seconds."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from sweep.running import address
from tests.cluster.namespace import ISOLATE
from tests.conftest import ONE_GROUP, write_experiment
from trainables.errors import UserError

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this machine remembers a Ray: nowhere yet, and no token is there."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (tmp_path / "ray").mkdir()
    return tmp_path / "ray" / "ray_current_cluster"


def refused(asked: str) -> str:
    with pytest.raises(UserError) as caught:
        address.find(asked)
    return str(caught.value)


def test_auto_says_what_it_came_to(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"no Ray cluster answers at 'auto': neither RAY_ADDRESS nor '{place}' names one" in refused("auto")
    place.write_text("127.0.0.1:1")
    assert f"answers at '127.0.0.1:1' (auto: so says '{place}'): " in refused("auto")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:2")
    assert "answers at '127.0.0.1:2' (auto: so says RAY_ADDRESS): " in refused("auto")


def test_one_that_takes_the_connection_and_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert f"answers at '127.0.0.1:{port}': something took the connection" in refused(f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("somewhere", "that is not HOST:PORT"),
        ("ray://127.0.0.1:10001", "ray job submit"),
        ("http://127.0.0.1:8265", "ray job submit"),
    ],
)
def test_what_is_no_address_of_a_cluster(asked: str, words: str) -> None:
    assert words in refused(asked)


def test_the_command_ends_soon_and_shows_no_lines_of_ray(tmp_path: Path, place: Path) -> None:
    place.write_text("127.0.0.1:1")
    command = [
        sys.executable,
        "-m",
        "sweep",
        "run",
        str(write_experiment(tmp_path, resources=ONE_GROUP)),
        "--address",
        "auto",
    ]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert time.monotonic() - began < 30  # most of it is the import of Ray, on a busy machine
    assert done.returncode == 2
    assert re.fullmatch(
        r"error: no Ray cluster answers at '127.0.0.1:1' \(auto: .*\n    give HOST:PORT.*\n", done.stderr
    )


HEAD = """
ip link set lo up
unset RAY_AUTH_MODE
export HOME=$RAY_TMPDIR RAY_USAGE_STATS_ENABLED=0 RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0
"$BIN/ray" get-auth-token --generate > /dev/null 2>&1
"$BIN/ray" start --head --node-ip-address=127.0.0.1 --num-cpus=1 --include-dashboard=false > "$HOME/start" 2>&1
find() { echo ==; "$BIN/python" -c 'from sweep.running.address import find; print(find("auto"))' 2>&1 | tail -2; }
find
RAY_AUTH_MODE=token "$BIN/python" -c '
import json
from ray._raylet import GcsClient
other = json.dumps({"ray_version": "2.59.0", "python_version": "3.10.1"}).encode()
GcsClient(address="127.0.0.1:6379").internal_kv_put(b"CLUSTER_METADATA", other, True, namespace=b"cluster")'
find
RAY_AUTH_MODE=disabled find
rm -r $HOME/.ray
find
RAY_AUTH_MODE=token find
mkdir $HOME/.ray && echo wrong > $HOME/.ray/auth_token
find
RAY_AUTH_MODE=disabled RAY_TMPDIR=$HOME/open "$BIN/ray" start --head --port=6380 --node-ip-address=127.0.0.1 \
    --num-cpus=1 --include-dashboard=false > "$HOME/start" 2>&1
export RAY_ADDRESS=127.0.0.1:6380
echo ==
"$BIN/python" -c '
from sweep.running.address import join, find
join(find("auto"))
import ray
class Actor:
    def answer(self): return "an actor answers"
print(ray.get(ray.remote(Actor).remote().answer.remote()))' 2>&1 | tail -1
RAY_AUTH_MODE=token find
"""


def test_a_token_is_used_where_it_is_and_named_where_it_is_not_and_so_is_another_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A real head node with a token, in namespaces of its own."""
    alone = [*ISOLATE, "bash", "-c"]
    if os.getuid() != 0 or subprocess.run([*alone, "ip link set lo up"], capture_output=True).returncode:
        pytest.skip("only root has namespaces of its own")
    monkeypatch.setenv("BIN", str(Path(sys.executable).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    with tempfile.TemporaryDirectory(prefix="s-", dir="/tmp", ignore_cleanup_errors=True) as short:
        monkeypatch.setenv("RAY_TMPDIR", short)
        done = subprocess.run([*alone, HEAD], capture_output=True, text=True, timeout=200)
    _, found, other, disabled, none, required, wrong, open_to_all, too_careful = done.stdout.split("==\n")
    assert found.splitlines()[-1] == "127.0.0.1:6379"
    assert "has Ray 2.59.0 and Python 3.10.1, and this is Ray 2.60" in other
    assert "pip install ray==2.59.0 here" in other
    assert "RAY_AUTH_MODE=disabled is set: unset it" in disabled
    for told in (none, required, wrong):
        assert "lets only those in who have its token" in told
        assert "`ray get-auth-token` shows the token" in told
    assert open_to_all == "an actor answers\n"  # though a token is here, which a cluster without does not know
    assert "was started without a token, and RAY_AUTH_MODE=token is set here" in too_careful
