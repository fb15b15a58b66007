"""`sweep sync`: results where experiment trackers show them."""

from __future__ import annotations

from typing import Annotated

import typer

from sweep.cli import completion
from sweep.cli.query import ExperimentOption, StoreArgument

PLACE = "A folder; of mlflow also a server's URL. Without it sharing/TRACKER in the store."


def sync(
    store: StoreArgument,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="TRACKER",
            help="tensorboard, mlflow, wandb (offline runs) or trackio.",
            autocompletion=completion.trackers,
        ),
    ],
    output: Annotated[str | None, typer.Option(metavar="PLACE", help=PLACE)] = None,
    experiment: ExperimentOption = None,
) -> None:
    """Show the trials that have ended in an experiment tracker. Called again it adds what is new, and no more."""
    from sweep.console import Console, counted
    from sweep.sharing import tracker
    from sweep.sharing.run import runs
    from sweep.sharing.sync import sync as sync_runs
    from trainables.errors import Problem, UserError
    from trainables.store import Store

    opened = Store(store)
    place = tracker.check_tracker(to, output, opened)
    ended = runs(opened, [experiment] if experiment else [])
    try:
        found = tracker.open_tracker(to, place)
        done = sync_runs(found, ended)
    except (UserError, OSError):
        raise
    except Exception as error:  # of whatever package
        message = f"{to} at '{place}' takes no runs: {type(error).__name__}: {error}".partition("\n")[0]
        raise UserError(Problem(message, hint="mend that, then the same command goes on")) from error
    console = Console()
    there = f", {counted(done.kept, 'was', 'were')} there" if done.kept else ""
    console.say(f"{counted(done.written, 'trial')} written to {to}{there}")
    console.say(found.shown_by)
