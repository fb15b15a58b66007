"""`sweep card`: a winner's model card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweep.cli import completion
from sweep.cli.query import ExperimentOption, StoreArgument


def card(
    store: StoreArgument,
    condition: Annotated[str, typer.Option(help="Whose winner: a condition of the experiment.")],
    target: Annotated[
        str | None, typer.Option(help="A task that it was scored on.", autocompletion=completion.tasks)
    ] = None,
    training_set: Annotated[
        str | None,
        typer.Option(
            "--training-set",
            help="What it was trained on: the card has all targets of it.",
            autocompletion=completion.tasks,
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="A file, README.md; without it the card is printed.")] = None,
    experiment: ExperimentOption = None,
    seed: Annotated[int | None, typer.Option(help="Of the winner; without it the lowest.")] = None,
    regime: Annotated[str, typer.Option(help="In which languages it was trained.")] = "zero-shot",
    study: Annotated[
        str | None, typer.Option(help="The evaluation's, where each language has a training of its own.")
    ] = None,
    own: Annotated[list[Path] | None, typer.Option("--task", help="A task file of your own; may be repeated.")] = None,
) -> None:
    """Write a model card: recipe, data, scores per language. Refused where limits were set, or labels are hidden."""
    from sweep.cli.output import check_file
    from sweep.console import hand_out
    from sweep.results.winner import find_winner
    from sweep.sharing.card import card as make_card
    from trainables.errors import Problem, UserError
    from trainables.store import Store
    from trainables.tasks import Catalogue, parse

    if target is not None and training_set is not None:
        raise UserError(Problem("--target and --training-set at once", hint="give one of them"))
    if output is not None:
        check_file(output)
    opened, catalogue = Store(store), Catalogue([parse(path) for path in own or ()])
    winner = find_winner(opened, condition, target, training_set, seed, experiment, regime, study)
    text = make_card(opened, winner, [target] if target else winner.targets, catalogue)
    if output is None:
        hand_out(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(Problem(f"cannot be written: {error.strerror}", str(output))) from error
