"""From the ledger to a tracker: what is not there yet, or is another thing by now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sweep.sharing.run import runs
from sweep.sharing.tracker import Tracker
from trainables.store import Store


@dataclass(frozen=True)
class Synced:
    """How many runs were written, and how many were there already."""

    written: int
    kept: int


def sync(
    store: Store,
    tracker: Tracker,
    experiments: Sequence[str] = (),
    is_there: Callable[[str], object] = lambda trial_id: None,
) -> Synced:
    """Makes a tracker show each trial that has ended once, as it is now. A second time it changes nothing.

    Args:
        experiments: which of the store's, as `sweep.planning.history.current` has them.
        is_there: told of each trial as soon as the tracker has it.

    Raises:
        UserError: as `runs` does.
        Exception: whatever the tracker's package raises; what was written until then stays, and is not written again.
    """
    found = runs(store, experiments)
    held = {name: tracker.held(name) for name in sorted({run.experiment for run in found})}
    written = 0
    for run in found:
        if held[run.experiment].get(run.trial_id) != run.digest:
            tracker.put(run)
            written += 1
        is_there(run.trial_id)
    return Synced(written, len(found) - written)
