"""The table at the end of a run: what came out, target by condition."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from rich import box
from rich.table import Table

from sweep.experiment.regimes import ZERO_SHOT
from sweep.results.query import query
from trainables.reports import ERROR_RATE
from trainables.store import Store

SHOWN = 6
"""Languages that are named in a table; more are counted."""


def result_table(store: Store, experiment: str, conditions: Sequence[str], targets: Sequence[str]) -> Table | None:
    """Target x condition, each cell the mean over languages and seeds of the main metric; None without scores.

    Below it stand the mean without the source language, whose development data chose the winner, and that of the
    languages which no condition has trained in, where these are fewer still. "hidden" stands where the release hides
    the labels, "2 of 3" where seeds are missing, and a star where one of them ended at chance. Chance is the score of
    guesses that ignore the text.
    """
    rows = query(store, "from means", experiments=[experiment]).to_pylist()
    cells = {(row["regime"], row["target"], row["condition"]): row for row in rows}
    regimes = sorted({row["regime"] for row in rows}, key=lambda name: (name != ZERO_SHOT, name))
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
    for target, regime in product(targets, regimes):
        of_target = {name: row for name in conditions if (row := cells.get((regime, target, name))) is not None}
        if not of_target:
            continue
        one = next(iter(of_target.values()))
        score = f"{one['metric']}, {one['split']}" if one["metric"] else ""
        score += "\n  less is better" if one["metric"] == ERROR_RATE else ""
        parts = {"": str(one["languages"] or one["hidden"] or "")}
        if one["languages"] and one["languages"] > one["languages_without_source"] > 0:
            parts["_without_source"] = f"{one['languages_without_source']} without {one['source_language']}"
        if one["languages"] and one["languages_without_source"] > one["languages_unseen"] > 0:
            parts["_unseen"] = f"{one['languages_unseen']} unseen"
        shown = [_cell(of_target[name], [*parts]) if name in of_target else "" for name in conditions]
        chance = "\n".join(_number(one, f"chance{part}") for part in parts)
        trained = "" if regime == ZERO_SHOT else f"\n  {regime}"
        table.add_row(f"{target}{trained}\n  {score}", "\n".join(parts.values()), *shown, chance)
    return table


def budget_table(store: Store, experiment: str, conditions: Sequence[str]) -> Table | None:
    """What each condition's intermediate training saw, the mean over the winner's seeds.

    A gain is one of the recipe where it cost no more. None where all was in one language.
    """
    rows = query(store, "from budgets", experiments=[experiment]).to_pylist()
    found = {row["condition"]: row for row in rows}
    if len({language for row in rows for language in row["languages"]}) < 2:
        return None
    table = Table(
        title="what intermediate training saw", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    table.add_column("condition", no_wrap=True)
    table.add_column("languages", overflow="fold")
    for name in ("steps", "examples", "tokens", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in conditions:
        if name in found:
            languages = sorted(found[name]["languages"])
            told = " ".join(languages) if len(languages) <= SHOWN else str(len(languages))
            numbers = (f"{found[name][column]:,.0f}" for column in ("steps", "examples", "tokens", "seconds"))
            table.add_row(name, told, *numbers)
    return table


def _cell(row: dict[str, Any], parts: Sequence[str]) -> str:
    """The means, and a mark for seeds that are not in them, or are and should make one suspicious."""
    lines = [row["seeds"]] if row["finished"] < row["planned"] else []
    if row["finished"]:
        shown = [_number(row, f"mean{part}") for part in parts]
        lines = [*(f"{one}*" if row["collapsed"] else one for one in shown), *lines]
    return "\n".join(lines)


def _number(row: dict[str, Any], column: str) -> str:
    value = row[column]
    return f"{value:.1f}" if value is not None else "hidden" if row["hidden"] else ""
