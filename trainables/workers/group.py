"""The warm worker group: Ray Train workers that outlive their trials.

The documented way, a new Train run for every trial, costs eight new processes each time: 20 to 45 s on two cores. Here
the workers take jobs from a queue until they are told to go, and keep torch, the base weights and the tokenised data.
"""

from __future__ import annotations

import tempfile
import threading
import traceback
from dataclasses import dataclass, field
from typing import Any

import ray
import ray.train
from ray.actor import ActorHandle
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer, get_device

from trainables.data import DataConfig
from trainables.errors import UserError
from trainables.models.checkpoint import DamagedCheckpoint, MissingCheckpoint
from trainables.reports import TrialError
from trainables.tasks import Task
from trainables.workers.broker import Cause, Job, Message
from trainables.workers.environment import Environment


@dataclass(frozen=True)
class GroupConfig:
    """What a worker group is made of, where it works, and the tasks that do not ship with the package.

    Attributes:
        model, weights: those of its trials.
        environment: what its workers take over from the command.
    """

    store: str
    data: DataConfig
    tasks: tuple[Task, ...]
    workers: int
    cpus_per_worker: int
    gpus_per_worker: float
    save_minutes: float
    model: str
    weights: str | None = None
    environment: Environment = field(default_factory=Environment)


class WorkerGroup:
    """One group of Ray Train workers, seen from the trial in front of it."""

    def __init__(self, name: str, broker: ActorHandle, config: GroupConfig) -> None:
        self.name, self.broker, self.config = name, broker, config
        self.failure: str | None = None
        # Ray Train wants a folder, in which nothing lasts. It lies in Ray's: it goes with Ray if the actor is killed.
        node: Any = ray._private.worker._global_node
        self._scratch = tempfile.TemporaryDirectory(prefix="sweep-group-", dir=node.get_session_dir_path())
        trainer = TorchTrainer(
            _serve,
            train_loop_config={"group": name, "broker": broker, "config": config},
            scaling_config=ScalingConfig(
                num_workers=config.workers,
                use_gpu=config.gpus_per_worker > 0,
                resources_per_worker={
                    "CPU": config.cpus_per_worker,
                    **({"GPU": config.gpus_per_worker} if config.gpus_per_worker else {}),
                },
            ),
            run_config=RunConfig(name=f"group-{name}", storage_path=self._scratch.name),
        )
        self._thread = threading.Thread(target=self._fit, args=(trainer,), daemon=True)
        self._thread.start()

    def _fit(self, trainer: TorchTrainer) -> None:
        try:
            trainer.fit()
            self.failure = "the worker group has ended"
        except Exception as error:
            self.failure = f"the worker group died: {str(error).splitlines()[0]}"

    @property
    def is_alive(self) -> bool:
        """Whether the group can take jobs."""
        return self._thread.is_alive()

    def start(self, job: Job) -> None:
        """Sends a job to all workers."""
        ray.get(self.broker.put_job.remote(self.name, self.config.workers, job))

    def next_message(self, trial_id: str) -> Message:
        """Waits for the next message about a trial; those about earlier ones are dropped."""
        while True:
            message: Any = ray.get(self.broker.get_message.remote(self.name))
            if message is not None and message.trial_id == trial_id:
                assert isinstance(message, Message)
                return message
            if message is None and not self.is_alive:
                return Message(trial_id, error=self.failure, cause="machine", ends_group=True)

    def close(self) -> None:
        """Sends the workers home, and waits a while until they are gone."""
        ray.get(self.broker.put_job.remote(self.name, self.config.workers, None))
        self._thread.join(20)
        self._scratch.cleanup()


def _serve(loop: dict[str, Any]) -> None:
    """What each Ray Train worker does: one trial after the other, until it is sent home."""
    group, broker, config = loop["group"], loop["broker"], loop["config"]
    config.environment.apply()  # first: the libraries of the hub read it when they are imported
    # Here, because the actor in front of the group and the broker need neither transformers nor the model code.
    from trainables.training.fine_tune import run_trial
    from trainables.workers.node import set_up

    context = ray.train.get_context()
    rank = context.get_world_rank()

    def tell(message: Message) -> None:
        ray.get(broker.put_message.remote(group, message))

    try:
        bench = set_up(config, get_device(), rank, context.get_world_size())
    except UserError as error:  # no trial gets further here: the first one says why
        if (job := ray.get(broker.get_job.remote(group, rank))) is not None:
            tell(Message(job.spec.trial_id, error=str(error), cause="setup", ends_group=True))
        return
    room = bench.micro_batch_tokens

    while (job := ray.get(broker.get_job.remote(group, rank))) is not None:
        trial_id = job.spec.trial_id
        bench.micro_batch_tokens = max(1, room >> job.halvings)
        try:
            for report in run_trial(job.spec, bench, job.started):
                if rank == 0:
                    tell(Message(trial_id, report))
                if job.asks and report.progress < 1 and not ray.get(broker.goes_on.remote(trial_id, report.epoch)):
                    if rank == 0:
                        bench.drop_state(trial_id)
                        tell(Message(trial_id, report, pruned=True))
                    break
        except (TrialError, UserError) as error:  # the same on every worker: the group goes on
            if rank == 0:
                bench.drop_state(trial_id)  # from there it would come to the same end
                tell(Message(trial_id, error=str(error)))
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
            alone = bench.world_size == 1
            tell(Message(trial_id, error=reason, cause=_cause(error, alone), ends_group=not alone))
            if not alone:
                raise  # the others wait for this worker: all must go


def _cause(error: Exception, alone: bool) -> Cause:
    from trainables.training.memory import is_out_of_memory

    if isinstance(error, (DamagedCheckpoint, MissingCheckpoint)):
        return "weights"
    if is_out_of_memory(error):
        return "memory"
    if isinstance(error, (OSError, ray.exceptions.RayError)):
        return "machine"
    # Workers learn of the death of another one by an error of the library that connects them.
    return "trial" if alone or not isinstance(error, RuntimeError) else "machine"
