"""Which weights an experiment's model stands for: a hub id is resolved once per store, and recorded there."""

from __future__ import annotations

import json

from sweep.experiment import Experiment
from trainables.errors import Problem, UserError
from trainables.models.identity import UnknownWeightsError, identify
from trainables.models.segments import tells_texts
from trainables.models.shapes import is_on_hub
from trainables.store import Store

RECORD = "models.json"
"""Where a store keeps the commits of its experiments' models: a branch that moves changes no ids in mid-sweep."""

UNKNOWN = "unknown"
"""Stands in a plan for weights that cannot be told. Nothing in a store has it, and nothing is run with it."""


def known_weights(experiment: Experiment) -> str:
    """What the store has recorded, else what `identify` says.

    Raises:
        UnknownWeightsError: neither can tell.
        UserError: the record is damaged.
    """
    model = experiment.model
    known = recorded(Store(experiment.store)) if is_on_hub(model) else {}
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
    if not is_on_hub(experiment.model):
        return
    store = Store(experiment.store)
    known = recorded(store)
    if known.setdefault(experiment.model, weights) != weights:
        message = f"the store has commit {known[experiment.model]} of '{experiment.model}' since a moment ago"
        raise UserError(Problem(message, hint="give the same command again: it takes that one"))
    store.write(RECORD, json.dumps(known, indent=1).encode())


def recorded(store: Store) -> dict[str, str]:
    """The commits in a store, by the model as its experiments name it."""
    try:
        found = json.loads(store.read(RECORD))
    except FileNotFoundError:
        return {}
    except ValueError:
        found = None
    if isinstance(found, dict) and all(isinstance(one, str) for one in found.values()):
        return found
    hint = "remove it, and the models are looked up again; or write {MODEL: COMMIT} as it was"
    raise UserError(Problem("is not the record of models that was written", store.path(RECORD), hint=hint))
