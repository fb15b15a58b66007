"""How many more seeds it takes to see a difference, and what these cost: as the trials of the store have cost."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from sweep.console import Console, counted
from sweep.ledger import OUTCOME, Ledger, outcome
from sweep.planning import history
from sweep.planning.plan import Plan
from sweep.planning.pricing import Bounds, GpuTable, Price, StudyPrice
from sweep.planning.pricing.bounds import NOTHING, digits
from sweep.planning.pricing.clock import QUANTILES
from sweep.results.comparison.answer import named
from sweep.results.comparison.comparison import Comparison
from sweep.results.comparison.difference import Difference
from sweep.search import Search
from sweep.statistics.multiplicity import level_needed
from sweep.statistics.power import MOST_SEEDS, seeds_needed
from trainables.store import Store

SHOWN = 6
"""Numbers of seeds that are offered."""

FIRST = 3
"""Seeds that are run first where nothing is known of their spread."""


@dataclass(frozen=True)
class Need:
    """What a row takes.

    Attributes:
        seeds: with so many on both sides the difference is found; None: with no number of them, as the examples are too
            few, or it is not known as there is one seed only.
        is_known: whether anything is known of how far seeds spread.
    """

    row: Difference
    seeds: int | None
    is_known: bool


@dataclass(frozen=True)
class Step:
    """A number of seeds, how many of the rows it decides, and what has to run for it.

    Attributes:
        seeds: the experiment's, those that it has first.
        price: of what is left to run with them.
    """

    seeds: tuple[int, ...]
    rows: int
    price: Price

    @property
    def override(self) -> str:
        """What to run the experiment with."""
        return f"seeds=[{','.join(map(str, self.seeds))}]"


@dataclass(frozen=True)
class Detection:
    """The answer for one experiment."""

    experiment: str
    points: float
    needs: tuple[Need, ...]
    steps: tuple[Step, ...]

    def sentences(self) -> list[str]:
        """In words."""
        tested = counted(len(self.needs), "comparison")
        if not self.needs:
            return ["Nothing is known yet of what could be seen."]
        now = sum(_is_seen(one, self.points) for one in self.needs)
        never = [one for one in self.needs if one.is_known and one.seeds is None and not _is_seen(one, self.points)]
        unknown = [one for one in self.needs if not one.is_known]
        told = [f"A difference of {self.points:g} points is found 4 times in 5 on {now} of {tested} as it is."]
        if never:
            where = ", ".join(f"{one.row.condition} on {named(one.row)}" for one in never[:SHOWN])
            more = f" and {len(never) - SHOWN} more" if len(never) > SHOWN else ""
            told.append(f"No number of seeds shows it for {where}{more}: there are too few examples.")
        if unknown:
            told.append(f"Of {counted(len(unknown), 'comparison')} it is not known: one seed tells nothing of others.")
        return told


def detect(
    store: Store, comparison: Comparison, points: float, gpus: GpuTable, experiments: Sequence[str] = ()
) -> list[Detection]:
    """What it takes to see a difference of so many points in each row, by what its seeds and examples have shown.

    Args:
        experiments: those of the comparison.
    """
    ledger = Ledger(store).read([*OUTCOME, "trial_id", "seconds", "gpus", "device"]).to_pylist()
    spare = 0 if comparison.search_seed else 1  # the seed that is left out
    found = []
    for kept in history.current(store, experiments):
        rows = [row for row in comparison.rows if row.experiment == kept.plan.experiment and row.p_adjusted is not None]
        needs = [_need(row, comparison.rows, points) for row in rows]
        steps = [
            Step(seeds, sum(_is_seen(one, points) or (one.seeds or MOST_SEEDS + 1) <= count for one in needs), price)
            for count in _counts(len(kept.plan.studies[0].seeds) - spare, needs)
            for seeds in [_seeds(kept.plan, count + spare)]
            for price in [_price(kept.plan, seeds, ledger, gpus)]
        ]
        found.append(Detection(kept.plan.experiment, points, tuple(needs), tuple(steps)))
    return found


def show(found: Sequence[Detection], console: Console) -> None:
    """What each number of seeds would show, and cost."""
    for one in found:
        for sentence in one.sentences():
            console.say(sentence)
        if not one.steps:
            continue
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for name in ("seeds", "seen on", "trials", "GPU-hours", "dollars"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("run again with", overflow="fold")
        for step in one.steps:
            price = step.price
            table.add_row(
                str(len(step.seeds)),
                f"{step.rows} of {len(one.needs)}" if step.rows else "",
                f"{price.trials:,}",
                _expected(price.gpu_hours) if price.gpus else "",
                _expected(price.cost),
                step.override,
            )
        console.print(table)
        for line in one.steps[-1].price.lines():
            console.say(f"- with {counted(len(one.steps[-1].seeds), 'seed')}: {line}")


def _is_seen(need: Need, points: float) -> bool:
    return need.row.detectable is not None and need.row.detectable <= points


def _need(row: Difference, family: Sequence[Difference], points: float) -> Need:
    assert row.parts is not None
    if row.claim == "models":
        return Need(row, None, is_known=False)
    level = level_needed([p for one in family if one is not row and (p := one.p) is not None], row.correction)
    return Need(row, seeds_needed(row.parts, row.groups, points, level), is_known=True)


def _counts(have: int, needs: Sequence[Need]) -> list[int]:
    """Numbers of seeds to offer: those with which further rows are decided."""
    counts = sorted({one.seeds for one in needs if one.seeds is not None and one.seeds > have})
    if not counts and any(not one.is_known for one in needs):
        counts = [FIRST] if have < FIRST else []
    if len(counts) > SHOWN:
        counts = [counts[round(place)] for place in np.linspace(0, len(counts) - 1, SHOWN)]
    return counts


def _seeds(plan: Plan, count: int) -> tuple[int, ...]:
    """The plan's, and the next whole numbers."""
    seeds = [*plan.studies[0].seeds]
    number = 1
    while len(seeds) < count:
        if number not in seeds:
            seeds.append(number)
        number += 1
    return tuple(seeds)


