"""Which variables of the command's reach workers on other nodes, and that nobody sees their values on the way."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from trainables.errors import UserError
from trainables.workers.environment import FOLDERS, PLAIN, PROFILE, Environment
from trainables.workers.group import GroupConfig


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PLAIN, *FOLDERS, PROFILE):
        monkeypatch.delenv(name, raising=False)


def on_a_node(monkeypatch: pytest.MonkeyPatch, command: dict[str, str], node: dict[str, str], *named: str) -> object:
    """What a node with some variables of its own has, once it has taken over those of a command."""
    for name, value in command.items():
        monkeypatch.setenv(name, value)
    there = dict(node)
    Environment.of_command(named).apply(there)
    return there


def test_tokens_and_places_are_those_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    command = {"HF_TOKEN": "t", "HF_HUB_OFFLINE": "1", "AWS_ENDPOINT_URL": "http://new", "WANDB_API_KEY": "not asked"}
    node = {"AWS_ENDPOINT_URL": "http://old", "HOME": "/root"}
    assert on_a_node(monkeypatch, command, node) == {
        "HF_TOKEN": "t",
        "HF_HUB_OFFLINE": "1",
        "AWS_ENDPOINT_URL": "http://new",
        "HOME": "/root",
    }


def test_keys_of_the_command_are_not_mixed_with_those_of_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "new", "AWS_SECRET_ACCESS_KEY": "new"}
    old = {"AWS_ACCESS_KEY_ID": "old", "AWS_SECRET_ACCESS_KEY": "old", "AWS_SESSION_TOKEN": "old"}
    assert on_a_node(monkeypatch, {}, old) == old
    assert on_a_node(monkeypatch, keys, old) == keys


def test_a_folder_counts_where_it_is_and_nothing_else_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here, absent = str(tmp_path), "/home/somebody/hf"
    command = {"HF_HOME": here, "SWEEP_CACHE": here, "HF_HUB_CACHE": absent}
    assert on_a_node(monkeypatch, command, {"SWEEP_CACHE": "/own"}) == {"HF_HOME": here, "SWEEP_CACHE": "/own"}
    everywhere = on_a_node(monkeypatch, command, {"SWEEP_CACHE": "/own"}, "HF_HUB_CACHE", "SWEEP_CACHE")
    assert everywhere == {"HF_HOME": here, "SWEEP_CACHE": here, "HF_HUB_CACHE": absent}


def test_a_profile_counts_where_it_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nregion = eu-north-1\n\n[profile  lab]\nregion = eu-west-1\n")
    node = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    assert on_a_node(monkeypatch, {PROFILE: "lab"}, node) == {**node, PROFILE: "lab"}
    assert on_a_node(monkeypatch, {PROFILE: "home"}, node) == node


def test_what_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "k")
    assert on_a_node(monkeypatch, {}, {"MY_KEY": "old"}, "MY_KEY") == {"MY_KEY": "k"}
    with pytest.raises(UserError, match="the variable MY_OTHER_KEY is not set here"):
        Environment.of_command(["MY_KEY", "MY_OTHER_KEY"])


def test_no_value_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "s3cret")
    config = GroupConfig("s", "mini", (), 1, 1, 0, 1, "random:tiny", environment=Environment.of_command())
    assert "s3cret" not in f"{config} {config!r} {config.environment}"
    assert pickle.loads(pickle.dumps(config)).environment.values["HF_TOKEN"] == os.environ["HF_TOKEN"]
