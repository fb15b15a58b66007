"""What passes between the trials in front and the workers behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trainables.reports import Report
from trainables.spec import TrialSpec

Cause = Literal["trial", "machine", "notice", "memory", "weights", "setup"]
"""What a trial failed of: itself, so that it would fail again; a machine, a network, a store; a machine that goes away
and said so before; too little memory for several workers; the weights that it was to start from, which are gone or
damaged; or a node that lacks what only a person can put there, so that the run must stop.
"""


@dataclass(frozen=True)
class Job:
    """A trial for a group.

    Attributes:
        started: when a group took it, in seconds since the epoch; 0: it waits.
        halvings: how often the micro-batch is halved from the start.
        asks: whether the trial asks after each epoch whether it goes on.
    """

    spec: TrialSpec
    started: float = 0.0
    halvings: int = 0
    asks: bool = False


@dataclass(frozen=True)
class Message:
    """What is said about a job: that a group has it, a report, or why the trial failed and whether its group ends; with
    an error a report says what was found all the same.

    Attributes:
        group: who says it.
        started: when the group took the job, in seconds since the epoch: nothing else is said with it.
        pruned: the trial was told to end; its last report came before.
        lost: with cause `weights` the trial whose weights are gone: its parent, or one from which that one started.
    """

    trial_id: str
    report: Report | None = None
    error: str | None = None
    cause: Cause = "trial"
    pruned: bool = False
    ends_group: bool = False
    group: str = ""
    started: float | None = None
    lost: str | None = None

    @property
    def is_last(self) -> bool:
        """Whether the trial ends with it."""
        return self.pruned or self.error is not None or (self.report is not None and self.report.progress >= 1)
