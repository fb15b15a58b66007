"""How trials end, and what they are for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trainables.spec import TrialSpec

Status = Literal["finished", "failed", "pruned"]

Fate = Literal["finished", "failed", "missing"]
"""What became of a trial on a seed. Failed also where it cannot run, as one that it starts from has failed."""

Role = Literal["search", "seed", "sequel", "evaluation"]
"""What a trial is for: tried in a study's search, one of these on a further seed, what goes on from a winner without a
search, the scoring of a winner or, where `evaluate: {top: K}` asks for it, of another trial of the search.
"""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        objective: its English development score, None where it failed, was pruned, or is an evaluation.
        curve: that score after each epoch.
        suggestion: the hash of everything that its hyper-parameters were suggested from; None: they were not searched.
    """

    spec: TrialSpec
    status: Status
    objective: float | None
    curve: tuple[float, ...] = ()
    suggestion: str | None = None


@dataclass(frozen=True)
class Member:
    """A trial that ended, as a part of a study.

    Attributes:
        winner: whether it is the study's on the trial's seed, or an evaluation of one.
        rank: of an evaluation of a trial of a search: the place of that one by development score, from 1 on.
    """

    outcome: Outcome
    role: Role
    winner: bool
    rank: int | None = None


def fate(outcome: Outcome | None) -> Fate:
    return "missing" if outcome is None else "finished" if outcome.status == "finished" else "failed"
