"""How much of the store a plan takes: the checkpoints that stay, and those that are there on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweep.console import counted
from sweep.experiment import Experiment
from sweep.planning.plan import Plan, Study
from sweep.planning.pricing.bounds import NOTHING, Bounds, exactly
from sweep.planning.pricing.work import with_all_embeddings
from trainables.models.shapes import lora_weights, weights_of
from trainables.models.sizes import Weights
from trainables.spec import Lora

BYTES = 4
"""Of a weight: checkpoints are in float32."""

STATES = 3
"""What a running trial saves to go on from is so many times its trained weights: they, and two moments of AdamW. Where
the best weights are kept, these too.
"""

OCCURRING = Bounds(0.1, 0.3, 1)
"""The share of the vocabulary that a trial trains: a guess, from one language to all."""


@dataclass(frozen=True)
class Disk:
    """Bytes of checkpoints; ledger, features and logs are small beside them.

    Attributes:
        kept: when all is done.
        peak: at the worst moment.
        why: what these are made of, or why they are not known (None).
    """

    kept: Bounds | None
    peak: Bounds | None
    why: str

    def lines(self) -> list[str]:
        """What to tell a person."""
        if self.kept is None or self.peak is None:
            return [f"how much of the store it takes is not known: {self.why}"]
        low, expected, high = (_gigabytes(one) for one in (self.peak.low, self.peak.expected, self.peak.high))
        span = expected if low == high else f"{expected} ({low} to {high})"
        return [f"{span} of the store at most, {_gigabytes(self.kept.expected)} in the end: {self.why}"]

    def to_dict(self) -> dict[str, Any]:
        """For JSON; what is not known is null."""
        return {
            "kept_bytes": self.kept.to_dict() if self.kept else None,
            "peak_bytes": self.peak.to_dict() if self.peak else None,
            "why": self.why,
        }


def disk(experiment: Experiment, plan: Plan, left: Mapping[str, int]) -> Disk:
    """What a plan needs, of which so many trials of each study are left to run.

    A study's checkpoints are there until its search is over; then its winner's stays, one for each seed: that of a
    condition for good, that of a pair until it is scored. With `keep: models` these stay, too, with `keep: all`
    everything. How many studies are open at once follows from how many trials run at once: `resources.concurrent`, or 1
    where that is left to the cluster.
    """
    weights = weights_of(experiment.model)
    if weights is None:
        return Disk(None, None, f"the shape of model '{experiment.model}' is not known")
    sizes = _Sizes(experiment, weights)
    own = _distinct(plan)
    is_all_kept, are_models_kept = experiment.keep == "all", experiment.keep != "winners"
    staying = {
        study.name: study.runs if is_all_kept else len(study.seeds) for study in own if are_models_kept or _stays(study)
    }
    kept = sum(count * sizes.checkpoint(plan.study(name)) for name, count in staying.items())
    open_studies = [study for study in own if left.get(study.name)]
    slots = experiment.resources.concurrent or 1
    at_once = _at_once(open_studies, slots)
    passing = NOTHING if is_all_kept else _passing(plan, open_studies, at_once, sizes)
    running = min(slots, sum(left.values()))
    state = max((sizes.state(study) for study in open_studies), key=lambda one: one.high, default=NOTHING)
    peak = exactly(kept) + passing + state * running
    several = sorted({sizes.checkpoint(plan.study(name)) for name in staying}, reverse=True)
    size = " and ".join(map(_gigabytes, several)) or "nothing"
    told = counted(sum(staying.values()), f"checkpoint of {size} stays", f"checkpoints of {size} stay")
    told += "" if is_all_kept else ", all winners" if are_models_kept else ", the conditions' winners"
    return Disk(exactly(kept), peak, told)


def largest_file(experiment: Experiment) -> float | None:
    """The bytes of the largest file that a trial writes, as far as that is likely; None: not known."""
    weights = weights_of(experiment.model)
    if weights is None:
        return None
    sizes = _Sizes(experiment, weights)
    return max(max(sizes.of_checkpoint(lora), sizes.of_state(lora).expected) for lora in experiment.tuned)


class _Sizes:
    """The bytes of what trials write: with LoRA what it adds at most, else all weights."""

    def __init__(self, experiment: Experiment, weights: Weights) -> None:
        self._model, self._weights = experiment.model, weights
        self._copies = STATES + (experiment.checkpoint == "best")
        self._occurring = exactly(1) if with_all_embeddings(experiment) else OCCURRING

    def checkpoint(self, study: Study) -> int:
        return self.of_checkpoint(study.question.lora)

    def state(self, study: Study) -> Bounds:
        return self.of_state(study.question.lora)

    def of_checkpoint(self, lora: Lora | None) -> int:
        return BYTES * (self._weights.all if lora is None else lora_weights(self._model, lora.rank) or 0)

    def of_state(self, lora: Lora | None) -> Bounds:
        if lora is not None:
            return exactly(self.of_checkpoint(lora) * self._copies)
        return (exactly(self._weights.layers) + self._occurring * self._weights.embeddings) * (BYTES * self._copies)


def _stays(study: Study) -> bool:
    return study.phase == "intermediate"


def _distinct(plan: Plan) -> list[Study]:
    """The studies with checkpoints of their own: conditions that are the same work share theirs."""
    found: dict[tuple[str, ...], Study] = {}
    for study in plan.studies:
        if study.phase != "evaluate":
            found.setdefault(_lineage(plan, study), study)
    return list(found.values())


def _lineage(plan: Plan, study: Study) -> tuple[str, ...]:
    before = _lineage(plan, plan.study(study.parent)) if study.parent else ()
    return (*before, study.question.question)


def _at_once(studies: list[Study], slots: int) -> Bounds:
    """How many searches are open: as few as hold all running trials, or one for each of them."""
    if not studies:
        return NOTHING
    fewest = -(-slots // max(1, max(study.parallel for study in studies)))
    return Bounds(1, min(fewest, len(studies)), min(slots, len(studies)))


def _passing(plan: Plan, studies: list[Study], at_once: Bounds, sizes: _Sizes) -> Bounds:
    """The bytes of checkpoints that go again: of open searches all, of closed ones those that somebody still waits for.

    Those of a condition whose trials pairs choose from stay until the pairs are done.
    """
    chosen_from = [study for study in studies if any(child.joint for child in plan.children(study))]
    one = sizes.checkpoint
    largest = sorted((study.runs * one(study) for study in studies if study not in chosen_from), reverse=True)
    pairs = max((_scored(plan, study) * one(study) for study in studies), default=0)  # soon after
    standing = sum(study.runs * one(study) for study in chosen_from)

    def of(count: float) -> int:
        return standing + sum(largest[: int(count)]) + pairs * int(count)

    return Bounds(of(at_once.low), of(at_once.expected), of(at_once.high))


def _scored(plan: Plan, study: Study) -> int:
    """How many checkpoints of a closed search wait to be scored, less those that stay."""
    others = max((child.top for child in plan.children(study)), default=1) - 1
    return others + (0 if _stays(study) else len(study.seeds))


def _gigabytes(value: float) -> str:
    return f"{value / 1e9:,.0f} GB" if value >= 10e9 else f"{value / 1e9:.2g} GB"
