"""The order in which Tune starts trials, and what it keeps of those that have ended: nothing."""

from __future__ import annotations

import shutil
from typing import Any

from ray.tune.schedulers import FIFOScheduler

KEPT = ("_live_trials", "_stopped_trials", "_failed_trials", "_trials_to_cache")
"""Where Tune's controller keeps trials that have ended, beside the list that `get_trials` gives."""

METADATA = "_trial_metadata"
"""Where it keeps their settings and results as JSON, by their ids, to restore an experiment from."""


class PlanScheduler(FIFOScheduler):
    """Starts trials in the order in which the search gives them, and lets Tune forget those that have ended.

    Tune keeps trials for good, some 50 kB of each, and walks through the list of all whenever something happens: memory
    and the time for a trial would grow with the number of those before it. The ledger has what is needed again.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._controller: Any = None
        self._ended: set[Any] = set()

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Called by Tune before the trial ends."""
        self._controller = tune_controller
        self._ended.add(trial)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Called by Tune before the trial ends."""
        self.on_trial_complete(tune_controller, trial, {})

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """Called by Tune in every round, when the trials of the last one have ended."""
        if self._ended:
            self._forget()
        return super().choose_trial_to_run(tune_controller)

    def _forget(self) -> None:
        trials = self._controller.get_trials()
        trials[:] = [trial for trial in trials if trial not in self._ended]
        for name in KEPT:
            getattr(self._controller, name, set()).difference_update(self._ended)
        for trial in self._ended:
            getattr(self._controller, METADATA, {}).pop(trial.trial_id, None)
            shutil.rmtree(trial.local_path, ignore_errors=True)
        self._ended.clear()
