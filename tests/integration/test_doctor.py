"""`sweep doctor` with a bucket of a real server, and what it says of one that is not to be had."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import pytest
import torch

from sweep.running.doctor import store as doctor
from sweep.running.doctor.node import examine
from tests.conftest import ROOT, write_experiment
from tests.integration.test_run import sweep
from tests.integration.test_s3 import always, front, server, store  # noqa: F401 - fixtures
from tests.s3_server import Proxy
from tests.unit.test_driver import Rig
from trainables.models.checkpoint import write_tensors
from trainables.store import Store, checkpoint_name, state_name

pytestmark = pytest.mark.integration


def test_a_bucket_is_written_read_listed_and_asked_to_write_once(store: Store) -> None:  # noqa: F811
    asked = {"store": store.uri, "probe": "here"}
    assert examine(asked)["store"] == {"read": True, "listed": True, "same": False, "conditional": True}
    store.write("here", b"here")
    assert examine(asked)["store"]["same"]
    assert store.list("probes") == []


def test_a_store_in_a_bucket_is_looked_through_and_mended(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("sweep.running.lease.SETTLING", 0.1)
    for name in (checkpoint_name("a"), checkpoint_name("b"), state_name("c")):
        write_tensors(store, name, {"network.a": torch.arange(1000.0)}, {})
    assert doctor.check(store).faults == ()
    content = bytearray(store.read(checkpoint_name("b")))
    content[-1] ^= 1
    store.write(checkpoint_name("b"), bytes(content))
    store.write(state_name("c"), b"cut")
    assert [one.file for one in doctor.check(store).faults] == [checkpoint_name("b"), state_name("c")]
    assert len(doctor.mend(store, lambda found: None)) == 2
    assert doctor.check(store).faults == ()
    assert len(store.list("damaged")) == 2


def seconds_and_error(*arguments: str | Path) -> tuple[float, str]:
    """How long a command took that exits with 2, and what it said."""
    began = time.monotonic()
    done = sweep("doctor", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return time.monotonic() - began, done.stderr


def test_no_such_bucket(front: Proxy, tmp_path: Path) -> None:  # noqa: F811
    uri = f"s3://none-{uuid.uuid4().hex}/x"
    for arguments in ([uri], [write_experiment(tmp_path), f"store={uri}"]):
        seconds, said = seconds_and_error(*arguments)
        assert seconds < 15
        assert said.startswith("error: ") and uri in said, said
        assert len(said.splitlines()) == 2, said


def test_no_credentials(front: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    front.verdict = always(403)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    seconds, said = seconds_and_error(write_experiment(tmp_path), "store=s3://bucket/x")
    assert seconds < 15
    assert "AWS_ACCESS_KEY_ID" in said


def test_a_server_that_is_not_well(front: Proxy, tmp_path: Path) -> None:  # noqa: F811
    front.verdict = always(503)
    seconds, said = seconds_and_error(write_experiment(tmp_path), "store=s3://bucket/x")
    assert seconds < 15
    assert "503" in said and "AWS_ENDPOINT_URL" in said


FILES = ("pyproject.toml", "constraints.txt", "README.md", "LICENSE")


def commands() -> list[str]:
    """Those of docs/doctor.md."""
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    block = page.split("```")[1]
    return [line.split("  ")[0].strip() for line in block.strip().splitlines()]


def test_the_commands_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no cluster is, and nobody has an account; with a store as a sweep that was stopped leaves it."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "runs").mkdir()
    rig = Rig(tmp_path / "runs", targets=["mini-pos"], conditions=["none"])
    rig.run(stop_at="target")
    (tmp_path / "runs" / "store").rename(tmp_path / "runs" / "demo")
    (tmp_path / "cluster.yaml").write_text((ROOT / "cluster.yaml").read_text())
    for name in ("clusters", "sweep", "trainables", "search_spaces", "experiments", *FILES):
        (tmp_path / name).symlink_to(ROOT / name)  # what the file's mounts name
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("0" * 64)
    assert len(commands()) == 6
    for command in commands():
        name, *arguments = command.split()
        assert name == "sweep"
        done = sweep(*arguments, cwd=tmp_path)
        assert "Traceback" not in done.stderr
        if "--address" in arguments:
            assert "no Ray cluster answers at 'auto'" in done.stderr
        elif "--on" in arguments:
            assert "Ray takes it" in done.stdout, done.stderr
            assert "Unable to locate credentials" in done.stdout
        else:
            assert done.returncode == 0, done.stdout + done.stderr
            assert "all is fine" in done.stdout
