"""The experiment: what to run, in which order, and what came out.

`sweep.open("runs/demo").best()` is a data frame; docs/results.md has more.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweep.results.opened import Frames, OpenStore

__all__ = ["open"]


def open(store: str | Path, experiment: str | None = None, frames: Frames | None = None) -> OpenStore:
    """A store's results as data frames.

    Args:
        store: a path or a URI, as after `store:` in the experiment.
        experiment: which of the store's; NAME@PLAN is an earlier plan of it. None: its only one.
        frames: "pandas" or "polars"; None: pandas where it is installed, else polars.

    Raises:
        UserError: there is no ledger, no such experiment, several where none is named, or no library for data frames.
    """
    from sweep.results.opened import OpenStore, installed
    from trainables.store import Store

    return OpenStore(Store(str(store)), experiment, installed(frames))
