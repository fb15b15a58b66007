"""Optuna's dashboard over a ledger: the command as a person starts it, asked as a browser does."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sweep.sharing import dashboard as module
from sweep.sharing.dashboard import Dashboard, open_dashboard, studies
from tests.unit.test_driver import Rig
from tests.unit.test_views import ONE_TARGET, failing, play
from trainables.errors import UserError
from trainables.store import Store

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(find_spec("optuna_dashboard") is None, reason="optuna-dashboard is not installed"),
]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    played = Rig(tmp_path_factory.mktemp("dashboard"), seeds=[1, 2], **ONE_TARGET)
    return play(played, ends=failing("target", seed=1, condition="none"))


@pytest.fixture(scope="module")
def server(rig: Rig) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "sweep", "dashboard", rig.store.root, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.match(r"(http://127\.0\.0\.1:\d+)/dashboard", line)
    assert found, line + (process.stderr.read() if process.stderr else "")
    yield process, found[1]
    process.kill()


def asked(url: str, method: str = "GET", **headers: str) -> Any:
    request = urllib.request.Request(url, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def test_each_search_is_a_study_with_its_trials(server: tuple[subprocess.Popen[str], str], rig: Rig) -> None:
    url = f"{server[1]}/api/studies"
    found = {one["study_name"]: one["study_id"] for one in asked(url)["study_summaries"]}
    assert found.keys() == {study.name for study in rig.plan.studies if study.phase != "evaluate"}
    for name, number in found.items():
        sql = f"select * from trials where study = '{name}' and role <> 'seed' order by finished_at, trial_id"
        rows, study = rig.trials(sql), asked(f"{url}/{number}")
        shown = study["trials"]
        assert len(shown) == len(rows)
        for row, trial in zip(rows, shown, strict=True):
            attributes = {one["key"]: one["value"] for one in trial["user_attrs"]}
            assert attributes["trial_id"] == row["trial_id"]
            assert trial["state"] == {"finished": "Complete", "failed": "Fail"}[row["status"]]
            parameters = {one["name"]: one["param_external_value"] for one in trial["params"]}
            assert float(parameters["learning_rate"]) == row["learning_rate"]
            if row["status"] == "finished":
                assert [float(one) for one in trial["values"]] == [row["objective"]]
                curve = [*enumerate(row["curve"], start=1)]
                assert [(one["step"], float(one["value"])) for one in trial["intermediate_values"]] == curve
            else:
                assert attributes["error"] == "the gradient is nan"


def test_the_page_and_what_it_needs_are_there(server: tuple[subprocess.Popen[str], str]) -> None:
    with urllib.request.urlopen(f"{server[1]}/dashboard", timeout=30) as answer:
        page = answer.read().decode()
    script = re.search(r'src="(/static/[^"]+)"', page)
    assert script is not None
    with urllib.request.urlopen(f"{server[1]}{script[1]}", timeout=30) as answer:
        assert len(answer.read()) > 1000


@pytest.mark.parametrize(
    ("method", "place"), [("DELETE", "/0"), ("POST", ""), ("PUT", "/0/note"), ("POST", "/0/rename")]
)
def test_nothing_can_be_changed(server: tuple[subprocess.Popen[str], str], method: str, place: str) -> None:
    before = asked(f"{server[1]}/api/studies")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        asked(f"{server[1]}/api/studies{place}", method)
    assert asked(f"{server[1]}/api/studies") == before


def test_pages_from_elsewhere_read_nothing(server: tuple[subprocess.Popen[str], str]) -> None:
    """A name of somebody else's that points to 127.0.0.1."""
    with pytest.raises(urllib.error.HTTPError, match="403"):
        asked(f"{server[1]}/api/studies", Host="evil.example:80")
    port = server[1].rpartition(":")[2]
    assert asked(f"{server[1]}/api/studies", Host=f"localhost:{port}")


def test_it_listens_on_this_machine_alone(server: tuple[subprocess.Popen[str], str]) -> None:
    port = int(server[1].rpartition(":")[2])
    listening = [
        line.split()[1]
        for name in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(name).exists()
        for line in Path(name).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].rpartition(":")[2], 16) == port
    ]
    assert [one.partition(":")[0] for one in listening] == ["0100007F"]


def test_a_port_that_somebody_has_is_refused(rig: Rig) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} cannot be had"):
            open_dashboard(rig.store, port=port)


def test_no_store_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no experiment was run"):
        open_dashboard(Store(str(tmp_path)))


def test_a_run_that_goes_on_is_followed_and_a_store_that_is_away_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFRESH", 0.0)
    rig = Rig(tmp_path, **{**ONE_TARGET, "trials": {"intermediate": 3, "target": 1}})
    begun = rig.start()
    assert begun is not None
    rig.end(begun[0])
    application = Dashboard(lambda: studies(rig.store))

    def trials() -> int:
        said: list[str] = []
        environ = {"REQUEST_METHOD": "GET", "HTTP_HOST": "localhost:1", "PATH_INFO": "/csv/0", "QUERY_STRING": ""}
        content = b"".join(application(environ, lambda status, headers, *_: said.append(status)))
        assert said == ["200 OK"]
        return len(content.decode().strip().splitlines()) - 1

    first = trials()
    rig.run()
    after = trials()
    assert (first, after) == (1, 3)
    (tmp_path / "store").rename(tmp_path / "away")
    assert trials() == after


def test_ctrl_c_ends_it_cleanly(server: tuple[subprocess.Popen[str], str]) -> None:
    """The last of these tests: nothing is there afterwards."""
    process, url = server
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert errors == ""
    with pytest.raises(urllib.error.URLError):
        asked(f"{url}/api/studies")
