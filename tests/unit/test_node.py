"""What a worker finds on its node before it takes a trial, and what it says where something is not there."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants

from trainables.errors import UserError
from trainables.models.base import load_base
from trainables.workers.group import GroupConfig
from trainables.workers.node import BESIDE, memory_share, set_up


def refused(folder: Path, **changes: Any) -> list[str]:
    told = {"store": str(folder), "data": "mini", "tasks": (), "model": "random:tiny", **changes}
    config = GroupConfig(workers=1, cpus_per_worker=torch.get_num_threads(), gpus_per_worker=0, save_minutes=1, **told)
    with pytest.raises(UserError) as caught:
        set_up(config, torch.device("cpu"), 0, 1)
    return [str(one) for one in caught.value.problems]


def test_workers_that_share_a_gpu_leave_each_other_their_part_of_its_memory() -> None:
    total = 80 * 10**9
    assert memory_share(1, total) == memory_share(2, total) == 1
    assert 0.48 < memory_share(0.5, total) < 0.5  # what CUDA itself takes of it is not a tensor's
    assert 4 * (memory_share(0.25, total) * total + BESIDE) == pytest.approx(total)
    assert memory_share(0.1, 4 * 10**9) > 0


def test_folders_that_are_not_mounted_are_named_with_the_node(tmp_path: Path) -> None:
    (files, hub) = refused(tmp_path, data={"files": "/nowhere/files", "hub": "/nowhere/hub"})
    assert files.startswith(f"on node {socket.gethostname()}: there is no data folder '/nowhere/files'\n")
    assert "mount it there as well, or put it into a bucket" in files
    assert "'/nowhere/hub'" in hub


def test_a_store_that_is_not_mounted_is_named_with_the_node(tmp_path: Path) -> None:
    (told,) = refused(tmp_path / "store")
    assert told.startswith(f"on node {socket.gethostname()}: there is no folder '{tmp_path}/store', the run's store\n")
    assert "store=s3://BUCKET/PREFIX" in told
    assert not (tmp_path / "store").exists()  # a second one, of this node's own, would swallow its trials


def test_a_model_that_is_not_there_is_named_with_the_node(tmp_path: Path) -> None:
    (told,) = refused(tmp_path, model="/nowhere/model", weights="0" * 16)
    assert told.startswith(f"on node {socket.gethostname()}: there is no model folder '/nowhere/model'")


def test_a_model_that_is_not_in_the_cache_is_not_waited_for_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    (told,) = refused(tmp_path, model="owner/model", weights="a" * 40)
    assert told.startswith(f"on node {socket.gethostname()}: model 'owner/model' cannot be loaded: HF_HUB_OFFLINE")
    assert "hf download owner/model" in told


def test_a_hub_that_is_away_is_no_mistake_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the trial is started again elsewhere or later, and the run goes on."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    nobody = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", nobody)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)  # between its attempts
    with pytest.raises(ConnectionError, match="model 'owner/model' cannot be downloaded now"):
        load_base("owner/model", "a" * 40)
