"""`sweep status`: how far an experiment is."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from sweep.cli.query import ExperimentOption, StoreArgument
from sweep.console import Console, counted, hand_out

if TYPE_CHECKING:
    from sweep.running.status import ExperimentState, Run


def status(
    store: StoreArgument,
    experiment: ExperimentOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show how far an experiment is. What failed and why, and how long the rest takes, is said, too."""
    from sweep.results.tables import to_json
    from sweep.running import status as of_store
    from trainables.store import Store

    found = of_store.status(Store(store), experiment)
    if as_json:
        hand_out(to_json(dataclasses.asdict(found)))
        return
    console = Console()
    _show(console, found.experiment)
    _show_run(console, found.run)


def _show(console: Console, experiment: ExperimentState) -> None:
    from sweep.results.tables import rich_table

    columns = ["study", "done", "running", "left", "failed", "best dev"]
    rows = [
        [
            study.name,
            study.finished + study.pruned,
            study.running or None,
            "blocked" if study.blocked else study.left,
            study.failed or None,
            None if study.best is None else round(study.best, 1),
        ]
        for study in experiment.studies
    ]
    console.print(rich_table(columns, rows))
    planned = sum(study.planned for study in experiment.studies)
    done = sum(study.finished + study.pruned for study in experiment.studies)
    pruned, failed = (sum(getattr(one, name) for one in experiment.studies) for name in ("pruned", "failed"))
    parts = [f"{experiment.name}: {done} of {counted(planned, 'trial')} done"]
    parts += [f"{pruned} of them pruned"] if pruned else []
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{experiment.collapsed} no better than chance"] if experiment.collapsed else []
    console.say(", ".join(parts))
    if experiment.trials_per_hour is not None:
        speed = f"{counted(_rounded(experiment.trials_per_hour), 'trial')} an hour"
        if experiment.examples_per_second is not None:
            speed += f", {counted(_rounded(experiment.examples_per_second), 'example')} a second"
        console.say(f"pace of the last trials: {speed}")
    console.say(f"plan {experiment.plan}")
    if experiment.earlier_plans:
        names = ", ".join(f"{experiment.name}@{one}" for one in experiment.earlier_plans)
        console.say(f"earlier plans, for sweep query --experiment: {names}")
    left = sum(study.left for study in experiment.studies)
    if left:
        seconds = experiment.seconds_left
        time_left = "unknown, as none has ended yet" if seconds is None else str(timedelta(seconds=round(seconds)))
        console.say(f"time for the {counted(left, 'trial')} left: {time_left}")
    for failure in experiment.failures:
        console.say(f"failed ({failure.count}, such as {failure.trial_id}): {failure.reason}")


def _rounded(rate: float) -> float:
    """A slow one is not 0."""
    return round(rate) if rate >= 10 else float(f"{rate:.2g}")


def _show_run(console: Console, run: Run | None) -> None:
    if run is None:
        console.say("no run goes on")
        return
    since = f"{datetime.fromtimestamp(run.started):%Y-%m-%d %H:%M}"
    who = f"of {run.experiment} since {since}, process {run.pid} on {run.host}"
    if not run.alive:
        console.say(f"the run {who} was killed or is cut off; the same command goes on")
        return
    console.say(f"a run {who}:")
    for one in run.running:
        console.say(f"  {one['study']} {one['settings']} {one['progress']:.0%}")
    if run.waits:
        console.say(run.waits)
