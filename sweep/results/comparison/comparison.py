"""What helped, by how much, and how sure that is: every condition of an experiment against a baseline."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sweep.console import counted
from sweep.planning import history
from sweep.results.comparison.answer import sentences
from sweep.results.comparison.contrast import Contrast, Side, contrast
from sweep.results.comparison.difference import Breadth, By, Claim, Difference
from sweep.results.comparison.samples import Samples
from sweep.results.comparison.subjects import Order, Subject, subjects
from sweep.results.query import steadily
from sweep.statistics.multiplicity import ADJUSTED, LEVEL, Correction, helps_in_at_least, level_needed
from sweep.statistics.power import detectable
from sweep.statistics.verdict import verdict
from trainables.errors import Problem, UserError, nearest
from trainables.reports import ERROR_RATE
from trainables.store import Store

__all__ = ["Breadth", "By", "Claim", "Comparison", "Difference", "compare"]

BASELINE = "none"

CORRECTIONS: Mapping[By, Correction] = {
    "target": "holm",
    "benchmark": "holm",
    "language": "bh",
    "family": "bh",
    "script": "bh",
}
"""Targets and benchmarks are what an experiment is for; the others are looked at to find out more."""


@dataclass(frozen=True)
class Comparison:
    """All rows of one question.

    Attributes:
        claim: what was asked for. Rows that too few seeds keep from "recipe" say "models", and their note why.
        family: of how many comparisons p is adjusted.
        breadth: where rows are of single languages.
        notes: what a reader must know about all of it.
        search_seed: whether the seed of the search counts.
    """

    rows: tuple[Difference, ...]
    by: By
    claim: Claim
    baseline: str
    family: int
    breadth: tuple[Breadth, ...] = ()
    notes: tuple[str, ...] = ()
    search_seed: bool = True

    def sentences(self) -> list[str]:
        """The answer in words."""
        return sentences(self)


def compare(
    store: Store,
    baseline: str = BASELINE,
    by: By = "target",
    claim: Claim | None = None,
    experiments: Sequence[str] = (),
    search_seed: bool = True,
    samples: Samples | None = None,
) -> Comparison:
    """Every condition against the baseline, on every target, language, group of languages, or benchmark.

    Args:
        claim: None: recipes, where there are seeds enough.
        experiments: as `sweep.planning.history.current` has them; all their rows are one family.
        search_seed: whether the seed of the search counts. Its winner was chosen for being good on English.
        samples: what was read of these experiments, for who asks more than this.

    Raises:
        UserError: there are no results, no such baseline, no such experiment, or several where none is named.
    """
    plans = history.current(store, experiments)
    seeds = {one.plan.experiment: one.plan.studies[0].seeds[0] for one in plans}
    order = {one.plan.experiment: Order.of(one.plan) for one in plans}
    _check_baseline(order, baseline)
    wanted = claim or "recipe"
    without = {} if search_seed else seeds

    def found(read: Samples) -> list[Difference]:
        return [_row(one, by, baseline, wanted) for one in subjects(read, by, baseline, order, without)]

    if samples is not None:
        rows = _adjusted(found(samples))
    else:
        rows = _adjusted(steadily(store, experiments, lambda connection: found(Samples(connection))))
    family = sum(row.p is not None for row in rows)
    breadth = tuple(_breadth(rows)) if by == "language" else ()
    notes = [
        f"experiment '{name}' has no condition but {baseline}"
        for name, one in order.items()
        if len(one.conditions) == 1
    ]
    notes += _notes(rows, by, claim, seeds if search_seed else {})
    return Comparison(rows, by, wanted, baseline, family, breadth, tuple(notes), search_seed)


def _check_baseline(order: Mapping[str, Order], baseline: str) -> None:
    problems = []
    for experiment, one in order.items():
        if baseline not in one.conditions:
            hint = nearest(baseline, one.conditions) or f"name one of its conditions: --baseline {one.conditions[0]}"
            message = f"experiment '{experiment}' has no condition '{baseline}' to compare with"
            problems.append(Problem(message, hint=hint))
    if problems:
        raise UserError(problems)


def _row(subject: Subject, by: By, baseline: str, wanted: Claim) -> Difference:
    """All but what follows from the other rows of its family."""
    question, first, second = subject.question, subject.first, subject.second
    found = contrast(first, second, subject.every, wanted)
    sign = -1.0 if subject.metric == ERROR_RATE else 1.0  # for the better is positive
    one = found.estimate
    low, high = (None, None) if one is None or one.low is None or one.high is None else (one.low, one.high)
    notes = [*subject.notes, *_of_seeds(subject, baseline, found, wanted)]
    if one is not None and one.error is None:
        known = first.runs is not None and first.runs.changes.shape[1]
        notes.append(
            "too few examples to say how sure that is" if known else "no interval, as what its metric sums is not known"
        )
    return Difference(
        experiment=question.experiment,
        condition=subject.condition,
        baseline=baseline,
        regime=question.regime,
        by=by,
        target=subject.target,
        subject=subject.name,
        metric=subject.metric,
        split=subject.split,
        languages=subject.languages,
        n=subject.examples,
        groups=0 if first.runs is None else first.runs.changes.shape[1],
        score=_mean(first),
        baseline_score=_mean(second),
        difference=None if one is None else sign * one.value,
        median_difference=None if found.median is None else sign * found.median,
        without_source=None if found.without_source is None else sign * found.without_source,
        low=low if sign > 0 or high is None else -high,
        high=high if sign > 0 or low is None else -low,
        error=None if one is None else one.error,
        freedom=None if one is None or one.freedom is None or not np.isfinite(one.freedom) else one.freedom,
        p=None if one is None else one.p,
        p_adjusted=None,
        correction=CORRECTIONS[by],
        claim=found.claim,
        seeds=first.count("used", "collapsed"),
        planned=len(first.fates),
        collapsed=first.count("collapsed"),
        failed=first.count("failed"),
        missing=first.count("missing"),
        baseline_seeds=second.count("used", "collapsed"),
        baseline_planned=len(second.fates),
        baseline_collapsed=second.count("collapsed"),
        baseline_failed=second.count("failed"),
        baseline_missing=second.count("missing"),
        detectable=None,
        dominated_by=None if one is None else one.dominated_by,
        parts=None if one is None else one.parts,
        verdict="no scores",
        note="; ".join(notes),
    )


def _mean(one: Side) -> float | None:
    return None if one.runs is None else float(one.runs.scores.mean())


def _of_seeds(subject: Subject, baseline: str, found: Contrast, wanted: Claim) -> Iterator[str]:
    """What a reader must know of a row's seeds."""
    sides = ((subject.condition, subject.first), (baseline, subject.second))
    for (name, one), is_uneven in zip(sides, found.uneven, strict=True):
        parts = [
            f"{count} {what if count == 1 else several}"
            for count, what, several in (
                (one.count("collapsed"), "ended at chance and counts", "ended at chance and count"),
                (one.count("failed"), "failed", "failed"),
                (one.count("missing"), "is still to run", "are still to run"),
                (one.count("unscored"), "has no score here", "have no scores here"),
            )
            if count
        ]
        if parts:
            yield f"of the {counted(len(one.fates), 'seed')} of {name} {', '.join(parts)}"
        if is_uneven:
            yield f"the seeds of {name} spread farther than all others: the interval may be too narrow"
    if wanted == "recipe" and found.claim == "models" and subject.first.numbers and subject.second.numbers:
        yield "too few seeds for the recipe: of these models only"


