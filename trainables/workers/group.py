"""The warm worker group: Ray Train workers that outlive their trials.

The documented way, a new Train run for every trial, costs a handful of new processes each time: 20 to 45 s on two
cores. Here the workers take jobs from a queue until they are told to go, and keep torch, the base weights and the
tokenised data.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import fsspec
import pyarrow.fs
import ray
import ray.train
from ray._private import state
from ray._raylet import RAY_NODE_ID_KEY  # type: ignore[attr-defined]  # compiled
from ray.actor import ActorHandle
from ray.train import ScalingConfig
from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.constants import ENABLE_PREEMPTION_WATCHER_ENV_VAR
from ray.train.v2._internal.execution.callback import ControllerCallback
from ray.train.v2._internal.execution.controller import TrainController
from ray.train.v2._internal.execution.scaling_policy import FixedScalingPolicy
from ray.train.v2._internal.execution.worker_group import state as worker_group_state
from ray.train.v2._internal.execution.worker_group import worker_group
from ray.train.v2.api.config import FailureConfig, RunConfig
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

from trainables.data import DataConfig
from trainables.precision import Precision
from trainables.tasks import Task
from trainables.workers.environment import Environment
from trainables.workers.rendezvous import Rendezvous


@dataclass(frozen=True)
class GroupConfig:
    """What a worker group is made of, where it works, and the tasks that do not ship with the package.

    Attributes:
        model, weights, precision: those of its trials.
        gradient_checkpointing: whether layers are computed again in the backward pass, instead of kept.
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
    precision: Precision = "fp32"
    gradient_checkpointing: bool = False
    environment: Environment = field(default_factory=Environment)


class WorkerGroup:
    """One group of Ray Train workers, as the broker that starts it sees it.

    Args:
        broker: whom the workers ask for jobs: the actor in which this is called.
    """

    def __init__(self, name: str, broker: ActorHandle, config: GroupConfig) -> None:
        self._failure: str | None = None
        self._controller: ActorHandle | None = None
        self._killed = False
        self._thread = threading.Thread(target=self._fit, args=(name, broker, config), daemon=True)
        self._thread.start()

    @property
    def failure(self) -> str | None:
        """Why it has ended; None while it lives."""
        return self._failure

    def kill(self) -> None:
        """Ends it while it waits for room: its controller listens to nobody then."""
        self._killed = True
        if self._controller is not None:
            ray.kill(self._controller)

    def controlled_by(self, controller: ActorHandle) -> None:
        """The actor of Ray Train that runs it is up."""
        self._controller = controller
        if self._killed:
            ray.kill(controller)

    def _fit(self, name: str, broker: ActorHandle, config: GroupConfig) -> None:
        try:
            _trainer(name, broker, config).fit()
            self._failure = "the worker group has ended"
        except Exception as error:
            self._failure = f"the worker group died: {_reason(error)}"


def start_group(config: GroupConfig, name: str) -> WorkerGroup:
    """Starts a worker group; called in the broker's process."""
    return WorkerGroup(name, ray.get_runtime_context().current_actor, config)


def draining() -> Iterable[str]:
    """The nodes that were given notice: by a cloud, by Kubernetes, or by whoever stops Ray on them."""
    return state.state.get_draining_nodes()


def _reason(error: Exception) -> str:
    """Of what a worker died, in a line: what Ray says less its lists of ids."""
    first = next(iter(getattr(error, "worker_failures", {}).values()), error)
    lines = [line for line in str(first).splitlines() if line.strip() and not line.startswith(("\t", " "))]
    return " ".join(lines) or type(first).__name__


