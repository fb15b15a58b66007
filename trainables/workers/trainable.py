"""The Tune trial: a job that is sent to this actor's own warm worker group."""

from __future__ import annotations

import time
from typing import Any

from ray import tune
from ray.actor import ActorHandle

from trainables.spec import TrialSpec
from trainables.workers.broker import Job
from trainables.workers.group import GroupConfig, WorkerGroup


class FineTuneTrainable(tune.Trainable):
    """One TrialSpec (`config["spec"]`; `halvings` and `asks` as in `Job`).

    Tune hands the actor, and with it the group, from trial to trial.

    Results are the numbers of a report; `error` says why a trial failed. Scores and predictions stay with the broker,
    where the driver takes them from: they are too large for Tune's own records.
    """

    def setup(self, config: dict[str, Any], broker: ActorHandle, group: GroupConfig) -> None:  # type: ignore[override]
        self.broker, self.group_config = broker, group
        self.group: WorkerGroup | None = None
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        self.spec = TrialSpec.from_dict(config["spec"])
        self.job: Job | None = Job(self.spec, time.time(), config.get("halvings", 0), config.get("asks", False))

    def step(self) -> dict[str, Any]:
        if self.job is not None:
            # Here, not in `setup`: where another trial ends first, Tune takes that one's actor and drops this one, and
            # a group is half a dozen processes. Named after the trial that needed it: no message of a dead group is
            # taken for one of the new group.
            if self.group is None or not self.group.is_alive:
                self.group = WorkerGroup(f"{self.spec.trial_id}-{time.time_ns()}", self.broker, self.group_config)
            self.group.start(self.job)
            self.job = None
        assert self.group is not None  # it goes when a trial ends
        message = self.group.next_message(self.spec.trial_id)
        result: dict[str, Any] = {"trial": self.spec.trial_id, "group": self.group.name}
        if message.ends_group:
            self.group = None  # it may take a while to go; the next trial must not wait for it
        if message.report is None or message.pruned:
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

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        return {}  # trials keep their weights in the store

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        pass

    def cleanup(self) -> None:
        if self.group is not None:
            self.group.close()
