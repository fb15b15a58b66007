"""`sweep export`: of a condition's winners a submission folder, or the model itself."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sweep.cli import completion
from sweep.cli.query import ExperimentOption, StoreArgument


class Form(StrEnum):
    """What is written."""

    submission = "submission"
    transformers = "transformers"


def export(
    store: StoreArgument,
    condition: Annotated[str, typer.Option(help="Whose winners: a condition of the experiment.")],
    output: Annotated[Path, typer.Option(help="A new folder.")],
    form: Annotated[
        Form, typer.Option("--as", help="Predictions of all winners in XTREME's layout, or one model.")
    ] = Form.submission,
    labels: Annotated[
        Path | None, typer.Option(help="Another new folder, for the labels of the same examples where they are known.")
    ] = None,
    experiment: ExperimentOption = None,
    seed: Annotated[int | None, typer.Option(help="Of the winners; without it the lowest.")] = None,
    regime: Annotated[str, typer.Option(help="In which languages they were trained.")] = "zero-shot",
    target: Annotated[
        str | None,
        typer.Option(
            help="Of a model: the task that it is to do, one that it was scored on.", autocompletion=completion.tasks
        ),
    ] = None,
    study: Annotated[
        str | None, typer.Option(help="Of a model, where each language has a training of its own: the evaluation's.")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            metavar="EXPERIMENT", help="Of a model: its experiment, for tasks of your own and labels in data."
        ),
    ] = None,
) -> None:
    """Write a submission folder, or a winner as a folder that transformers loads.

    A submission has the test predictions of a condition's winners in XTREME's official layout. A model loads with
    AutoModel and its kin, and predicts the same.
    """
    from sweep.cli.output import check_folders
    from trainables.errors import Problem, UserError

    check_folders([output, *([labels] if labels else [])])
    if form == Form.transformers:
        if labels is not None:
            raise UserError(Problem("--labels is for submissions", hint="leave it out"))
        _model(store, condition, output, experiment, seed, regime, target, study, file)
        return
    given = {"--target": target, "--study": study, "--file": file}
    if wrong := [name for name, value in given.items() if value is not None]:
        raise UserError(Problem(f"{', '.join(wrong)}: for models alone", hint="add --as transformers"))
    _submission(store, condition, output, labels, experiment, seed, regime)


def _submission(
    store: str,
    condition: str,
    output: Path,
    labels: Path | None,
    experiment: str | None,
    seed: int | None,
    regime: str,
) -> None:
    from sweep.console import Console, counted
    from sweep.results import export as exporting
    from trainables.store import Store

    done = exporting.export(Store(store), condition, output, labels, seed, experiment, regime)
    out, err = Console(), Console(stderr=True)
    out.say(f"{counted(len(done.predictions), 'file')} of predictions (seed {done.seed}): {output}")
    if labels is not None:
        out.say(f"{counted(len(done.labels), 'file')} of labels: {labels}")
        for name in done.hidden:
            err.say(f"no labels: {name}, the release hides them")
    if done.elsewhere:
        belong = "belongs" if len(done.elsewhere) == 1 else "belong"
        err.say(f"not written: {', '.join(done.elsewhere)}, which {belong} to no benchmark")
    if done.unfinished:
        err.say(f"not there: {', '.join(done.unfinished)}, not evaluated with seed {done.seed}")
    if done.capped:
        err.say("warning: limits.eval_examples was set: each file holds the first examples only")
    if not done.predictions or done.unfinished:
        raise typer.Exit(1)


def _model(
    store: str,
    condition: str,
    output: Path,
    experiment: str | None,
    seed: int | None,
    regime: str,
    target: str | None,
    study: str | None,
    file: str | None,
) -> None:
    """Writes the model, and its card beside it where it can have one."""
    from sweep.console import Console
    from sweep.experiment.file import load
    from sweep.results.export import refuse_full
    from sweep.results.winner import find_winner
    from sweep.sharing.card import card
    from trainables.data import open_source
    from trainables.errors import Problem, UserError
    from trainables.store import Store
    from trainables.tasks import Catalogue

    refuse_full([output])
    opened = Store(store)
    winner = find_winner(opened, condition, target, None, seed, experiment, regime, study)
    if target is None and len(winner.targets) > 1:
        hint = f"say what it is to do: {' or '.join(f'--target {one}' for one in winner.targets)}"
        raise UserError(Problem(f"the winner was scored on {len(winner.targets)} targets", hint=hint))
    wanted = target or winner.targets[0]
    loaded = load(file, []) if file is not None else None
    catalogue = loaded.catalogue if loaded else Catalogue()
    if loaded is None and catalogue[wanted].learns_labels:
        hint = "give the experiment: --file EXPERIMENT"
        raise UserError(Problem(f"the labels of '{wanted}' are those of its training data", hint=hint))

    from trainables.training.published import published  # only now: torch takes its time
    from trainables.training.workbench import Workbench

    source = open_source(loaded.data_config if loaded else "mini", catalogue)
    model = published(winner.evaluation, wanted, Workbench(opened, source, catalogue=catalogue))
    model.save(output)
    out, err = Console(), Console(stderr=True)
    out.say(f"the winner of {condition} on {wanted} (seed {winner.seed}): {output}")
    try:
        (output / "README.md").write_text(
            card(opened, winner, [wanted], catalogue, model.loader, model.vector), "utf-8"
        )
        out.say(f"its card: {output / 'README.md'}")
    except UserError as error:
        for problem in error.problems:
            err.say(f"no card: {problem}")
    out.say(
        f'transformers.{model.loader}.from_pretrained("{output}")'
        + (f", compared: {model.vector}" if model.vector else "")
    )
