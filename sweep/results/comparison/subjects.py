"""What the rows of a comparison are about: each condition and the baseline on targets, languages, groups of languages,
benchmarks. Means are over the languages that both sides have; what is left out is said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sweep.planning.plan import Plan
from sweep.results.comparison.contrast import Side, joined, side
from sweep.results.comparison.difference import By
from sweep.results.comparison.questions import Question
from sweep.results.comparison.samples import Sample, Samples
from sweep.results.languages import languages as known_languages
from sweep.scoring import benchmark
from trainables.errors import Problem, UserError

UNKNOWN = "unknown"
"""The family, or script, of a language that the table of languages does not have."""


@dataclass(frozen=True)
class Subject:
    """A condition and the baseline on what a row is about.

    Attributes:
        question: whose experiment and regime it has; of a benchmark that of its first task.
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
    split: str
    languages: tuple[str, ...]
    examples: int
    first: Side
    second: Side
    every: Sequence[Side]
    notes: Sequence[str]


@dataclass(frozen=True)
class Order:
    """In which order an experiment names its conditions, targets and regimes."""

    conditions: tuple[str, ...]
    targets: tuple[str, ...]
    regimes: tuple[str, ...]

    @classmethod
    def of(cls, plan: Plan) -> Order:
        """That of a plan."""
        scored = [study for study in plan.studies if study.phase == "evaluate"]
        return cls(
            tuple(dict.fromkeys(study.condition for study in plan.studies)),
            tuple(dict.fromkeys(target for study in scored for target in study.question.tasks)),
            tuple(dict.fromkeys(study.regime or "" for study in scored)),
        )


def subjects(
    samples: Samples,
    by: By,
    baseline: str,
    order: Mapping[str, Order],
    without: Mapping[str, int],
) -> Iterator[Subject]:
    """All of them, a target at a time.

    Args:
        order: by experiment, in which order they come.
        without: by experiment the seed of the search, where it is to be left out.

    Raises:
        UserError: no target belongs to a benchmark.
    """
    experiments = list(order)

    def place(one: Question) -> tuple[int, int, int]:
        own = order[one.experiment]
        return experiments.index(one.experiment), own.regimes.index(one.regime), own.targets.index(one.target)

    asked = sorted(samples.questions, key=place)
    if by == "benchmark":
        yield from _of_benchmarks(samples, asked, baseline, order, without)
        return
    for question in asked:
        found = samples.sample(question, [question.metric]) if question.metric else EMPTY
        target = Target(question, found, baseline, without.get(question.experiment))
        for condition in order[question.experiment].conditions:
            if condition != baseline and condition in question.conditions:
                yield from target.subjects(by, condition)


EMPTY = Sample((), {}, {}, {})


@dataclass(frozen=True)
class _Common:
    """The languages of a pair of conditions: those that both have, and why others are left out."""

    languages: tuple[str, ...]
    others: Mapping[str, str]

    def among(self, languages: Sequence[str] | None) -> _Common:
        """The same of some languages alone; None: of all."""
        if languages is None:
            return self
        others = {language: why for language, why in self.others.items() if language in languages}
        return _Common(tuple(language for language in self.languages if language in languages), others)

    def notes(self) -> list[str]:
        reasons: dict[str, list[str]] = defaultdict(list)
        for language, why in self.others.items():
            reasons[why].append(language)
        return [f"without {', '.join(names)}: {why}" for why, names in reasons.items()]


