"""Contestants that take turns, and what one does over another in the same round."""

from __future__ import annotations

import gc
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Ratio(NamedTuple):
    """One contestant's figures over another's, pair by pair: the median, and the least and the most of all rounds."""

    median: float
    least: float
    most: float


def take_turns(contestants: Mapping[str, Callable[[int], float]], rounds: int) -> dict[str, list[float]]:
    """Each contestant's figure of every round. Another one is first each time, so that a noisy moment meets all.

    What one leaves behind is freed before the next one begins: Trainers hold on to their models in circles.
    """
    found: dict[str, list[float]] = {name: [] for name in contestants}
    names = [*contestants]
    for number in range(rounds):
        for turn in range(len(names)):
            name = names[(number + turn) % len(names)]
            gc.collect()
            found[name].append(contestants[name](number))
    return found


def ratio(own: Sequence[float], other: Sequence[float]) -> Ratio:
    """Of the figures of the same rounds."""
    found = [one / two for one, two in zip(own, other, strict=True)]
    return Ratio(statistics.median(found), min(found), max(found))


def show(rows: Sequence[Mapping[str, str]]) -> None:
    """Prints a table: the first column to the left, the others to the right."""
    lines = [[*rows[0]], *([*row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *others in lines:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        print("  ".join([first.ljust(widths[0]), *cells]), flush=True)


def write(path: Path | None, found: Mapping[str, Any]) -> None:
    """Writes what was measured as JSON, if somebody wants it."""
    if path is not None:
        path.write_text(json.dumps(found, indent=1) + "\n")
