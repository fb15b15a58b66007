"""Which weights an experiment's model stands for: a hub id is resolved once per store, and recorded there."""

from __future__ import annotations

from sweep.experiment import Experiment
from sweep.planning.pinned import Record
from trainables.models.identity import UnknownWeightsError, identify
from trainables.models.segments import tells_texts
from trainables.models.shapes import is_on_hub
from trainables.store import Store

RECORD = Record(
    "models.json",
    "models",
    "commit",
    is_word=lambda commit: True,
    hint="remove it, and the models are looked up again; or write {MODEL: COMMIT} as it was",
)
"""The commits of its experiments' models, as they name them: a branch that moves changes no ids in mid-sweep."""

UNKNOWN = "unknown"
"""Stands in a plan for weights that cannot be told. Nothing in a store has it, and nothing is run with it."""


def known_weights(experiment: Experiment) -> str:
    """What the store has recorded, else what `identify` says.

    Raises:
        UnknownWeightsError: neither can tell.
        UserError: the record is damaged.
    """
    model = experiment.model
    known = RECORD.read(Store(experiment.store)) if is_on_hub(model) else {}
    return known.get(model) or identify(model)


def planned_weights(experiment: Experiment) -> str:
    """The same for a plan, which may also be made where they cannot be told: UNKNOWN then."""
    try:
        return known_weights(experiment)
    except UnknownWeightsError:
        return UNKNOWN


def planned_token_types(experiment: Experiment, weights: str) -> bool:
    """Whether the encoder is told which of two texts a token is of; False where that cannot be told: a run refuses."""
    try:
        return weights != UNKNOWN and tells_texts(experiment.model, weights)
    except UnknownWeightsError:
        return False


def record(experiment: Experiment, weights: str) -> None:
    """Writes down in the store which commit a hub id stands for. Others need no record: they tell at any time.

    Raises:
        UserError: the store has another one by now.
    """
    if is_on_hub(experiment.model):
        RECORD.write(Store(experiment.store), experiment.model, weights)
