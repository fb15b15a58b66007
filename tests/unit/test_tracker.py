"""Where a tracker may be, and what is said where it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweep.sharing import tracker as module
from sweep.sharing.tracker import PACKAGES, check_tracker, parse_log
from trainables.errors import UserError
from trainables.store import Store


@pytest.fixture(autouse=True)
def _all_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: name)


def refused(name: str, place: str | None, store: Store) -> str:
    with pytest.raises(UserError) as raised:
        check_tracker(name, place, store)
    return str(raised.value)


def test_without_a_place_it_is_in_the_store(tmp_path: Path) -> None:
    assert check_tracker("wandb", None, Store(str(tmp_path))) == str(tmp_path / "sharing" / "wandb")
    assert not (tmp_path / "sharing").exists()  # nothing is written by asking


def test_a_place_is_a_folder_from_here_or_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    store = Store(str(tmp_path / "store"))
    assert check_tracker("trackio", "runs", store) == str(tmp_path / "runs")
    assert check_tracker("tensorboard", "~/tb", store) == str(tmp_path / "home" / "tb")
    assert check_tracker("mlflow", "http://127.0.0.1:5000", store) == "http://127.0.0.1:5000"
    for name in PACKAGES.keys() - {"mlflow"}:
        assert "is written to a folder alone" in refused(name, "https://api.wandb.ai", store)
    (tmp_path / "file").touch()
    assert "is a file" in refused("tensorboard", "file", store)


def test_a_bucket_is_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    monkeypatch.setattr(store, "is_local", False)
    assert "needs a folder on this machine" in refused("tensorboard", None, store)
    assert "or a server's URL" in refused("mlflow", None, store)
    assert check_tracker("mlflow", str(tmp_path), store) == str(tmp_path)


def test_what_is_unknown_or_not_installed_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert "did you mean 'tensorboard'?" in refused("tensorbord", None, store)
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    for name, package in PACKAGES.items():
        text = refused(name, None, store)
        assert f"{name} is not installed" in text
        assert f"pip install {package}" in text


def test_a_log_may_say_its_place() -> None:
    assert parse_log("wandb") == ("wandb", None)
    assert parse_log("mlflow=http://host:5000/?a=b") == ("mlflow", "http://host:5000/?a=b")
