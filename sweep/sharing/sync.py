"""What a tracker has not got yet, or is another thing by now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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


def sync(tracker: Tracker, runs: Iterable[Run], is_there: Callable[[str], object] = lambda trial_id: None) -> Synced:
    """Makes a tracker show each run once, as it is now. A second time it changes nothing.

    Args:
        is_there: told of each trial as soon as the tracker has it.

    Raises:
        Exception: whatever the tracker's package raises; what was written until then stays, and is not written again.
    """
    held: dict[str, Mapping[str, str]] = {}
    written = kept = 0
    unsure: list[str] = []

    def flush() -> None:
        tracker.flush()
        for trial_id in unsure:
            is_there(trial_id)
        unsure.clear()

    for run in runs:
        if run.experiment not in held:
            held[run.experiment] = tracker.held(run.experiment)
        if held[run.experiment].get(run.trial_id) == run.digest:
            kept += 1
            is_there(run.trial_id)
            continue
        tracker.put(run)
        written += 1
        unsure.append(run.trial_id)
        if len(unsure) >= AT_ONCE:
            flush()
    if unsure:
        flush()
    return Synced(written, kept)
