"""The selection audit: would other English development examples have chosen another trial, and what would that have
changed? Resampled are the groups of the development examples, by what each trial answered to them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb
import numpy as np

from sweep.results.audit.choosing import Search, searched
from sweep.results.query import rows_of
from sweep.statistics.influence import Floats
from trainables.reports import ERROR_RATE

_ON_TARGETS = """
select scores.experiment, scores.condition, scores.regime, scores.target, any_value(trials.study) as study,
       trials.parent, scores.rank, any_value(scores.metric) as metric,
       if(count(*) = count(value), avg(value), null) as value
from scores
join trials using (experiment, condition, regime, trial_id)
where scores.main and scores.phase = 'evaluate' and (scores.rank is not null or scores.chosen is null)
group by all
order by all
"""
"""The scores of trials of a search, and of what knows no seed; the mean over languages, null where some is hidden."""

SAMPLES = 2000

SPAN = (2.5, 97.5)
"""Percentiles."""


@dataclass(frozen=True)
class SelectionAudit:
    """A condition's choice for a target.

    Scores are means over languages in the target's main metric, on the seed of the search.

    Attributes:
        trials: among which its search chose.
        examples, groups: by which, and how many were drawn anew.
        kept: the share of samples of these in which the same trial is chosen, rather too high; None: not known.
        rivals: the others with their shares, the most frequent first.
        scored: how many of the search's trials are scored on the target.
        score: the winner's.
        oracle: that of the best of those that are scored, and what nobody may report: targets have chosen it.
        oracle_rank: its place by development score.
        mean: over those that are scored.
        cost: by how much the oracle is better, never negative.
        difference: the winner's to the baseline's winner, for the better positive.
        flips: the share of samples in which the choices of both sides have a difference of the other sign, of those in
            which both are scored; None: nothing is known.
        low, high: the middle 95 % of these differences.
        unknown: the share of samples in which the choice of a side is not scored.
        note: what it cannot say, and how it would be known.
    """

    experiment: str
    condition: str
    regime: str
    target: str
    training_set: str | None
    trials: int
    examples: int
    groups: int
    kept: float | None
    rivals: tuple[tuple[str, float], ...]
    scored: int
    score: float | None
    oracle: float | None
    oracle_rank: int | None
    mean: float | None
    cost: float | None
    difference: float | None
    flips: float | None
    low: float | None
    high: float | None
    unknown: float | None
    note: str


def selections(
    connection: duckdb.DuckDBPyConnection, baseline: str = "none", samples: int = SAMPLES, seed: int = 1
) -> tuple[SelectionAudit, ...]:
    """A row per experiment, condition, regime and target for which something was chosen.

    Args:
        connection: of `sweep.results.query.connected`.
        samples: of development examples.
        seed: of the sampling.
    """
    studies = searched(connection, samples, seed)
    of_trial = {(key[0], trial): one for key, one in studies.items() for trial in one.trials}
    targets: dict[tuple[str, str, str], dict[str, dict[str | None, float | None]]] = defaultdict(dict)
    metrics: dict[tuple[str, str, str], str] = {}
    for row in rows_of(connection, _ON_TARGETS):
        key = (row["experiment"], row["regime"], row["target"])
        metrics[key] = row["metric"]
        targets[key].setdefault(row["condition"], {})[row["parent"]] = row["value"]
    found = []
    for key, conditions in targets.items():
        sign = -1.0 if metrics[key] == ERROR_RATE else 1.0  # for the better is positive
        sides = {name: _side(of_trial, key[0], scores, sign) for name, scores in conditions.items()}
        for name, side in sides.items():
            if side.search is not None:
                other = sides.get(baseline) if name != baseline else None
                found.append(_audit((key[0], name, key[1], key[2]), side, other, sign))
    return tuple(found)


@dataclass(frozen=True)
class _Side:
    """A condition on a target.

    Attributes:
        search: whose trials are scored; None of what nothing was chosen for.
        scores: by place in the search, for the better; of what has no search its only one.
    """

    search: Search | None
    scores: Mapping[int, float]

    def chosen(self, samples: int) -> Floats | None:
        """The score of each sample's choice (samples), NaN where it is not scored; None where the choice is unknown."""
        if self.search is None:
            return np.full(samples, self.scores.get(0, np.nan))
        if self.search.chosen is None:
            return None
        table = np.array([self.scores.get(place, np.nan) for place in range(len(self.search.trials))])
        return np.asarray(table[self.search.chosen])


