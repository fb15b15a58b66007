"""How the searches went, and what one more trial would have brought."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from sweep.console import counted
from sweep.report.blocks import Block, Figure, Row, Section, Table, columns, number, text
from sweep.report.source import Source, anchor


def section(source: Source) -> Section:
    """The best score after each trial, study by study."""
    blocks: list[Block] = [*figures(source), _table(source)]
    return Section("search", "How the searches went", tuple(blocks))


def searched(source: Source) -> list[Row]:
    """The trials of searches in the order in which they began, those of targets only."""
    return [row for row in source.trials if row["role"] == "search" and row["phase"] == "target"]


def figures(source: Source) -> Iterator[Figure]:
    """How the best score grew."""
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
            settings={"interpolate": "step-after", "columns": width(values)},
            source="select study, trial_id, objective from trials where role = 'search' order by study, started_at",
        )


def scored(source: Source) -> dict[tuple[str, str], list[Row]]:
    """By training set and condition the trials that have a score, in the order in which they began."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in searched(source):
        if row["objective"] is not None:
            found.setdefault((row["training_set"], row["condition"]), []).append(row)
    return found


def width(values: Sequence[Row]) -> int:
    """How many training sets stand beside each other."""
    return min(3, len({row["training_set"] for row in values}))


def _table(source: Source) -> Table:
    studies: dict[str, list[Row]] = {}
    for row in source.trials:
        if row["role"] == "search":
            studies.setdefault(row["study"], []).append(row)
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
                number(scores[len(scores) // 2] if scores else None, 2),
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
            "#median",
            "winner",
        ),
        rows=tuple(rows),
        source="select study, count(*), max(objective) from trials where role = 'search' group by study",
        closed=len(rows) > 12,
    )


def _hyper(row: Row) -> str:
    """`learning rate 3e-05, 3 epochs, batch size 32`; an untrained winner has none."""
    if row["learning_rate"] is None:
        return ""
    return f"learning rate {row['learning_rate']:.2g}, {row['epochs']} epochs, batch size {row['batch_size']}"
