"""How long a trial takes: as trials did before, else as fast as the table of GPU types says.

A trial's operations are 6 for each weight of the layers and each token in training, 2 where it is only scored (Kaplan
et al. 2020, https://arxiv.org/abs/2001.08361, section 2.1: 2 forward, 4 backward; embeddings are looked up, not
multiplied). With LoRA they are 4: half of those backward are the gradients of weights, which frozen ones have not.
Tokens that are hidden and looked for in the whole vocabulary are multiplied with its embeddings, too: 8 operations in
training, where their scores are computed twice. What attention adds to that, 2 to 6 % at these lengths, is less than
any of the other guesses.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

import numpy as np

from sweep.experiment import Experiment
from sweep.planning.plan import Study
from sweep.planning.pricing.bounds import NOTHING, Bounds, exactly
from sweep.planning.pricing.gpus import Gpu, GpuTable
from sweep.planning.pricing.work import Counter, UnknownError, Work, epochs, with_all_embeddings
from trainables.models.shapes import lora_weights, name_and_revision, weights_of
from trainables.models.sizes import Weights
from trainables.precision import Precision
from trainables.recipe import WHOLE, Recipe
from trainables.spec import Lora, TrialSpec
from trainables.training.shares import EVALUATIONS

TRAINING, FROZEN, SCORING = 6, 4, 2
"""Floating-point operations for each weight and token: where all weights are trained, where LoRA is, and in scoring."""

ASKING = 8
"""Those of training for each embedding and hidden token."""

QUANTILES = (0.1, 0.5, 0.9)
"""Which of the measured values are the low, the expected and the high one."""

CPU = "cpu"
"""PyTorch's name for it, as the ledger has it."""


@dataclass(frozen=True)
class Measured:
    """What the ledger says about a finished trial.

    Attributes:
        device: PyTorch's name of what it ran on; None in ledgers that do not say.
        epochs: None in an evaluation.
        seconds: from when it was sent off to its end.
        startup_seconds: of these, until its first step.
        examples_per_second: features that it trained on or scored in a second after that, over all its workers.
        features, tokens: of an epoch, or of the whole evaluation.
        train_examples, eval_examples, max_length, recipe, lora: those of its spec.
    """

    phase: str
    model: str
    tasks: tuple[str, ...]
    languages: tuple[str, ...]
    precision: str
    device: str | None
    epochs: int | None
    seconds: float
    startup_seconds: float | None
    examples_per_second: float | None
    features: int | None
    tokens: int | None
    train_examples: int | None
    eval_examples: int | None
    max_length: int | None = None
    recipe: Recipe = WHOLE
    lora: Lora | None = None


@dataclass(frozen=True)
class Place:
    """Where trials run.

    Attributes:
        gpus: that a trial occupies; 0 on CPUs.
        speed: how many of them compute at the same time.
        devices: the devices whose times count.
    """

    gpu: Gpu | None
    gpus: float
    speed: float
    devices: frozenset[str | None]
    notes: tuple[str, ...] = ()


def where(experiment: Experiment, measured: Sequence[Measured], table: GpuTable, name: str | None) -> Place:
    """The named GPU; else a CPU if the experiment asks for no GPU, else that of most trials, else the table's default.

    Raises:
        UserError: the table has no GPU of that name.
    """
    workers, each = experiment.resources.workers, experiment.resources.gpus_per_worker
    if name is None and not each:
        return Place(None, 0, 0, frozenset({CPU, None}))
    each = each or 1
    model, _ = name_and_revision(experiment.model)
    ran_on = Tally(one.device for one in measured if one.model == model and one.device not in (CPU, None))
    most = [device for device, _ in ran_on.most_common(1)]
    notes = []
    if name is not None:
        gpu: Gpu | None = table.gpu(name)
    elif most:
        gpu = table.of_device(most[0])
        if gpu is None:
            notes.append(f"{table.file} has no '{most[0]}', on which trials ran: add it, or name another GPU type")
    else:
        gpu = table.gpus.get(table.default or "")
        if gpu is not None:
            notes.append(f"on {gpu.name}, as no GPU type is named and no trial has run yet")
    devices = frozenset({gpu.name, *gpu.devices} if gpu else most)
    others = {str(device): count for device, count in ran_on.items() if device not in devices}
    if others:
        told = ", ".join(f"{count} on {device}" for device, count in sorted(others.items()))
        notes.append(f"trials on other devices do not count: {told}")
    return Place(gpu, workers * each, workers * min(each, 1), devices, tuple(notes))