class _Trainer(DataParallelTrainer):
    """Ray Train's, less what it starts beside controller and workers.

    That is four processes for each group on the head node: a cleaner of placement groups, of which
    `sweep.running.cluster` takes care for all; one that shares out Ray's datasets, of which there are none; one that
    looks for machines that go, as the broker does for all; and one in which workers meet, who meet in `Rendezvous`.
    """

    def _create_default_callbacks(self) -> list[Any]:
        found = super()._create_default_callbacks()
        return [one for one in found if not isinstance(one, (PlacementGroupCleanerCallback, DatasetsCallback))]

    def _initialize_and_run_controller(self, **given: Any) -> Any:
        policy = _Unannounced(self.scaling_config)  # type: ignore[arg-type]  # it is Train's own
        here = {RAY_NODE_ID_KEY: ray.get_runtime_context().get_node_id()}
        # Without an environment of its own, which Ray Train would give it: it then is there a second earlier.
        made: Any = ray.remote(num_cpus=0, label_selector=here)(_Controller)
        controller = made.remote(**{**given, "scaling_policy": policy})
        ray.get(controller.run.remote())
        return ray.get(controller.get_result.remote())


class _Controller(TrainController):
    """Ray Train's, which starts no process but the workers."""

    def __init__(self, **given: Any) -> None:
        os.environ[ENABLE_PREEMPTION_WATCHER_ENV_VAR] = "0"
        super().__init__(**given)
        del os.environ[ENABLE_PREEMPTION_WATCHER_ENV_VAR]  # workers would get it as an environment of their own
        vars(worker_group)["SynchronizationActor"] = _NoMeeting
        vars(worker_group_state)["_shutdown_sync_actor"] = lambda actor: None


class _NoMeeting:
    """Stands for the actor in which workers meet who report to Ray Train. Ours report to the broker."""

    @classmethod
    def options(cls, **given: Any) -> type[_NoMeeting]:
        return cls

    @classmethod
    def remote(cls, **given: Any) -> _NoMeeting:
        return cls()


class _Unannounced(FixedScalingPolicy):
    """Lets the placement group speak for itself.

    Ray Train would ask the autoscaler for the same machines once more, by a request that outlives the group: machines
    that nobody uses any more stay for minutes, or for good.
    """

    def _send_resource_request(self) -> None:
        pass

    def _maybe_send_resource_request(self) -> None:
        pass

    def _cancel_resource_request(self) -> None:
        pass


class _Known(ControllerCallback):
    """Tells the broker which actor controls a group."""

    def __init__(self, name: str, broker: ActorHandle) -> None:
        self._name, self._broker = name, broker

    def after_controller_start(self, train_run_context: Any) -> None:
        ray.get(self._broker.controlled_by.remote(self._name, ray.get_runtime_context().current_actor))


def _serve(loop: dict[str, Any]) -> None:
    loop["config"].environment.apply()  # first: the libraries of the hub read it when they are imported
    gc.disable()  # what is imported and loaded stays: to look through it again and again takes a third of that time
    # Here, because the broker needs neither torch nor the model code.
    from trainables.workers.worker import serve

    serve(loop)


def _trainer(name: str, broker: ActorHandle, config: GroupConfig) -> DataParallelTrainer:
    return _Trainer(
        _serve,
        train_loop_config={"group": name, "broker": broker, "config": config},
        backend_config=Rendezvous(),
        scaling_config=ScalingConfig(
            num_workers=config.workers,
            use_gpu=config.gpus_per_worker > 0,
            resources_per_worker={
                "CPU": config.cpus_per_worker,
                **({"GPU": config.gpus_per_worker} if config.gpus_per_worker else {}),
            },
        ),
        run_config=RunConfig(  # type: ignore[arg-type]  # Train's own, which is what it wants
            name=name,
            # Ray Train wants a folder, in which nothing lasts: trials keep their weights in the store.
            storage_path="/sweep",
            storage_filesystem=pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(fsspec.filesystem("memory"))),
            # A job that a group had when it broke is the broker's to give to another one; a group started anew by Ray
            # would wait for a job that is somebody else's by then.
            failure_config=FailureConfig(max_failures=0, max_preemption_failures=0),
            callbacks=[_Known(name, broker)],  # type: ignore[list-item]  # it takes those of its own, too
        ),
    )
