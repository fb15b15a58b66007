"""What can be known to be wrong before a trial: all of it is said at once, before anything costs."""

from __future__ import annotations

from sweep.experiment import Experiment, longest_input, tasks_used
from sweep.experiment.data import read_all_data
from trainables.errors import Problem, UserError
from trainables.models.minilm import minilm_folder
from trainables.models.shapes import is_built_in, is_on_hub


def check(experiment: Experiment, weights: str) -> list[Problem]:
    """Reads the data, and imports or tries the model, once, before several workers ask for it.

    Args:
        weights: what the model stands for, as `sweep.planning.weights` says.

    Returns:
        What is odd and no mistake.

    Raises:
        UserError: with every problem of both.
    """
    problems: list[Problem] = []
    odd: list[Problem] = []
    try:
        odd += read_all_data(experiment)
    except UserError as error:
        problems += error.problems
    try:
        _check_model(experiment, weights)
    except UserError as error:
        problems += error.problems
    if problems:
        raise UserError(problems)
    return odd


def _check_model(experiment: Experiment, weights: str) -> None:
    if is_built_in(experiment.model):
        minilm_folder()
    if not is_built_in(experiment.model) or experiment.loras:
        from trainables.models.base import check_model, load_base  # torch, which the driver does not need otherwise

        length = longest_input(experiment)
        again = experiment.gradient_checkpointing
        check_model(experiment.model, weights, length, experiment.dropout_masks, experiment.loras, again)
        if not is_built_in(experiment.model) and not is_on_hub(experiment.model):
            load_base(experiment.model, weights)  # its files are here: whatever is wrong with them shows
    if any(task.kind == "mlm" for task in tasks_used(experiment)):
        from trainables.models.token_layers import check_token_layers

        check_token_layers(experiment.model, weights)
