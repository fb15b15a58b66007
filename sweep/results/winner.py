"""One winner: the model that stands for a condition on a training set, and what it was trained on the way."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from scipy import stats

from sweep.experiment.regimes import ZERO_SHOT
from sweep.results.comparison.questions import questions
from sweep.results.comparison.samples import sample
from sweep.results.query import query, steadily
from sweep.statistics.influence import variance
from trainables.errors import Problem, UserError, nearest
from trainables.spec import TrialSpec
from trainables.store import Store


@dataclass(frozen=True)
class Winner:
    """A winner that was scored.

    Attributes:
        training_set: None: nothing was trained for the targets.
        is_chosen: whether it was the one that the search chose, on its seed, for being good in the source language.
        evaluation: the trial that scored it on all targets of its training set.
        trained: the trials that made it, the first one first; none of a model that is as it was downloaded.
    """

    experiment: str
    condition: str
    regime: str
    study: str
    training_set: str | None
    seed: int
    is_chosen: bool
    evaluation: TrialSpec
    trained: tuple[TrialSpec, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """What it was scored on."""
        return self.evaluation.tasks


def find_winner(
    store: Store,
    condition: str,
    target: str | None = None,
    training_set: str | None = None,
    seed: int | None = None,
    experiment: str | None = None,
    regime: str = ZERO_SHOT,
    study: str | None = None,
) -> Winner:
    """The winner that is meant.

    Args:
        target: one that it was scored on; or `training_set`: what it was trained on. Neither: there is one only.
        seed: None: the lowest.
        experiment: which of the store's (see `sweep.planning.history.current`); None: its only one.
        study: of the evaluation, where each language has a training of its own.

    Raises:
        UserError: there is no such winner, or several.
    """
    sql = "from trials where phase = 'evaluate' and winner and status = 'finished' order by seed, study"
    rows = query(store, sql, None, [experiment] if experiment else []).to_pylist()
    if not rows:
        raise UserError(Problem("no evaluation has finished", hint="has the experiment been run?"))
    rows = _only(rows, "condition", condition, "condition")
    rows = _only(rows, "regime", regime, "training, that is regime,")
    if target is not None:
        targets = {one for row in rows for one in json.loads(row["spec"])["tasks"]}
        if target not in targets:
            message = f"condition '{condition}' was not scored on '{target}'"
            raise UserError(Problem(message, hint=nearest(target, sorted(targets))))
        rows = [row for row in rows if target in json.loads(row["spec"])["tasks"]]
    if training_set is not None:
        rows = _only(rows, "training_set", training_set, "training set")
    if study is not None:
        rows = _only(rows, "study", study, "study")
    if seed is not None:
        rows = _only(rows, "seed", seed, "seed")
    studies = list(dict.fromkeys(row["study"] for row in rows))
    if len(studies) > 1:
        option = "study" if target is not None or training_set is not None else "target"
        known = studies if option == "study" else sorted({t for row in rows for t in json.loads(row["spec"])["tasks"]})
        hint = f"say which: {' or '.join(f'--{option} {one}' for one in known)}"
        raise UserError(Problem(f"condition '{condition}' has {len(studies)} winners", hint=hint))
    row = rows[0]
    evaluation = TrialSpec.from_dict(json.loads(row["spec"]))
    return Winner(
        experiment=row["experiment"],
        condition=condition,
        regime=regime,
        study=row["study"],
        training_set=row["training_set"],
        seed=row["seed"],
        is_chosen=bool(row["chosen"]),
        evaluation=evaluation,
        trained=_trained(store, evaluation, experiment),
    )


def _only(rows: Sequence[dict[str, Any]], column: str, wanted: Any, noun: str) -> list[dict[str, Any]]:
    """The rows with a value; UserError where there are none."""
    found = [row for row in rows if row[column] == wanted]
    if not found:
        known = sorted({str(row[column]) for row in rows if row[column] is not None})
        raise UserError(Problem(f"there is no winner with {noun} '{wanted}'", hint=nearest(str(wanted), known)))
    return found


def _trained(store: Store, spec: TrialSpec, experiment: str | None) -> tuple[TrialSpec, ...]:
    """The trials that lead to one, the first one first."""
    sql = "select trial_id, spec from ledger where phase <> 'evaluate'"
    table = query(store, sql, None, [experiment] if experiment else [])
    specs = dict(zip(table["trial_id"].to_pylist(), table["spec"].to_pylist(), strict=True))
    found: list[TrialSpec] = []
    while spec.parent is not None:
        spec = TrialSpec.from_dict(json.loads(specs[spec.parent]))
        found.insert(0, spec)
    return tuple(found)


def intervals(store: Store, winner: Winner, targets: Sequence[str]) -> dict[tuple[str, str], tuple[float, float]]:
    """By target and language the 95% interval of the main score of this very model: its examples are random.

    From what the score owes to each group of examples (`sweep.statistics.influence`); not for scores whose examples or
    statistics the store has not got.
    """
    return steadily(store, [winner.experiment], lambda connection: _intervals(connection, winner, targets))


def _intervals(
    connection: duckdb.DuckDBPyConnection, winner: Winner, targets: Sequence[str]
) -> dict[tuple[str, str], tuple[float, float]]:
    found: dict[tuple[str, str], tuple[float, float]] = {}
    for question in questions(connection):
        seeds = [one for one in question.conditions.get(winner.condition, ()) if one.seed == winner.seed]
        if question.regime != winner.regime or question.target not in targets or not seeds:
            continue
        asked = dataclasses.replace(question, conditions={winner.condition: tuple(seeds)})
        sampled = sample(connection, asked, [question.metric])
        answers = sampled.answers.get((winner.condition, winner.seed))
        if answers is None:
            continue
        for language, changes in answers.changes.items():
            if len(changes) > 1:
                margin = stats.t.ppf(0.975, len(changes) - 1) * math.sqrt(variance(changes))
                score = float(answers.scores[sampled.languages.index(language)])
                found[question.target, language] = max(0.0, score - margin), min(100.0, score + margin)
    return found
