"""What a tracker has not got yet, or is another thing by now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sweep.sharing.run import Run
from sweep.sharing.tracker import Tracker

AT_ONCE = 50
"""Runs that are written before it is waited for them."""


@dataclass(frozen=True)
class Synced:
    """How many runs were written, and how many were there already."""

    written: int
    kept: int


def sync(tracker: Tracker, runs: Sequence[Run], is_there: Callable[[str], object] = lambda trial_id: None) -> Synced:
    """Makes a tracker show each run once, as it is now. A second time it changes nothing.

    Args:
        is_there: told of each trial as soon as the tracker has it.

    Raises:
        Exception: whatever the tracker's package raises; what was written until then stays, and is not written again.
    """
    held = {name: tracker.held(name) for name in sorted({run.experiment for run in runs})}
    other = [run for run in runs if held[run.experiment].get(run.trial_id) != run.digest]
    for one in {run.trial_id for run in runs} - {run.trial_id for run in other}:
        is_there(one)
    for start in range(0, len(other), AT_ONCE):
        some = other[start : start + AT_ONCE]
        for run in some:
            tracker.put(run)
        tracker.flush()
        for run in some:
            is_there(run.trial_id)
    return Synced(len(other), len(runs) - len(other))
