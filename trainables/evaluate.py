"""Scoring: a network's predictions on one split, and what the task's metric makes of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import distributed

from trainables import tasks
from trainables.batching import collate, micro_batches
from trainables.kinds import Feature, Prediction, kind_of
from trainables.metrics import METRICS
from trainables.model import Network, new_network
from trainables.reports import PredictionRow, Report, Score
from trainables.spec import TrialSpec
from trainables.tasks import Task
from trainables.vocabulary import TrimmedVocabulary
from trainables.workbench import Split, Workbench


class Evaluation(NamedTuple):
    """The scores of one task, split and language, and the predictions behind them."""

    scores: list[Score]
    predictions: list[PredictionRow]


def head_name(task: Task) -> str:
    """The head that answers a task: that of its training set (`mnli` for xnli), or its own if it is never trained."""
    return task.training_set or task.name


def evaluate(spec: TrialSpec, bench: Workbench, started: float) -> Iterator[Report]:
    """Scores a trained trial (or the base model) on every target and language that it has data for.

    Args:
        spec: phase evaluate: `parent` is the trial, `tasks` are the targets.
        started: when the trial was sent off, in seconds since the epoch.
    """
    targets = [tasks.load(name) for name in spec.tasks]
    heads = [tasks.load(name) for name in dict.fromkeys(map(head_name, targets))]
    base = bench.base(spec.model)
    weights = bench.checkpoint(spec.parent).weights if spec.parent else None
    network = new_network(base, heads, spec.dropout, weights).to(bench.device)
    work = [
        (task, language)
        for task in targets
        for language in bench.source.languages(task, task.score_on)
        if language in spec.languages
    ]
    startup, done, seconds = None, 0, 0.0
    scores: list[Score] = []
    predictions: list[PredictionRow] = []
    for position, (task, language) in enumerate(work, start=1):
        split = bench.split(task, task.score_on, language, spec.model, slice(spec.eval_examples))
        startup = startup or time.time() - started
        begun = time.monotonic()
        found = score_split(network, spec, bench, task, task.score_on, language, split)
        seconds += time.monotonic() - begun
        done += len(split.features)
        scores += found.scores
        predictions += found.predictions
        last = position == len(work)
        yield Report(
            progress=position / len(work),
            startup_seconds=startup,
            examples_per_second=done / seconds,
            scores=tuple(scores) if last else (),
            predictions=tuple(predictions) if last else (),
        )


def score_split(
    network: Network,
    spec: TrialSpec,
    bench: Workbench,
    task: Task,
    split_name: str,
    language: str,
    split: Split,
    vocabulary: TrimmedVocabulary | None = None,
) -> Evaluation:
    """Predicts a whole split and scores it. A split without gold labels gets predictions and scores of None."""
    kind = kind_of(task)
    found = outputs(network, spec, bench, head_name(task), split.features, vocabulary)
    predicted = kind.predictions(task, split.examples, split.features, found)
    gold = kind.gold(split.examples)
    metric = METRICS[task.metric]
    values: Mapping[str, float | None] = {task.main_metric: None}
    chance = values
    if gold is not None:
        values, chance = metric(gold, predicted), metric(gold, kind.guesses(task, split.examples))
    scores = [
        Score(
            target=task.name,
            training_set=task.training_set,
            language=language,
            split=split_name,
            metric=name,
            main=name == task.main_metric,
            value=value,
            chance=chance[name],
            n=len(split.examples),
        )
        for name, value in values.items()
    ]
    rows = [
        PredictionRow(task.name, language, split_name, example.id, _text(prediction))
        for example, prediction in zip(split.examples, predicted, strict=True)
    ]
    return Evaluation(scores, rows)


def _text(prediction: Prediction) -> str:
    return prediction if isinstance(prediction, str) else " ".join(prediction)


@torch.inference_mode()
def outputs(
    network: Network,
    spec: TrialSpec,
    bench: Workbench,
    head: str,
    features: Sequence[Feature],
    vocabulary: TrimmedVocabulary | None = None,
) -> list[np.ndarray]:
    """The head's outputs for each feature, without padding, in the features' order; on every worker the same."""
    network.eval()
    mine = range(bench.rank, len(features), bench.world_size)
    place = {id(features[position]): position for position in mine}
    found: dict[int, np.ndarray] = {}
    pad_id = bench.base(spec.model).tokenizer.pad_token_id
    for rows in micro_batches([features[position] for position in mine], bench.micro_batch_tokens):
        batch = collate(rows, pad_id)
        input_ids = vocabulary.translate(batch.input_ids) if vocabulary else batch.input_ids
        with bench.autocast(spec):
            result = network(head, input_ids.to(bench.device), batch.mask.to(bench.device))
        for row, values in zip(rows, result.float().cpu().numpy(), strict=True):
            per_token = values.ndim == 2
            found[place[id(row)]] = values[: len(row.input_ids)] if per_token else values
    if bench.world_size > 1:
        parts: list[dict[int, np.ndarray]] = [{}] * bench.world_size
        distributed.all_gather_object(parts, found)
        found = {position: values for part in parts for position, values in part.items()}
    return [found[position] for position in range(len(features))]
