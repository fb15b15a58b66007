"""Hyper-parameters against the score, over the searches of all conditions: points, and no importance of parameters.

An importance computed for one study of eight trials gives one of two parameters more than 0.8 on pure noise; the points
of all conditions on a training set show whether there is anything to see.
"""

from __future__ import annotations

from collections.abc import Iterator

from sweep.report.blocks import Block, Figure, Prose, Row, Section
from sweep.report.searching import room, searched
from sweep.report.source import Source, anchor

SQL = """
select training_set, condition, trial_id, learning_rate, epochs, objective, winner
from trials where phase = 'target' and role = 'search'
""".strip()

MOST = 6
"""Values that are labelled one by one."""

PARAMETERS = (("learning_rate", "learning rate", "log", ".0e"), ("epochs", "epochs", "linear", "d"))
"""Column, name, scale, and format of the axis."""


def section(source: Source) -> Section:
    """A figure for each parameter that was searched."""
    found = tuple(figures(source))
    blocks: list[Block] = [
        Prose(
            (
                "One point is one trial of a search, of whatever condition; diamonds are winners. A hyper-parameter "
                "matters where the points have a slope that is larger than their spread.",
            )
        ),
        *found,
    ]
    if not found:
        blocks = [Prose(("No hyper-parameter was tried with more than one value yet.",), "note")]
    return Section("tuning", "Learning rate and epochs", tuple(blocks))


def figures(source: Source) -> Iterator[Figure]:
    """Those of parameters that have several values."""
    for column, name, scale, form in PARAMETERS:
        values = tuple(_values(source, column, name))
        tried = sorted({row["value"] for row in values})
        if len(tried) < 2:
            continue
        yield Figure(
            name=column.replace("_", "-"),
            chart="parameter",
            caption=f"{name.capitalize()} against the English development score, searches of all conditions",
            values=values,
            settings={
                "title": name,
                "scale": scale,
                "format": form,
                "ticks": tried if len(tried) <= MOST else None,
                **room(values),
            },
            source=SQL,
        )


def _values(source: Source, column: str, name: str) -> Iterator[Row]:
    for row in searched(source):
        if row["objective"] is not None and row[column] is not None:
            yield {
                "training_set": row["training_set"],
                "value": row[column],
                "score": row["objective"],
                "winner": row["winner"],
                "says": f"{row['condition']}: {name} {row[column]:g}, score {row['objective']:.1f}",
                "link": f"#{anchor(row['trial_id'])}",
            }
