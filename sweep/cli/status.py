"""`sweep status`: how far an experiment is."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from sweep.cli.query import ExperimentOption, StoreArgument

if TYPE_CHECKING:
    from sweep.running.status import ExperimentState, Run


def status(
    store: StoreArgument,
    experiment: ExperimentOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show how far an experiment is, what failed and why, and how long the rest takes."""
    from sweep.running import status as of_store
    from trainables.store import Store

    found = of_store.status(Store(store), experiment)
    console = Console()
    if as_json:
        console.print_json(json.dumps(dataclasses.asdict(found)))
        return
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
    parts = [f"{experiment.name}: {done} of {planned} trials done"]
    parts += [f"{pruned} of them pruned"] if pruned else []
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{experiment.collapsed} no better than chance"] if experiment.collapsed else []
    console.print(", ".join(parts))
    if experiment.trials_per_hour is not None:
        speed = f"{experiment.trials_per_hour:.0f} trials an hour"
        if experiment.examples_per_second is not None:
            speed += f", {experiment.examples_per_second:.0f} examples a second"
        console.print(f"pace of the last trials: {speed}")
    console.print(f"plan {experiment.plan}", highlight=False)
    if experiment.earlier_plans:
        names = ", ".join(f"{experiment.name}@{one}" for one in experiment.earlier_plans)
        console.print(f"earlier plans, for sweep query --experiment: {names}", highlight=False, soft_wrap=True)
    left = sum(study.left for study in experiment.studies)
    if left:
        seconds = experiment.seconds_left
        time_left = "unknown, as none has ended yet" if seconds is None else str(timedelta(seconds=round(seconds)))
        console.print(f"time for the {left} trials left: {time_left}")
    for failure in experiment.failures:
        console.print(f"failed ({failure.count}, such as {failure.trial_id}): {failure.reason}", highlight=False)


def _show_run(console: Console, run: Run | None) -> None:
    if run is None:
        console.print("no run goes on")
        return
    since = f"{datetime.fromtimestamp(run.started):%Y-%m-%d %H:%M}"
    who = f"of {run.experiment} since {since}, process {run.pid} on {run.host}"
    if not run.alive:
        console.print(f"the run {who} was killed or is cut off; the same command goes on")
        return
    console.print(f"a run {who}:")
    for one in run.running:
        console.print(f"  {one['study']} {one['settings']} {one['progress']:.0%}", highlight=False)
    if run.waits:
        console.print(run.waits, highlight=False, soft_wrap=True)
