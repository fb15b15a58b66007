"""The model behind an evaluation, for others."""

from __future__ import annotations

from trainables.errors import Problem, UserError
from trainables.models.checkpoint import DamagedCheckpoint, MissingCheckpoint
from trainables.models.plain import Plain, plain
from trainables.spec import TrialSpec
from trainables.training.evaluate import as_asked, head_name
from trainables.training.workbench import Workbench


def published(evaluation: TrialSpec, target: str, bench: Workbench) -> Plain:
    """The model that an evaluation scored, as transformers has it, for one of its targets.

    Raises:
        UserError: its weights are not in the store, or it cannot be had in that form.
    """
    task = as_asked(bench.task(target), evaluation)
    head = as_asked(bench.task(head_name(task)), evaluation)
    try:
        network = bench.network(evaluation, [head], {head.name: evaluation.head or head.name})
    except MissingCheckpoint as error:
        hint = "`keep: winners` drops them once the model is scored; `sweep run EXPERIMENT keep=models` trains it again"
        raise UserError(Problem(str(error), hint=hint)) from error
    except DamagedCheckpoint as error:
        raise UserError(
            Problem(str(error), hint="the next `sweep run` that needs them trains the trial again")
        ) from error
    return plain(network, head.name, task, bench.base(evaluation))
