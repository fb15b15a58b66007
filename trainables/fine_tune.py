"""One fine-tuning run, from files to weights: plain PyTorch that reads top to bottom.

The recipe of the papers: AdamW with decoupled weight decay (not on biases and LayerNorm), linear warm-up and decay of
the learning rate, gradients clipped at norm 1, everything drawn from the trial's seed. A step's gradient is that of the
mean loss over the whole batch, whatever its micro-batches and however many workers share it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from transformers import get_linear_schedule_with_warmup

from trainables import tasks
from trainables.batching import Step, collate, epoch_steps, micro_batches, share, steps_per_epoch
from trainables.checkpoint import save_checkpoint
from trainables.evaluate import Evaluation, evaluate, score_split
from trainables.kinds import Feature, kind_of
from trainables.model import TABLE, Network, new_network
from trainables.reports import Report, TrialError
from trainables.spec import TrialSpec
from trainables.tasks import Task
from trainables.vocabulary import TrimmedVocabulary
from trainables.workbench import Workbench

ADAM_EPSILON = 1e-8
MAX_GRADIENT_NORM = 1.0


def run_trial(spec: TrialSpec, bench: Workbench, started: float) -> Iterator[Report]:
    """Does what a spec says. `started` is when the trial was sent off, in seconds since the epoch."""
    return evaluate(spec, bench, started) if spec.phase == "evaluate" else fine_tune(spec, bench, started)


def fine_tune(spec: TrialSpec, bench: Workbench, started: float) -> Iterator[Report]:
    """Trains on the spec's tasks, reports after every epoch, and leaves the final weights in the store.

    Raises:
        TrialError: the loss is no longer finite, or there is nothing to train on.
    """
    assert spec.learning_rate is not None and spec.weight_decay is not None and spec.warmup is not None
    assert spec.epochs is not None and spec.batch_size is not None  # a training spec has all hyper-parameters
    training_sets = [tasks.load(name) for name in spec.tasks]
    base = bench.base(spec.model)
    parent = bench.checkpoint(spec.parent).weights if spec.parent else None
    features = {task.name: training_features(spec, bench, task) for task in training_sets}
    development = [
        (task, bench.split(task, "dev", "en", spec.model, slice(spec.eval_examples))) for task in training_sets
    ]

    torch.manual_seed(spec.seed)
    encoder_weights = parent and {name: value for name, value in parent.items() if name.startswith("encoder.")}
    network = new_network(base, training_sets, spec.dropout, encoder_weights)
    met = [*features.values(), *(split.features for _, split in development)]
    token_ids = {token for rows in met for feature in rows for token in feature.input_ids}
    vocabulary = TrimmedVocabulary(network.encoder, token_ids, base.tokenizer.pad_token_id)
    network.to(bench.device)
    replica: nn.Module = network
    if bench.world_size > 1:
        torch.manual_seed(spec.seed * 1009 + bench.rank)  # workers drop different units
        replica = DistributedDataParallel(
            network, broadcast_buffers=False, init_sync=False, find_unused_parameters=len(training_sets) > 1
        )

    optimizer = torch.optim.AdamW(
        parameter_groups(network, spec.weight_decay), lr=spec.learning_rate, eps=ADAM_EPSILON, fused=True
    )
    total = spec.epochs * steps_per_epoch(features, spec.batch_size)
    schedule = get_linear_schedule_with_warmup(optimizer, round(spec.warmup * total), total)
    startup = None
    trained, training_seconds = 0, 0.0
    for epoch in range(1, spec.epochs + 1):
        begun = time.monotonic()
        losses = []
        network.train()
        for step in epoch_steps(features, spec.batch_size, spec.seed, epoch):
            startup = startup or time.time() - started
            losses.append(backward(replica, step, spec, bench, vocabulary, base.tokenizer.pad_token_id))
            norm = float(nn.utils.clip_grad_norm_(network.parameters(), MAX_GRADIENT_NORM))
            if not math.isfinite(norm):  # the same on all workers, which must stop together
                raise TrialError(f"the gradient is {norm} in epoch {epoch}, learning rate {spec.learning_rate:g}")
            vocabulary.record_step(schedule.get_last_lr()[0], spec.weight_decay)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            trained += len(step.features)
        training_seconds += time.monotonic() - begun

        found = [score_split(network, spec, bench, task, "dev", "en", split, vocabulary) for task, split in development]
        last = epoch == spec.epochs
        if last and bench.rank == 0:
            save_checkpoint(bench.store, spec, whole_weights(network, vocabulary))
        yield Report(
            progress=epoch / spec.epochs,
            epoch=epoch,
            loss=mean_over_workers(sum(losses) / len(losses), bench),
            objective=objective(found),
            startup_seconds=startup,
            examples_per_second=trained / training_seconds,
            scores=tuple(score for one in found for score in one.scores) if last else (),
        )


def training_features(spec: TrialSpec, bench: Workbench, task: Task) -> list[Feature]:
    """A task's features in the spec's languages, of at most `train_examples` examples spread evenly over them.

    Of parallel data each language gives other examples: the i-th of n languages gives the i-th of every n.
    """
    languages = [language for language in bench.source.languages(task, "train") if language in spec.languages]
    rows: list[Feature] = []
    for position, language in enumerate(languages):
        size = len(bench.examples(task, "train", language))
        part = share_of_language(size, spec.train_examples, position, len(languages))
        split = bench.split(task, "train", language, spec.model, part)
        rows += [feature for feature in split.features if feature.weight]
    if not rows:
        raise TrialError(f"no example of '{task.name}' can be trained on in {', '.join(spec.languages)}")
    return rows


def share_of_language(size: int, limit: int | None, position: int, languages: int) -> slice:
    """Which of its examples one of several languages gives: all without a limit, else every n-th up to its share."""
    if limit is None:
        return slice(None)
    count = limit // languages + (position < limit % languages)
    return slice(position, position + languages * count, languages) if languages * count <= size else slice(count)


def backward(
    replica: nn.Module, step: Step, spec: TrialSpec, bench: Workbench, vocabulary: TrimmedVocabulary, pad_id: int
) -> float:
    """Adds the gradient of a step's mean loss; returns this worker's part of that loss, times the number of workers.

    DistributedDataParallel averages over workers, so each worker's sum is scaled up by their number.
    """
    loss_of = kind_of(tasks.load(step.task)).loss
    mine = list(micro_batches(share(step.features, bench.rank, bench.world_size), bench.micro_batch_tokens))
    scale = bench.world_size / step.weight
    total = 0.0
    for position, rows in enumerate(mine, start=1):
        batch = collate(rows, pad_id)
        input_ids = vocabulary.translate(batch.input_ids).to(bench.device)
        waits = isinstance(replica, DistributedDataParallel) and position < len(mine)
        with replica.no_sync() if waits else nullcontext():  # type: ignore[operator]
            with bench.autocast(spec):
                outputs = replica(step.task, input_ids, batch.mask.to(bench.device))
                loss = loss_of(outputs.float(), batch.targets.to(bench.device)) * scale
            loss.backward()
        total += loss.item()
    return total


def mean_over_workers(value: float, bench: Workbench) -> float:
    """The mean of a number that each worker has its own of."""
    if bench.world_size == 1:
        return value
    total = torch.tensor(value, device=bench.device)
    distributed.all_reduce(total)
    return total.item() / bench.world_size


def parameter_groups(network: Network, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay on matrices, none on biases and LayerNorm."""
    decayed = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def objective(found: Sequence[Evaluation]) -> float:
    """The plain mean over tasks of their main English development score."""
    values = [score.value for one in found for score in one.scores if score.main]
    if any(value is None for value in values):
        raise TrialError("the English development set has no labels")
    return sum(value for value in values if value is not None) / len(values)


def whole_weights(network: Network, vocabulary: TrimmedVocabulary) -> dict[str, torch.Tensor]:
    """The network's weights on the CPU, with the embeddings of the whole vocabulary."""
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    return {**weights, TABLE: vocabulary.whole_table()}