def _side(
    of_trial: Mapping[tuple[str, str], Search],
    experiment: str,
    scores: Mapping[str | None, float | None],
    sign: float,
) -> _Side:
    search = next((one for parent in scores if (one := of_trial.get((experiment, parent or ""))) is not None), None)
    known = {parent: sign * value for parent, value in scores.items() if value is not None}
    if search is None:
        return _Side(None, dict(enumerate(known.values())))
    if any(parent not in search.trials for parent in scores):  # each language has a search of its own
        return _Side(None, {})
    return _Side(search, {search.trials.index(parent): value for parent, value in known.items() if parent})


def _audit(key: tuple[str, str, str, str], side: _Side, other: _Side | None, sign: float) -> SelectionAudit:
    search = side.search
    assert search is not None  # the caller has looked
    kept: float | None = None
    rivals: tuple[tuple[str, float], ...] = ()
    if search.chosen is not None:
        counts = Counter(search.chosen.tolist())
        shares = [(search.trials[place], count / len(search.chosen)) for place, count in counts.most_common()]
        kept = counts[0] / len(search.chosen)
        rivals = tuple(one for one in shares if one[0] != search.trials[0])
    best = max(side.scores, key=lambda place: (side.scores[place], -place), default=None)
    winner = side.scores.get(0)
    is_several = len(side.scores) > 1 and winner is not None
    difference, flips, span, unknown = _against(side, other)
    return SelectionAudit(
        *key,
        training_set=search.training_set,
        trials=len(search.trials),
        examples=search.examples,
        groups=search.groups,
        kept=kept,
        rivals=rivals,
        scored=len(side.scores),
        score=None if winner is None else sign * winner,
        oracle=sign * side.scores[best] if is_several and best is not None else None,
        oracle_rank=best + 1 if is_several and best is not None else None,
        mean=sign * float(np.mean([*side.scores.values()])) if is_several else None,
        cost=side.scores[best] - winner if is_several and best is not None and winner is not None else None,
        difference=difference,
        flips=flips,
        low=span[0],
        high=span[1],
        unknown=unknown,
        note="; ".join(_notes(search, side, other, unknown)),
    )


def _against(
    side: _Side, other: _Side | None
) -> tuple[float | None, float | None, tuple[float | None, float | None], float | None]:
    """The difference to the other side, how often another choice turns its sign, its span, and what is not known."""
    nothing = (None, None)
    if other is None or 0 not in side.scores or 0 not in other.scores:
        return None, None, nothing, None
    difference = side.scores[0] - other.scores[0]
    samples = next((len(one.search.chosen) for one in (side, other) if one.search and one.search.chosen is not None), 0)
    scores = [one.chosen(samples) for one in (side, other)]
    if not samples or scores[0] is None or scores[1] is None:
        return difference, None, nothing, None
    differences = scores[0] - scores[1]
    known = differences[~np.isnan(differences)]
    unknown = 1 - len(known) / samples
    if not len(known):
        return difference, None, nothing, unknown
    low, high = np.percentile(known, SPAN).tolist()
    return difference, float(np.mean(known * difference < 0)), (low, high), unknown


def _notes(search: Search, side: _Side, other: _Side | None, unknown: float | None) -> Iterator[str]:
    if len(search.trials) < 2:
        yield "of a single trial nothing was chosen"
    elif search.why:
        yield search.why
    if len(side.scores) < 2 and len(search.trials) > 1:
        yield "the winner alone is scored on the target: with evaluate: {top: K} others are, too"
    elif unknown:
        yield f"{unknown:.0%} of the samples choose a trial that is not scored: a higher evaluate.top would tell"
    if other is not None and other.search is not None and other.search.why and not search.why:
        yield f"of the baseline: {other.search.why}"
