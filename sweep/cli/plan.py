"""`sweep plan`: what a run would do, and what it would cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table

from sweep.cli.completion import experiments
from sweep.console import Console, counted, hand_out, styled
from sweep.planning.plan import Plan, Study
from sweep.planning.planner import make_plan
from sweep.planning.precision import choose
from sweep.planning.pricing.bounds import digits
from sweep.planning.weights import UNKNOWN
from sweep.results.tables import rich_table, to_json

if TYPE_CHECKING:
    from sweep.planning.pricing import Disk, Price
    from sweep.search import Search

Counts = dict[str, int]

Hours = Mapping[str, "float | None"]
"""By study, those of what is left of it; None: not known."""

ExperimentArgument = Annotated[
    str,
    typer.Argument(
        metavar="EXPERIMENT",
        help="A file, or the name of a shipped experiment such as demo.",
        autocompletion=experiments,
    ),
]
OverridesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Overrides by dotted path: trials.target=4")
]


def plan(
    experiment: ExperimentArgument,
    overrides: OverridesArgument = None,
    gpu: Annotated[str | None, typer.Option(help="The type that trials run on: a row of the table.")] = None,
    gpus: Annotated[Path | None, typer.Option(help="A table of GPU types of your own.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Read all data and try the model, as `run` begins.")] = False,
    studies: Annotated[bool, typer.Option("--studies", help="List the studies, too.")] = False,
    detect: Annotated[
        float | None,
        typer.Option(metavar="POINTS", min=0.01, max=100, help="Which seeds it takes to see so small a difference."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show what a run would do, and what it costs. Runs nothing; what is in the store already is not done again."""
    from sweep.experiment.file import load
    from sweep.ledger import MEASURED, OUTCOME, Ledger, measured, of_earlier_code, outcome
    from sweep.planning.pricing import disk, load_gpus, price
    from sweep.search import Search
    from trainables.store import Store

    loaded = load(experiment, overrides or [])
    if check:
        from sweep.planning.weights import known_weights
        from sweep.running.check import check as check_all

        for one in check_all(loaded, known_weights(loaded)):
            Console(stderr=True).say(styled("warning:", "yellow"), str(one))
    made = make_plan(loaded)
    rows = Ledger(Store(loaded.store)).read([*OUTCOME, *MEASURED]).to_pylist()
    outcomes = [outcome(row) for row in rows]
    search, earlier = Search(made, outcomes), of_earlier_code(outcomes)
    counts = {study.name: _counts(search, study) for study in made.studies}
    left = {name: count["to_run"] for name, count in counts.items()}
    took = [measured(row) for row in rows if row["status"] == "finished"]
    found = price(loaded, made, left, took, load_gpus(gpus), gpu)
    room = disk(loaded, made, left)
    if as_json:
        hand_out(to_json(_values(made, counts, earlier, found, room)))
        return
    console = Console()
    hours = {one.study: None if one.hours is None else one.hours.expected for one in found.studies}
    console.print(_grid(made, counts, hours))
    chosen = [str(choose(loaded))] if loaded.precision == "auto" else []
    _tell(console, made, counts, earlier, [*chosen, *found.lines(), *room.lines()])
    if _weights(made) is None:
        console.say(
            f"the commit of '{loaded.model}' is not known here (neither the store nor the hub nor this machine's cache"
            " tells), so what the store has of it cannot be told"
        )
    if studies:
        console.print(_studies(made, counts, hours))
    if detect is not None:
        from sweep.results.comparison.comparison import compare
        from sweep.results.comparison.detection import detect as detect_in
        from sweep.results.comparison.detection import show

        store, names = Store(loaded.store), [loaded.name]
        show(detect_in(store, compare(store, experiments=names), detect, load_gpus(gpus), names), console)


