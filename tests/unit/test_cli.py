"""The command line: its screens as a newcomer sees them, in this process and without Ray."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sweep.cli import app
from sweep.cli.completion import benchmarks, experiments, tasks
from sweep.planning.plan import Study
from tests.conftest import write_experiment
from tests.unit.test_driver import Rig
from tests.unit.test_views import play
from trainables.spec import TrialSpec

COMMANDS = ("plan", "run", "launch", "status", "query", "score", "export", "tasks", "doctor", "translate")

ODD = "nli[en]"
"""A condition's name, of which rich would take a part for markup."""

CONDITIONS = ["none", {"name": ODD, "tasks": ["mini-nli"]}]

REASON = "unknown tag '(S[dcl]\\NP)/PP' [/x] \x1b[2J"


def call(*arguments: str | Path, code: int = 0) -> Result:
    done = CliRunner().invoke(app, [*map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an experiment with an odd name of a condition, of which a trial failed for an odd reason."""
    failed: list[str] = []

    def ends(study: Study, spec: TrialSpec) -> dict[str, str]:
        if study.phase == "intermediate" and not failed:
            failed.append(spec.trial_id)
            return {"error": REASON}
        return {}

    folder = tmp_path_factory.mktemp("cli")
    play(Rig(folder, conditions=CONDITIONS, targets=["mini-pos"], languages=["de"]), ends=ends)
    return folder / "store"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_two_names(command: str) -> None:
    assert call(command, "-h").stdout == call(command, "--help").stdout
    assert command in call("-h").stdout


def test_the_version_is_that_of_the_package() -> None:
    assert call("--version").stdout.startswith("sweep 0.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["qurey", "x", "y"], "Did you mean 'query'?"),
        (["query", "x", "y", "--formt", "csv"], "--format"),
        (["query", "x"], "there is no SQL"),
        (["query", "x", "y", "--format", "cvs"], "'csv'"),
        (["score", "--benchmark", "xtrem", "--predictions", ".", "--labels", "."], "did you mean 'xtreme'?"),
        (["plan", "demoo"], "did you mean 'demo'?"),
        (["plan", "\x1b[2J[/x]"], "there is no experiment '\\x1b[2J[/x]'"),
        (["status", "[/x]"], "no experiment was run in '[/x]'"),
        (["doctor", "[red]x"], "neither an experiment nor a store '[red]x'"),
        (["tasks", "--task", "[/x].yaml"], "[/x].yaml: cannot be read"),
        (["tasks", "xqaud"], "unknown task 'xqaud'\n    did you mean 'xquad'?"),
    ],
)
def test_what_was_typed_wrong_is_said_with_the_nearest_right_thing(arguments: list[str], words: str) -> None:
    said = call(*arguments, code=2).stderr
    assert words in said
    assert "╭" not in said
    assert "Traceback" not in said
    assert "\x1b" not in said


def test_the_tab_key_offers_names() -> None:
    assert experiments("de") == ["demo"]
    assert experiments("nothing") == []
    assert tasks("xq") == ["xquad", "xquad-translate-test"]
    assert benchmarks("xtreme-") == ["xtreme-r"]


def test_tasks_may_be_named() -> None:
    assert [*json.loads(call("tasks", "xquad", "panx", "--json").stdout)] == ["panx", "xquad"]
    assert len(json.loads(call("tasks", "--json").stdout)) > 20


def test_a_plan_begins_with_its_grid(tmp_path: Path) -> None:
    said = call("plan", write_experiment(tmp_path, conditions=CONDITIONS)).stdout
    rows = [line.split() for line in said.splitlines()]
    assert rows[:3] == [
        ["trials", "to", "run"],
        ["inter-"],
        ["condition", "mediate", "mini-pos", "mini-bitext", "total"],
    ]
    assert rows[4:6] == [["none", "3", "1", "4"], [ODD, "2", "3", "1", "6"]]
    assert rows[6:8] == [[], ["total", "2", "6", "2", "10"]]
    assert said.splitlines()[8] == "10 trials in 7 studies: 10 to run"
    assert "waits for" not in said
    listed = call("plan", write_experiment(tmp_path, conditions=CONDITIONS), "--studies").stdout
    assert listed.startswith(said)
    assert f"target/{ODD}/mini-pos" in listed


def test_a_grid_says_what_is_done_and_what_the_rest_takes(store: Path) -> None:
    folder = store.parent
    path = write_experiment(folder, conditions=CONDITIONS, targets=["mini-pos"], languages=["de"])
    rows = [line.split() for line in call("plan", path).stdout.splitlines()]
    assert ["none", "done", "done"] in rows
    said = call("plan", path, "trials.target=4").stdout
    assert "2 of 5" in said or "3 of 5" in said
    assert json.loads(call("plan", path, "--json").stdout)["studies"][0]["name"] == f"intermediate/{ODD}"


def test_status_shows_odd_names_and_reasons_as_they_are(store: Path) -> None:
    said = call("status", store).stdout
    assert f"intermediate/{ODD} " in said
    assert r"unknown tag '(S[dcl]\NP)/PP' [/x] \x1b[2J" in said
    assert "\x1b" not in said
    state = json.loads(call("status", store, "--json").stdout)
    assert state["experiment"]["failures"][0]["reason"] == REASON


def test_doctor_shows_odd_names_of_files_as_they_are(store: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(store, tmp_path / "[bold]store")
    (copy / "ledger" / "trials" / "[x]\x1b[2J.parquet").write_text("not Parquet")
    said = call("doctor", copy, code=2).stdout
    assert r"ledger/trials/[x]\x1b[2J.parquet: is not a ledger file" in said
    assert "\x1b" not in said


@pytest.mark.parametrize("labels", ["out", "out/labels", "link/out/labels", ".", "out/../out"])
def test_labels_never_land_in_the_submission(store: Path, tmp_path: Path, labels: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    before = sorted(tmp_path.iterdir())
    done = call(
        "export", store, "--condition", "none", "--output", tmp_path / "out", "--labels", tmp_path / labels, code=2
    )
    assert "would lie in one folder" in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_folders_side_by_side_are_fine(store: Path, tmp_path: Path) -> None:
    done = call(
        "export", store, "--condition", ODD, "--output", tmp_path / "out", "--labels", tmp_path / "outer", code=1
    )
    assert "0 files of predictions (seed 1)" in done.stdout
    assert "not written: mini-pos, which belongs to no benchmark" in done.stderr


@pytest.mark.parametrize("name", ["x" * 256, "a\x1b[2Jb"])
def test_a_folder_that_cannot_be_is_refused(store: Path, tmp_path: Path, name: str) -> None:
    assert "\x1b" not in call("export", store, "--condition", "none", "--output", tmp_path / name, code=2).stderr
