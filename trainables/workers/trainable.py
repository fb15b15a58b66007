"""The Tune trial: a job that is put into the sweep's queue, and what is said about it."""

from __future__ import annotations

from typing import Any

import ray
from ray import tune
from ray.actor import ActorHandle

from trainables.spec import TrialSpec
from trainables.workers.messages import Job, Message


class FineTuneTrainable(tune.Trainable):
    """One TrialSpec (`config["spec"]`; `halvings` and `asks` as in `Job`).

    Results are the numbers of a report; `started` says that a worker group has the job; `error` why a trial failed.
    Scores and predictions stay with the broker, where the driver takes them from: they are too large for Tune's own
    records.
    """

    def setup(self, config: dict[str, Any], broker: ActorHandle) -> None:  # type: ignore[override]
        self.broker = broker
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        spec = TrialSpec.from_dict(config["spec"])
        self.job: Job | None = Job(spec, halvings=config.get("halvings", 0), asks=config.get("asks", False))
        self.ours, self.heard = spec.trial_id, 0

    def step(self) -> dict[str, Any]:
        if self.job is not None:
            ray.get(self.broker.put_job.remote(self.job))
            self.job = None
        message = self._next_message()
        result: dict[str, Any] = {"trial": self.ours, "group": message.group}
        if message.started is not None:
            return {**result, "progress": 0.0, "started": message.started, "done": False}
        if message.report is None or message.error is not None or message.pruned:
            return {**result, "error": message.error, "progress": 1.0, "done": True}
        report = message.report
        return {
            **result,
            "progress": report.progress,
            "epoch": report.epoch,
            "objective": report.objective,
            "curve": list(report.curve),
            "startup_seconds": report.startup_seconds,
            "examples_per_second": report.examples_per_second,
            "done": report.progress >= 1,
        }

    def _next_message(self) -> Message:
        while True:
            message: Any = ray.get(self.broker.next_message.remote(self.ours, self.heard))
            if message is not None:
                self.heard += 1
                assert isinstance(message, Message)
                return message

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        return {}  # trials keep their weights in the store

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        pass
