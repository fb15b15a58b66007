"""A cluster that is up is asked by its head node, which alone reaches the others."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence

from sweep.running.doctor.finding import Finding
from sweep.running.launch.cluster_file import ClusterFile
from sweep.running.launch.head import NoSshError, reached
from sweep.running.launch.machines import Machines
from trainables.errors import UserError

PATIENCE = 300.0
"""Seconds in which the head must have asked all nodes."""


def by_the_head(cluster: ClusterFile, arguments: Sequence[str]) -> list[Finding]:
    """What `sweep doctor --address auto` finds there.

    Args:
        arguments: an experiment that the head knows, and what is overridden in it; none: its nodes as such.
    """
    asked = shlex.join(["sweep", "doctor", *arguments, "--address", "auto", "--json"])
    file, machines = str(cluster.path), Machines(cluster)
    not_up = Finding("fine", "cluster", "is not up: its file alone was looked at", file)
    try:
        if machines.head() is None and not cluster.is_of_own_machines:
            return [not_up]
        with reached(machines.gate()) as head:
            if not head.runs_ray:
                return [not_up]
            said = head.run(asked, PATIENCE)
    except UserError as error:
        return [Finding("warning", "cluster", one.message, file, one.hint) for one in error.problems]
    except NoSshError as error:
        todo = "is it on, and does its key open it? `ray attach` with the same file tries the same"
        return [Finding("warning", "cluster", f"its head does not answer: {error}", file, todo)]
    return _findings(said, file)


def _findings(said: str, file: str) -> list[Finding]:
    """Those in an answer, around which a login shell may say other things."""
    start = re.search(r'\{\s*"level"', said)
    if start is None:
        last = next(iter(said.strip().splitlines()[-1:]), "it says nothing")
        todo = "install this version of the project there: `ray up` with the same file"
        return [Finding("wrong", "cluster", f"its head cannot ask the nodes: {last}", file, todo)]
    values, _ = json.JSONDecoder().raw_decode(said[start.start() :])
    return [Finding(**one) for one in values["findings"]]
