"""The table at the end of a run: what came out, condition by target."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from sweep.query import query
from trainables.store import Store


def result_table(store: Store, conditions: Sequence[str], targets: Sequence[str]) -> Table | None:
    """Condition x target, each cell the mean over languages of the main metric; None without scores.

    The last row is the chance level: the score of guesses that ignore the text.
    """
    cells = query(
        store,
        """
        select condition, target, metric, avg(mean) as mean, avg(chance) as chance, count(*) as languages
        from best where main and mean is not null group by all
        """,
    ).to_pylist()
    found = {(cell["condition"], cell["target"]): cell for cell in cells}
    shown = [target for target in targets if any(cell["target"] == target for cell in cells)]
    if not shown:
        return None
    any_cell = {target: next(cell for cell in cells if cell["target"] == target) for target in shown}
    heads = [f"{name}\n{any_cell[name]['metric']}\n{any_cell[name]['languages']} languages" for name in shown]
    rows = [
        [condition, *(f"{found[condition, name]['mean']:.1f}" if (condition, name) in found else "" for name in shown)]
        for condition in conditions
    ]
    rows.append(["chance", *(f"{any_cell[name]['chance']:.1f}" for name in shown)])
    table = Table(title="mean over languages", title_justify="left")
    table.add_column("condition")
    for head in heads:
        table.add_column(head, justify="right")
    for row in rows:
        table.add_row(*row, end_section=row is rows[-2])
    return table
