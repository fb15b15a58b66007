"""The tables of a paper, from a store: transfer to all targets, to the languages of one, and the leaderboard."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from sweep.experiment.regimes import ZERO_SHOT
from sweep.planning import history
from sweep.planning.plan import Plan
from sweep.results.comparison.comparison import By, Claim, Comparison, compare
from sweep.results.comparison.difference import Difference
from sweep.results.comparison.samples import Samples
from sweep.results.official import OVERALL
from sweep.results.paper import differences, methods, oracle, references
from sweep.results.paper.differences import HIDDEN, MEAN, Layout
from sweep.results.paper.printed import Cell, Column, Line, Printed, Section
from sweep.results.query import query, steadily
from sweep.scoring import benchmark
from sweep.scoring.benchmark import Benchmark
from trainables.errors import Problem, UserError, nearest
from trainables.store import Store

AVERAGE = "Avg."
"""The name of the last column."""


MOST_LANGUAGES = 15
"""Of a target that stand beside each other; more stand below each other, as a page has no room for them."""


@dataclass(frozen=True)
class Question:
    """What a table is asked about: one experiment of a store, against a baseline."""

    store: Store
    experiment: str | None = None
    baseline: str = "none"
    claim: Claim | None = None
    search_seed: bool = True

    @property
    def experiments(self) -> tuple[str, ...]:
        """As `query` takes them."""
        return () if self.experiment is None else (self.experiment,)

    @functools.cached_property
    def plan(self) -> Plan:
        """Of the experiment. Raises UserError where the store has several and none is named."""
        (kept,) = history.current(self.store, self.experiments)
        return kept.plan

    @property
    def conditions(self) -> tuple[str, ...]:
        """In the plan's order, without the baseline."""
        names = dict.fromkeys(study.condition for study in self.plan.studies if study.phase == "evaluate")
        return tuple(name for name in names if name != self.baseline)

    @property
    def targets(self) -> tuple[str, ...]:
        """In the plan's order."""
        scored = (study.question.tasks for study in self.plan.studies if study.phase == "evaluate")
        return tuple(dict.fromkeys(task for tasks in scored for task in tasks))


class Comparisons:
    """What `sweep compare` says of a question, against its baseline and others, from one reading of the store."""

    def __init__(self, asked: Question, connection: duckdb.DuckDBPyConnection) -> None:
        self._asked, self._samples = asked, Samples(connection)
        self._found: dict[tuple[By, str], Comparison] = {}

    def get(self, by: By, baseline: str | None = None) -> Comparison:
        """A comparison; it is made once."""
        asked, key = self._asked, (by, baseline or self._asked.baseline)
        if key not in self._found:
            self._found[key] = compare(
                asked.store, key[1], by, asked.claim, asked.experiments, asked.search_seed, self._samples
            )
        return self._found[key]


def transfer(asked: Question, with_oracle: bool = False) -> Printed:
    """Conditions by targets: the layout of Phang et al. 2020, whose groups and order are the benchmark's."""
    return steadily(
        asked.store, asked.experiments, lambda read: _transfer(asked, Comparisons(asked, read), with_oracle)
    )


def _transfer(asked: Question, comparisons: Comparisons, with_oracle: bool) -> Printed:
    known = _benchmark(asked.targets)
    compared = comparisons.get("target")
    scored = methods.scored(compared.rows)
    if not scored:
        raise UserError(Problem("there is nothing to compare yet", hint="`sweep status` tells what has run"))
    groups = {task: group for task, group in _in_order(known, asked.targets).items() if task in scored}
    targets = {task: scored[task] for task in groups}
    columns = [
        Column(references.name(task), references.group(groups[task]), _about(of)) for task, of in targets.items()
    ]
    names = {task: references.name(task) for task in targets}
    rows, order, said = compared.rows, tuple(targets), compared.notes
    if whole_rows := _of_whole_benchmarks(compared, known, comparisons):
        whole = comparisons.get("benchmark")
        rows += whole_rows
        order, names[known.name] = (*order, known.name), AVERAGE
        columns.append(Column(AVERAGE, "", ("score", "")))
        said += (f"{AVERAGE}: as {known.name} aggregates{_of_two_scores(known)}; p adjusted for {whole.family}",)

    def against(best: str, column: str) -> Comparison:
        return comparisons.get("benchmark" if column == known.name else "target", best)

    layout = Layout(asked.baseline, asked.conditions, order)
    shown = replace(compared, rows=rows, notes=said)
    oracles = oracle.of_targets(asked.store, asked.experiments, layout) if with_oracle else oracle.NONE
    return Printed(
        label="transfer",
        rows="condition",
        columns=tuple(columns),
        about=("metric", "languages"),
        sections=(*differences.sections(shown, layout, against), *oracles.sections),
        caption=methods.caption(asked.plan, compared, "Transfer after intermediate training."),
        notes=(*differences.notes(shown, layout, names), *oracles.notes),
        methods=methods.methods(asked.plan, compared, targets, known),
    )


