"""`sweep run`: runs or resumes an experiment."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from sweep.cli import completion
from sweep.cli.command import again, program, start_anew, starts_so_far
from sweep.cli.plan import ExperimentArgument, OverridesArgument
from sweep.console import Console, counted, styled

if TYPE_CHECKING:
    from sweep.experiment import Experiment
    from sweep.ledger import Entry
    from sweep.running.run import Summary

STOPPED = "Stopped. Everything finished is in the store; to go on:"

BROKEN_DOWN = 75
"""The exit code when Ray breaks down again and again: sysexits' EX_TEMPFAIL, for the same command may work later."""

MOST_STARTS = 10

QUERIES = (
    "select condition, target, language, mean, seeds from best where main order by all",
    "from transfer order by gain desc",
)
FAILURES = "select study, error from trials where status = 'failed'"
"""What to look at next, with and without failures."""


def run(
    experiment: ExperimentArgument,
    overrides: OverridesArgument = None,
    address: Annotated[
        str | None, typer.Option(help="Of a running Ray cluster; without it one is started here.")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed trials again.")] = False,
    log: Annotated[
        list[str] | None,
        typer.Option(
            "--log",
            metavar="TRACKER[=PLACE]",
            help="Show trials in tensorboard, mlflow, wandb or trackio as they end, as `sweep sync` does; may be "
            "repeated.",
            autocompletion=completion.trackers,
        ),
    ] = None,
) -> None:
    """Run an experiment here, or go on with one. Exit code 0: all done, 1: a trial failed, 2: mend something."""
    from sweep.experiment.file import find, load
    from sweep.running import run as sweep_run
    from sweep.running.cluster import RayLost
    from sweep.running.progress import Progress
    from sweep.running.stop import Stop, Stopped, kill_children
    from sweep.running.view_file import VIEW, drawn

    console = Console(file=sys.stdout)  # this one: while Ray runs, sys.stdout is its log

    def end(stopped: Stopped) -> NoReturn:
        """At once: Python stops listening before it ends, so that a further signal would have the last word."""
        console.show_cursor()  # the live view hid it
        console.say(f"{STOPPED}\n  {again()}")
        kill_children()
        os._exit(stopped.code)

    stop = Stop(end)

    def start_over(reason: str) -> None:
        """What was finished is in the store, so a new process with the same command goes on."""
        try:
            stop.check()
        except Stopped as stopped:
            end(stopped)
        starts = starts_so_far() + 1
        console.show_cursor()  # the live view hid it
        console.say(styled(f"{reason}.", "yellow"), "Everything finished is in the store.")
        if starts > MOST_STARTS:
            console.say(f"It happens too often; when Ray is well again, go on with:\n  {again()}")
            os._exit(BROKEN_DOWN)
        console.say("Starting over.")
        start_anew(starts)

    try:
        loaded = load(experiment, overrides or [])
        progress = Progress(console)
        text = find(experiment).read_text(encoding="utf-8")
        with following(console, loaded, log or []) as on_entry, drawn(progress, os.environ.get(VIEW)):
            summary = sweep_run.run(loaded, progress, start_over, stop, address, retry_failed, text, again(), on_entry)
        _tell(console, loaded, summary)
    except RayLost as error:
        start_over(str(error))
        raise
    except Stopped as stopped:
        end(stopped)


@contextmanager
def following(console: Console, loaded: Experiment, logs: Sequence[str]) -> Iterator[Callable[[Entry], object]]:
    """What is to be called with each trial that ends; at the end it is said what trackers have not got.

    Raises:
        UserError: there are no such trackers, or they cannot be where they are to be.
    """
    if not logs:
        yield lambda entry: None
        return
    from sweep.sharing.follower import GRACE, Follower
    from sweep.sharing.tracker import check_tracker, open_tracker, parse_log
    from trainables.store import Store

    store = Store(loaded.store)
    asked = dict(map(parse_log, logs))
    places = {name: check_tracker(name, place, store) for name, place in asked.items()}
    followers = [
        Follower(name, store, loaded.name, partial(open_tracker, name, place)) for name, place in places.items()
    ]
    for one in followers:
        one.start()

    def tell_all(entry: Entry) -> None:
        for one in followers:
            one(entry)

    yield tell_all
    for one in followers:
        one.end()
    until = time.monotonic() + GRACE
    for one in followers:
        if (missing := one.close(until)) is not None:
            place = asked[one.name]
            output = f" --output {shlex.quote(place)}" if place else ""
            typed = f"{shlex.join(program())} sync {shlex.quote(loaded.store)} --to {one.name}{output}"
            console.say(styled(f"{missing}.", "yellow"), f"This does it:\n  {typed} --experiment {loaded.name}")


def _tell(console: Console, loaded: Experiment, summary: Summary) -> None:
    """The tables at the end, what helped, and what to do next. Raises typer.Exit where some trial failed."""
    from sweep.experiment import BASELINE
    from sweep.planning import history
    from sweep.results.comparison.comparison import compare
    from sweep.results.summary import budget_table, result_table
    from trainables.store import Store

    store = Store(loaded.store)
    targets, conditions = [target.name for target in loaded.target_tasks], [one.name for one in loaded.conditions]
    for table in (
        result_table(store, loaded.name, conditions, targets),
        budget_table(store, loaded.name, conditions),
    ):
        if table is not None:
            console.print(table)
    if not summary.started:
        console.say("Nothing was left to run.")
    for outcome in summary.failed:
        console.say(f"failed: trial {outcome.spec.trial_id} ({outcome.spec.phase} {' '.join(outcome.spec.tasks)})")
    if summary.collapsed:
        console.say(
            f"{counted(summary.collapsed, 'trial')} ended no better than chance on the English development set."
        )
    for study in summary.blocked:
        console.say(f"not run: {study.name}, because every trial of {study.parent} failed")
    which = f" --experiment {loaded.name}" if len(history.experiments(store)) > 1 else ""
    typed = shlex.join(program())
    is_compared = BASELINE in conditions and len(conditions) > 1
    if is_compared:
        for sentence in compare(store, experiments=[loaded.name]).sentences():
            console.say(sentence)
    console.say(f"Parquet files: {store.path('ledger')}")
    console.say("Next:")
    if is_compared:
        console.say(f"  {typed} compare {shlex.quote(loaded.store)}{which}")
        console.say(f"  {typed} report {shlex.quote(loaded.store)}{which} --output report.html")
    for sql in QUERIES if not summary.failed else (*QUERIES, FAILURES):
        asked = f'{typed} query {shlex.quote(loaded.store)} "{sql}"{which}'
        console.say(f"  {asked}")
    if summary.failed:
        console.say(f"  {again().removesuffix(' --retry-failed')} --retry-failed")
        raise typer.Exit(1)
