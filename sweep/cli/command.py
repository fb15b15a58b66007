"""The command that was typed, so that it can be typed again, or start over by itself."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import NoReturn

MATTERS = (
    "SWEEP_CACHE",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_HUB_OFFLINE",
    "HF_ENDPOINT",
    "AWS_PROFILE",
    "AWS_ENDPOINT_URL",
    "CUDA_VISIBLE_DEVICES",
    "RAY_ADDRESS",
    "RAY_TMPDIR",
)
"""Variables that may have stood before the command, and without which it would do something else. None is a secret."""


PASSWORD = re.compile(r"://[^/@]*@")
"""What an endpoint's URL may hold before its host."""

STARTS = "SWEEP_STARTS"
"""The variable that counts how often a process has started over: `pid:count`, for it is handed down to others."""


def program() -> list[str]:
    """What was typed before the arguments: `sweep`, `.venv/bin/sweep`, `python -m sweep`."""
    script = sys.argv[0]
    started = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv[1:])]
    if "-m" in started or not os.access(script, os.X_OK):
        return started
    found = shutil.which(Path(script).name)
    return [Path(script).name if found and Path(found).samefile(script) else script]


def again() -> str:
    """The whole command for a shell, with the variables that matter."""
    shown = {name: PASSWORD.sub("://***@", os.environ[name]) for name in MATTERS if name in os.environ}
    variables = [f"{name}={shlex.quote(value)}" for name, value in shown.items()]
    return " ".join([*variables, shlex.join([*program(), *sys.argv[1:]])])


def starts_so_far() -> int:
    """How often this process has started over."""
    pid, _, count = os.environ.get(STARTS, "").partition(":")
    return int(count) if pid == str(os.getpid()) and count.isdecimal() else 0


def leave(code: int | str | None) -> NoReturn:
    """Ends at once, with what was said and without waiting for threads, which may be anywhere."""
    from sweep.running.stop import kill_children

    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    kill_children()
    os._exit(code if isinstance(code, int) else int(code is not None))


def start_anew(starts: int) -> NoReturn:
    """Becomes a new process with the same command and the same id, which has started over so often."""
    os.environ[STARTS] = f"{os.getpid()}:{starts}"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the command that the user typed
