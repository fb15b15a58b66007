"""The scores of a bucket: of each condition, with intervals, and how far it is from the baseline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sweep.results.comparison.difference import Claim
from sweep.results.diagnostics.buckets import Bucket
from sweep.results.diagnostics.parts import Part
from sweep.statistics.crossed import Estimate, Runs, Spread, of_the_recipe, of_these_models, pooled
from sweep.statistics.influence import Floats, Formula, leave_out

FEWEST = 20
"""Groups of examples under which no interval is given: their variance is not known well enough."""


@dataclass(frozen=True)
class Run:
    """A condition's winner on a seed, whose predictions are looked at.

    Attributes:
        trained: whether it depends on the seed.
        collapsed: whether it ended at chance.
    """

    experiment: str
    condition: str
    regime: str
    seed: int
    trained: bool = True
    collapsed: bool = False


@dataclass(frozen=True)
class Scoring:
    """How a target is scored.

    Attributes:
        metric: the score's name, on the 0-100 scale; `formula` is its.
        errors: whether less of it is better.
        baseline: the condition that the others are compared with.
        by_language: whether single languages are asked for as well.
    """

    target: str
    split: str
    metric: str
    formula: Formula
    errors: bool = False
    baseline: str = "none"
    by_language: bool = True


@dataclass(frozen=True)
class BucketScore:
    """A condition in a bucket.

    Attributes:
        language: None: the mean over those languages that have the bucket, so many as `languages` says.
        lower, upper: the least and greatest number in the bucket; None of values.
        score: in points of the main metric, the mean over seeds.
        low, high: its 95 % interval under `claim`; None where `note` says why.
        n: examples of one run in it, over all these languages; of a kind of entity how many are in gold.
        groups: what of them is drawn as a whole.
        difference: to the baseline, for the better it is positive; None of the baseline, and without one.
        p: of no difference, two-sided; `p_adjusted` (Benjamini-Hochberg) for all such rows of the target.
        claim: with fewer than two seeds on a side the intervals are of these models alone.
    """

    experiment: str
    condition: str
    regime: str
    target: str
    language: str | None
    split: str
    metric: str
    attribute: str
    bucket: str
    lower: float | None
    upper: float | None
    score: float
    low: float | None
    high: float | None
    n: int
    groups: int
    languages: int
    seeds: int
    baseline: str | None
    baseline_score: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    p: float | None
    p_adjusted: float | None
    claim: Claim
    note: str


@dataclass(frozen=True)
class _Subject:
    """A bucket in a language, or in all that have it: scores (runs), changes (runs, groups)."""

    language: str | None
    languages: int
    n: int
    scores: Floats
    changes: Floats

    def runs(self, places: Sequence[int], runs: Sequence[Run]) -> Runs:
        """Those of a condition."""
        own = [runs[place] for place in places]
        trained, collapsed = any(run.trained for run in own), any(run.collapsed for run in own)
        return Runs(self.scores[places], self.changes[places], trained, collapsed)


def scored(
    scoring: Scoring, attribute: str, bucket: Bucket, parts: Mapping[str, Part], runs: Sequence[Run]
) -> Iterator[BucketScore]:
    """A row for each condition, and for each language that has the bucket if asked; none where no language has.

    Args:
        parts: the bucket in each language.
        runs: in the order of the parts' sums.
    """
    compared: dict[tuple[str, str], dict[str, list[int]]] = {}
    for place, run in enumerate(runs):
        compared.setdefault((run.experiment, run.regime), {}).setdefault(run.condition, []).append(place)
    for subject in _subjects(scoring, parts):
        groups = subject.changes.shape[1]
        nothing = Runs(np.zeros(1), np.zeros((1, groups)), trained=False)
        for (experiment, regime), conditions in compared.items():
            found = {name: subject.runs(places, runs) for name, places in conditions.items()}
            pool = pooled(found.values())
            for name, own in found.items():
                baseline = found.get(scoring.baseline) if name != scoring.baseline else None
                claim: Claim = "recipe" if all(map(_is_repeated, [own, baseline or nothing])) else "models"
                alone = _estimate(own, nothing, claim, pool)
                apart = None if baseline is None else _estimate(own, baseline, claim, pool)
                low, high = _interval(alone, groups)
                difference, worse, better = _for_the_better(apart, groups, scoring.errors)
                yield BucketScore(
                    experiment=experiment,
                    condition=name,
                    regime=regime,
                    target=scoring.target,
                    language=subject.language,
                    split=scoring.split,
                    metric=scoring.metric,
                    attribute=attribute,
                    bucket=bucket.name,
                    lower=bucket.lower,
                    upper=bucket.upper,
                    score=alone.value,
                    low=None if low is None else max(0.0, low),
                    high=None if high is None else min(100.0, high),
                    n=subject.n,
                    groups=groups,
                    languages=subject.languages,
                    seeds=own.seeds,
                    baseline=None if baseline is None else scoring.baseline,
                    baseline_score=None if baseline is None else float(baseline.scores.mean()),
                    difference=difference,
                    difference_low=worse,
                    difference_high=better,
                    p=None if apart is None or worse is None else apart.p,
                    p_adjusted=None,
                    claim=claim,
                    note="" if low is not None else _doubt(groups),
                )


def _subjects(scoring: Scoring, parts: Mapping[str, Part]) -> Iterator[_Subject]:
    """All languages together, whose groups are left out of all of them at once; then each."""
    there = {language: part for language, part in parts.items() if part.n}
    if not there:
        return
    found = {language: leave_out(scoring.formula, part.sums) for language, part in there.items()}
    groups = np.unique(np.concatenate([part.groups for part in there.values()]))
    scores = np.mean([scores for scores, _ in found.values()], axis=0)
    changes = np.zeros((len(scores), len(groups)))
    for language, (_, own) in found.items():
        changes[:, np.searchsorted(groups, there[language].groups)] += own / len(there)
    yield _Subject(None, len(there), sum(part.n for part in there.values()), scores, changes)
    if scoring.by_language:
        for language, (scores, changes) in found.items():
            yield _Subject(language, 1, there[language].n, scores, changes)


def _is_repeated(runs: Runs) -> bool:
    """Whether it can be told what another seed would have done."""
    return runs.seeds > 1 or not runs.trained


def _estimate(first: Runs, second: Runs, claim: Claim, pool: Spread | None) -> Estimate:
    return of_these_models(first, second) if claim == "models" else of_the_recipe(first, second, pool)


def _interval(estimate: Estimate, groups: int) -> tuple[float | None, float | None]:
    return (estimate.low, estimate.high) if groups >= FEWEST and estimate.error else (None, None)


def _for_the_better(
    estimate: Estimate | None, groups: int, errors: bool
) -> tuple[float | None, float | None, float | None]:
    """A difference and its interval, turned round where less is better."""
    if estimate is None:
        return None, None, None
    low, high = _interval(estimate, groups)
    if low is None or high is None:
        return (-estimate.value if errors else estimate.value), None, None
    return (-estimate.value, -high, -low) if errors else (estimate.value, low, high)


def _doubt(groups: int) -> str:
    if groups < FEWEST:
        return f"no interval: fewer than {FEWEST} groups of examples"
    return "no interval: all groups of examples have the same score"
