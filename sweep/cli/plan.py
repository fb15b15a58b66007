"""`sweep plan`: what a run would do."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console

from sweep.plan import Plan, make_plan
from sweep.tables import rich_table

ExperimentArgument = Annotated[str, typer.Argument(help="A file, or the name of a shipped experiment such as demo.")]
OverridesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Overrides by dotted path: trials.target=4")
]


def plan(
    experiment: ExperimentArgument,
    overrides: OverridesArgument = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show the studies and trials of an experiment; runs nothing."""
    from sweep.experiment_file import load

    made = make_plan(load(experiment, overrides or []))
    console = Console()
    if as_json:
        console.print_json(json.dumps(_values(made)))
        return
    names = [study.name for study in made.studies]
    waits = [f"{names.index(study.parent) + 1}" if study.parent else "" for study in made.studies]
    rows = [
        [number, study.name, study.runs, len(study.question.languages), wait]
        for number, (study, wait) in enumerate(zip(made.studies, waits, strict=True), start=1)
    ]
    console.print(rich_table(["#", "study", "trials", "languages", "waits for"], rows))
    console.print(f"{made.runs} trials in {len(made.studies)} studies, into {made.store} (plan {made.hash})")
    console.print(
        f"{made.fine_tuning_runs} of them are fine-tuning runs; a loop that shares nothing needs {made.naive_runs}"
    )


def _values(made: Plan) -> dict[str, Any]:
    return {
        "experiment": made.experiment,
        "hash": made.hash,
        "store": made.store,
        "trials": made.runs,
        "fine_tuning_runs": made.fine_tuning_runs,
        "naive_fine_tuning_runs": made.naive_runs,
        "studies": [
            {
                "name": study.name,
                "phase": study.phase,
                "condition": study.condition,
                "training_set": study.training_set,
                "tasks": study.question.tasks,
                "languages": study.question.languages,
                "trials": study.trials,
                "seeds": study.seeds,
                "parent": study.parent,
            }
            for study in made.studies
        ],
    }
