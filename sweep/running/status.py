"""Where an experiment of a store stands: from the store alone, whether a run goes on or not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from sweep.ledger import OUTCOME, Ledger, outcome
from sweep.planning import history
from sweep.planning.history import KeptPlan
from sweep.planning.plan import Plan, Study
from sweep.running import lease
from sweep.search import Search
from trainables.store import Store

RECENT = 50
"""The trials that ended last, which the pace is taken from."""

SHOWN = (
    "trial_id", "phase", "status", "error", "collapsed", "started_at", "finished_at", "seconds", "examples_per_second",
)  # fmt: skip
"""The columns of the ledger that the state of an experiment is made of."""

Row = Mapping[str, Any]
"""A trial in the ledger."""


@dataclass(frozen=True)
class StudyState:
    """How far a study is.

    Attributes:
        planned: its trials in all, as far as is known now; `finished`, `pruned`, `failed` and `left` are parts of it,
            `running` of those that are left.
        best: the best English development score so far.
        blocked: whether it cannot run, as the study before it has no winner.
    """

    name: str
    planned: int
    finished: int
    pruned: int
    failed: int
    left: int
    running: int
    best: float | None
    blocked: bool


@dataclass(frozen=True)
class Failure:
    """Trials that failed for the same reason. `trial_id` is one of them."""

    reason: str
    count: int
    trial_id: str


@dataclass(frozen=True)
class ExperimentState:
    """How far an experiment is.

    Attributes:
        plan: the hash of its current plan. `earlier_plans`: those that it had before, the oldest first.
        collapsed: trials that ended no better than chance on the development set.
        trials_per_hour, examples_per_second: of the last trials, all slots together; None: nothing has ended yet.
        seconds_left: until the end at that pace; None: unknown.
    """

    name: str
    plan: str
    earlier_plans: tuple[str, ...]
    studies: tuple[StudyState, ...]
    failures: tuple[Failure, ...]
    collapsed: int
    trials_per_hour: float | None
    examples_per_second: float | None
    seconds_left: float | None


@dataclass(frozen=True)
class Run:
    """The run that holds the store.

    Attributes:
        alive: it gave a sign of life lately; else it was killed.
        waits: which trials wait for a machine, and why, where they do so for long.
    """

    alive: bool
    experiment: str | None
    host: str
    pid: int
    started: float
    running: tuple[Row, ...]
    waits: str | None = None


@dataclass(frozen=True)
class Status:
    """An experiment, and the run that works on its store, if any: on this experiment or on another one."""

    store: str
    run: Run | None
    experiment: ExperimentState


def status(store: Store, experiment: str | None = None) -> Status:
    """Reads the plans, the ledger and the run's sign of life.

    Args:
        experiment: which of the store's (see `sweep.planning.history.current`); None: its only one.

    Raises:
        UserError: the store has no such experiment, several where none is named, or a file in it is damaged.
    """
    (kept,) = history.current(store, [experiment] if experiment else [])
    run, rows = _run(store), Ledger(store).read([*OUTCOME, *SHOWN]).to_pylist()
    by_id = {row["trial_id"]: row for row in rows}
    here = run is not None and run.alive and run.experiment == kept.plan.experiment
    running = Counter(one["study"] for one in run.running) if run is not None and here else Counter[str]()
    earlier = tuple(one.hash for one in history.history(store, kept.plan.experiment) if one.number < kept.number)
    state = _experiment(kept, earlier, Search(kept.plan, map(outcome, rows)), by_id, running)
    return Status(store.uri, run, state)


def _run(store: Store) -> Run | None:
    found = lease.read(store)
    if found is None:
        return None
    return Run(
        alive=lease.is_alive(found),
        experiment=found.get("experiment"),
        host=found["host"],
        pid=found["pid"],
        started=found.get("started", 0.0),
        running=tuple(found.get("running", ())),
        waits=found.get("waits"),
    )


def _experiment(
    kept: KeptPlan, earlier: tuple[str, ...], search: Search, by_id: Mapping[str, Row], running: Counter[str]
) -> ExperimentState:
    plan = kept.plan
    studies = tuple(_study(study, search, running[study.name]) for study in plan.studies)
    ended = {one.spec.trial_id: by_id[one.spec.trial_id] for study in plan.studies for one in search.ended(study)}
    recent = sorted(ended.values(), key=lambda row: row["finished_at"])[-RECENT:]
    failures = defaultdict(list)
    for row in ended.values():
        if row["status"] == "failed":
            failures[row["error"].splitlines()[0]].append(row["trial_id"])
    speeds = [row["examples_per_second"] for row in recent if row["examples_per_second"]]
    per_second = _pace(recent)
    return ExperimentState(
        name=plan.experiment,
        plan=kept.hash,
        earlier_plans=earlier,
        studies=studies,
        failures=tuple(
            Failure(reason, len(ids), ids[0]) for reason, ids in sorted(failures.items(), key=lambda one: -len(one[1]))
        ),
        collapsed=sum(bool(row["collapsed"]) for row in ended.values()),
        trials_per_hour=per_second and per_second * 3600,
        examples_per_second=fmean(speeds) * _slots(recent) if speeds else None,
        seconds_left=_seconds_left(plan, studies, list(ended.values()), _slots(recent)),
    )


def _study(study: Study, search: Search, running: int) -> StudyState:
    ended = search.ended(study)
    counts = Counter(one.status for one in ended)
    return StudyState(
        name=study.name,
        planned=search.planned(study),
        finished=counts["finished"],
        pruned=counts["pruned"],
        failed=counts["failed"],
        left=search.left(study),
        running=running,
        best=max((one.objective for one in ended if one.objective is not None), default=None),
        blocked=study.parent is not None
        and search.is_closed(search.plan.study(study.parent))
        and not search.is_reachable(study),
    )


def _span(rows: Sequence[Row]) -> float:
    """Seconds from the first start to the last end."""
    return float((max(row["finished_at"] for row in rows) - min(row["started_at"] for row in rows)).total_seconds())


def _pace(rows: Sequence[Row]) -> float | None:
    """Trials a second."""
    return len(rows) / _span(rows) if rows and _span(rows) else None


def _slots(rows: Sequence[Row]) -> float:
    """How many trials ran at once on average."""
    return sum(row["seconds"] for row in rows) / _span(rows) if rows and _span(rows) else 1.0


def _seconds_left(plan: Plan, studies: Sequence[StudyState], ended: Sequence[Row], slots: float) -> float | None:
    """What is left takes as long as what has ended, phase by phase; None where no trial has ended."""
    if not ended:
        return None
    seconds: dict[str, list[float]] = defaultdict(list)
    for row in ended:
        seconds[row["phase"]].append(row["seconds"])
    every = fmean(row["seconds"] for row in ended)
    left = 0.0
    for study, state in zip(plan.studies, studies, strict=True):
        left += state.left * (fmean(seconds[study.phase]) if seconds[study.phase] else every)
    return left / slots
