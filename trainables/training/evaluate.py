"""Scoring: a network's predictions on one split, and what the task's metric makes of them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from trainables.data import references as references_of
from trainables.data.examples import Example, Question
from trainables.errors import UserError
from trainables.features import Feature, Features, Rows
from trainables.kinds import Encoded, Prediction, kind_of
from trainables.metrics import METRICS
from trainables.metrics.checklist import Expected, cases
from trainables.models.network import Network
from trainables.models.vocabulary import TrimmedVocabulary
from trainables.reports import ERROR_RATE, Predicted, Report, Score, TrialError
from trainables.spec import TrialSpec
from trainables.tasks import Task
from trainables.training.batching import collate, on_device
from trainables.training.memory import in_pieces_that_fit
from trainables.training.outputs import Outputs, batches
from trainables.training.shares import Part
from trainables.training.workbench import Workbench

_OF_A_TARGET = (UserError, TrialError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What goes wrong with one target and may go well with the next one. Machines and memory have other errors."""


class Split(NamedTuple):
    """What is scored: a task's examples in one split and language, and their features."""

    task: Task
    name: str
    language: str
    examples: Sequence[Example]
    features: Features
    part: Part = Part()


class Evaluation(NamedTuple):
    """The scores of one split, and the predictions behind them.

    Attributes:
        main: the score of the task's main metric.
        objective: what chooses among trials, None where the labels are hidden.
        collapsed: whether the predictions are those of a model that has learnt nothing: no better than chance, or one
            answer to everything. (One answer that is right everywhere is that of a split which has no other.)
    """

    main: Score
    objective: float | None
    scores: list[Score]
    predicted: Predicted
    collapsed: bool


def load_split(spec: TrialSpec, bench: Workbench, task: Task, name: str, language: str) -> Split:
    """The examples of a split that a trial's limits leave."""
    part = Part(spec.eval_examples)
    features = bench.features(task, name, language, spec, part)
    return Split(task, name, language, part.of(bench.examples(task, name, language)), features, part)


def head_name(task: Task) -> str:
    """The head that answers a task: that of its training set (`mnli` for xnli), or its own if it is never trained."""
    return task.training_set or task.name


def evaluate(spec: TrialSpec, bench: Workbench, started: float) -> Iterator[Report]:
    """Scores a trained trial (or the base model) on every target, split and language that it has data for.

    Args:
        spec: phase evaluate: `parent` is the trial, `tasks` are the targets.
        started: when the trial was sent off, in seconds since the epoch.

    Raises:
        TrialError: some targets cannot be scored; it has the report of the others.
    """
    targets = [as_asked(bench.task(name), spec) for name in spec.tasks]
    heads = [as_asked(bench.task(name), spec) for name in dict.fromkeys(map(head_name, targets))]
    network = bench.network(spec, heads, {head.name: spec.head or head.name for head in heads}).to(bench.device)
    scorer = Scorer(network, spec, bench)
    work = [
        (task, split, language)
        for task in targets
        for split in task.evaluated
        for language in bench.source.languages(task, split)
        if language in spec.languages
    ]
    startup, done, seconds, halvings = None, 0, 0.0, bench.halvings
    scores: list[Score] = []
    predictions: list[Predicted] = []
    unscored: dict[str, str] = {}  # targets, and why
    for position, (task, name, language) in enumerate(work, start=1):
        last = position == len(work)
        if task.name not in unscored:
            begun = time.monotonic()
            try:
                wanted = [(name, language), *references_of(bench.source, task, name, language)]
                split, *references = (load_split(spec, bench, task, *one) for one in wanted)
                startup = startup or time.time() - started
                begun = time.monotonic()
                found = scorer.score(split, references)
            except _OF_A_TARGET as error:
                unscored[task.name] = f"{task.name} ({name}, {language}): {error or type(error).__name__}"
            else:
                done += len(split.features)
                scores += found.scores
                predictions.append(found.predicted)
            seconds += time.monotonic() - begun
        report = Report(
            progress=position / len(work),
            startup_seconds=startup,
            examples_per_second=done / seconds if seconds else None,
            # A target without some of its languages would have another mean: it has no scores at all.
            scores=tuple(one for one in scores if one.target not in unscored) if last else (),
            predictions=tuple(one for one in predictions if one.target not in unscored) if last else (),
            device=bench.device_name,
            host=bench.host,
            workers=bench.world_size,
            peak_memory=bench.peak_memory(),
            features=scorer.features,
            tokens=scorer.tokens,
            halvings=bench.halvings - halvings,
            micro_batch_tokens=bench.micro_batch_tokens,
        )
        if last and unscored:
            raise TrialError("; ".join(unscored.values()), report)
        yield report


