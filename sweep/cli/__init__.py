"""The command line: one file per subcommand."""

from __future__ import annotations

import sys

import typer

from sweep.cli import doctor, export, launch, plan, query, run, score, status, tasks
from trainables.errors import UserError

app = typer.Typer(
    name="sweep",
    help="Hyper-parameter sweeps for cross-lingual transfer: which intermediate training helps which target?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("plan")(plan.plan)
app.command("run")(run.run)
app.command("launch")(launch.launch)
app.command("status")(status.status)
app.command("query")(query.query)
app.command("score")(score.score)
app.command("export")(export.export)
app.command("tasks")(tasks.tasks)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """The entry point of the `sweep` command. What a user got wrong is said without a traceback, and exits with 2."""
    try:
        app()
    except UserError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except OSError as error:  # a store that is away, a file that cannot be read: the message names it
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
