"""The gradient of one optimizer step: that of the mean loss over the whole batch, in pieces that fit into memory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from trainables.features import Feature
from trainables.kinds import IGNORED, Head, kind_of, pad
from trainables.models.dropout import Key
from trainables.models.network import Network
from trainables.models.packed_rows import PackedRows
from trainables.models.vocabulary import TrimmedVocabulary
from trainables.spec import TrialSpec
from trainables.tasks import Task
from trainables.training.batching import collate, micro_batches, on_device, share, single_rows
from trainables.training.graphs import Graphs, padded
from trainables.training.memory import in_pieces_that_fit
from trainables.training.mixture import Step
from trainables.training.workbench import Workbench


class StepGradient:
    """The gradients of steps for a network's parameters, whatever the micro-batches and the number of workers.

    But for dropout: unless its masks belong to rows, they are drawn micro-batch by micro-batch, on each worker in its
    own way.

    The parameters have none before a step: what a step adds that runs out of memory is dropped with all there is.

    Args:
        replica: the network itself, or the DistributedDataParallel around it.
    """

    def __init__(
        self,
        network: Network,
        replica: nn.Module,
        training_sets: Sequence[Task],
        spec: TrialSpec,
        bench: Workbench,
        vocabulary: TrimmedVocabulary,
    ) -> None:
        self._network, self._replica = network, replica
        self._losses = {task.name: partial(kind_of(task).loss, task) for task in training_sets}
        self._spec, self._bench, self._vocabulary = spec, bench, vocabulary
        self._pad_id = bench.base(spec).tokenizer.pad_token_id
        self._graphs = None
        if can_be_recorded(network, bench, spec):
            self._graphs = Graphs(network, bench.device, torch.bfloat16)

    @property
    def keeps_gradients(self) -> bool:
        """Whether gradients stay where they are after a step: recordings write to that place."""
        return self._graphs is not None

    def _drop(self) -> None:
        self._network.zero_grad(set_to_none=not self.keeps_gradients)

    def add(self, step: Step) -> Tensor:
        """Returns this worker's part of the step's mean loss, times the number of workers: a number, on the device.

        One worker alone takes smaller micro-batches when memory runs out. Of several none can: the others wait for it
        in the middle of the step.
        """
        head = self._network.heads[step.task]
        assert isinstance(head, Head)
        compute = self._add_coupled if head.couples else self._add_independent
        if self._bench.world_size > 1:
            return compute(step)
        pieces = single_rows(step.features) if head.couples else step.features
        return in_pieces_that_fit(self._bench, pieces, lambda: compute(step), undo=self._drop)

    def _add_independent(self, step: Step) -> Tensor:
        """Micro-batch by micro-batch: the loss is a sum over features.

        DistributedDataParallel averages over workers, so each worker's sum is scaled up by their number.
        """
        bench = self._bench
        total = torch.zeros((), device=bench.device)
        mine = self._cut(share(step.features, bench.rank, bench.world_size))
        scale = step.scale * bench.world_size / step.weight
        if self._graphs:
            is_small = len(mine) == 1 and all(len(feature.rows) == 1 for feature in step.features)
            if is_small and (recorded := self._recorded(step.task, mine[0], scale)) is not None:
                return recorded
            self._drop()
        for position, features in enumerate(mine, start=1):
            with self._waiting(position < len(mine)):
                outputs, targets = self._forward(self._replica, step.task, features, _keys(step, features))
                loss = self._losses[step.task](outputs, targets) * scale
                loss.backward()
            total += loss.detach()
        return total

    def _recorded(self, task: str, features: Sequence[Feature], scale: float) -> Tensor | None:
        """The loss of a step whose gradient a recording has computed; None where there is none."""

        def forward(input_ids: Tensor, rows: PackedRows, targets: Tensor) -> Tensor:
            with self._bench.autocast(self._spec):
                outputs = self._network(task, input_ids, rows, targets)
            return self._losses[task](outputs.float(), targets)

        assert self._graphs is not None
        batch = padded(features, self._pad_id)
        batch = batch._replace(input_ids=self._vocabulary.translate(batch.input_ids))
        return self._graphs.compute(task, batch, scale, forward)

    def _add_coupled(self, step: Step) -> Tensor:
        """Where every row's loss depends on all rows: first all outputs, then their gradients, then the network's.

        The outputs of all workers' rows are computed without a graph; the loss's gradient by them is exact; each
        micro-batch is computed again, with the same dropout, to take its part of that gradient back through the
        network (Gao et al. 2021, https://aclanthology.org/2021.repl4nlp-1.31).
        """
        bench = self._bench
        shares = [share(step.features, rank, bench.world_size) for rank in range(bench.world_size)]
        mine = shares[bench.rank]
        rows = single_rows(mine)
        keys = _keys(step, mine)
        batches = self._cut(rows)
        states, parts = [], []
        with torch.no_grad():
            for features in batches:
                states.append(bench.random_state())
                own_keys = [keys[feature.example] for feature in features]
                parts.append(self._forward(self._network, step.task, features, own_keys)[0])
        order = on_device(torch.tensor([feature.example for features in batches for feature in features]), bench.device)
        outputs = torch.cat(parts)[order.argsort()]
        everything, first = self._gathered(outputs, shares)
        everything.requires_grad_()
        targets = pad([feature.target for one in shares for feature in one if feature.weight], IGNORED)
        loss = self._losses[step.task](everything, on_device(targets, bench.device)) * (step.scale / step.weight)
        (gradient,) = torch.autograd.grad(loss, everything)
        own = gradient[first : first + len(rows)] if sum(feature.weight for feature in mine) else outputs * 0
        after = bench.random_state()
        for position, (features, state) in enumerate(zip(batches, states, strict=True), start=1):
            bench.set_random_state(state)
            with self._waiting(position < len(batches)):
                own_keys = [keys[feature.example] for feature in features]
                again, _ = self._forward(self._replica, step.task, features, own_keys)
                places = on_device(torch.tensor([feature.example for feature in features]), bench.device)
                (again * own[places]).sum().mul(bench.world_size).backward()
        bench.set_random_state(after)
        return loss.detach()

    def _cut(self, features: Sequence[Feature]) -> list[list[Feature]]:
        return list(micro_batches(features, self._bench.tokens_at_once(self._network), self._network.is_packed))

    def _gathered(self, outputs: Tensor, shares: Sequence[Sequence[Feature]]) -> tuple[Tensor, int]:
        """The outputs of all workers' rows, without those of idle workers, and where this worker's begin."""
        world_size, rank = self._bench.world_size, self._bench.rank
        if world_size == 1:
            return outputs.clone(), 0
        counts = [sum(len(feature.rows) for feature in one if feature.weight) for one in shares]
        padded = outputs.new_zeros(max(len(outputs), *counts), outputs.shape[1])
        padded[: len(outputs)] = outputs
        everyone = [torch.empty_like(padded) for _ in range(world_size)]
        distributed.all_gather(everyone, padded)
        return torch.cat([part[:count] for part, count in zip(everyone, counts, strict=True)]), sum(counts[:rank])

    def _forward(
        self, network: nn.Module, task: str, features: Sequence[Feature], keys: Sequence[Key]
    ) -> tuple[Tensor, Tensor]:
        batch = collate(features, self._pad_id)
        device = self._bench.device
        if self._network.masks is not None:
            self._network.masks.begin(keys, batch.mask.sum(dim=1).tolist(), device)
        input_ids = on_device(self._vocabulary.translate(batch.input_ids), device)
        targets = on_device(batch.targets, device)
        with self._bench.autocast(self._spec):
            outputs = network(task, input_ids, batch.mask, targets)
        return outputs.float(), targets

    def _waiting(self, more: bool) -> Any:
        """While more micro-batches follow, workers do not exchange gradients yet."""
        return self._replica.no_sync() if more and isinstance(self._replica, DistributedDataParallel) else nullcontext()


def can_be_recorded(network: Network, bench: Workbench, spec: TrialSpec) -> bool:
    """Whether a trial's steps can be CUDA graphs: kernels whose shapes follow from those of their inputs.

    Of one head: the gradients of another task's would stay as zeros, and AdamW moves by them, as it does not by none.
    """
    return (
        bench.device.type == "cuda"
        and bench.world_size == 1
        and network.is_packed
        and len(network.heads) == 1
        and spec.precision == "bf16"  # of float32 attention is computed in a padded grid
        and not any(head.predicts_tokens or head.couples or head.layer is not None for head in network.heads.children())
    )


def _keys(step: Step, features: Sequence[Feature]) -> list[Key]:
    """What the random numbers of each row of some features come from: its place in the step.

    The feature of an idle worker is in no step, and counts nothing.
    """
    places = {id(feature): place for place, feature in enumerate(step.features)}
    return [(*step.place, places.get(id(one), -1), row) for one in features for row in range(len(one.rows))]
