"""The table at the end of a run: what came out, condition by target."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from sweep.results.query import query
from trainables.store import Store


def result_table(store: Store, conditions: Sequence[str], targets: Sequence[str]) -> Table | None:
    """Condition x target, each cell the mean over languages of the main metric; None without scores.

    The longer of the two goes down. "hidden" stands where the release hides the labels. Chance is the score of guesses
    that ignore the text.
    """
    cells = query(
        store,
        """
        select condition, target, metric, avg(mean) as mean, avg(chance) as chance,
               if(count(mean) = 0, count(*), count(mean)) as languages
        from best where main group by all
        """,
    ).to_pylist()
    found = {(cell["condition"], cell["target"]): cell for cell in cells}
    shown = [target for target in targets if any(cell["target"] == target for cell in cells)]  # others failed
    if not shown:
        return None
    any_cell = {target: next(cell for cell in cells if cell["target"] == target) for target in shown}
    sizes = {name: f"{any_cell[name]['metric']}, {any_cell[name]['languages']} languages" for name in shown}
    rows = {
        condition: [_number(found[condition, name]["mean"]) if (condition, name) in found else "" for name in shown]
        for condition in conditions
    }
    rows["chance"] = [_number(any_cell[name]["chance"]) for name in shown]
    table = Table(title="mean over languages", title_justify="left")
    if len(shown) <= len(conditions):
        table.add_column("condition")
        for name in shown:
            table.add_column(f"{name}\n" + sizes[name].replace(", ", "\n"), justify="right")
        for name, values in rows.items():
            table.add_row(name, *values, end_section=name == conditions[-1])
    else:  # more targets than fit side by side
        table.box, table.padding = box.SIMPLE_HEAD, 0
        table.add_column("target", no_wrap=True)
        table.add_column("score, languages", no_wrap=True)
        for name in rows:
            table.add_column(name, justify="right", overflow="fold", min_width=6)
        for position, name in enumerate(shown):
            table.add_row(name, sizes[name].removesuffix(" languages"), *(values[position] for values in rows.values()))
    return table


def _number(value: float | None) -> str:
    return "hidden" if value is None else f"{value:.1f}"
