"""One fine-tuning run, from files to weights: plain PyTorch that reads top to bottom.

The recipe of the papers: AdamW with decoupled weight decay (not on biases and LayerNorm), linear warm-up and decay of
the learning rate, gradients clipped at norm 1, everything drawn from the trial's seed. A step's gradient is that of the
mean loss over the whole batch, whatever its micro-batches and however many workers share it. With dropout on that holds
for the masks that were drawn, and these depend on device, workers and micro-batches.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from transformers import get_linear_schedule_with_warmup

from trainables.data import references
from trainables.features import Features
from trainables.kinds.mlm import Masks
from trainables.models.checkpoint import save_checkpoint
from trainables.models.network import Network, table_name
from trainables.models.vocabulary import TrimmedVocabulary
from trainables.reports import Report, TrialError
from trainables.spec import TrialSpec
from trainables.tasks import CHOOSES_LAST, Task
from trainables.training.adamw import AdamW
from trainables.training.best import BestWeights, Verdict
from trainables.training.evaluate import Scorer, Split, as_asked, evaluate, load_split
from trainables.training.gradient import StepGradient
from trainables.training.mixture import Mixture
from trainables.training.shares import Part, shares
from trainables.training.state import TrialState
from trainables.training.watch import Watch
from trainables.training.workbench import Workbench


def run_trial(spec: TrialSpec, bench: Workbench, started: float) -> Iterator[Report]:
    """Does what a spec says. `started` is when the trial was sent off, in seconds since the epoch."""
    bench.begin_trial()
    return evaluate(spec, bench, started) if spec.phase == "evaluate" else fine_tune(spec, bench, started)


def fine_tune(spec: TrialSpec, bench: Workbench, started: float) -> Iterator[Report]:
    """Trains on the spec's tasks, reports after every epoch, and leaves its last or its best weights in the store.

    Goes on from the state that an earlier run of the same spec has saved: its reports are not repeated.

    Raises:
        TrialError: the loss is no longer finite, or there is nothing to train on.
        MachineLeaves: a machine is about to go away; the state is saved.
    """
    assert spec.learning_rate is not None and spec.weight_decay is not None and spec.warmup is not None
    assert spec.epochs is not None and spec.batch_size is not None  # a training spec has all hyper-parameters
    training_sets = [as_asked(bench.task(name), spec) for name in spec.tasks]
    features = {task.name: training_features(spec, bench, task) for task in training_sets}
    tokenizer = bench.base(spec).tokenizer
    masks = {task.name: Masks(tokenizer) for task in training_sets if task.kind == "mlm"}
    development = [development_split(spec, bench, task) for task in training_sets]

    torch.manual_seed(spec.seed)
    network = bench.network(spec, training_sets, carried_on(spec, training_sets))
    mixture = Mixture(features, spec.recipe, spec.batch_size, spec.seed, masks)
    trained_on = (rows for by_language in features.values() for rows in by_language.values())
    met = [*trained_on, *(part.features for splits in development for part in splits)]
    if masks:  # each token is one that might stand there
        token_ids = np.arange(network.state_dict()[table_name(network.encoder)].shape[0])
    else:
        token_ids = np.unique(np.concatenate([rows.token_ids() for rows in met]))
    vocabulary = TrimmedVocabulary(network.encoder, token_ids, tokenizer.pad_token_id, frozen=spec.lora is not None)
    network.renumber(vocabulary.translate)
    if spec.precision == "bf16":
        network.halve_frozen()
    if bench.gradient_checkpointing:
        network.compute_layers_again()
    network.to(bench.device)
    replica: nn.Module = network
    if bench.world_size > 1:
        torch.manual_seed(spec.seed * 1009 + bench.rank)  # workers drop different units
        is_partly_used = len(training_sets) > 1 or any(head.layer is not None for head in network.heads.children())
        replica = DistributedDataParallel(
            network, broadcast_buffers=False, init_sync=False, find_unused_parameters=is_partly_used
        )

    optimizer = AdamW(network, spec.learning_rate, spec.weight_decay)
    steps = mixture.steps_per_epoch
    total = spec.epochs * steps
    schedule = get_linear_schedule_with_warmup(optimizer, round(spec.warmup * total), total)
    gradient = StepGradient(network, replica, training_sets, spec, bench, vocabulary)
    optimizer.keeps_gradients = gradient.keeps_gradients
    best = BestWeights(network, vocabulary, total, bench.rank == 0) if spec.checkpoint == "best" else None
    state = TrialState(spec, bench, network, optimizer, schedule, vocabulary, best)
    at = state.restore()
    resumed = (at.epoch - 1) * steps + at.step
    startup, halvings = None, bench.halvings
    for epoch in range(at.epoch, spec.epochs + 1):
        startup = startup or time.time() - started
        begun = time.monotonic() - at.seconds
        network.train()
        watch = Watch(at.loss, bench.device)
        for step in mixture.steps(epoch, at.step):
            watch.add(gradient.add(step), optimizer.clipped_step())
            vocabulary.record_step(schedule.get_last_lr()[0], spec.weight_decay)
            schedule.step()
            at.step += 1
            is_saved = state.is_due(at.step)
            if is_saved or at.step == steps or watch.is_due(at.step):
                try:
                    at.loss = watch.loss()
                except TrialError as error:
                    state.drop()  # from there it would come to the same end
                    where = f"in epoch {epoch}, learning rate {spec.learning_rate:g}"
                    raise TrialError(f"{error} {where}") from error
            at.features += len(step.features)
            at.tokens += sum(len(row) for feature in step.features for row in feature.rows)
            at.seconds = time.monotonic() - begun
            if best and at.step < steps and (epoch - 1) * steps + at.step in best.steps:
                best.offer(verdict(Scorer(network, spec, bench, vocabulary), development))
                network.train()
                begun = time.monotonic() - at.seconds
            if is_saved:
                state.save(at)
                bench.leave_if_noticed()

        kept = verdict(Scorer(network, spec, bench, vocabulary), development)
        loss = mean_over_workers(at.loss / at.step, bench)
        curve, losses = (*at.curve, kept.objective), (*at.losses, loss)
        at = replace(at, epoch=epoch + 1, step=0, loss=0.0, curve=curve, losses=losses)
        if best and epoch * steps in best.steps:
            best.offer(kept)
        last = epoch == spec.epochs
        if not last:
            state.save(at)
        else:
            kept = best.put_back() if best else kept
            if bench.rank == 0:
                save_checkpoint(bench.store, spec, whole_weights(network, vocabulary))
                state.drop()
        yield Report(
            progress=epoch / spec.epochs,
            epoch=epoch,
            loss=loss,
            objective=kept.objective,
            startup_seconds=startup,
            examples_per_second=at.features / at.seconds,
            scores=kept.scores if last else (),
            predictions=kept.predictions if last else (),
            curve=at.curve,
            losses=at.losses,
            collapsed=last and kept.collapsed,
            device=bench.device_name,
            host=bench.host,
            workers=bench.world_size,
            peak_memory=bench.peak_memory(),
            features=at.features // epoch,
            tokens=at.tokens // epoch,
            steps=epoch * steps,
            trained=mixture.trained(epoch),
            resumed=resumed,
            halvings=bench.halvings - halvings,
            micro_batch_tokens=bench.micro_batch_tokens,
        )


def carried_on(spec: TrialSpec, training_sets: Sequence[Task]) -> dict[str, str]:
    """The heads that a trial takes over from its parent, for its own: the spec's, or of a training set that it comes
    `after`.

    Other heads are dropped. copa goes on with siqa's head as XTREME-R's scripts do: its 400 examples are too few for a
    new one.
    """
    return {task.name: head for task in training_sets if (head := spec.head or task.after)}


def training_features(spec: TrialSpec, bench: Workbench, task: Task) -> dict[str, Features]:
    """A task's features by language, as far as they count.

    Of at most as many examples as the spec and its recipe allow, spread evenly over the languages.
    """
    wanted = spec.languages_of(task.name)
    languages = [language for language in bench.source.languages(task, "train") if language in wanted]
    limit = spec.most_examples(task.name, lambda: len(bench.examples(task, "train", task.source_language)))
    parts = [Part()] * len(languages)
    if limit is not None:  # else nobody has to read the examples behind features that are there
        sizes = [len(bench.examples(task, "train", language)) for language in languages]
        counts = shares(limit, sizes)
        parts = [Part(count, position, len(languages)) for position, count in enumerate(counts)]
    rows = {
        language: bench.features(task, "train", language, spec, part).that_count()
        for language, part in zip(languages, parts, strict=True)
    }
    found = {language: one for language, one in rows.items() if len(one)}
    if not found:
        raise TrialError(f"no example of '{task.name}' can be trained on in {', '.join(wanted)}")
    return found


def development_split(spec: TrialSpec, bench: Workbench, task: Task) -> list[Split]:
    """The development set in the source language, and the splits that its predictions look at."""
    language = task.source_language
    wanted = [("dev", language), *references(bench.source, task, "dev", language)]
    return [load_split(spec, bench, task, split, one) for split, one in wanted]


def mean_over_workers(value: float, bench: Workbench) -> float:
    """The mean of a number that each worker has its own of."""
    if bench.world_size == 1:
        return value
    total = torch.tensor(value, device=bench.device)
    distributed.all_reduce(total)
    return total.item() / bench.world_size


def verdict(scorer: Scorer, development: Sequence[Sequence[Split]]) -> Verdict:
    """What the development sets say about a network: the objective is the plain mean over tasks of what chooses each.

    Of tasks of several kinds some do not count (CHOOSES_LAST). All workers take part. Raises TrialError where labels
    are hidden.
    """
    found = [scorer.score(split, references) for split, *references in development]
    if any(one.objective is None for one in found):
        raise TrialError("the development set has no labels")
    scores = tuple(score for one in found for score in one.scores)
    predictions = tuple(one.predicted for one in found)
    places = [CHOOSES_LAST.get(split.task.kind, 0) for split, *_ in development]
    counted = [one for one, place in zip(found, places, strict=True) if place == min(places)]
    values = [one.objective for one in counted if one.objective is not None]
    return Verdict(sum(values) / len(values), scores, all(one.collapsed for one in counted), predictions)


def whole_weights(network: Network, vocabulary: TrimmedVocabulary) -> dict[str, torch.Tensor]:
    """The network's weights on the CPU, with the embeddings of the whole vocabulary; of frozen ones what LoRA adds."""
    weights = {name: value.detach().cpu().contiguous() for name, value in network.trained().items()}
    return weights if vocabulary.frozen else {**weights, table_name(network.encoder): vocabulary.whole_table()}
