"""What the rows of a comparison are about: each condition and the baseline on targets, languages, groups of languages,
benchmarks. Means are over the languages that both sides have; what is left out is said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from sweep.results.contrast import Side, joined, side
from sweep.results.difference import By
from sweep.results.languages import languages as known_languages
from sweep.results.samples import Question, Sample, questions, sample
from sweep.scoring import benchmark
from trainables.errors import Problem, UserError

UNKNOWN = "unknown"
"""The family, or script, of a language that the table of languages does not have."""


@dataclass(frozen=True)
class Subject:
    """A condition and the baseline on what a row is about.

    Attributes:
        question: whose experiment, regime and split it has; of a benchmark that of its first task.
        target: None of a benchmark.
        languages: that the means are over.
        examples: of one side and seed.
        first, second: the condition and the baseline.
        every: all conditions on it, for what they say of seeds.
        notes: what is left out, and the like.
    """

    question: Question
    condition: str
    target: str | None
    name: str
    metric: str
    languages: tuple[str, ...]
    examples: int
    first: Side
    second: Side
    every: Sequence[Side]
    notes: Sequence[str]


def subjects(
    connection: duckdb.DuckDBPyConnection,
    by: By,
    baseline: str,
    conditions: Mapping[str, Sequence[str]],
    without: Mapping[str, int],
) -> Iterator[Subject]:
    """All of them, a target at a time.

    Args:
        conditions: by experiment, in its order.
        without: by experiment the seed of the search, where it is to be left out.

    Raises:
        UserError: no target belongs to a benchmark.
    """
    asked = questions(connection)
    if by == "benchmark":
        yield from _of_benchmarks(connection, asked, baseline, conditions, without)
        return
    for question in asked:
        found = sample(connection, question, [question.metric]) if question.metric else EMPTY
        for condition in conditions[question.experiment]:
            if condition != baseline and condition in question.conditions:
                yield from _of_target(question, found, by, condition, baseline, without.get(question.experiment))


EMPTY = Sample((), np.zeros((0, 0), dtype=bool), np.zeros(0, dtype=np.int64), {})


@dataclass(frozen=True)
class _Common:
    """The languages of a pair of conditions: those that both have, and why others are left out."""

    languages: tuple[str, ...]
    others: Mapping[str, str]

    def notes(self) -> list[str]:
        reasons: dict[str, list[str]] = defaultdict(list)
        for language, why in self.others.items():
            reasons[why].append(language)
        return [f"without {', '.join(names)}: {why}" for why, names in reasons.items()]


def _common(question: Question, found: Sample, condition: str, baseline: str, without: int | None) -> _Common:
    """Languages in which all runs of both sides are scored, on the same examples."""
    scored: dict[str, dict[str, set[str]]] = {}
    known: set[str] = set()
    for name in (condition, baseline):
        runs = [
            one
            for one in question.conditions.get(name, ())
            if one.fate == "finished" and (name in question.untrained or one.seed != without)
        ]
        known |= {language for one in runs for language in one.values}
        answers = [there for one in runs if (there := found.answers.get((name, one.seed))) is not None]
        languages = set.intersection(*(set(one.examples) for one in answers)) if answers else set()
        scored[name] = {language: {one.examples[language] for one in answers} for language in languages}
    common, others = [], {}
    for language in sorted(known):
        sides = [scored[name].get(language) for name in (condition, baseline)]
        if all(sides) and len(set.union(*(one or set() for one in sides))) == 1:
            common.append(language)
        elif all(sides):
            others[language] = "their examples are not the same on both sides"
        elif any(sides):
            others[language] = f"{condition if sides[0] else baseline} alone has scores"
        elif language in found.lacking:
            others[language] = "their examples are not in the store"
        else:
            others[language] = _why_unscored(question, (condition, baseline), language)
    return _Common(tuple(common), others)


def _why_unscored(question: Question, names: Sequence[str], language: str) -> str:
    values = [one.values[language] for name in names for one in question.conditions[name] if language in one.values]
    return "their labels are hidden" if all(one is None for one in values) else "what their metric sums is not known"


def _of_target(
    question: Question, found: Sample, by: By, condition: str, baseline: str, without: int | None
) -> Iterator[Subject]:
    common = _common(question, found, condition, baseline, without)
    for name, languages, notes in _parts(question, by, common):
        every = {one: side(question, found, one, languages, without) for one in question.conditions}
        yield Subject(
            question,
            condition,
            question.target,
            name,
            question.metric,
            languages,
            sum(int(found.counts[found.languages.index(language)]) for language in languages),
            every[condition],
            every[baseline],
            [*every.values()],
            notes,
        )


def _parts(question: Question, by: By, common: _Common) -> Iterator[tuple[str, tuple[str, ...], list[str]]]:
    """The name, the languages and the notes of each row of a target."""
    if by == "target" or not (common.languages or common.others):
        yield question.target, common.languages, common.notes()
    elif by == "language":
        for language in sorted({*common.languages, *common.others}):
            is_common = language in common.languages
            yield language, (language,) if is_common else (), [] if is_common else [common.others[language]]
    else:
        table = known_languages()
        of = dict(zip(table["language"].to_pylist(), table[by].to_pylist(), strict=True))
        groups: dict[str, _Common] = {}
        for name in sorted({of.get(language, UNKNOWN) for language in (*common.languages, *common.others)}):
            own = tuple(language for language in common.languages if of.get(language, UNKNOWN) == name)
            others = {key: why for key, why in common.others.items() if of.get(key, UNKNOWN) == name}
            groups[name] = _Common(own, others)
        for name, group in groups.items():
            yield name, group.languages, group.notes()


def _of_benchmarks(
    connection: duckdb.DuckDBPyConnection,
    asked: Sequence[Question],
    baseline: str,
    conditions: Mapping[str, Sequence[str]],
    without: Mapping[str, int],
) -> Iterator[Subject]:
    """Each benchmark that targets belong to, as far as the experiment has scored it: its tasks weigh the same."""
    known = [benchmark.load(name) for name in benchmark.names()]
    if not any(task.name == question.target for one in known for task in one.tasks for question in asked):
        names = " or ".join(one.name for one in known)
        hint = "compare --by target"
        raise UserError(Problem(f"none of the experiment's targets belongs to a benchmark ({names})", hint=hint))
    settings = dict.fromkeys((question.experiment, question.regime) for question in asked)
    for one in known:
        for experiment, regime in settings:
            own = {q.target: q for q in asked if (q.experiment, q.regime) == (experiment, regime) and q.metric}
            tasks = [task for task in one.tasks if task.name in own]
            if not tasks:
                continue
            parts: dict[str, list[Subject]] = defaultdict(list)
            for task in tasks:
                question = own[task.name]
                found = sample(connection, question, task.score)
                for condition in conditions[experiment]:
                    if condition != baseline and condition in question.conditions:
                        seed = without.get(experiment)
                        parts[condition].extend(_of_target(question, found, "target", condition, baseline, seed))
            for condition, of_tasks in parts.items():
                yield _benchmark(one, condition, of_tasks)


def _benchmark(whole: benchmark.Benchmark, condition: str, parts: Sequence[Subject]) -> Subject:
    """The mean over tasks."""
    notes = [f"{part.target}: {note}" for part in parts for note in part.notes]
    scored = [part for part in parts if part.languages]
    names = ", ".join(str(part.target) for part in scored)
    if len(scored) < len(whole.tasks):
        notes.insert(0, f"{len(scored)} of {len(whole.tasks)} tasks: {names}" if scored else "no task is scored")
    elsewhere = Side({}, (), None, None, None)
    every = [joined(sides) for sides in zip(*(part.every for part in scored), strict=True)]
    return Subject(
        parts[0].question,
        condition,
        None,
        whole.name,
        "score",
        tuple(sorted({language for part in scored for language in part.languages})),
        sum(part.examples for part in scored),
        joined([part.first for part in scored]) if scored else elsewhere,
        joined([part.second for part in scored]) if scored else elsewhere,
        every,
        notes,
    )
