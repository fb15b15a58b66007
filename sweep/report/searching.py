"""How the searches went, and what one more trial would have brought."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from sweep.console import counted
from sweep.report.blocks import Block, Figure, Prose, Row, Section, Table, columns, number, text
from sweep.report.source import Source, anchor

FEW = 12
"""Rows up to which a table stands open."""

TICKS = 10
"""Of an axis, at most."""

WORDS = (
    "Each line of the first figure is one search as it went; of the second what the same scores let expect of fewer "
    "trials, drawn in any order (Dodge et al. 2019). Where a line still climbs at its end, more trials would have "
    "found more: the table says how much one more would bring, at most."
)


def section(source: Source) -> Section:
    """The best score after each trial, study by study."""
    blocks: list[Block] = [Prose((WORDS,)), *figures(source), _table(source)]
    return Section("search", "How the searches went", tuple(blocks))


def searched(source: Source) -> list[Row]:
    """The trials of searches in the order in which they began, those of targets only."""
    return [row for row in source.trials if row["role"] == "search" and row["phase"] == "target"]


def figures(source: Source) -> Iterator[Figure]:
    """How the best score grew, and what was to be expected of fewer trials."""
    values: list[Row] = []
    for (training_set, condition), trials in scored(source).items():
        best = accumulate((row["objective"] for row in trials), max)
        values += [
            {
                "training_set": training_set,
                "condition": condition,
                "trials": place,
                "score": score,
                "says": f"{condition}: {score:.1f} after {counted(place, 'trial')}, the last {row['objective']:.1f}",
                "link": f"#{anchor(row['trial_id'])}",
            }
            for place, (row, score) in enumerate(zip(trials, best, strict=True), 1)
        ]
    if any(row["trials"] > 1 for row in values):
        yield Figure(
            name="progress",
            chart="progress",
            caption="The best English development score after each trial, a line for each condition",
            values=tuple(values),
            settings={"interpolate": "step-after", "ticks": _ticks(values), **room(values)},
            source="select study, trial_id, objective from trials where role = 'search' order by study, started_at",
        )
    yield from _one_more(source)


def _one_more(source: Source) -> Iterator[Figure]:
    """What so many trials are expected to find."""
    values: list[Row] = []
    for one in source.searches:
        if one.training_set is None or len(one.curve) < 2:
            continue
        values += [
            {
                "training_set": one.training_set,
                "condition": one.condition,
                "trials": place,
                "score": score,
                "says": f"{one.condition}: {score:.1f} expected of {counted(place, 'trial')}",
                "link": "#studies",
            }
            for place, score in enumerate(one.curve, 1)
        ]
    if values:
        yield Figure(
            name="expected-best",
            chart="progress",
            caption="The best English development score to be expected of so many trials, a line for each condition",
            values=tuple(values),
            settings={"interpolate": "linear", "ticks": _ticks(values), **room(values)},
            source="sweep.results.audit.searches(connection)",
        )


def scored(source: Source) -> dict[tuple[str, str], list[Row]]:
    """By training set and condition the trials that have a score, in the order in which they began."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in searched(source):
        if row["objective"] is not None:
            found.setdefault((row["training_set"], row["condition"]), []).append(row)
    return found


def room(values: Sequence[Row]) -> dict[str, int]:
    """Training sets beside each other, three at most, and the pixels of each: fewer are larger."""
    columns = min(3, len({row["training_set"] for row in values}))
    width, height = {1: (520, 260), 2: (340, 210), 3: (230, 170)}[columns]
    return {"columns": columns, "width": width, "height": height}


def _ticks(values: Sequence[Row]) -> list[int]:
    """Whole numbers of trials, not too many of them."""
    most = max(row["trials"] for row in values)
    return [*range(1, most + 1, 1 + most // TICKS)]


def _table(source: Source) -> Table:
    studies: dict[str, list[Row]] = {}
    for row in source.trials:
        if row["role"] == "search":
            studies.setdefault(row["study"], []).append(row)
    gains = {one.study: one.next_gain for one in source.searches}
    rows = []
    for name, trials in studies.items():
        scores = sorted((row["objective"] for row in trials if row["objective"] is not None), reverse=True)
        winner = next((row for row in trials if row["winner"]), None)
        rows.append(
            (
                text(name, anchor(winner["trial_id"]) if winner else None),
                number(len(trials), 0),
                number(sum(row["status"] == "failed" for row in trials), 0),
                number(sum(row["status"] == "pruned" for row in trials), 0),
                number(sum(bool(row["collapsed"]) for row in trials), 0),
                number(scores[0] if scores else None, 2),
                number(scores[0] - scores[1] if len(scores) > 1 else None, 2),
                number(gains.get(name), 2),
                text(None if winner is None else _hyper(winner)),
            )
        )
    return Table(
        name="studies",
        caption="Every search; its name leads to its winner",
        columns=columns(
            "study",
            "#trials",
            "#failed",
            "#pruned",
            "#at chance",
            "#best score",
            "#ahead of the second",
            "#one more trial brings at most",
            "winner",
        ),
        rows=tuple(rows),
        source="select study, count(*), max(objective) from trials where role = 'search' group by study",
        closed=len(rows) > FEW,
    )


def _hyper(row: Row) -> str:
    """`learning rate 3e-05, 3 epochs, batch size 32`; an untrained winner has none."""
    if row["learning_rate"] is None:
        return ""
    return f"learning rate {row['learning_rate']:.2g}, {row['epochs']} epochs, batch size {row['batch_size']}"
