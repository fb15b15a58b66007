"""An experiment: the YAML file that says which grid to run (`file`), and what it means once it is validated."""

from sweep.experiment.condition import BASELINE, Condition
from sweep.experiment.experiment import Experiment, Limits, Places, Resources, SentenceVectors, Trials
from sweep.experiment.uses import (
    longest_input,
    scored_languages,
    scored_uses,
    tasks_used,
    training_chain,
    training_languages,
    training_uses,
    uses,
)

__all__ = [
    "BASELINE",
    "Condition",
    "Experiment",
    "Limits",
    "Places",
    "Resources",
    "SentenceVectors",
    "Trials",
    "longest_input",
    "scored_languages",
    "scored_uses",
    "tasks_used",
    "training_chain",
    "training_languages",
    "training_uses",
    "uses",
]
