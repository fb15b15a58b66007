"""A store in Python: what its views and comparisons say, as data frames of pandas or polars."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from sweep.console import visible
from sweep.planning import history
from sweep.results import cells
from sweep.results.comparison import answer
from sweep.results.comparison.comparison import By, Claim, Comparison, compare
from sweep.results.query import query
from sweep.results.tables import html_table
from trainables.errors import Problem, UserError, nearest
from trainables.store import Store

Frames = Literal["pandas", "polars"]

KNOWN: tuple[Frames, ...] = ("pandas", "polars")
"""Libraries of data frames: the first that is installed is taken where none is asked for."""

CALLS: Mapping[str, str] = {
    ".sql(TEXT, name=value)": "any SELECT; $name stands for a value",
    ".trials()": "every training and evaluation run",
    ".scores()": "every score of every trial",
    ".best()": "scores over the winners' seeds: mean, median, std",
    '.transfer(baseline="none")': "what each condition adds, by target and language",
    '.compare(baseline="none", by="target")': "that with intervals, p and a verdict",
    ".sentences()": "that in words",
    ".leaderboard()": "groups and overall as XTREME and XTREME-R aggregate",
}
"""What there is to call."""


def installed(wanted: Frames | None) -> Frames:
    """The library of data frames that is taken. Raises UserError where there is none."""
    if wanted is not None and wanted not in KNOWN:
        raise UserError(Problem(f"'{wanted}' makes no data frames here", hint=f"known: {', '.join(KNOWN)}"))
    for name in (wanted,) if wanted else KNOWN:
        if importlib.util.find_spec(name) is not None:
            return name
    message = f"{wanted} is not installed" if wanted else f"neither {' nor '.join(KNOWN)} is installed"
    raise UserError(Problem(message, hint='pip install "crosslingual-sweep[analysis]", or pip install pandas'))


@dataclass(frozen=True)
class OpenStore:
    """One experiment of a store, or one that has a single one. Every call reads the store anew.

    What a call returns is a `pandas.DataFrame` or a `polars.DataFrame`, by `frames`. All raise UserError.
    """

    store: Store
    experiment: str | None = None
    frames: Frames = "pandas"

    def sql(self, text: str, **parameters: object) -> Any:
        """The result of one SELECT, in which `$name` stands for a parameter."""
        return self._frame(self._ask(text, parameters))

    def trials(self) -> Any:
        """The view `trials`: a row per study and trial that ended."""
        return self.sql("from trials order by started_at, study")

    def scores(self) -> Any:
        """The view `scores`: a row per trial, target, language, split and metric."""
        return self.sql("from scores order by all")

    def best(self) -> Any:
        """The view `best`: a row per condition, target, language, split and metric, over the winners' seeds."""
        return self.sql("from best order by all")

    def transfer(self, baseline: str = "none") -> Any:
        """What each condition adds to a baseline, by target and language: the columns of the view `transfer`."""
        known = self._ask("select distinct condition from counts order by condition")["condition"].to_pylist()
        if baseline not in known:
            raise UserError(Problem(f"there is no condition '{baseline}'", hint=nearest(baseline, known)))
        return self.sql("from transfer_from($baseline) order by all", baseline=baseline)

    def compare(self, baseline: str = "none", by: By = "target", claim: Claim | None = None) -> Any:
        """What `sweep compare` says: differences with intervals, adjusted p and a verdict, a row each."""
        return self._frame(answer.table(self._comparison(baseline, by, claim)))

    def sentences(self, baseline: str = "none", by: By = "target", claim: Claim | None = None) -> list[str]:
        """The answer of `compare` in words."""
        return self._comparison(baseline, by, claim).sentences()

    def leaderboard(self) -> Any:
        """The view `leaderboard`: a row per condition, benchmark and group of its tasks."""
        return self.sql("from leaderboard order by all")

    def _comparison(self, baseline: str, by: By, claim: Claim | None) -> Comparison:
        return compare(self.store, baseline, by, claim, self._experiments)

    def _ask(self, text: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        return query(self.store, text, parameters or None, self._experiments)

    @property
    def _experiments(self) -> Sequence[str]:
        return () if self.experiment is None else (self.experiment,)

    def _frame(self, table: pa.Table) -> Any:
        if self.frames == "polars":
            import polars

            return polars.from_arrow(table)
        return table.to_pandas()

    def __repr__(self) -> str:
        named = "" if self.experiment is None else f", experiment={self.experiment!r}"
        return visible(f"sweep.open({self.store.uri!r}{named}): {', '.join(CALLS)}")

    def _repr_html_(self) -> str:
        """What a notebook shows: what is in the store, and what to call."""
        calls = pa.table({"call": [*CALLS], "what it gives": [*CALLS.values()]})
        return f"<p><b>{cells.in_html(self.store.uri)}</b></p>\n{self._summary()}{html_table(calls)}"

    def _summary(self) -> str:
        """Experiments and their numbers, or why there are none to tell."""
        known = history.experiments(self.store)
        if not known:
            return "<p>no experiment was run here yet</p>\n"
        rows = []
        for name in self._experiments or known:
            (kept,) = history.current(self.store, [name])
            studies = kept.plan.studies
            counts = self._counts(name)
            rows.append(
                {
                    "experiment": name,
                    "conditions": len({one.condition for one in studies}),
                    "targets": len({task for one in studies if one.phase == "evaluate" for task in one.question.tasks}),
                    **{status: counts.get(status, 0) for status in ("finished", "pruned", "failed")},
                }
            )
        hint = '<p>name one: <code>sweep.open(STORE, experiment="...")</code></p>\n' if len(rows) > 1 else ""
        return html_table(pa.Table.from_pylist(rows)) + hint

    def _counts(self, experiment: str) -> dict[str, int]:
        """How many trials ended how."""
        if not self.store.exists("ledger"):
            return {}
        text = "select status, count(distinct trial_id) as trials from trials group by status"
        rows = query(self.store, text, experiments=[experiment]).to_pylist()
        return {row["status"]: row["trials"] for row in rows}
