"""`sweep launch`: runs or resumes an experiment on a cluster that `ray up` brings up."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweep.cli.command import again
from sweep.cli.plan import ExperimentArgument, OverridesArgument
from sweep.console import Console
from trainables.errors import Problem, UserError

if TYPE_CHECKING:
    from sweep.running.launch.launch import Launch


class Down(StrEnum):
    """When the cluster is taken down."""

    when_done = "when-done"


DETACHED = 130
"""The exit code of Ctrl-C. Nothing has stopped but the watching."""


def launch(
    experiment: ExperimentArgument,
    overrides: OverridesArgument = None,
    on: Annotated[Path | None, typer.Option("--on", metavar="FILE", help="The cluster: a file of `ray up`.")] = None,
    down: Annotated[Down | None, typer.Option(help="Take the cluster down once everything is done.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed trials again.")] = False,
) -> None:
    """Run an experiment on a cluster, or go on with one. Exit codes as of `sweep run`.

    Up, submit, follow, down. The sweep runs on the cluster and does not need this terminal: the same command comes
    back to it.
    """
    from sweep.experiment.file import find, load
    from sweep.running.launch.cluster_file import read_cluster_file
    from sweep.running.launch.follow import GaveUpError
    from sweep.running.launch.launch import BROKEN_DOWN, Launch
    from sweep.running.launch.machines import Machines
    from sweep.running.launch.shipment import shipment

    console = Console(  # while Ray works, stdout is its log
        file=os.fdopen(os.dup(sys.stdout.fileno()), "w", errors="backslashreplace")
    )
    if on is None:
        raise UserError(Problem("no cluster is named", hint="give its file: --on cluster.yaml (docs/cluster.md)"))
    cluster = read_cluster_file(on)
    loaded = load(experiment, overrides or [])
    sent = shipment(loaded, find(experiment), overrides or [], cluster)
    going = Launch(loaded, sent, Machines(cluster), console, retry_failed)
    try:
        code = _run(going, experiment, overrides, retry_failed)
    except KeyboardInterrupt:
        _detach(console, going, on)
        code = DETACHED
    except GaveUpError as error:
        console.say(f"The head node has not answered for long: {error}. When it does, come back:")
        console.say(f"  {again()}")
        code = BROKEN_DOWN
    else:
        _end(console, going, on, down, code)
    raise typer.Exit(code)


def _run(going: Launch, experiment: str, overrides: list[str] | None, retry_failed: bool) -> int:
    """On the cluster; where nothing is left to run, no machine is paid for to say so."""
    from sweep.cli.run import run

    going.check()
    if not going.is_over():
        return going.run()
    try:
        run(experiment, overrides, None, retry_failed)
    except typer.Exit as ended:
        return ended.exit_code
    return 0


def _end(console: Console, going: Launch, on: Path, down: Down | None, code: int) -> None:
    """The bill, and the cluster's end. Where something has to be done first it stays, for the same command."""
    from sweep.running.launch.launch import ALL_DONE

    try:
        if not going.is_up():
            return
        for line in going.bill():
            console.say(line)
        if down and code in ALL_DONE:
            console.say("Taking the cluster down.")
            going.machines.down()
            console.say("It is down.")
        else:
            console.say(f"The cluster stays up. To take it down:\n  ray down {on}")
    except UserError as error:  # the sweep has ended, and how is what counts
        console.say(str(error))
        console.say(f"Look whether the cluster is still up, and take it down:\n  ray down {on}")


def _detach(console: Console, going: Launch, on: Path) -> None:
    from sweep.running.launch.launch import stop_command

    if going.job is None:
        ways = [("No sweep was sent. To go on:", again()), ("What is up of the cluster:", f"ray down {on}")]
    else:
        ways = [
            ("The sweep goes on, on the cluster. To come back:", again()),
            ("To stop it:", stop_command(on, going.job)),
        ]
    for words, command in ways:
        console.say(f"{words}\n  {command}")
