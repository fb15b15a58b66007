"""A trial's weights in the store: one safetensors file with a checksum, so that it is whole, or known not to be."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load

from trainables.models.tensors import DamageError, checksum, split_checksum, sum_of
from trainables.spec import TrialSpec
from trainables.store import Store, checkpoint_name

DTYPES = {
    torch.float64: "F64",
    torch.int64: "I64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""What safetensors calls them."""

SHOWN = 3
"""Tensors that an error names, of each kind of fault."""


class MissingCheckpoint(Exception):  # noqa: N818 - what has happened to it
    """A trial's weights are not in the store."""

    def __init__(self, trial_id: str) -> None:
        super().__init__(trial_id)
        self.trial_id = trial_id

    def __str__(self) -> str:
        return f"the weights of trial {self.trial_id} are not in the store"


class DamagedCheckpoint(Exception):  # noqa: N818 - what has happened to it
    """A trial's weights are in the store, but are not what was written, or not those of its network."""

    def __init__(self, trial_id: str, reason: str) -> None:
        super().__init__(trial_id, reason)
        self.trial_id, self.reason = trial_id, reason

    def __str__(self) -> str:
        return f"the weights of trial {self.trial_id} are damaged: {self.reason}"


def save_checkpoint(store: Store, spec: TrialSpec, weights: Mapping[str, torch.Tensor]) -> None:
    """Writes weights (`encoder.*` and `heads.<task>.*`) under the trial's id. The file says of which spec."""
    write_tensors(store, checkpoint_name(spec.trial_id), weights, {"spec": json.dumps(spec.to_dict())})


def load_checkpoint(store: Store, trial_id: str) -> dict[str, torch.Tensor]:
    """The weights in a finished trial's file, on the CPU: all, or with LoRA what it added.

    On a local disk the file is mapped, not copied: a trial keeps few rows of the parent's word embeddings.

    Raises:
        MissingCheckpoint, DamagedCheckpoint: the trial has to be run again.
    """
    return load_trial(store, trial_id)[0]


def load_trial(store: Store, trial_id: str) -> tuple[dict[str, torch.Tensor], TrialSpec]:
    """The same with the trial's spec. Raises as `load_checkpoint` does."""
    try:
        weights, metadata = read_tensors(store, checkpoint_name(trial_id))
        return weights, TrialSpec.from_dict(json.loads(metadata["spec"]))
    except FileNotFoundError as error:
        raise MissingCheckpoint(trial_id) from error
    except (DamageError, KeyError, TypeError, ValueError) as error:
        raise DamagedCheckpoint(trial_id, str(error)) from error


def write_tensors(store: Store, name: str, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Writes a safetensors file tensor by tensor: the library's own `save` would need all of it in memory once more."""
    large_first = sorted(tensors, key=lambda one: -tensors[one].element_size())  # so that all of them are aligned
    local = {one: tensors[one].detach().cpu().contiguous() for one in large_first}
    header: dict[str, object] = {"__metadata__": {**metadata, "format": "pt", "checksum": _checksum(local, metadata)}}
    end = 0
    for one, tensor in local.items():
        start, end = end, end + tensor.nbytes
        header[one] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with store.writing(name) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in local.values():
            file.write(_bytes(tensor).data)


def read_tensors(store: Store, name: str) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors of a safetensors file and its metadata.

    Raises:
        FileNotFoundError: there is none.
        DamageError: it is not what was written.
    """
    try:
        if store.is_local:
            with safe_open(store.path(name), framework="pt") as file:
                metadata, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        else:
            content = store.read(name)
            tensors = load(content)
            metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]).get("__metadata__")
    except (SafetensorError, ValueError) as error:
        raise DamageError(str(error)) from error
    given, expected = split_checksum(metadata)
    if _checksum(tensors, given) != expected:
        raise DamageError("the checksum is another")
    return tensors, given


def check_fit(found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> None:
    """Makes sure that tensors have the names and shapes of those whose place they are to take.

    Raises:
        DamageError: which are missing, which are too much, which have other shapes.
    """
    other = [name for name in expected if name in found and found[name].shape != expected[name].shape]
    wrong = [
        _named([name for name in expected if name not in found], "{} missing"),
        _named([name for name in found if name not in expected], "{} too much"),
        _named([f"{name} {[*found[name].shape]} instead of {[*expected[name].shape]}" for name in other], "{}"),
    ]
    if any(wrong):
        raise DamageError("; ".join(filter(None, wrong)))


def _named(names: list[str], sentence: str) -> str | None:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return sentence.format(", ".join(names[:SHOWN]) + more) if names else None


def _checksum(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> str:
    rows = ((name, DTYPES.get(one.dtype, ""), one.shape, sum_of(_bytes(one))) for name, one in tensors.items())
    return checksum(rows, metadata)


def _bytes(tensor: torch.Tensor) -> np.ndarray:
    return tensor.reshape(-1).view(torch.uint8).numpy()