def too_large(experiment: Experiment, place: Place, precision: Precision) -> list[str]:
    """Weights, gradients and two moments of AdamW are 16 bytes a weight, activations apart; frozen 4, in bf16 2."""
    weights = weights_of(experiment.model)
    if place.gpu is None or weights is None:
        return []
    layers, most = weights.all if with_all_embeddings(experiment) else weights.layers, 0
    frozen = 2 if precision == "bf16" else 4
    for lora in experiment.tuned:
        added = lora_weights(experiment.model, lora.rank) if lora else None
        most = max(most, 16 * layers if lora is None else frozen * layers + 16 * (added or 0))
    if most < place.gpu.memory_gb * 1e9:
        return []
    return [f"to train {experiment.model} takes more than the {place.gpu.memory_gb:g} GB of {place.gpu.name}"]


def whole_vocabulary(experiment: Experiment) -> list[str]:
    """What is trained beside the usual where tokens are hidden."""
    tasks, weights = with_all_embeddings(experiment), weights_of(experiment.model)
    if not tasks:
        return []
    size = "all" if weights is None else f"all {weights.embeddings / 1e6:,.0f} million"
    return [f"trials with {', '.join(tasks)} train {size} weights of the embeddings, others those that occur"]


@dataclass(frozen=True)
class Time:
    """The seconds of one trial, and where they come from."""

    seconds: Bounds
    source: Literal["measured", "table"]
    why: str


class Clock:
    """How long a trial of a study takes in a place: as trials did before, else as fast as the table says."""

    def __init__(self, experiment: Experiment, place: Place, measured: Sequence[Measured]) -> None:
        self._place, self._counter = place, Counter(experiment)
        self._weights = weights_of(experiment.model)
        self._measured = [one for one in measured if one.examples_per_second]

    def time(self, study: Study) -> Time:
        """The time of one trial. Raises UnknownError."""
        question = study.question
        is_training = question.phase != "evaluate"
        rounds = exactly(1)
        if is_training:
            if "epochs" not in study.parameters:
                raise UnknownError("how many epochs a trial has is not said")
            rounds = epochs(study.parameters["epochs"])
        scorings = _scorings(question, rounds)
        alike = [
            one
            for one in self._measured
            if (one.model, one.precision) == (question.model, question.precision)
            and (one.lora is None) == (question.lora is None)
            and (one.phase != "evaluate") == is_training
        ]
        same = [one for one in alike if set(one.tasks) == set(question.tasks) and one.max_length == question.max_length]
        try:
            batch_size = round(epochs(study.parameters["batch_size"]).expected) if is_training else 1
            work, unknown = self._counter.of(question, batch_size), None
        except UnknownError as error:
            work, unknown = None, error
        if same and (features := _features(question, same, work)):
            rate = _quantiles([one.examples_per_second or 0 for one in same])
            scored = scorings * _relative_scoring(work, question)
            return _timed(same, features / rate * (rounds + scored), f"as fast as {len(same)} of these tasks")
        if work is None:
            raise UnknownError(str(unknown))
        per_token = _operations(question)
        equivalent = self._tokens(question, work, is_training) * rounds
        equivalent += self._scored(question, work) * scorings * (SCORING / per_token)
        others = [one for one in alike if one.tokens and one.features]
        if others:
            rate = _quantiles([_tokens_per_second(one) for one in others])
            return _timed(others, equivalent / rate, f"as many tokens a second as {len(others)} of other tasks")
        operations = equivalent * per_token * self._weights_of(question).computed
        return Time(operations / self._peak(question), "table", self._by_table(question))

    def _tokens(self, question: TrialSpec, work: Work, is_training: bool) -> Bounds:
        """As many tokens of the layers alone as take as long."""
        if not work.asked.high:
            return work.tokens
        weights = self._weights_of(question)
        by = ASKING / _operations(question) if is_training else 1
        return work.tokens + work.asked * (by * weights.embeddings / weights.computed)

    def _scored(self, question: TrialSpec, work: Work) -> Bounds:
        """The same of what is scored in training."""
        if not work.asked_in_scoring.high:
            return work.scored
        weights = self._weights_of(question)
        return work.scored + work.asked_in_scoring * (weights.embeddings / weights.computed)

    def _weights_of(self, question: TrialSpec) -> Weights:
        if self._weights is None:
            raise UnknownError(
                f"the shape of model '{question.model}' is not known: run `hf download {question.model} config.json`, "
                "or give its folder"
            )
        return self._weights

    def _peak(self, question: TrialSpec) -> Bounds:
        """Operations a second."""
        gpu = self._place.gpu
        if not self._place.gpus:
            raise UnknownError("how fast a CPU is, only trials that have run on it tell")
        if gpu is None:
            raise UnknownError("on which GPU type it runs is not known: name a row of the table")
        peak = gpu.tflops[question.precision]
        if peak is None:
            raise UnknownError(f"how fast {gpu.name} is in {question.precision}, the table does not say")
        return gpu.utilisation * (peak * 1e12 * self._place.speed)

    def _by_table(self, question: TrialSpec) -> str:
        gpu = self._place.gpu
        assert gpu is not None  # `_peak` has answered
        share = gpu.utilisation
        peak = f"{gpu.tflops[question.precision]:g} TFLOP/s in {question.precision}"
        return f"a guess, at {share.low:.0%} to {share.high:.0%} of the {peak} of {gpu.name}"


