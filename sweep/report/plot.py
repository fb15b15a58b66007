"""The figures of a report one by one, for papers."""

from __future__ import annotations

from collections.abc import Iterator

from sweep.report import answer, languages, searching, tuning
from sweep.report.blocks import Figure
from sweep.report.drawing import drawn
from sweep.report.source import Source
from trainables.errors import Problem, UserError, nearest

ENDINGS = ("pdf", "svg", "png")

SECTIONS = (answer, languages, tuning, searching)
"""Those that have figures."""


def figures(source: Source) -> Iterator[Figure]:
    """All that a store has enough results for."""
    for section in SECTIONS:
        yield from section.figures(source)


def plot(source: Source, name: str, ending: str) -> bytes:
    """A figure as a file. Raises UserError where there is none of that name: it lists the names."""
    known = {figure.name: figure for figure in figures(source)}
    if name not in known:
        listed = f"known: {', '.join(known)}" if known else "there are none yet"
        close = nearest(name, [*known])
        raise UserError(Problem(f"there is no figure '{name}'", hint=f"{close} {listed}" if "?" in close else listed))
    return drawn(known[name], ending)
