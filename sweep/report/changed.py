"""Examples that changed between the baseline and a condition: how many, and some of them."""

from __future__ import annotations

from sweep.report.blocks import Block, Cell, Prose, Section, Table, columns, number, text
from sweep.report.searching import FEW
from sweep.report.source import Source, anchor
from sweep.report.trials import short
from sweep.results.changes import SHOWN, Changes

LETTERS = 240
"""Of one text of an example."""


def section(source: Source) -> Section:
    """Counts, then the sample."""
    if not source.changes:
        words = "No two conditions have answered the same examples with known labels yet."
        return Section("changes", "What changed", (Prose((words,), "note"),))
    blocks: tuple[Block, ...] = (
        Prose(
            (
                "The winners' answers on the lowest seed that both sides have: an example has changed "
                "where its own score is another. The examples shown are not chosen: of each condition and target those "
                f"{SHOWN} whose place in the data, hashed together with their language, comes first.",
            )
        ),
        _counts(source),
        _examples(source),
    )
    return Section("changes", "What changed", blocks)


def _counts(source: Source) -> Table:
    return Table(
        name="changed-counts",
        caption=f"How many examples went from wrong to right, or back, against '{source.asked.baseline}'",
        columns=columns(
            "condition",
            "target",
            "trained",
            "#seed",
            "#compared",
            "#better",
            "#worse",
            "#better, % of changed",
            "evaluation",
        ),
        rows=tuple(
            (
                text(one.condition),
                text(one.target),
                text(one.regime),
                number(one.seed, 0),
                number(one.compared, 0),
                number(one.better, 0),
                number(one.worse, 0),
                number(100 * one.better / (one.better + one.worse) if one.better + one.worse else None, 0),
                text(short(one.trials[0]), anchor(one.trials[0])),
            )
            for one in source.changes
        ),
        source="select language, example, prediction, statistics from predictions where trial_id = ...",
        closed=len(source.changes) > FEW,
    )


def _examples(source: Source) -> Table:
    return Table(
        name="changed-examples",
        caption="Some of them",
        columns=columns(
            "condition",
            "target",
            "language",
            "example",
            "text",
            "right",
            f"answer of {source.asked.baseline}",
            "answer of the condition",
            "now",
        ),
        rows=tuple(row for one in source.changes for row in _rows(one)),
        long=True,
    )


def _rows(one: Changes) -> list[tuple[Cell, ...]]:
    return [
        (
            text(one.condition, anchor(one.trials[0])),
            text(one.target),
            text(example.language),
            text(example.example),
            text("\n".join(_cut(part) for part in example.texts), foreign=True),
            text(_cut(" | ".join(example.gold)), foreign=True),
            text(_cut(example.before), foreign=True),
            text(_cut(example.after), foreign=True),
            text("▲\u00a0better" if example.is_better else "▼\u00a0worse"),
        )
        for example in one.examples
    ]


def _cut(words: str) -> str:
    return words if len(words) <= LETTERS else f"{words[:LETTERS]} …"
