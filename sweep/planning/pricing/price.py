"""What a plan costs: GPU-hours and dollars for what is left of it, as far as that is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sweep.console import counted
from sweep.experiment import Experiment
from sweep.planning.plan import Plan, Study
from sweep.planning.pricing.bounds import NOTHING, Bounds, digits
from sweep.planning.pricing.clock import Clock, Measured, too_large, where, whole_vocabulary
from sweep.planning.pricing.gpus import Gpu, GpuTable
from sweep.planning.pricing.work import UnknownError

SECONDS = 3600
"""Of an hour."""


@dataclass(frozen=True)
class StudyPrice:
    """The price of what is left of a study.

    Attributes:
        trials: how many are left to run.
        hours: that these take, one after the other; None: not known.
        source: what the hours come from.
        why: how they were made, or why they are not known.
    """

    study: str
    trials: int
    hours: Bounds | None
    source: Literal["measured", "table"] | None
    why: str


@dataclass(frozen=True)
class Price:
    """The price of what is left of a plan. Totals are of what is known: `unknown` trials come on top.

    Attributes:
        gpu: the type that trials run on; None: they run on CPUs, or nobody knows.
        gpus: how many a trial occupies.
        notes: what else to know about the numbers.
    """

    studies: tuple[StudyPrice, ...]
    gpu: Gpu | None
    gpus: float
    notes: tuple[str, ...] = ()

    @property
    def trials(self) -> int:
        """How many trials are left."""
        return sum(study.trials for study in self.studies)

    @property
    def unknown(self) -> int:
        """How many of them have no known price."""
        return sum(study.trials for study in self.studies if study.hours is None)

    @property
    def hours(self) -> Bounds | None:
        """That all trials take whose hours are known, one after the other; None if those of no trial are."""
        known = [study.hours for study in self.studies if study.hours is not None]
        return None if self.unknown and self.unknown == self.trials else sum(known, NOTHING)

    @property
    def gpu_hours(self) -> Bounds | None:
        """That is what their GPUs are occupied for; None on CPUs."""
        return self.hours * self.gpus if self.hours is not None and self.gpus else None

    @property
    def cost(self) -> Bounds | None:
        """In dollars, on demand."""
        return self._cost(self.gpu.on_demand if self.gpu else None)

    @property
    def spot_cost(self) -> Bounds | None:
        """In dollars, on spot machines."""
        return self._cost(self.gpu.spot if self.gpu else None)

    def _cost(self, hourly: float | None) -> Bounds | None:
        return self.gpu_hours * hourly if self.gpu_hours is not None and hourly is not None else None

    def lines(self) -> list[str]:
        """What to tell a person."""
        if not self.trials:
            return ["nothing is left to run"]
        at_least = "at least " if self.unknown else ""
        told = []
        if self.hours is None:
            told.append(f"the hours of {counted(self.trials, 'trial')} are not known")
        elif self.gpu_hours is None:
            told.append(f"{at_least}{_span(self.hours)} hours of trials, one after the other, on CPUs")
        else:
            told.append(f"{at_least}{_span(self.gpu_hours)} GPU-hours" + (f" on {self.gpu.name}" if self.gpu else ""))
        for name, cost, hourly in (
            ("on demand", self.cost, self.gpu and self.gpu.on_demand),
            ("on spot machines", self.spot_cost, self.gpu and self.gpu.spot),
        ):
            if self.gpu is not None and self.gpu_hours is not None:
                priced = f" (${hourly:.3g} an hour of {self.gpu.priced})" if hourly else ""
                told.append(f"{at_least}${_span(cost)} {name}{priced}" if cost else f"the cost {name} is not known")
        for why, trials in _grouped(study for study in self.studies if study.hours is None):
            told.append(f"unknown for {counted(trials, 'trial')}: {why}")
        for why, trials in _grouped(study for study in self.studies if study.source and study.trials):
            told.append(f"{counted(trials, 'trial')}: {why}")
        return [*told, *self.notes]

    def to_dict(self) -> dict[str, Any]:
        """For JSON; what is not known is null."""
        return {
            "gpu": self.gpu.name if self.gpu else None,
            "gpus_per_trial": self.gpus,
            "priced": self.gpu.priced if self.gpu else None,
            "trials": self.trials,
            "trials_of_unknown_price": self.unknown,
            "hours": _json(self.hours),
            "gpu_hours": _json(self.gpu_hours),
            "cost": _json(self.cost),
            "spot_cost": _json(self.spot_cost),
            "notes": list(self.notes),
            "studies": [
                {
                    "name": study.study,
                    "trials": study.trials,
                    "hours": _json(study.hours),
                    "source": study.source,
                    "why": study.why,
                }
                for study in self.studies
            ],
        }


def price(
    experiment: Experiment,
    plan: Plan,
    left: Mapping[str, int],
    measured: Sequence[Measured],
    gpus: GpuTable,
    gpu: str | None,
) -> Price:
    """What is left of a plan costs so much.

    Args:
        left: by study, how many trials are still to run.
        measured: the finished trials of the store's ledger.
        gpu: the row of the table that trials are to run on. None: what the experiment's resources and the ledger say.

    Raises:
        UserError: the table has no such row.
    """
    place = where(experiment, measured, gpus, gpu)
    clock = Clock(experiment, place, [one for one in measured if one.device in place.devices])
    priced = tuple(_study_price(study, left.get(study.name, 0), clock) for study in plan.studies)
    notes = (
        *place.notes,
        *too_large(experiment, place, plan.studies[0].question.precision),
        *whole_vocabulary(experiment),
    )
    return Price(priced, place.gpu, place.gpus, notes)


def _study_price(study: Study, trials: int, clock: Clock) -> StudyPrice:
    if not trials:
        return StudyPrice(study.name, 0, NOTHING, None, "nothing is left to run")
    try:
        trial = clock.time(study)
    except UnknownError as unknown:
        return StudyPrice(study.name, trials, None, None, str(unknown))
    return StudyPrice(study.name, trials, trial.seconds * (trials / SECONDS), trial.source, trial.why)


def _grouped(studies: Iterable[StudyPrice]) -> list[tuple[str, int]]:
    """How many trials have which reason."""
    trials: Counter[str] = Counter()
    for study in studies:
        trials[study.why] += study.trials
    return list(trials.items())


def _span(bounds: Bounds) -> str:
    low, expected, high = map(digits, (bounds.low, bounds.expected, bounds.high))
    return expected if low == high else f"{expected} ({low} to {high})"


def _json(bounds: Bounds | None) -> dict[str, float] | None:
    return None if bounds is None else bounds.to_dict()
