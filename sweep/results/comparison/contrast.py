"""Two conditions on one subject: what the winners of each have scored, and the difference between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sweep.results.comparison.difference import Claim
from sweep.results.comparison.questions import Question, Seed
from sweep.results.comparison.samples import Answers, Sample
from sweep.statistics.crossed import Estimate, Runs, is_uneven, of_the_recipe, of_these_models, pooled
from sweep.statistics.influence import Floats
from sweep.statistics.paired import FEW, mcnemar

Standing = Literal["used", "collapsed", "failed", "missing", "unscored"]
"""What became of a seed. Collapsed ones are used, too; unscored ones have finished, without a score of this."""

TWO = 2
"""Seeds, with fewer of which nothing can be said of a recipe."""


@dataclass(frozen=True)
class Side:
    """A condition on a subject.

    Attributes:
        fates: by seed that was asked for.
        numbers: the seeds that are used, in the order of `runs`.
        runs: over the languages of the subject; None where no seed is used.
        without_source: (seeds): the scores without the source language; None where that leaves nothing or all.
        right: (groups): which answers are, of a single run in a single language; else None.
    """

    fates: Mapping[int, Standing]
    numbers: tuple[int, ...]
    runs: Runs | None
    without_source: Floats | None
    right: NDArray[np.bool_] | None

    def count(self, *fates: Standing) -> int:
        """How many seeds have one of these."""
        found = Counter(self.fates.values())
        return sum(found[fate] for fate in fates)


def side(question: Question, sample: Sample, condition: str, languages: Sequence[str], without: int | None) -> Side:
    """A condition's mean over some languages.

    Args:
        without: the seed of the search, where it is to be left out: not of what knows no seed.
    """
    is_trained = condition not in question.untrained
    seeds = [one for one in question.conditions[condition] if not (is_trained and one.seed == without)]
    fates = {one.seed: _fate(one, languages, sample.answers.get((condition, one.seed))) for one in seeds}
    numbers = tuple(seed for seed, fate in fates.items() if fate in ("used", "collapsed"))
    if not numbers:
        return Side(fates, (), None, None, None)
    answers = [sample.answers[condition, seed] for seed in numbers]
    places = [sample.languages.index(language) for language in languages]
    scores = np.stack([one.scores[places] for one in answers])
    others = [place for place, language in enumerate(languages) if language != question.source_language]
    right = answers[0].right if len(answers) == len(languages) == 1 else None
    return Side(
        fates,
        numbers,
        Runs(scores.mean(axis=1), _changes(sample, answers, languages), is_trained, "collapsed" in fates.values()),
        scores[:, others].mean(axis=1) if 0 < len(others) < len(languages) else None,
        right[languages[0]] if right is not None else None,
    )


def _changes(sample: Sample, answers: Sequence[Answers], languages: Sequence[str]) -> Floats:
    """Those of the mean over languages (seeds, groups), in the order of the numbers of all their groups."""
    own = {name: sample.groups[name] for one in answers for name in (one.examples[language] for language in languages)}
    every = np.unique(np.concatenate([*own.values()]))
    places = {name: np.searchsorted(every, groups) for name, groups in own.items()}
    found = np.zeros((len(answers), len(every)))
    for row, one in zip(found, answers, strict=True):
        for language in languages:
            row[places[one.examples[language]]] += one.changes[language] / len(languages)
    return found


def joined(sides: Sequence[Side]) -> Side:
    """A condition's mean over several targets, which a seed has if it has all of them.

    The runs of a seed share what they start from, so it is drawn once for all targets; their examples are others.
    """
    trained = [one for one in sides if one.runs is None or one.runs.trained]
    fates: dict[int, Standing] = {}
    for seed in sorted({seed for one in trained or sides for seed in one.fates}):
        found = {one.fates.get(seed, "missing") for one in trained or sides}
        worst: tuple[Standing, ...] = ("failed", "missing", "unscored", "collapsed", "used")
        fates[seed] = next(fate for fate in worst if fate in found)
    numbers = tuple(seed for seed, fate in fates.items() if fate in ("used", "collapsed"))
    if not numbers or any(one.runs is None for one in sides):
        return Side(fates, (), None, None, None)
    scores, changes, without = [], [], []
    for one in sides:
        assert one.runs is not None
        rows = [one.numbers.index(seed) if one.runs.trained else 0 for seed in numbers]
        scores.append(one.runs.scores[rows])
        changes.append(one.runs.changes[rows] / len(sides))
        without.append(scores[-1] if one.without_source is None else one.without_source[rows])
    runs = Runs(np.mean(scores, axis=0), np.concatenate(changes, axis=1), bool(trained), "collapsed" in fates.values())
    is_less = any(one.without_source is not None for one in sides)
    return Side(fates, numbers, runs, np.mean(without, axis=0) if is_less else None, None)


@dataclass(frozen=True)
class Contrast:
    """The difference between two sides, as it is: nothing is turned round.

    Attributes:
        claim: what it is about: recipes, unless a side has too few seeds, or models alone are asked for.
        uneven: whether the seeds of either side spread farther than those of all, by which its error was computed.
    """

    estimate: Estimate | None
    claim: Claim
    median: float | None
    without_source: float | None
    uneven: tuple[bool, bool] = (False, False)


def contrast(first: Side, second: Side, all_sides: Iterable[Side], wanted: Claim) -> Contrast:
    """A condition less the baseline.

    Args:
        all_sides: those of all conditions on the subject, which together say how far runs spread.
    """
    if first.runs is None or second.runs is None:
        return Contrast(None, wanted, None, None)
    is_recipe = wanted == "recipe" and all(not one.trained or one.seeds >= TWO for one in (first.runs, second.runs))
    uneven = (False, False)
    if is_recipe:
        pool = pooled(one.runs for one in all_sides if one.runs is not None)
        estimate = of_the_recipe(first.runs, second.runs, pool)
        uneven = is_uneven(first.runs, pool), is_uneven(second.runs, pool)
    else:
        estimate = _exact(first, second) or of_these_models(first.runs, second.runs)
    return Contrast(
        estimate,
        "recipe" if is_recipe else "models",
        float(np.median(first.runs.scores) - np.median(second.runs.scores)),
        _less(first.without_source, second.without_source),
        uneven,
    )


def _less(first: Floats | None, second: Floats | None) -> float | None:
    return None if first is None or second is None else float(np.mean(first) - np.mean(second))


def _exact(first: Side, second: Side) -> Estimate | None:
    """McNemar's, of two single models that are right or wrong; None where they differ often enough for a t test."""
    if first.right is None or second.right is None or first.runs is None or second.runs is None:
        return None
    gained, lost = int(np.sum(first.right & ~second.right)), int(np.sum(second.right & ~first.right))
    if gained + lost >= FEW:
        return None
    found, normal = mcnemar(gained, lost, len(first.right)), of_these_models(first.runs, second.runs)
    return Estimate(
        normal.value, normal.error, normal.freedom, found.low, found.high, found.p, "examples", normal.parts
    )


def _fate(seed: Seed, languages: Sequence[str], answers: Answers | None) -> Standing:
    if seed.fate != "finished":
        return seed.fate
    if answers is None or not languages or not set(languages) <= set(answers.examples):
        return "unscored"
    return "collapsed" if seed.collapsed else "used"
