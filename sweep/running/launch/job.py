"""The job that a launch is on its cluster: how it is called, what it runs, which of several goes on."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Iterable, Sequence

from sweep.running.view_file import VIEW
from trainables.spec import content_hash

FOLDER = "~/.sweep/launches"
"""On the head: what was sent there, a folder for each experiment and store."""

ENVIRONMENT = "environment"
"""The file in it with the variables that go along. It is gone once the job has read it."""

STOPPING = 30
"""Seconds that a run has to end after `ray job stop`: it takes up to 20."""


def job_name(experiment: str, store: str) -> str:
    """What all jobs of an experiment on a store begin with: the same command finds them."""
    return f"sweep-{re.sub('[^A-Za-z0-9_-]', '-', experiment)}-{content_hash([experiment, store])[:8]}"


def attempts(name: str, known: Iterable[str | None]) -> list[str]:
    """Those of the known jobs that are of this name, the last one last. A job's id is never used again."""
    found = [one for one in known if one is not None and re.fullmatch(rf"{re.escape(name)}-\d+", one)]
    return sorted(found, key=_number)


def next_attempt(name: str, before: Sequence[str]) -> str:
    """The id of the job after those."""
    return f"{name}-{_number(before[-1]) + 1 if before else 1}"


def folder(name: str) -> str:
    """Where what was sent for a job is, on the head."""
    return f"{FOLDER}/{name}"


def entrypoint(name: str, arguments: Sequence[str]) -> str:
    """The shell command of the job: `sweep run` with these arguments, and nothing secret.

    Its log is what its output goes to; beside it the run draws its live view.
    """
    return " && ".join(
        [
            f"cd {folder(name)}",
            f". ./{ENVIRONMENT}",
            f"rm {ENVIRONMENT}",
            f'export {VIEW}="$(readlink /proc/$$/fd/1).view"',
            f"exec sweep run {shlex.join(arguments)} --address auto",
        ]
    )


def exit_code(status: str, of_its_process: int | None) -> int | None:
    """The exit code of a job that has ended, as a shell would say it; None where it was lost with its machine.

    Args:
        of_its_process: as Ray says it: less than 0 for a signal, None for what it stopped itself.
    """
    if of_its_process is not None:
        return of_its_process if of_its_process >= 0 else 128 - of_its_process
    return 128 + signal.SIGTERM if status == "STOPPED" else None


def _number(job: str) -> int:
    return int(job.rpartition("-")[2])
