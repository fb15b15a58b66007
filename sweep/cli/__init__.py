"""The command line: one file per subcommand."""

from __future__ import annotations

import errno
import io
import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sweep.cli import (
    card,
    compare,
    dashboard,
    doctor,
    export,
    launch,
    plan,
    plot,
    query,
    report,
    run,
    score,
    status,
    sync,
    table,
    tasks,
    translate,
)
from sweep.cli.command import leave
from sweep.console import Console
from trainables.errors import Problem, UserError


class Commands(TyperGroup):
    """What a user got wrong is said without a traceback, and exits with 2."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Runs a subcommand."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            problems = error.problems
        except OSError as error:  # a store that is away, a file that cannot be read: the message names it
            if error.errno == errno.EPIPE:  # who read the output has enough
                raise
            problems = [Problem(str(error))]
        console = Console(stderr=True)
        for problem in problems:
            console.say(f"error: {problem}")
        raise typer.Exit(2)


app = typer.Typer(
    name="sweep",
    cls=Commands,
    help="Hyper-parameter sweeps for cross-lingual transfer: which intermediate training helps which target?",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("plan")(plan.plan)
app.command("run")(run.run)
app.command("launch")(launch.launch)
app.command("status")(status.status)
app.command("query", cls=query.SqlCommand)(query.query)
app.command("compare")(compare.compare)
app.command("table")(table.table)
app.command("report")(report.report)
app.command("plot")(plot.plot)
app.command("card")(card.card)
app.command("score")(score.score)
app.command("export")(export.export)
app.command("sync")(sync.sync)
app.command("dashboard")(dashboard.dashboard)
app.command("tasks")(tasks.tasks)
app.command("translate")(translate.translate)
app.command("doctor")(doctor.doctor)


def _version(is_asked: bool) -> None:
    if is_asked:
        Console().say(f"sweep {version('crosslingual-sweep')}")
        raise typer.Exit


@app.callback()
def _options(
    show: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What stands before a subcommand."""


def main() -> None:
    """The entry point of the `sweep` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # letters that the terminal has not
    try:
        app()
    except SystemExit as ended:
        follower = sys.modules.get("sweep.sharing.follower")
        if follower is not None and follower.is_at_work():
            leave(ended.code)
        raise