def as_asked(task: Task, spec: TrialSpec) -> Task:
    """The task with what the spec says instead of it: how much the encoder sees, and which vectors of bitext tasks."""
    length = spec.max_length or task.max_length
    return dataclasses.replace(
        task,
        max_length=length,
        max_question=min(task.max_question, length),  # retrieval's queries are rows of their own
        layer=task.layer if spec.layer is None else Fraction(spec.layer),
        pooling=spec.pooling or task.pooling,
    )


class Scorer:
    """A network in a certain state of its weights, which predicts and scores whole splits.

    What several splits refer to, such as the candidates of a retrieval task, is encoded once.

    Attributes:
        features, tokens: how many have been encoded, over all workers, without padding.
    """

    def __init__(
        self, network: Network, spec: TrialSpec, bench: Workbench, vocabulary: TrimmedVocabulary | None = None
    ) -> None:
        self._network, self._spec, self._bench, self._vocabulary = network, spec, bench, vocabulary
        self._references: dict[tuple[str, str, str], Encoded] = {}
        self.features = self.tokens = 0

    def score(self, split: Split, references: Sequence[Split]) -> Evaluation:
        """Predicts a split and scores it. Its examples are kept, too."""
        kind = kind_of(split.task)
        encoded, known = self._encode(split), [self._encode_once(reference) for reference in references]
        predicted = kind.predictions(split.task, encoded, known)
        place = split.task, split.name, split.language, split.part, self._bench.base(self._spec).tokenizer_hash
        examples = self._bench.kept.keep(*place, split.features, lambda: kind.gold(split.examples, known))
        return scored(split, known, predicted, examples, kind.confidences(split.task, encoded))

    def _encode_once(self, split: Split) -> Encoded:
        place = split.task.name, split.name, split.language
        if place not in self._references:
            self._references[place] = self._encode(split)
        return self._references[place]

    def _encode(self, split: Split) -> Encoded:
        outputs = self.outputs(head_name(split.task), split.features)
        return Encoded(split.examples, split.features, outputs)

    def outputs(self, head: str, features: Features) -> Sequence[np.ndarray] | np.ndarray:
        """The head's outputs for each feature, without padding, in the features' order; on every worker the same.

        All rows are computed in the order of their lengths, whatever features they are of.
        """
        bench, rows = self._bench, features.rows()
        self.features += len(features)
        self.tokens += int(rows.length.sum())
        mine = np.argsort(-rows.length, kind="stable")[bench.rank :: bench.world_size]
        longest = _single(features, rows, mine[:1])
        found = in_pieces_that_fit(bench, longest, lambda: self._computed(head, features, rows, mine))
        if bench.world_size > 1:
            found.exchange(bench.world_size, bench.device)
        return found.by_feature(np.bincount(rows.feature, minlength=len(features)))

    @torch.inference_mode()
    def _computed(self, head: str, features: Features, rows: Rows, mine: np.ndarray) -> Outputs:
        """Those of some rows, the longest first, on this worker."""
        self._network.eval()
        found = Outputs(rows.length)
        for part in batches(rows.length[mine], self._bench.tokens_at_once(self._network)):
            found.add(mine[part], self._forward(head, _single(features, rows, mine[part])))
        found.settle()
        return found

    def _forward(self, head: str, batch: Sequence[Feature]) -> Tensor:
        """The outputs (R, ...) of features of one row each. Nothing here waits for the device: the mask says on the CPU
        what padding is.
        """
        bench = self._bench
        input_ids, mask, targets = collate(batch, bench.base(self._spec).tokenizer.pad_token_id)
        input_ids = self._vocabulary.translate(input_ids) if self._vocabulary else input_ids
        with bench.autocast(self._spec):
            return self._network(head, on_device(input_ids, bench.device), mask, on_device(targets, bench.device))


