"""The table at the end of a run: what came out, target by condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table

from sweep.results.query import query
from trainables.store import Store


def result_table(store: Store, experiment: str, conditions: Sequence[str], targets: Sequence[str]) -> Table | None:
    """Target x condition, each cell the mean over languages and seeds of the main metric; None without scores.

    Below a target's row stands the mean without the source language, whose development data chose the winner.
    "hidden" stands where the release hides the labels, "2 of 3" where seeds are missing, "1 collapsed" where one ended
    at chance. Chance is the score of guesses that ignore the text.
    """
    rows = query(store, "from means", experiments=[experiment]).to_pylist()
    cells = {(row["target"], row["condition"]): row for row in rows}
    if all(row["metric"] is None for row in rows):
        return None
    seeds = max(row["planned"] for row in rows)
    title = "mean over languages" + (f" and {seeds} seeds" if seeds > 1 else ", one seed: that of the search")
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("target", no_wrap=True)
    table.add_column("score", no_wrap=True)
    table.add_column("languages", no_wrap=True)
    for name in (*conditions, "chance"):
        table.add_column(name, justify="right", overflow="fold")
    for target in targets:
        of_target = [cells[target, condition] for condition in conditions if (target, condition) in cells]
        if not of_target:
            continue
        for column, values in _lines(of_target).items():
            shown = [_cell(cells.get((target, condition)), column) for condition in conditions]
            table.add_row(*values, *shown, _number(of_target[0], f"chance{column.removeprefix('mean')}"))
    return table


def _lines(of_target: Sequence[dict[str, Any]]) -> dict[str, tuple[str, str, str]]:
    """The rows of a target: which mean each shows, and what stands before it."""
    one = of_target[0]
    score = f"{one['metric']}, {one['split']}" if one["metric"] else ""
    lines = {"mean": (one["target"], score, f"{one['languages'] or one['hidden'] or ''}")}
    if one["languages"] and one["languages"] > one["languages_without_source"] > 0:
        lines["mean_without_source"] = ("", "", f"{one['languages_without_source']} without {one['source_language']}")
    return lines


def _cell(row: dict[str, Any] | None, column: str) -> str:
    """A mean with a mark for each seed that is not in it, or is in it and should make one suspicious."""
    if row is None:
        return ""
    marks = [row["seeds"]] if row["finished"] < row["planned"] else []
    marks += [f"{row['collapsed']} collapsed"] if row["collapsed"] else []
    return "\n".join([_number(row, column) if row["finished"] else "-", *marks])


def _number(row: dict[str, Any], column: str) -> str:
    value = row[column]
    return f"{value:.1f}" if value is not None else "hidden" if row["hidden"] else ""