def _price(plan: Plan, seeds: tuple[int, ...], ledger: Sequence[Mapping[str, Any]], gpus: GpuTable) -> Price:
    """What the plan takes with more seeds: each study's trials as long as those that it has finished."""
    longer = [
        study if study.phase == "evaluate" and study.parent is None else dataclasses.replace(study, seeds=seeds)
        for study in plan.studies
    ]
    search = Search(dataclasses.replace(plan, studies=tuple(longer)), [outcome(row) for row in ledger])
    rows = {row["trial_id"]: row for row in ledger}
    studies, ran = [], []
    for study in search.plan.studies:
        ended = [rows[one.spec.trial_id] for one in search.ended(study) if one.status == "finished"]
        left = search.left(study)
        ran += ended if left else []
        hours = _hours(ended, left)
        if hours is None:
            studies.append(StudyPrice(study.name, left, None, None, "no trial of its study has finished"))
        else:
            studies.append(StudyPrice(study.name, left, hours, "measured", "as long as those of the same study"))
    device = Counter(row["device"] for row in ran).most_common(1)
    occupied = float(np.median([row["gpus"] or 0.0 for row in ran])) if ran else 0.0
    return Price(tuple(studies), gpus.of_device(device[0][0]) if device else None, occupied)


def _hours(ended: Sequence[Mapping[str, Any]], left: int) -> Bounds | None:
    if not left:
        return NOTHING
    seconds = [row["seconds"] for row in ended if row["seconds"] is not None]
    return Bounds(*np.quantile(seconds, QUANTILES).tolist()) * (left / 3600) if seconds else None


def _expected(bounds: Bounds | None) -> str:
    return "?" if bounds is None else digits(bounds.expected)
