"""Where a run's results come from: code, libraries, machine, and the file that was run."""

from __future__ import annotations

import platform
import runpy
import socket
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from importlib.util import find_spec
from typing import Any

PACKAGES = ("torch", "ray", "transformers", "datasets")

PATIENCE = 20.0
"""Seconds that git may take."""


def provenance(experiment: str, file: str | None, command: str | None) -> dict[str, Any]:
    """What `sweep.ledger.runs` keeps.

    Args:
        experiment: its name.
        file: its text.
        command: as it was typed.
    """
    return {
        "experiment": experiment,
        "started_at": datetime.now(UTC).isoformat(),
        "host": socket.gethostname(),
        "command": command,
        "file": file,
        **_git(),
        "python": platform.python_version(),
        "sweep": _version("crosslingual-sweep"),
        **{name: _version(name) for name in PACKAGES},
        "cuda": _cuda(),
    }


def _git() -> dict[str, Any]:
    """The commit of the folder that the command runs in, and whether its tracked files are another's."""
    commit, changes = _ask_git("rev-parse", "HEAD"), _ask_git("status", "--porcelain", "--untracked-files=no")
    return {"git_commit": commit, "git_dirty": None if commit is None or changes is None else bool(changes)}


def _ask_git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607 - the user's own, wherever it is
            capture_output=True, text=True, check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cuda() -> str | None:
    """The version that torch was built with; None for one that knows CPUs alone."""
    (folder,) = find_spec("torch").submodule_search_locations  # type: ignore[union-attr, misc]  # it is a package
    told: str | None = runpy.run_path(f"{folder}/version.py")["cuda"]  # torch itself takes a second to import
    return told
