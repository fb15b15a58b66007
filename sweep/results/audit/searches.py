"""What each search would have found with fewer trials, and what one more may bring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from sweep.console import counted
from sweep.statistics.expected_best import expected_best, last_gain

_TRIALS = """
select experiment, study, condition, training_set, regime, status, objective
from trials
where role = 'search'
order by experiment, study, trial_id
"""


@dataclass(frozen=True)
class SearchAudit:
    """A study's search on its first seed.

    Attributes:
        training_set: None of intermediate training; so is `regime`.
        trials: that finished.
        left_out: that failed or were pruned: they have no score.
        curve: the expected best English development score after 1, 2, ... of them.
        next_gain: what one more trial is expected to bring at most, in points; None with fewer than two.
        note: what these numbers cannot say.
    """

    experiment: str
    study: str
    condition: str
    training_set: str | None
    regime: str | None
    trials: int
    left_out: int
    curve: tuple[float, ...]
    next_gain: float | None
    note: str


def searches(connection: duckdb.DuckDBPyConnection) -> tuple[SearchAudit, ...]:
    """All searches of which a trial has ended. `connection`: of `sweep.results.query.connected`."""
    table = connection.sql(_TRIALS).to_arrow_table()
    studies: dict[tuple[str, str], list[dict[str, object]]] = {}
    for row in table.to_pylist():
        studies.setdefault((row["experiment"], row["study"]), []).append(row)
    return tuple(_audit(rows) for rows in studies.values())


def _audit(rows: list[dict[str, object]]) -> SearchAudit:
    any_row = rows[0]
    scores = [float(one) for row in rows if isinstance(one := row["objective"], float) and row["status"] == "finished"]
    left_out = len(rows) - len(scores)
    return SearchAudit(
        experiment=str(any_row["experiment"]),
        study=str(any_row["study"]),
        condition=str(any_row["condition"]),
        training_set=_text(any_row["training_set"]),
        regime=_text(any_row["regime"]),
        trials=len(scores),
        left_out=left_out,
        curve=tuple(expected_best(scores).tolist()),
        next_gain=last_gain(scores),
        note="; ".join(_notes(len(scores), left_out)),
    )


def _notes(trials: int, left_out: int) -> Iterator[str]:
    if trials < 2:
        yield "with fewer than two scores nothing can be said of one more"
    if left_out:
        yield f"without {counted(left_out, 'trial')} that failed or {'was' if left_out == 1 else 'were'} pruned"


def _text(value: object) -> str | None:
    return None if value is None else str(value)
