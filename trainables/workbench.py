"""What a worker keeps warm from trial to trial: base weights, tokenised data, the parent's checkpoint."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, TypeVar

import torch

from trainables.checkpoint import Checkpoint, load_checkpoint
from trainables.data import Source
from trainables.data.examples import Example
from trainables.kinds import Feature, kind_of
from trainables.model import Base, load_base
from trainables.spec import TrialSpec
from trainables.store import Store
from trainables.tasks import Task

T = TypeVar("T")


class Split(NamedTuple):
    """The examples of one task, split and language, and their features."""

    examples: list[Example]
    features: list[Feature]


class Workbench:
    """One worker's place: its store, its data, its device, its rank among the workers of a trial, and its caches.

    Nothing here decides a trial's result. `micro_batch_tokens` bounds the memory of one forward pass.
    """

    def __init__(
        self, store: Store, source: Source, device: torch.device | None = None, rank: int = 0, world_size: int = 1
    ) -> None:
        self.store, self.source = store, source
        self.device = device or torch.device("cpu")
        self.rank, self.world_size = rank, world_size
        self.micro_batch_tokens = 16384 if self.device.type == "cuda" else 512  # what a CPU's cache holds
        self._bases = _Recent(1)
        self._checkpoints = _Recent(2)
        self._examples, self._splits = _Recent(1000), _Recent(1000)

    def base(self, model: str) -> Base:
        """The pre-trained model, loaded once."""
        return self._bases.get(model, lambda: load_base(model))

    def checkpoint(self, trial_id: str) -> Checkpoint:
        """A finished trial's weights."""
        return self._checkpoints.get(trial_id, lambda: load_checkpoint(self.store, trial_id))

    def examples(self, task: Task, split: str, language: str) -> list[Example]:
        """All examples of a split in one language, read once."""
        key = task.definition, task.name, split, language
        return self._examples.get(key, lambda: self.source.examples(task, split, language))

    def split(self, task: Task, split: str, language: str, model: str, part: slice) -> Split:
        """A part of the examples of a split in one language, tokenised once."""

        def make() -> Split:
            examples = self.examples(task, split, language)[part]
            return Split(examples, kind_of(task).features(task, examples, self.base(model).tokenizer))

        key = task.definition, task.name, split, language, model, (part.start, part.stop, part.step)
        return self._splits.get(key, make)

    def autocast(self, spec: TrialSpec) -> AbstractContextManager[Any]:
        """The arithmetic that a trial asks for."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=spec.precision == "bf16")


class _Recent:
    """Keeps the results that were used last."""

    def __init__(self, size: int) -> None:
        self._size, self._kept = size, OrderedDict[Hashable, Any]()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        if key not in self._kept:
            while len(self._kept) >= self._size:
                self._kept.popitem(last=False)
            self._kept[key] = make()
        self._kept.move_to_end(key)
        result: T = self._kept[key]
        return result
