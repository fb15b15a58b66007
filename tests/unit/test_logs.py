"""What Ray said is in the store when the run's own folder is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweep.running import logs
from sweep.running.logs import Logs
from trainables.store import Store


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A run's folder with a session of Ray."""
    session = tmp_path / "scratch" / "ray" / "session_1" / "logs"
    session.mkdir(parents=True)
    (session / "raylet.out").write_text("why it died")
    (session / "empty.err").touch()
    (session / "old").mkdir()
    (session.parent.parent / "session_latest").symlink_to(session.parent)
    return tmp_path / "scratch"


def test_of_a_breakdown_the_ends_of_ray_s_own_files(
    scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST", 4)
    made = Logs(Store(str(tmp_path / "store")), scratch)
    assert str(made.file) == made.told
    made.save(broke_down=False)
    assert not Path(made.breakdown).exists()
    made.save(broke_down=True)
    assert {one.name: one.read_text() for one in Path(made.breakdown).iterdir()} == {"raylet.out": "died"}


def test_a_bucket_gets_what_the_driver_heard_in_the_end(
    scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path / "store"))
    monkeypatch.setattr(store, "is_local", False)
    (tmp_path / "store" / "logs").mkdir(parents=True)
    made = Logs(store, scratch)
    made.file.write_text("heard")
    assert made.file.parent == scratch
    made.save(broke_down=False)
    assert Path(made.told).read_text() == "heard"