def _grid(made: Plan, counts: Mapping[str, Counts], hours: Hours) -> Table:
    """Conditions x targets: trials left to run and their hours. Targets of one training set share its trials."""
    evaluations = [study for study in made.studies if study.phase == "evaluate"]
    scored = {study.training_set: study.question.tasks for study in evaluations}
    columns: dict[tuple[bool, str | None], list[Study]] = {}
    for study in made.studies:
        columns.setdefault((study.phase == "intermediate", study.training_set), []).append(study)
    missing = {name for is_intermediate, name in columns if not is_intermediate} - set(scored)
    table = Table(
        title="trials to run" + (", and their hours one after the other" if any(hours.values()) else ""),
        title_justify="left",
        caption="(in brackets: trained on the way to others)" if missing else None,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
        show_edge=False,
    )
    table.add_column("condition", overflow="fold")
    for is_intermediate, name in columns:
        header = "inter-\nmediate" if is_intermediate else "\n".join(scored.get(name, [f"({name})"]))
        table.add_column(header, justify="right", vertical="bottom", overflow="fold")
    table.add_column("total", justify="right", vertical="bottom")
    conditions = [*dict.fromkeys(study.condition for study in evaluations)]
    for condition in conditions:
        table.add_row(condition, *_cells(columns.values(), [condition], counts, hours))
    if len(conditions) > 1:
        table.add_section()
        table.add_row("total", *_cells(columns.values(), conditions, counts, hours))
    return table


def _cells(
    columns: Iterable[list[Study]], conditions: list[str], counts: Mapping[str, Counts], hours: Hours
) -> list[str]:
    """Those of a row: a column each, and all of them together."""
    of_row = [[study.name for study in column if study.condition in conditions] for column in columns]
    return [_cell(names, counts, hours) for names in [*of_row, [name for names in of_row for name in names]]]


def _cell(studies: list[str], counts: Mapping[str, Counts], hours: Hours) -> str:
    """How many trials are left of how many, and their hours, as far as the plan's are known."""
    to_run = sum(counts[name]["to_run"] for name in studies)
    every = sum(sum(counts[name].values()) for name in studies)
    if not to_run:
        return "done" if every else ""
    trials = f"{to_run:,}" if to_run == every else f"{to_run:,} of {every:,}"
    known = [one for one in (hours[name] for name in studies if counts[name]["to_run"]) if one is not None]
    if not any(hours.values()):
        return trials
    took, is_all = sum(known), len(known) == sum(counts[name]["to_run"] > 0 for name in studies)
    if took < 0.1:
        return f"{trials}\n" + ("<0.1 h" if is_all else "?")
    return f"{trials}\n" + ("" if is_all else ">") + f"{digits(took)} h"


def _tell(console: Console, made: Plan, counts: Mapping[str, Counts], earlier: int, known: Iterable[str]) -> None:
    """The totals, in words."""
    total = {key: sum(count[key] for count in counts.values()) for key in ("to_run", "in_store", "failed")}
    parts = [f"{total['to_run']:,} to run"]
    parts += [f"{total['in_store']:,} in the store already"] if total["in_store"] else []
    parts += [f"{total['failed']:,} failed before"] if total["failed"] else []
    trials, studies = counted(sum(total.values()), "trial"), counted(len(made.studies), "study")
    console.say(f"{trials} in {studies}: {', '.join(parts)}")
    for line in known:
        console.say(line)
    if earlier:
        from sweep.running.progress import not_counted

        console.say(not_counted(earlier))
    tuned = counted(made.fine_tuning_runs, "trial is a fine-tuning run", "trials are fine-tuning runs")
    console.say(f"{tuned}; a loop that shares nothing needs {made.naive_runs:,}")
    console.say(f"store {made.store}, plan {made.hash}")


def _studies(made: Plan, counts: Mapping[str, Counts], hours: Hours) -> Table:
    """A row each, with the number of the one that it waits for."""
    names = [study.name for study in made.studies]
    rows = []
    for number, study in enumerate(made.studies, start=1):
        count, expected = counts[study.name], hours[study.name]
        took = None if not count["to_run"] else "unknown" if expected is None else digits(expected)
        waits = f"{names.index(study.parent) + 1}" if study.parent else ""
        row = [number, study.name, count["to_run"], count["in_store"] or None, count["failed"] or None, took]
        rows.append([*row, len(study.question.languages), waits])
    columns = ["#", "study", "to run", "in store", "failed", "hours", "languages", "waits for"]
    shown = [place for place in range(len(columns)) if any(row[place] is not None for row in rows)]
    return rich_table([columns[place] for place in shown], [[row[place] for place in shown] for row in rows])


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
        "precision": made.studies[0].question.precision,
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
                "top": study.top,
                "parent": study.parent,
                **counts[study.name],
            }
            for study in made.studies
        ],
        "price": found.to_dict(),
        "disk": room.to_dict(),
    }
