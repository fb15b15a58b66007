"""What Ray Tune sees of the search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ray
from ray.tune import Callback
from ray.tune.search import Searcher

from sweep.running.cluster import RayLost

if TYPE_CHECKING:
    from ray.actor import ActorHandle

    from sweep.running.driver import Driver


class _Unsaved:
    """Tune pickles what it is given, to restore experiments. Here the ledger does that, so nothing is kept."""

    def __reduce__(self) -> tuple[type[object], tuple[()]]:
        return object, ()


class PlanSearcher(_Unsaved, Searcher):
    """Hands Tune the plan's trials: None while the next one waits for another, FINISHED at the end."""

    def __init__(self, driver: Driver, broker: ActorHandle[Any]) -> None:
        super().__init__("progress", "max")
        self._driver, self._broker = driver, broker
        self._trial_ids: dict[str, str] = {}

    def suggest(self, trial_id: str) -> Any:
        """Tune's trial with one of the plan's in it."""
        found = self._driver.next()
        if found is None:
            return Searcher.FINISHED if self._driver.search.is_over else None
        ours, told = found
        self._trial_ids[trial_id] = ours
        return told

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Takes the trial's last message from the broker."""
        ours = self._trial_ids.pop(trial_id)
        try:
            message: Any = ray.get(self._broker.take_last.remote(ours))
        except ray.exceptions.RayError as error:  # without its broker the run cannot go on
            self._driver.stopped = RayLost(str(error).splitlines()[0])
            raise
        self._driver.finish(ours, result, message)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: see `_Unsaved`."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see `_Unsaved`."""


class ReportCallback(_Unsaved, Callback):
    """Passes every report on."""

    def __init__(self, driver: Driver, broker: ActorHandle[Any]) -> None:
        self._driver, self._broker = driver, broker

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Called by Tune several times a second. What is raised here for a signal passes Tune, which waits for none."""
        self._driver.check()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Called by Tune after every report of a trial. A worker whose trial may be pruned waits for the verdict."""
        goes_on = self._driver.report(result)
        if trial.config["asks"] and result.get("epoch"):
            self._broker.decide.remote(result["trial"], result["epoch"], goes_on)
