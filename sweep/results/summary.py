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

    Below it stands the mean without the source language, whose development data chose the winner. "hidden" stands where
    the release hides the labels, "2 of 3" where seeds are missing, and a star where one of them ended at chance. Chance
    is the score of guesses that ignore the text.
    """
    rows = query(store, "from means", experiments=[experiment]).to_pylist()
    cells = {(row["target"], row["condition"]): row for row in rows}
    if all(row["metric"] is None for row in rows):
        return None
    seeds = max(row["planned"] for row in rows)
    table = Table(
        title="mean over languages" + (f" and {seeds} seeds" if seeds > 1 else ", one seed: that of the search"),
        title_justify="left",
        caption="* with seeds that ended at chance" if any(row["collapsed"] for row in rows) else None,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("target", no_wrap=True)
    table.add_column("languages", no_wrap=True)
    for name in (*conditions, "chance"):
        table.add_column(name, justify="right", overflow="fold")
    for target in targets:
        of_target = {name: cells[target, name] for name in conditions if (target, name) in cells}
        if not of_target:
            continue
        one = next(iter(of_target.values()))
        split = bool(one["languages"] and one["languages"] > one["languages_without_source"] > 0)
        score = f"{one['metric']}, {one['split']}" if one["metric"] else ""
        languages = str(one["languages"] or one["hidden"] or "")
        without = f"\n{one['languages_without_source']} without {one['source_language']}" if split else ""
        chance = [_number(one, "chance"), *([_number(one, "chance_without_source")] if split else [])]
        shown = [_cell(of_target[name], split) if name in of_target else "" for name in conditions]
        table.add_row(f"{target}\n  {score}", languages + without, *shown, "\n".join(chance))
    return table


def _cell(row: dict[str, Any], split: bool) -> str:
    """The means, and a mark for seeds that are not in them, or are and should make one suspicious."""
    lines = [row["seeds"]] if row["finished"] < row["planned"] else []
    if row["finished"]:
        shown = [_number(row, name) for name in ("mean", "mean_without_source")[: 1 + split]]
        lines = [*(f"{one}*" if row["collapsed"] else one for one in shown), *lines]
    return "\n".join(lines)


def _number(row: dict[str, Any], column: str) -> str:
    value = row[column]
    return f"{value:.1f}" if value is not None else "hidden" if row["hidden"] else ""