class Target:
    """A target's conditions against the baseline. Each is looked at once for the same languages.

    Args:
        without: the seed of the search, where it is to be left out.
    """

    def __init__(self, question: Question, found: Sample, baseline: str, without: int | None) -> None:
        self.question, self.baseline = question, baseline
        self._found, self._without = found, without
        self._sides: dict[tuple[str, ...], dict[str, Side]] = {}

    def subjects(self, by: By, condition: str, among: Sequence[str] | None = None) -> Iterator[Subject]:
        """The rows of a condition; of languages that are not `among` them nothing is said."""
        question = self.question
        for name, languages, notes in _parts(question, by, self._common(condition).among(among)):
            every = self._every(languages)
            yield Subject(
                question,
                condition,
                question.target,
                name,
                question.metric,
                question.split,
                languages,
                sum(self._found.counts[language] for language in languages),
                every[condition],
                every[self.baseline],
                [*every.values()],
                notes,
            )

    def _every(self, languages: tuple[str, ...]) -> Mapping[str, Side]:
        if languages not in self._sides:
            self._sides[languages] = {
                one: side(self.question, self._found, one, languages, self._without) for one in self.question.conditions
            }
        return self._sides[languages]

    def _common(self, condition: str) -> _Common:
        """Languages in which all runs of both sides are scored, on the same examples."""
        question, found, names = self.question, self._found, (condition, self.baseline)
        scored: dict[str, dict[str, set[str]]] = {}
        known: set[str] = set()
        for name in names:
            runs = [
                one
                for one in question.conditions.get(name, ())
                if one.fate == "finished" and (name in question.untrained or one.seed != self._without)
            ]
            known |= {language for one in runs for language in one.values}
            answers = [there for one in runs if (there := found.answers.get((name, one.seed))) is not None]
            languages = set.intersection(*(set(one.examples) for one in answers)) if answers else set()
            scored[name] = {language: {one.examples[language] for one in answers} for language in languages}
        common, others = [], {}
        for language in sorted(known):
            sides = [scored[name].get(language) for name in names]
            if all(sides) and len(set.union(*(one or set() for one in sides))) == 1:
                common.append(language)
            elif all(sides):
                others[language] = "their examples are not the same on both sides"
            elif any(sides):
                others[language] = f"{names[0] if sides[0] else names[1]} alone has scores"
            elif language in found.lacking:
                others[language] = "their examples are not in the store"
            else:
                others[language] = _why_unscored(question, names, language)
        return _Common(tuple(common), others)


def _why_unscored(question: Question, names: Sequence[str], language: str) -> str:
    values = [one.values[language] for name in names for one in question.conditions[name] if language in one.values]
    return "their labels are hidden" if all(one is None for one in values) else "what their metric sums is not known"


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
            every = (*common.languages, *common.others)
            groups[name] = common.among([language for language in every if of.get(language, UNKNOWN) == name])
        for name, group in groups.items():
            yield name, group.languages, group.notes()


def _of_benchmarks(
    samples: Samples,
    asked: Sequence[Question],
    baseline: str,
    order: Mapping[str, Order],
    without: Mapping[str, int],
) -> Iterator[Subject]:
    """Each benchmark that targets belong to, as far as the experiment has scored it: its tasks weigh the same."""
    known = [benchmark.load(name) for name in benchmark.names()]
    tasks = {(one.name, task.name): task for one in known for task in one.tasks}
    if not any((one.name, question.target) in tasks for one in known for question in asked):
        names = " or ".join(one.name for one in known)
        hint = "compare --by target"
        raise UserError(Problem(f"none of the experiment's targets belongs to a benchmark ({names})", hint=hint))
    parts: dict[tuple[str, str, str, str], list[Subject]] = defaultdict(list)
    for question in asked:
        wanted = {one.name: tasks[key] for one in known if (key := (one.name, question.target)) in tasks}
        for scores in dict.fromkeys(task.score for task in wanted.values()):
            found = samples.sample(question, scores) if question.metric else EMPTY
            target = Target(question, found, baseline, without.get(question.experiment))
            for name, task in wanted.items():
                for condition in order[question.experiment].conditions if task.score == scores else ():
                    if condition != baseline and condition in question.conditions:
                        own = (question.experiment, question.regime, name, condition)
                        parts[own] += target.subjects("target", condition, task.languages)
    for (*_, name, condition), of_tasks in parts.items():
        yield _benchmark(benchmark.load(name), condition, of_tasks)


def _benchmark(whole: benchmark.Benchmark, condition: str, parts: Sequence[Subject]) -> Subject:
    """The mean over tasks."""
    notes = [f"{part.target}: {note}" for part in parts for note in part.notes]
    scored = [part for part in parts if part.languages]
    official = {task.name: len(task.languages) for task in whole.tasks}
    notes += [
        f"{part.target}: {len(part.languages)} of its {official[part.target]} languages"
        for part in scored
        if part.target is not None and len(part.languages) < official[part.target]
    ]
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
        ", ".join(sorted({part.split for part in scored})),
        tuple(sorted({language for part in scored for language in part.languages})),
        sum(part.examples for part in scored),
        joined([part.first for part in scored]) if scored else elsewhere,
        joined([part.second for part in scored]) if scored else elsewhere,
        every,
        notes,
    )
