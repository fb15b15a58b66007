"""What is wrong with a launch is said before anything is started, within seconds, and in words of our own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweep.running.launch.cluster_file import read_cluster_file
from sweep.running.launch.launch import check_bucket, upload
from sweep.running.launch.machines import Machines
from sweep.running.launch.shipment import Folder
from tests.conftest import write_experiment
from tests.integration.test_run import sweep
from tests.s3_server import HOST, ask, s3_server
from trainables.errors import UserError
from trainables.mirror import open_folder
from trainables.store import Store

pytestmark = pytest.mark.integration

OWN: dict[str, Any] = {
    "cluster_name": "here",
    "provider": {"type": "local", "head_ip": "127.0.0.1", "worker_ips": []},
    "auth": {"ssh_user": "nobody"},
}
AWS: dict[str, Any] = {"cluster_name": "there", "provider": {"type": "aws", "region": "us-east-1"}}


def cluster_file(folder: Path, values: dict[str, Any] | str) -> Path:
    path = folder / "cluster.yaml"
    path.write_text(values if isinstance(values, str) else yaml.safe_dump(values, sort_keys=False))
    return path


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("a: [", "cluster.yaml:1: is not YAML"),
        ("just words", "names no provider"),
        ({"provider": {"type": "aws"}}, "'cluster_name' is missing"),
        (
            {**OWN, "provider": {"type": "locale"}},
            "cluster.yaml:3: unknown provider 'locale'\n    did you mean 'local'?",
        ),
        ({**OWN, "provider": {"type": "kuberay"}}, "kubectl apply -f clusters/kuberay.yaml"),
        ({**OWN, "provider": {"type": "local"}}, "Please supply a `head_ip` and list of `worker_ips`."),
        ({**OWN, "max_workers": "many"}, "cluster.yaml:8: Ray does not take it: 'many' is not of type 'integer'"),
        ({**OWN, "workers": 3}, "Additional properties are not allowed ('workers' was unexpected)"),
        ({**OWN, "file_mounts": {"~/.ray/auth_token": "/no/.ray/auth_token"}}, "make one: ray get-auth-token"),
        ({**OWN, "file_mounts": {"/x": "/no/folder"}}, "'/no/folder', which is to be copied to the nodes, is not here"),
        ({**OWN, "auth": {"ssh_user": "x", "ssh_private_key": "/no/key"}}, "there is no key '/no/key' here"),
    ],
)
def test_a_cluster_file_that_cannot_work(
    tmp_path: Path, values: dict[str, Any] | str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError) as caught:
        read_cluster_file(cluster_file(tmp_path, values))
    assert words in str(caught.value)
    assert capfd.readouterr() == ("", "")  # Ray would have said something, too


def test_a_good_one_is_taken_without_a_word(tmp_path: Path) -> None:
    types = {"head": {"resources": {"CPU": 0}, "node_config": {}}}  # without max_workers, of which Ray would speak
    path = cluster_file(tmp_path, {**AWS, "max_workers": 0, "available_node_types": types, "head_node_type": "head"})
    code = f"import pathlib, sweep.running.launch.cluster_file as c; c.read_cluster_file(pathlib.Path({str(path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_cluster_file(tmp_path: Path) -> None:
    done = sweep("launch", write_experiment(tmp_path), "--on", tmp_path / "cluster.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no cluster file" in done.stderr
    done = sweep("launch", write_experiment(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "--on cluster.yaml" in done.stderr


def test_an_experiment_that_cannot_be_run_there(tmp_path: Path) -> None:
    on = cluster_file(tmp_path, OWN)
    done = sweep("launch", write_experiment(tmp_path, targets=["mini-pso"]), "store=runs/x", "--on", on)
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'mini-pos'?" in done.stderr
    done = sweep("launch", write_experiment(tmp_path), "store=runs/x", "--on", on)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the store 'runs/x' is a folder of one machine" in done.stderr


def test_own_machines_that_do_not_answer(tmp_path: Path) -> None:
    """Nothing listens to ssh here; nothing is started, and none of Ray's lines is shown. The file's faults are said."""
    began = time.monotonic()
    values = {**OWN, "provider": {"type": "local", "head_ip": "127.9.9.9", "worker_ips": []}}
    done = sweep("launch", write_experiment(tmp_path), "--on", cluster_file(tmp_path, values))
    assert time.monotonic() - began < 30  # most of it is the import of Ray, on a busy machine
    assert done.returncode == 2
    told = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert ["token: nothing sees to a token" in told[0], "dashboard listens on all" in told[1]] == [True, True], told
    assert done.stderr.startswith("error: the head node does not answer: ")
    assert "`ssh nobody@127.9.9.9`" in done.stderr
    assert "None" not in done.stderr


def test_aws_without_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "nothing"))
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path))
    began = time.monotonic()
    with pytest.raises(UserError) as caught:
        Machines(read_cluster_file(cluster_file(tmp_path, AWS))).head()
    assert time.monotonic() - began < 15
    assert "AWS does not let this machine start others: Unable to locate credentials" in str(caught.value)
    assert "aws sso login" in str(caught.value)


def test_a_bucket_is_looked_at_and_a_folder_goes_into_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server(tmp_path / "log") as port:
        assert ask(port, "PUT", "/bucket")[0] == 200
        settings = {"AWS_ENDPOINT_URL": f"http://{HOST}:{port}", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
        for name, value in {**settings, "AWS_EC2_METADATA_DISABLED": "true"}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(UserError) as caught:
            check_bucket(Store("s3://bukket/sweep"))
        assert "there is no bucket 'bukket'" in str(caught.value)
        store = Store("s3://bucket/sweep")
        check_bucket(store)
        data = tmp_path / "data"
        (data / "xnli").mkdir(parents=True)
        (data / "xnli" / "dev.tsv").write_text("one")
        (data / "empty").touch()
        folder = Folder("data.files", data)
        upload(folder, store)
        there = open_folder(f"s3://bucket/sweep/{folder.kept}")  # as nodes do
        assert there is not None
        assert [there.size(path) for path in there.find("xnli/*.tsv")] == [3]
        assert store.size(f"{folder.kept}/empty") == 0
        store.write(f"{folder.kept}/xnli/dev.tsv", b"on")  # somebody broke off
        upload(folder, store)
        assert store.read(f"{folder.kept}/xnli/dev.tsv") == b"one"