def _single(features: Features, rows: Rows, which: np.ndarray) -> list[Feature]:
    """Some rows, each as a feature of its own."""
    owners = ((features[rows.feature[one]], rows.place[one]) for one in which)
    return [Feature([owner.rows[place]], owner.example, owner.target) for owner, place in owners]


def scored(
    split: Split,
    references: Sequence[Encoded],
    predicted: Sequence[Prediction],
    examples: str = "",
    confidences: Sequence[float] = (),
) -> Evaluation:
    """What predictions of a split are worth. Without gold labels the score is None.

    Args:
        examples: under which fingerprint the split's examples are kept.
        confidences: of each prediction, if the kind has them.
    """
    task, kind, metric = split.task, kind_of(split.task), METRICS[split.task.metric]
    gold = kind.gold(split.examples, references)
    values: Mapping[str, float | None] = {task.main_metric: None}
    chance = values
    counts: Mapping[str, int] = {}
    statistics: tuple[tuple[float, ...], ...] = ()
    if gold is not None:
        compared = gold
        if task.metric == ERROR_RATE:
            compared = _expected(split.examples, gold)
            counts = cases(compared)
        summed = metric.statistics(compared, predicted, split.language)
        values, statistics = metric.scores(summed, compared), _rows(summed)
        chance = metric(compared, kind.guesses(task, split.examples, references), split.language)
    scores = [
        Score(
            target=task.name,
            training_set=task.training_set,
            language=split.language,
            split=split.name,
            metric=name,
            main=name == task.main_metric and split.name == task.score_on,
            value=value,
            chance=chance[name],
            n=counts.get(name, len(split.examples)),
        )
        for name, value in values.items()
    ]
    main = next(one for one in scores if one.metric == task.main_metric)
    row = Predicted(
        target=task.name,
        language=split.language,
        split=split.name,
        examples=examples,
        predictions=tuple(map(_text, predicted)),
        statistics=statistics,
        confidences=tuple(confidences),
    )
    answers = kind.answers(predicted)
    is_constant = len(answers) > 1 and len(set(answers)) == 1
    wrong_somewhere = main.value is not None and not main.is_perfect
    collapsed = main.is_at_chance or (is_constant and wrong_somewhere)
    chosen_by = [one.value for one in scores if one.metric in task.chosen_by and one.value is not None]
    objective = sum(chosen_by) / len(chosen_by) if gold is not None else None
    return Evaluation(main, objective, scores, row, collapsed)


def _expected(examples: Sequence[Example], gold: Sequence[tuple[str, ...]]) -> list[Expected]:
    """What error rates compare with: the right answers, each with the case that it belongs to."""
    questions = (one for one in examples if isinstance(one, Question))
    return [Expected(right, one.test or "", one.case or one.id) for one, right in zip(questions, gold, strict=True)]


def _text(prediction: Prediction) -> str:
    return prediction if isinstance(prediction, str) else " ".join(prediction)


def _rows(statistics: np.ndarray) -> tuple[tuple[float, ...], ...]:
    """Rows of numbers, of which most are equal to many others: these are one object, also where they are sent."""
    known: dict[tuple[float, ...], tuple[float, ...]] = {}
    return tuple(known.setdefault(row, row) for row in map(tuple, statistics.tolist()))