def languages(asked: Question, target: str | None = None, with_oracle: bool = False) -> Printed:
    """Conditions by the languages of one target, the mean over all of them last."""
    chosen = _target(asked, target)
    return steadily(
        asked.store, asked.experiments, lambda read: _languages(asked, Comparisons(asked, read), chosen, with_oracle)
    )


def _languages(asked: Question, comparisons: Comparisons, chosen: str, with_oracle: bool) -> Printed:
    whole, compared = comparisons.get("target"), comparisons.get("language")
    rows = [row for row in compared.rows if row.target == chosen]
    targets = {name: of for name, of in methods.scored(whole.rows).items() if name == chosen}
    if not rows or not targets:
        raise UserError(Problem(f"nothing of '{chosen}' can be compared", hint="`sweep status` tells what has run"))
    codes = sorted({row.subject for row in rows})
    studies = [study for study in asked.plan.studies if study.phase == "evaluate" and chosen in study.question.tasks]
    sources = {study.source_language for study in studies}
    columns = [Column(code, "", ("source" if code in sources else "",)) for code in codes]

    def against(best: str, column: str) -> Comparison:
        return comparisons.get("target" if column == MEAN else "language", best)

    layout = Layout(asked.baseline, asked.conditions, (*codes, MEAN), within=chosen)
    said = (*compared.notes, f"{AVERAGE}: of all languages, p adjusted for {whole.family} (Holm)")
    both = replace(compared, rows=(*compared.rows, *whole.rows), notes=said)
    oracles = oracle.of_languages(asked.store, asked.experiments, layout) if with_oracle else oracle.NONE
    of = targets[chosen]
    what = f"{references.name(chosen)} by language ({of.metric}, {of.split} split)."
    turned = len(codes) > MOST_LANGUAGES
    table = Printed(
        label=f"languages-{chosen}",
        rows="condition",
        columns=(*columns, Column(AVERAGE, "", ("",))),
        about=("",) if any(column.about[0] for column in columns) else (),
        sections=(*differences.sections(both, layout, against), *oracles.sections),
        caption=methods.caption(asked.plan, compared, what, ("row", "column") if turned else ("column", "row")),
        notes=(*differences.notes(both, layout, {MEAN: AVERAGE}), *oracles.notes),
        methods=methods.methods(asked.plan, compared, targets, _benchmark([chosen])),
    )
    return table.turned("language") if turned else table


def leaderboard(asked: Question) -> Printed:
    """Conditions by the groups of each benchmark, as it aggregates; no number where a task is missing."""
    rows = query(asked.store, "from leaderboard", experiments=asked.experiments).to_pylist()
    names = sorted({row["condition"] for row in rows})
    if names and asked.baseline not in names:
        raise UserError(Problem(f"there is no condition '{asked.baseline}'", hint=nearest(asked.baseline, names)))
    if not rows:
        raise UserError(Problem("no target of this experiment belongs to a benchmark", hint="try --layout paper"))
    known = [benchmark.load(name) for name in sorted({row["benchmark"] for row in rows})]
    groups = [*dict.fromkeys(group for one in known for group in (*one.groups, OVERALL))]
    groups.sort(key=lambda group: group == OVERALL)
    found = {(row["benchmark"], row["regime"], row["condition"], row["task_group"]): row for row in rows}
    sections, notes = [], []
    for name, regime in sorted({(row["benchmark"], row["regime"]) for row in rows}, key=_zero_shot_first):
        lines = [
            Line(condition, tuple(_of_a_group(found.get((name, regime, condition, group))) for group in groups))
            for condition in (asked.baseline, *asked.conditions)
        ]
        if any(cell.value is not None for line in lines for cell in line.cells) or len(known) == 1:
            sections.append(Section(f"{name}, {regime}", tuple(lines)))
        own = [row for row in rows if (row["benchmark"], row["regime"]) == (name, regime)]
        notes += _what_is_missing(f"{name}, {regime}", own)
    return Printed(
        label="leaderboard",
        rows="condition",
        columns=tuple(Column(references.group(group), "") for group in groups),
        sections=tuple(sections),
        caption=(
            f"Scores of groups of tasks and of all (experiment {asked.plan.experiment}), as the benchmarks aggregate",
            *references.cite("benchmarks", [one.name for one in known]),
            ": means over languages, a task's scores, tasks, and seeds. There is no number where a task, or a language "
            "of it, is missing.",
        ),
        notes=tuple(notes),
        methods=methods.of_training(asked.plan),
    )


