"""What a report is made from: everything that it asks a store, once, as values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import duckdb

from sweep.planning import history
from sweep.planning.history import KeptPlan
from sweep.planning.plan import Study
from sweep.report.blocks import Row
from sweep.results.audit import FalseAlarms, SearchAudit, SelectionAudit, false_alarms, searches, selections
from sweep.results.changes import Changes, changes
from sweep.results.comparison.comparison import Comparison, compare
from sweep.results.comparison.difference import By, Claim
from sweep.results.comparison.samples import Samples
from sweep.results.diagnostics.diagnose import Diagnostics, diagnose
from sweep.results.query import rows_of, steadily
from trainables.store import Store

TRIALS = "from trials order by started_at, trial_id"

BEHIND = """
with scored as (
    select regime, condition, target, seed, trial_id, avg(value) as score, count(value) as languages
    from scores where winner and main group by all
)
select seeds.regime, seeds.condition, seeds.target, seeds.seed, seeds.fate, seeds.collapsed, score, languages,
       scored.trial_id as evaluated, evaluation.parent as trained, training.parent as started_from
from internal.seeds as seeds
left join scored using (regime, condition, target, seed)
left join (select distinct trial_id, parent from trials) as evaluation on evaluation.trial_id = scored.trial_id
left join (select distinct trial_id, parent from trials) as training on training.trial_id = evaluation.parent
order by seed, evaluated
"""
"""A row per condition, target and seed: the trials that its score comes from."""


HELD = """
insert into held.predicted
from internal.predicted
where trial_id in {trials} and (
    trial_id in (select trial_id from internal.members where role <> 'evaluation')
    or (target, split) in (select target, split from internal.scored where main))
