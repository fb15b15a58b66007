"""What a running trial tells: plain values that travel between processes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

ERROR_RATE = "error_rate"
"""The score of which less is better, and the beginning of those of its tests (`error_rate/comp`)."""


@dataclass(frozen=True)
class Score:
    """One number of a trial. `value` is on the 0-100 scale, None where the release hides the labels; a perplexity,
    which is the main score of nothing, is from 1 to infinity, and the lower the better.

    Attributes:
        main: whether this is the metric that stands for the target in tables.
        chance: what the metric gives to guesses that ignore the text.
        n: how many examples it is about; of error rates how many cases.
    """

    target: str
    training_set: str | None
    language: str
    split: str
    metric: str
    main: bool
    value: float | None
    chance: float | None
    n: int

    @property
    def counts_errors(self) -> bool:
        """Whether less of it is better."""
        return self.metric.partition("/")[0] == ERROR_RATE

    @property
    def is_perfect(self) -> bool:
        """Whether nothing is wrong."""
        return self.value is not None and (self.value <= 0 if self.counts_errors else self.value >= 100)

    @property
    def is_at_chance(self) -> bool:
        """Whether it is not better than chance by more than sampling error: one-sided, at the 5% level."""
        if self.value is None or self.chance is None:
            return False
        error = 1.645 * math.sqrt(self.chance * (100 - self.chance) / self.n)
        return self.value >= self.chance - error if self.counts_errors else self.value <= self.chance + error


@dataclass(frozen=True)
class Predicted:
    """The predictions of one split in one language, as columns: the i-th is that of the split's i-th example (0-based),
    of those that the trial's limits leave.

    Attributes:
        examples: which ones these are: `examples/<fingerprint>.parquet` in the store (`trainables.data.kept`).
        predictions: a label, an answer's text or an id; tags and ids joined by blanks.
        statistics: of each example what the task's metric sums (`trainables.metrics`); empty where the release hides
            the labels.
        confidences: the probability of each prediction, from 0 to 1; empty for kinds that have none.
    """

    target: str
    language: str
    split: str
    examples: str
    predictions: tuple[str, ...]
    statistics: tuple[tuple[float, ...], ...] = ()
    confidences: tuple[float, ...] = ()


@dataclass(frozen=True)
class Trained:
    """What a trial has trained on of a task in one language, over all its epochs.

    Attributes:
        steps: optimizer steps in which it took part.
        examples: as often as each was seen; of one in several pieces its first counts.
        tokens: without padding.
    """

    task: str
    language: str
    steps: int
    examples: int
    tokens: int


@dataclass(frozen=True)
class Report:
    """The state of a trial after an epoch, or of an evaluation after a language.

    Attributes:
        progress: the share of the trial that is done; 1.0 in the last report.
        epoch: epochs finished (0 in an evaluation).
        loss: the mean training loss of the epoch, None in an evaluation.
        objective: the English development score that chooses the winner, None in an evaluation. That of the weights
            after this epoch; in the last report that of the weights that the trial keeps.
        startup_seconds: from the trial's start to its first optimizer step (or first scored batch).
        examples_per_second: features per second of training (or scoring), over all workers.
        scores, predictions: in the last report alone: of the development sets, with the weights that are kept, or of
            the targets.
        curve: the development score after each epoch so far, whichever weights are kept.
        losses: the mean training loss of each epoch so far.
        collapsed: whether the kept weights are at chance, or have one answer to everything, on the English development
            set of every task that the objective is about, as large encoders now and then end. Said in the last report.
        device: what all of it ran on: the GPU's name, or `cpu`.
        host: the machine of the first worker.
        workers: how many share the trial.
        peak_memory: the most bytes that any worker had: that the trial had on its GPU or, without one, that its process
            had since it began, also for trials before.
        features, tokens: what is trained in an epoch, over all workers, without padding; in an evaluation, what has
            been encoded.
        steps: optimizer steps so far, those that were taken over included.
        trained: of which tasks and languages that was, over all epochs so far; nothing in an evaluation.
        resumed: the optimizer steps that were taken over from the state of an earlier run.
        halvings: how often memory ran out, so that the micro-batch was halved.
        micro_batch_tokens: the size of a micro-batch after that, padding included: with dropout on it is part of what
            the weights depend on.
    """

    progress: float
    epoch: int = 0
    loss: float | None = None
    objective: float | None = None
    startup_seconds: float | None = None
    examples_per_second: float | None = None
    scores: tuple[Score, ...] = ()
    predictions: tuple[Predicted, ...] = field(default=(), repr=False)
    curve: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()
    collapsed: bool = False
    device: str | None = None
    host: str | None = None
    workers: int = 1
    peak_memory: int | None = None
    features: int | None = None
    tokens: int | None = None
    steps: int | None = None
    trained: tuple[Trained, ...] = ()
    resumed: int = 0
    halvings: int = 0
    micro_batch_tokens: int | None = None


class TrialError(Exception):
    """A trial that cannot go on for a reason of its own: it is recorded as failed, and the others go on.

    Attributes:
        report: what it has found all the same: an evaluation has the scores of the targets that could be scored.
    """

    def __init__(self, reason: str, report: Report | None = None) -> None:
        super().__init__(reason)
        self.report = report

    def __reduce__(self) -> tuple[type[TrialError], tuple[str, Report | None]]:
        return type(self), (str(self), self.report)


class MachineLeaves(Exception):  # noqa: N818 - what has happened
    """A machine of the trial was given notice, and all that is worth saving is saved: it goes on elsewhere."""
