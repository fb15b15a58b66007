"""A trial as experiment trackers show it: a value, made of the ledger's views alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sweep.results.query import query
from trainables.spec import SEARCHED, content_hash
from trainables.store import Store

Row = Mapping[str, Any]
"""A row of the view `trials`."""

DEVELOPMENT, LOSS = "development score", "training loss"
"""What the curves are called."""

TAGGED = ("experiment", "condition", "study", "phase", "training_set", "regime", "role", "seed", "winner", "collapsed")
"""The columns of `trials` that runs are told apart by. Where a trial is part of several studies, each says its own."""

MEASURED = ("objective", "seconds", "examples_per_second", "steps", "tokens", "gpu_hours", "peak_memory")
"""Its numbers beside the scores."""

DESCRIBED = (
    "seed", "model", "weights", "tasks", "languages", "precision", "dropout", "lora", "recipe", "parent", "data",
    "train_examples", "eval_examples",
)  # fmt: skip
"""What is shown beside the hyper-parameters, where it is said."""
UNSAID = (None, "{}")
"""Nothing, and a recipe like any other's."""

_SCORES = """
with named as (
    select experiment, trial_id, concat_ws('/', target, language, split, metric) as name, value
    from scores
    where value is not null
)
select experiment, trial_id, list(name order by name) as names, list(value order by name) as values
from named
group by experiment, trial_id
"""
"""A row a trial: most of a ledger's rows are of a few evaluations."""


@dataclass(frozen=True)
class Run:
    """A trial of an experiment.

    Attributes:
        name: its first study and its id: unique in the experiment, and fit for a path.
        status: finished, failed or pruned.
        parameters: hyper-parameters, and what else was asked of it.
        tags: TAGGED as text; of several studies all that there are, with commas.
        curves: by name the values after each epoch, from the first on.
        scores: `target/language/split/metric` and the value, on the 0-100 scale; labels that are hidden have none.
        numbers: MEASURED, where they are known.
    """

    trial_id: str
    experiment: str
    name: str
    status: str
    error: str | None
    started_at: datetime
    finished_at: datetime
    parameters: Mapping[str, str | float]
    tags: Mapping[str, str]
    curves: Mapping[str, tuple[float, ...]]
    scores: Mapping[str, float]
    numbers: Mapping[str, float]

    @property
    def digest(self) -> str:
        """Equal for runs that a tracker shows in the same way."""
        times = {"started_at": self.started_at.isoformat(), "finished_at": self.finished_at.isoformat()}
        return content_hash({**asdict(self), **times})

    @property
    def last_step(self) -> int:
        """The step of what is measured at the end: the number of epochs, 0 of an evaluation."""
        return max(map(len, self.curves.values()), default=0)

    @property
    def by_step(self) -> dict[int, dict[str, float]]:
        """All numbers by step: the curves by epoch, the rest at the last one."""
        found: dict[int, dict[str, float]] = defaultdict(dict)
        for name, values in self.curves.items():
            for epoch, value in enumerate(values, start=1):
                found[epoch][name] = value
        found[self.last_step].update({**self.scores, **self.numbers})
        return dict(sorted(found.items()))


def path_of(name: str) -> str:
    """A name from a ledger, which anybody may have written, as a path that leads to no other folder."""
    return "/".join(part if part.strip(".") else "_" for part in name.split("/"))


def runs(store: Store, experiments: Sequence[str] = ()) -> Iterator[Run]:
    """The trials of experiments that have ended, in the order in which they did.

    What the ledger has is read at once, and made into runs one by one: a large one has millions of scores.

    Raises:
        UserError: as `query` does.
    """
    trials: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in query(store, "from trials order by finished_at, trial_id, study", None, experiments).to_pylist():
        trials[row["experiment"], row["trial_id"]].append(row)
    scores = query(store, _SCORES, None, experiments)
    keys = zip(scores["experiment"].to_pylist(), scores["trial_id"].to_pylist(), strict=True)
    places = {key: place for place, key in enumerate(keys)}

    def of(key: tuple[str, str]) -> dict[str, float]:
        place = places.get(key)
        if place is None:
            return {}
        return dict(zip(scores["names"][place].as_py(), scores["values"][place].as_py(), strict=True))

    return (_run(rows, of(key)) for key, rows in trials.items())


def _run(rows: Sequence[Row], scores: Mapping[str, float]) -> Run:
    """The run of a trial from its rows, one a study."""
    row = rows[0]
    curves = {DEVELOPMENT: row["curve"], LOSS: row["losses"]}
    return Run(
        trial_id=row["trial_id"],
        experiment=row["experiment"],
        name=f"{row['study']}/{row['trial_id']}",
        status=row["status"],
        error=row["error"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        parameters={name: _plain(row[name]) for name in (*SEARCHED, *DESCRIBED) if row[name] not in UNSAID},
        tags={name: text for name in TAGGED if (text := _joined(row[name] for row in rows))},
        curves={name: tuple(values) for name, values in curves.items() if values},
        scores=scores,
        numbers={name: float(row[name]) for name in MEASURED if row[name] is not None},
    )


def _plain(value: Any) -> str | float:
    return value if isinstance(value, int | float) else " ".join(value) if isinstance(value, list) else str(value)


def _joined(values: Iterable[Any]) -> str:
    """Different values as text."""
    shown = (str(one).lower() if isinstance(one, bool) else str(one) for one in values if one is not None)
    return ", ".join(dict.fromkeys(shown))
