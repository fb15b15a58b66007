"""A trial's weights in the store: one safetensors file, so that a checkpoint is complete or absent."""

from __future__ import annotations

import json
from typing import NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import load, save

from trainables.spec import TrialSpec
from trainables.store import Store, checkpoint_name


class Checkpoint(NamedTuple):
    """All weights (`encoder.*` and `heads.<task>.*`) of a finished trial, on the CPU."""

    spec: TrialSpec
    weights: dict[str, torch.Tensor]


def save_checkpoint(store: Store, spec: TrialSpec, weights: dict[str, torch.Tensor]) -> None:
    """Writes the weights under the trial's id, with the spec in the file's header."""
    metadata = {"format": "pt", "spec": json.dumps(spec.to_dict())}
    store.write(checkpoint_name(spec.trial_id), save(weights, metadata))


def load_checkpoint(store: Store, trial_id: str) -> Checkpoint:
    """Reads a finished trial's weights. Raises FileNotFoundError where there are none.

    On a local disk the file is mapped, not read: a trial touches few rows of the parent's word embeddings.
    """
    name = checkpoint_name(trial_id)
    if store.is_local:
        with safe_open(store.path(name), framework="pt") as file:
            spec, weights = file.metadata()["spec"], {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    else:
        content = store.read(name)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        spec, weights = header["__metadata__"]["spec"], load(content)
    return Checkpoint(TrialSpec.from_dict(json.loads(spec)), weights)