def _zero_shot_first(place: tuple[str, str]) -> tuple[str, bool, str]:
    name, regime = place
    return name, regime != ZERO_SHOT, regime


def _benchmark(targets: Sequence[str]) -> Benchmark:
    """The benchmark that has the most of the targets."""
    known = [benchmark.load(name) for name in benchmark.names()]
    return max(known, key=lambda one: sum(task.name in targets for task in one.tasks))


def _in_order(known: Benchmark, targets: Sequence[str]) -> Mapping[str, str]:
    """Targets and their groups: first the benchmark's, in its order, then all others."""
    of_group = {task: group for group, tasks in known.groups.items() for task in tasks}
    found = {task.name: of_group.get(task.name, "") for task in known.tasks if task.name in targets}
    return {**found, **{task: "" for task in targets if task not in found}}


def _about(of: methods.Scored) -> tuple[str, str]:
    return of.metric, str(of.languages)


def _of_whole_benchmarks(compared: Comparison, known: Benchmark, comparisons: Comparisons) -> tuple[Difference, ...]:
    """The rows of a benchmark, without a number where some task has none; no rows where none of them has one."""
    tasks = {task.name for task in known.tasks}
    scored: dict[tuple[str, str], set[str]] = {}
    for row in compared.rows:
        if row.difference is not None:
            scored.setdefault((row.regime, row.condition), set()).add(row.subject)
    if not any(tasks <= of for of in scored.values()):
        return ()
    return tuple(
        row
        if tasks <= scored.get((row.regime, row.condition), set())
        else replace(row, score=None, baseline_score=None, difference=None, p=None, p_adjusted=None)
        for row in comparisons.get("benchmark").rows
        if row.subject == known.name
    )


def _of_two_scores(known: Benchmark) -> str:
    """What a benchmark's average is not the mean of the columns for."""
    found = [references.name(task.name) for task in known.tasks if len(task.score) > 1]
    return f", where {', '.join(found)} count with the mean of two scores" if found else ""


def _target(asked: Question, wanted: str | None) -> str:
    if wanted is None and len(asked.targets) > 1:
        raise UserError(Problem("a table by language is about one target", hint=f"--target {asked.targets[0]}"))
    if wanted is not None and wanted not in asked.targets:
        message = f"experiment '{asked.plan.experiment}' has no target '{wanted}'"
        raise UserError(Problem(message, hint=nearest(wanted, asked.targets)))
    return wanted or asked.targets[0]


def _of_a_group(row: Mapping[str, Any] | None) -> Cell:
    if row is None:
        return Cell(None)
    finished, planned, collapsed = row["finished"], row["planned"], row["collapsed"]
    return Cell(
        row["score"],
        instead=HIDDEN,
        signs=differences.signs(finished, planned, collapsed) if row["score"] is not None else (),
        seeds=finished,
        planned=planned,
        collapsed=collapsed,
        failed=row["failed"],
        missing=planned - finished - row["failed"] if row["score"] is not None else None,
    )


def _what_is_missing(where: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which tasks keep groups from having a score, in which conditions."""
    of_tasks: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        if row["missing"] and row["task_group"] == OVERALL:
            of_tasks.setdefault(tuple(row["missing"]), []).append(row["condition"])
    return [f"{where}: without all of {', '.join(tasks)}: {', '.join(names)}" for tasks, names in of_tasks.items()]