def _features(question: TrialSpec, same: Sequence[Measured], work: Work | None) -> Bounds | None:
    """Of an epoch or an evaluation. Trials on the same data know it exactly.

    But not those of evaluations: theirs include what predictions refer to, which their features a second do not.
    """

    def limits(one: Measured | TrialSpec) -> tuple[Any, ...]:
        return set(one.languages), one.train_examples, one.eval_examples, one.recipe

    on_same_data = [one.features for one in same if limits(one) == limits(question)]
    known = [features for features in on_same_data if features]
    if known and (work is None or question.phase != "evaluate"):
        return exactly(median(known))
    return work.features if work else None


def _scorings(question: TrialSpec, rounds: Bounds) -> Bounds:
    """How often the development set is scored: after every epoch, and where the best weights are kept in between.

    The ends of epochs are among EVALUATIONS, or but for the last one they are not.
    """
    if question.checkpoint == "last":
        return rounds
    between = EVALUATIONS - 1
    return Bounds(max(EVALUATIONS, rounds.low), rounds.expected + between, rounds.high + between)


def _operations(question: TrialSpec) -> int:
    if question.phase == "evaluate":
        return SCORING
    return TRAINING if question.lora is None else FROZEN


def _relative_scoring(work: Work | None, question: TrialSpec) -> float:
    """How long it takes to score the development set, in epochs."""
    if work is None or not work.tokens.expected:
        return 0
    return work.scored.expected / work.tokens.expected * SCORING / _operations(question)


def _tokens_per_second(one: Measured) -> float:
    assert one.examples_per_second and one.tokens and one.features  # those without are not asked for
    return one.examples_per_second * one.tokens / one.features


def _timed(like: Sequence[Measured], seconds: Bounds, why: str) -> Time:
    startups = [one.startup_seconds for one in like if one.startup_seconds is not None]
    return Time(seconds + (_quantiles(startups) if startups else NOTHING), "measured", f"{why} in the ledger")


def _quantiles(values: Sequence[float]) -> Bounds:
    """Some of QUANTILES, between the values next to each."""
    return Bounds(*np.quantile(values, QUANTILES).tolist())