"""
"""Predictions that chose winners, and those that scored them, of some trials."""

SIZES = """
with scored as (select distinct trial_id, target, language, split, n from internal.scored)
select trial_id, coalesce(sum(n), 0) as predictions
from (select distinct trial_id from internal.members) left join scored using (trial_id)
group by trial_id
order by trial_id
"""

AT_A_TIME = 2_000_000
"""Predictions that are in memory before they are compressed: some 300 MB."""

RUNS = """
select runs.*, count(distinct trial_id) as trials
from runs join trials using (run)
group by all
order by started_at
"""


@dataclass(frozen=True)
class Asked:
    """What the report is about; `sweep report --check` asks the same again.

    Attributes:
        experiment: its name, with `@` and the hash of the plan that answers.
        baseline: the condition that the others are compared with.
        claim: None: what the seeds allow.
    """

    experiment: str
    baseline: str = "none"
    claim: Claim | None = None


@dataclass(frozen=True)
class Source:
    """The answers of a store. Rows are those of the views, or of the SQL that stands in this file.

    Attributes:
        uri: where the store is.
        provenance: the runs that made the trials.
        overall, by_language: what the conditions add, by target and by language of a target.
        searches: what each would have found with fewer trials.
        selections: whether other development examples would have chosen other winners.
        alarms: replays of the comparisons in which there is nothing to be found.
        changes: what of the examples each condition answers otherwise than the baseline.
        buckets: scores by what the examples give, a target each.
    """

    uri: str
    asked: Asked
    kept: KeptPlan
    trials: tuple[Row, ...]
    behind: tuple[Row, ...]
    provenance: tuple[Row, ...]
    overall: Comparison
    by_language: Comparison
    searches: tuple[SearchAudit, ...]
    selections: tuple[SelectionAudit, ...]
    alarms: tuple[FalseAlarms, ...]
    changes: tuple[Changes, ...]
    buckets: tuple[Diagnostics, ...]

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """In the order of the experiment, the baseline first."""
        found = dict.fromkeys(study.condition for study in self.kept.plan.studies)
        return tuple(sorted(found, key=lambda name: name != self.asked.baseline))

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """In the order of the experiment."""
        return tuple(dict.fromkeys(target for study in self._evaluations() for target in study.question.tasks))

    def targets_of(self, regime: str) -> tuple[str, ...]:
        """Those that are trained so."""
        found = {target for study in self._evaluations() if study.regime == regime for target in study.question.tasks}
        return tuple(target for target in self.targets if target in found)

    @cached_property
    def regimes(self) -> tuple[str, ...]:
        """In which languages targets are trained, in the order of the plan."""
        return tuple(dict.fromkeys(study.regime for study in self._evaluations() if study.regime))

    @cached_property
    def anchors(self) -> Mapping[tuple[str, str, str], str]:
        """By regime, condition and target: the first row of the trials that its score comes from."""
        found: dict[tuple[str, str, str], str] = {}
        for place, row in enumerate(self.behind):
            found.setdefault((row["regime"], row["condition"], row["target"]), f"behind-{place}")
        return found

    def _evaluations(self) -> Iterator[Study]:
        return (study for study in self.kept.plan.studies if study.phase == "evaluate")


def anchor(trial_id: str | None) -> str | None:
    """Where a trial stands in the report."""
    return None if trial_id is None else f"trial-{trial_id}"


def read(store: Store, asked: Asked) -> Source:
    """Asks everything of the store.

    Raises:
        UserError: it has no ledger, no such experiment or baseline, several where none is named.
    """
    (kept,) = history.current(store, [asked.experiment] if asked.experiment else [])
    asked = dataclasses.replace(asked, experiment=f"{kept.plan.experiment}@{kept.hash}")
    return steadily(store, [asked.experiment], lambda connection: _answers(connection, store, kept, asked))


def _hold(connection: duckdb.DuckDBPyConnection) -> None:
    """Reads once, into a compressed form, what is asked some hundred times.

    Of an experiment as large as XTREME with 11 conditions that is most of the time which a report takes.
    """
    connection.execute("attach ':memory:' as held (compress)")
    connection.execute("create table held.predicted as from internal.predicted limit 0")
    for trials in _portions(connection.sql(SIZES).fetchall()):
        connection.execute(HELD.format(trials=f"({', '.join('?' * len(trials))})"), trials)
        connection.execute("checkpoint held")
    connection.execute("create table held.examples as from internal.examples")
    connection.execute("checkpoint held")
    views = connection.sql("select view_name from duckdb_views() where schema_name = 'internal'").fetchall()
    for name in ("predicted", "examples"):
        if (name,) not in views:  # a store that has none of them has an empty table
            connection.execute(f"drop table internal.{name}")
        connection.execute(f"create or replace view internal.{name} as from held.{name}")


def _portions(sizes: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    """Trials in order, so many that they have AT_A_TIME predictions at most, or one that has more."""
    portion: list[str] = []
    total = 0
    for trial_id, size in sizes:
        if portion and total + size > AT_A_TIME:
            yield portion
            portion, total = [], 0
        portion.append(trial_id)
        total += size
    if portion:
        yield portion


def _answers(connection: duckdb.DuckDBPyConnection, store: Store, kept: KeptPlan, asked: Asked) -> Source:
    places = {study.name: place for place, study in enumerate(kept.plan.studies)}
    conditions = {study.condition: place for place, study in enumerate(kept.plan.studies)}
    _hold(connection)

    samples = Samples(connection)

    def compared(by: By) -> Comparison:
        return compare(store, asked.baseline, by, asked.claim, [asked.experiment], samples=samples)

    def placed(one: SelectionAudit | FalseAlarms | Changes) -> tuple[int, str]:
        return conditions[one.condition], one.target

    return Source(
        uri=store.uri,
        asked=asked,
        kept=kept,
        trials=tuple(sorted(rows_of(connection, TRIALS), key=lambda row: places[row["study"]])),
        behind=tuple(
            sorted(rows_of(connection, BEHIND), key=lambda row: (conditions[row["condition"]], row["target"]))
        ),
        provenance=tuple(rows_of(connection, RUNS)),
        overall=compared("target"),
        by_language=compared("language"),
        searches=searches(connection),
        selections=tuple(sorted(selections(connection, asked.baseline), key=placed)),
        alarms=tuple(sorted(false_alarms(connection, asked.baseline, samples=samples), key=placed)),
        changes=tuple(sorted(changes(connection, samples.questions, asked.baseline), key=placed)),
        buckets=tuple(
            diagnose(connection, store, question, by_language=False, baseline=asked.baseline)
            for question in samples.questions
        ),
    )
