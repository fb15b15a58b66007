"""What a worker keeps warm from trial to trial: base weights, tokenised data, the parent's checkpoint."""

from __future__ import annotations

import dataclasses
import resource
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import distributed

from trainables.data import Source
from trainables.data.examples import Example
from trainables.data.labels import labels_of
from trainables.features import Feature, FeatureCache, Features
from trainables.kinds import code_hash, kind_of
from trainables.kinds.mlm import TokenLayers
from trainables.models.base import Base, load_base
from trainables.models.checkpoint import DamagedCheckpoint, load_trial
from trainables.models.lora import DOWN, UP, adapted, merged
from trainables.models.network import Network, new_network
from trainables.models.tensors import DamageError
from trainables.models.token_layers import load_token_layers
from trainables.reports import MachineLeaves
from trainables.spec import TrialSpec, content_hash
from trainables.store import Store, state_name
from trainables.tasks import Catalogue, Task
from trainables.training.kept_examples import KeptExamples
from trainables.training.recent import Recent
from trainables.training.shares import Part

TOKENISED_AT_ONCE = 20_000
"""Examples whose features are Python objects at the same time."""


class Workbench:
    """One worker's place: its store, its data, its device, its rank among the workers of a trial, and its caches.

    With dropout off nothing here decides a trial's result. With dropout on, device, number of workers and the size of a
    micro-batch do: each draws other masks.

    Attributes:
        micro_batch_tokens: bounds the memory of one forward pass.
        halvings: how often memory ran out, so that `micro_batch_tokens` was halved.
        save_minutes: how long a trial trains within an epoch before it saves its state again; 0: after every step.
        gradient_checkpointing: whether layers are computed again in the backward pass instead of kept: the same
            gradients, in less memory and a third more time.
        noticed: set, by another thread, when a machine of the trial is about to go away.
        kept: what was scored, in the store.
    """

    def __init__(
        self,
        store: Store,
        source: Source,
        device: torch.device | None = None,
        rank: int = 0,
        world_size: int = 1,
        catalogue: Catalogue | None = None,
        micro_batch_tokens: int | None = None,
    ) -> None:
        self.store, self.source = store, source
        self.device = device or torch.device("cpu")
        if self.device.type == "cuda":  # ModernBERT's gradients in bf16 are NaN with cuDNN's attention, on an H200
            torch.backends.cuda.enable_cudnn_sdp(False)
        torch.set_float32_matmul_precision("highest")  # fp32 is IEEE's: no TF32 in products of matrices,
        torch.backends.cudnn.allow_tf32 = False  # nor in convolutions, where it is torch's default: DeBERTa has one
        self.rank, self.world_size = rank, world_size
        usual = 16384 if self.device.type == "cuda" else 2048  # what a CPU's cache holds
        self.micro_batch_tokens = micro_batch_tokens or usual
        self.halvings = 0
        self.save_minutes = 15.0
        self.gradient_checkpointing = False
        self.noticed = threading.Event()
        self._catalogue = catalogue or Catalogue()
        self._feature_cache = FeatureCache(store)
        self._bases, self._token_layers = Recent(1), Recent(1)
        self._checkpoints = Recent(2)
        self._tasks, self._examples, self._features = Recent(1000), Recent(1000), Recent(1000)
        self.kept = KeptExamples(store, source, self.examples, writes=rank == 0)

    def task(self, name: str) -> Task:
        """A task with its labels: where its file names none, those of its training set's training data."""
        return self._tasks.get(name, lambda: self._with_labels(self._catalogue[name]))

    def _with_labels(self, task: Task) -> Task:
        if task.training_set is None or not task.learns_labels:
            return task
        trained = self._catalogue[task.training_set]
        labels: set[str] = set()
        for example in self.examples(trained, "train", trained.source_language):
            labels.update(labels_of(example))
        return dataclasses.replace(task, labels=tuple(sorted(labels)))

    def base(self, spec: TrialSpec) -> Base:
        """A trial's pre-trained model, loaded once."""
        return self.model(spec.model, spec.weights)

    def model(self, name: str, weights: str | None) -> Base:
        """A pre-trained model, loaded once. Raises as `load_base` does."""
        return self._bases.get((name, weights), lambda: load_base(name, weights))

    def token_layers(self, spec: TrialSpec) -> TokenLayers:
        """What a trial's pre-trained model predicts masked tokens with, loaded once. Raises as `load_token_layers`."""
        place, config = (spec.model, spec.weights), self.base(spec).encoder.config
        return self._token_layers.get(place, lambda: load_token_layers(*place, config))

    def checkpoint(self, trial_id: str) -> dict[str, torch.Tensor]:
        """A finished trial's weights: of one with LoRA those that it started from and what it added.

        Raises:
            MissingCheckpoint, DamagedCheckpoint: the trial has to be run again, or the one that it started from.
        """
        return self._checkpoints.get(trial_id, lambda: self._whole(trial_id))

    def _whole(self, trial_id: str) -> dict[str, torch.Tensor]:
        weights, spec = load_trial(self.store, trial_id)
        if spec.lora is None:
            return weights
        encoder = self.base(spec).encoder
        if spec.parent:
            before = self.checkpoint(spec.parent)
        else:
            before = {f"encoder.{name}": one for name, one in encoder.state_dict().items()}
        try:
            wanted = {f"encoder.{name}{end}" for name in adapted(encoder, spec.lora) for end in (DOWN, UP)}
            if missing := wanted - weights.keys():
                raise DamageError(f"{min(missing)} missing")
            return merged(before, weights, spec.lora)
        except DamageError as error:
            raise DamagedCheckpoint(trial_id, str(error)) from error

    def network(self, spec: TrialSpec, tasks: Sequence[Task], heads_from: Mapping[str, str]) -> Network:
        """What a trial starts from: its parent's weights or the base's, and a head for each task.

        Args:
            heads_from: the heads that its parent has trained, see `new_network`.

        Raises:
            MissingCheckpoint, DamagedCheckpoint: the parent has to be run again.
            UserError: the model has nothing to predict masked tokens with.
        """
        weights = self.checkpoint(spec.parent) if spec.parent else None
        base = self.base(spec)
        layers = self.token_layers(spec) if any(task.kind == "mlm" for task in tasks) else None
        try:
            return new_network(
                base,
                tasks,
                spec.dropout,
                weights,
                heads_from,
                masks=spec.dropout_masks,
                types=spec.token_types,
                lora=spec.lora,
                token_layers=layers,
                copies=self.device.type == "cpu",
            )
        except DamageError as error:
            assert spec.parent is not None  # whose weights do not fit
            self._checkpoints.drop(spec.parent)  # the next trial looks for better ones
            raise DamagedCheckpoint(spec.parent, str(error)) from error

    def examples(self, task: Task, split: str, language: str) -> Sequence[Example]:
        """All examples of a split in one language, read once. The labels that their gold may have are those of the
        task's file: where it names none, gold may have such as the training data has not.
        """
        own = self._catalogue[task.name]
        return self._examples.get((task.name, split, language), lambda: self.source.examples(own, split, language))

    def features(self, task: Task, split: str, language: str, spec: TrialSpec, part: Part) -> Features:
        """A part of the examples of a split in one language as a trial's model reads them, tokenised once for all."""
        place = task.name, split, language, spec.model, part

        def make() -> Features:
            base = self.base(spec)
            content = self.source.fingerprint(task, split, language)
            key = content_hash([content, task.definition, code_hash(task), base.tokenizer_hash, place])

            def tokenise() -> Iterator[list[Feature]]:
                examples = part.of(self.examples(task, split, language))
                for start in range(0, len(examples), TOKENISED_AT_ONCE):
                    chosen = examples[start : start + TOKENISED_AT_ONCE]
                    rows = kind_of(task).features(task, chosen, base.tokenizer)
                    yield [dataclasses.replace(row, example=start + row.example) for row in rows]

            return self._feature_cache.get(key, tokenise)

        return self._features.get((place, spec.weights, task.definition), make)  # a spec may change what the task says

    def tokens_at_once(self, network: Network) -> int:
        """The size of its micro-batches. With padding a CPU's cache holds a quarter, as kernels are others."""
        is_small = self.device.type == "cpu" and not network.is_packed
        return -(-self.micro_batch_tokens // 4) if is_small else self.micro_batch_tokens

    def drop_state(self, trial_id: str) -> None:
        """Removes what was saved of a trial that will not go on."""
        self.store.delete(state_name(trial_id))

    def leave_if_noticed(self) -> None:
        """Ends the trial where one of its machines is about to go away. All workers call it at the same place.

        Raises:
            MachineLeaves: on all workers.
        """
        if self.any_worker(self.noticed.is_set()):
            raise MachineLeaves("its machine was given notice")

    def any_worker(self, value: bool) -> bool:
        """Whether it is so on any worker. All workers call it at the same place."""
        if self.world_size == 1:
            return value
        anyone = torch.tensor(float(value), device=self.device)
        distributed.all_reduce(anyone, distributed.ReduceOp.MAX)
        return bool(anyone.item())

    def begin_trial(self) -> None:
        """Forgets how much memory the trial before had."""
        if self.device.type == "cuda" and torch.cuda.is_initialized():
            torch.cuda.reset_peak_memory_stats(self.device)

    def peak_memory(self) -> int:
        """The most bytes that any worker had: on its GPU since the trial began; without one, its process since its own
        beginning. All workers call it at the same place.
        """
        if self.device.type == "cuda":
            own = torch.cuda.max_memory_allocated(self.device)
        else:
            own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        if self.world_size == 1:
            return own
        most = torch.tensor(own, device=self.device)
        distributed.all_reduce(most, distributed.ReduceOp.MAX)
        return int(most.item())

    @property
    def host(self) -> str:
        """The name of this machine."""
        return socket.gethostname()

    @property
    def device_name(self) -> str:
        """What a price list calls it: the GPU's name, or `cpu`."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type

    def random_state(self) -> tuple[torch.Tensor, ...]:
        """The state of torch's random numbers, on the CPU and on this worker's GPU."""
        on_gpu = (torch.cuda.get_rng_state(self.device),) if self.device.type == "cuda" else ()
        return (torch.get_rng_state(), *on_gpu)

    def set_random_state(self, state: tuple[torch.Tensor, ...]) -> None:
        """Sets it back to what `random_state` returned."""
        torch.set_rng_state(state[0])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state[1], self.device)

    def autocast(self, spec: TrialSpec) -> AbstractContextManager[Any]:
        """The arithmetic that a trial asks for."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=spec.precision == "bf16")
