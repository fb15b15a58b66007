"""A cluster that is up is asked by its head node, which alone reaches the others."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sweep.running.doctor.finding import Finding

PATIENCE = 300
"""Seconds in which the head must have asked all nodes."""


def by_the_head(file: Path, arguments: Sequence[str]) -> list[Finding]:
    """What `sweep doctor --address auto` finds there.

    Args:
        file: the cluster's.
        arguments: an experiment that the head knows, and what is overridden in it; none: its nodes as such.
    """
    asked = shlex.join(["sweep", "doctor", *arguments, "--address", "auto", "--json"])
    command = [str(Path(sys.executable).with_name("ray")), "exec", str(file), asked]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)  # noqa: S603
    except subprocess.TimeoutExpired:
        todo = "try `ray attach` with the same file"
        return [Finding("wrong", "cluster", f"its head did not answer within {PATIENCE} s", str(file), todo)]
    start = done.stdout.find('{\n  "level"')
    if start < 0:
        said = [line for line in done.stdout.splitlines() + done.stderr.splitlines() if line.strip()]
        error = next((line for line in said if line.startswith("error: ")), said[-1] if said else "it says nothing")
        todo = f"ray up {file}, then this again: the file alone was looked at"
        return [Finding("warning", "cluster", f"its nodes were not asked: {error.strip()}", str(file), todo)]
    values, _ = json.JSONDecoder().raw_decode(done.stdout[start:])
    return [Finding(**one) for one in values["findings"]]