def _adjusted(rows: Sequence[Difference]) -> tuple[Difference, ...]:
    """The rows with what follows from all of them together."""
    tested = [place for place, row in enumerate(rows) if row.p is not None]
    correction = rows[0].correction if rows else "holm"
    values = [p for row in rows if (p := row.p) is not None]
    adjusted = ADJUSTED[correction](values).tolist() if values else []
    by_place = dict(zip(tested, adjusted, strict=True))
    found = []
    for place, row in enumerate(rows):
        p = by_place.get(place)
        said = verdict(row.difference, p)
        smallest = None
        if p is not None and row.error is not None:
            own = tested.index(place)
            level = level_needed([*values[:own], *values[own + 1 :]], correction)
            smallest = detectable(row.error, np.inf if row.freedom is None else row.freedom, level)
        found.append(dataclasses.replace(row, p_adjusted=p, verdict=said, detectable=smallest))
    return tuple(found)


def _breadth(rows: Sequence[Difference]) -> Iterator[Breadth]:
    """In how many languages each condition helps each target, and in how many it hurts."""
    parts: dict[tuple[str, str, str, str], list[Difference]] = defaultdict(list)
    for row in rows:
        if row.p is not None and row.difference is not None and row.target is not None:
            parts[row.experiment, row.condition, row.regime, row.target].append(row)
    level = LEVEL / 2 / max(1, len(parts))  # for either direction, and for all of them together
    for key, languages in parts.items():
        helps, hurts = (helps_in_at_least([_one_sided(row, sign) for row in languages], level) for sign in (1, -1))
        yield Breadth(*key, helps, hurts, len(languages))


def _one_sided(row: Difference, sign: int) -> float:
    assert row.p is not None and row.difference is not None
    return row.p / 2 if row.difference * sign > 0 else 1 - row.p / 2


def _notes(comparison: Sequence[Difference], by: By, claim: Claim | None, searched: Mapping[str, int]) -> Iterator[str]:
    """What a reader must know of all rows."""
    tested = [row for row in comparison if row.p is not None]
    if tested and claim != "models" and all(row.claim == "models" for row in tested):
        yield "with fewer than two seeds this is about these very models: another training may show something else"
    if tested:
        how = "Holm" if CORRECTIONS[by] == "holm" else "Benjamini-Hochberg"
        adjusted = f"p adjusted for {counted(len(tested), 'comparison')} ({how})"
        yield f"verdicts: {adjusted}; intervals: 95 %, of each row alone"
        yield "found from: the smallest difference that would have been found 4 times in 5, other rows as they are"
    if any(row.claim == "recipe" for row in tested):
        seeds = sorted(set(searched.values()))
        told = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"
        if seeds:
            yield f"{told} chose the winners by its English development score, and counts (--without-search-seed)"
    if any(row.target == "bucc2018" for row in comparison):
        yield "bucc2018: the threshold comes from development data and is taken as it is"
