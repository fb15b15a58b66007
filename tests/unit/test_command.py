"""The command that was typed, as it can be pasted."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from sweep.cli.command import MATTERS, STARTS, again, program, starts_so_far


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an installed script, and no variables that matter."""
    for name in MATTERS:
        monkeypatch.delenv(name, raising=False)
    script = tmp_path / "my venv" / "bin" / "sweep"
    script.parent.mkdir(parents=True)
    script.write_text("#!/usr/bin/python3\n")
    script.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def typed(monkeypatch: pytest.MonkeyPatch, original: list[str], script: str, *arguments: str) -> None:
    monkeypatch.setattr(sys, "orig_argv", [*original, *arguments])
    monkeypatch.setattr(sys, "argv", [script, *arguments])


def test_a_script_on_the_path_is_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = str(folder / "my venv" / "bin" / "sweep")
    typed(monkeypatch, ["/usr/bin/python3", script], script, "run", "a.yaml")
    monkeypatch.setenv("PATH", str(Path(script).parent))
    assert again() == "sweep run a.yaml"
    (folder / "other").mkdir()
    (folder / "other" / "sweep").write_text("another one")
    (folder / "other" / "sweep").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder / "other"))
    assert again() == shlex.join([script, "run", "a.yaml"])  # that name would start another one


def test_a_script_that_is_not_on_the_path_is_what_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, ["/usr/bin/python3", "my venv/bin/sweep"], "my venv/bin/sweep", "run", "a b.yaml", "seeds=[1,2]")
    monkeypatch.setenv("PATH", "/nowhere")
    assert shlex.split(again()) == ["my venv/bin/sweep", "run", "a b.yaml", "seeds=[1,2]"]


def test_a_module_is_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, ["python", "-X", "dev", "-m", "sweep"], "/site-packages/sweep/__main__.py", "run", "demo")
    assert again() == "python -X dev -m sweep run demo"
    assert program() == ["python", "-X", "dev", "-m", "sweep"]


def test_variables_that_matter_are_not_lost_and_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, ["python", "-m", "sweep"], "x", "run", "demo")
    monkeypatch.setenv("SWEEP_CACHE", "/a place")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    assert again() == "SWEEP_CACHE='/a place' python -m sweep run demo"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://me:s3cret@host:9000/x@y")
    assert again() == "SWEEP_CACHE='/a place' AWS_ENDPOINT_URL='https://***@host:9000/x@y' python -m sweep run demo"


@pytest.mark.parametrize(("left", "starts"), [("OURS:3", 3), ("1:9", 0), ("9", 0), ("many", 0), ("", 0)])
def test_another_process_s_count_of_starts_is_not_ours(monkeypatch: pytest.MonkeyPatch, left: str, starts: int) -> None:
    monkeypatch.setenv(STARTS, left.replace("OURS", str(os.getpid())))
    assert starts_so_far() == starts
