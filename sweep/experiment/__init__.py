"""An experiment: the YAML file that says which grid to run (`file`), and what it means once it is validated."""

from sweep.experiment.experiment import (
    BASELINE,
    Adapted,
    Condition,
    Experiment,
    Limits,
    LoraConfig,
    Places,
    Resources,
    SentenceVectors,
    Trials,
    Tuning,
)
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
    "Adapted",
    "Condition",
    "Experiment",
    "Limits",
    "LoraConfig",
    "Places",
    "Resources",
    "SentenceVectors",
    "Trials",
    "Tuning",
    "longest_input",
    "scored_languages",
    "scored_uses",
    "tasks_used",
    "training_chain",
    "training_languages",
    "training_uses",
    "uses",
]
