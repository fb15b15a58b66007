"""`sweep plan`: what a run would do, and what it would cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from sweep.planning.plan import Plan, Study, make_plan
from sweep.planning.weights import UNKNOWN
from sweep.results.tables import rich_table

if TYPE_CHECKING:
    from sweep.planning.pricing import Disk, Price
    from sweep.search import Search

Counts = dict[str, int]

ExperimentArgument = Annotated[str, typer.Argument(help="A file, or the name of a shipped experiment such as demo.")]
OverridesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Overrides by dotted path: trials.target=4")
]


def plan(
    experiment: ExperimentArgument,
    overrides: OverridesArgument = None,
    gpu: Annotated[str | None, typer.Option(help="The type that trials run on: a row of the table.")] = None,
    gpus: Annotated[Path | None, typer.Option(help="A table of GPU types of your own.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Read all data and try the model, as `run` begins.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show an experiment's studies and trials, what of them is in the store, and what the rest costs; runs nothing."""
    from sweep.experiment.file import load
    from sweep.ledger import MEASURED, OUTCOME, Ledger, measured, of_earlier_code, outcome
    from sweep.planning.pricing import disk, load_gpus, price
    from sweep.search import Search
    from trainables.store import Store

    loaded = load(experiment, overrides or [])
    if check:
        from sweep.planning.weights import known_weights
        from sweep.running.check import check as check_all

        check_all(loaded, known_weights(loaded))
    made = make_plan(loaded)
    rows = Ledger(Store(loaded.store)).read([*OUTCOME, *MEASURED]).to_pylist()
    outcomes = [outcome(row) for row in rows]
    search, earlier = Search(made, outcomes), of_earlier_code(outcomes)
    counts = {study.name: _counts(search, study) for study in made.studies}
    left = {name: count["to_run"] for name, count in counts.items()}
    took = [measured(row) for row in rows if row["status"] == "finished"]
    found = price(loaded, made, left, took, load_gpus(gpus), gpu)
    room = disk(loaded, made, left)
    console = Console()
    if as_json:
        console.print_json(json.dumps(_values(made, counts, earlier, found, room)))
        return
    _show(console, made, counts, earlier, found, room)
    if _weights(made) is None:
        console.print(
            f"the commit of '{loaded.model}' is not known here (neither the store nor the hub nor this machine's cache"
            " tells), so what the store has of it cannot be told",
            soft_wrap=True,
        )


def _show(console: Console, made: Plan, counts: Mapping[str, Counts], earlier: int, found: Price, room: Disk) -> None:
    names = [study.name for study in made.studies]
    hours = {one.study: one.hours for one in found.studies}
    rows = []
    for number, study in enumerate(made.studies, start=1):
        count, expected = counts[study.name], hours[study.name]
        took = None if not count["to_run"] else "unknown" if expected is None else f"{expected.expected:.2g}"
        waits = f"{names.index(study.parent) + 1}" if study.parent else ""
        row = [number, study.name, count["to_run"], count["in_store"] or None, count["failed"] or None, took]
        rows.append([*row, len(study.question.languages), waits])
    columns = ["#", "study", "to run", "in store", "failed", "hours", "languages", "waits for"]
    shown = [place for place in range(len(columns)) if any(row[place] is not None for row in rows)]
    console.print(rich_table([columns[place] for place in shown], [[row[place] for place in shown] for row in rows]))
    total = {key: sum(count[key] for count in counts.values()) for key in ("to_run", "in_store", "failed")}
    parts = [f"{total['to_run']} to run"]
    parts += [f"{total['in_store']} in the store already"] if total["in_store"] else []
    parts += [f"{total['failed']} failed before"] if total["failed"] else []
    console.print(f"{sum(total.values())} trials in {len(made.studies)} studies: {', '.join(parts)}", soft_wrap=True)
    if earlier:
        from sweep.running.progress import not_counted

        console.print(not_counted(earlier), soft_wrap=True)
    console.print(f"store {made.store}, plan {made.hash}", soft_wrap=True)
    console.print(
        f"{made.fine_tuning_runs} of them are fine-tuning runs; a loop that shares nothing needs {made.naive_runs}"
    )
    for line in [*found.lines(), *room.lines()]:
        console.print(line, highlight=False, soft_wrap=True)


def _counts(search: Search, study: Study) -> Counts:
    """A study's trials: still to run, in the store already, failed before."""
    ended = search.ended(study)
    failed = sum(one.status == "failed" for one in ended)
    return {"to_run": search.left(study), "in_store": len(ended) - failed, "failed": failed}


def _weights(made: Plan) -> str | None:
    """What decides the weights of the plan's model; None where that is not known here."""
    weights = made.studies[0].question.weights
    return None if weights == UNKNOWN else weights


def _values(made: Plan, counts: Mapping[str, Counts], earlier: int, found: Price, room: Disk) -> dict[str, Any]:
    return {
        "experiment": made.experiment,
        "hash": made.hash,
        "store": made.store,
        "model": made.studies[0].question.model,
        "weights": _weights(made),
        "trials": made.runs,
        "of_earlier_code": earlier,
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
                **counts[study.name],
            }
            for study in made.studies
        ],
        "price": found.to_dict(),
        "disk": room.to_dict(),
    }
