"""What each Ray Train worker does: one trial after the other, until it is sent home."""

from __future__ import annotations

import gc
import socket
import threading
import traceback
from typing import Any

import ray
import ray.train
from ray.actor import ActorHandle
from ray.train.torch import get_device

from trainables.errors import UserError
from trainables.models.checkpoint import DamagedCheckpoint, MissingCheckpoint
from trainables.reports import MachineLeaves, TrialError
from trainables.training.fine_tune import run_trial
from trainables.training.memory import is_out_of_memory
from trainables.training.workbench import Workbench
from trainables.workers.messages import Cause, Job, Message
from trainables.workers.node import set_up


def serve(loop: dict[str, Any]) -> None:
    """The training function that Ray Train runs on each worker of a group."""
    group, broker, config = loop["group"], loop["broker"], loop["config"]
    context, node = ray.train.get_context(), ray.get_runtime_context().get_node_id()
    rank = context.get_world_rank()
    try:
        bench = set_up(config, get_device(), rank, context.get_world_size())
    except Exception as error:  # no trial gets further here: the first one says why, and the others' workers go too
        is_mistake = isinstance(error, UserError)
        reason = str(error) if is_mistake else f"on node {socket.gethostname()}: {type(error).__name__}: {error}"
        if (job := ray.get(broker.get_job.remote(group, rank, node, 0))) is not None:
            cause: Cause = "setup" if is_mistake else "machine"
            message = Message(job.spec.trial_id, error=reason, cause=cause, ends_group=True, group=group)
            ray.get(broker.put_message.remote(message))
        raise
    gc.freeze()  # what is warm is no garbage, and is not looked at again
    gc.enable()
    threading.Thread(target=_watch, args=(group, broker, bench), daemon=True).start()
    room, done = bench.micro_batch_tokens, 0
    while (job := ray.get(broker.get_job.remote(group, rank, node, done))) is not None:
        bench.micro_batch_tokens = max(1, room >> job.halvings)
        if not _do(job, group, broker, bench):
            return
        done += 1


def _watch(group: str, broker: ActorHandle, bench: Workbench) -> None:
    """Waits for the notice that a machine of the group goes away."""
    if ray.get(broker.notice.remote(group)):
        bench.noticed.set()


def _do(job: Job, group: str, broker: ActorHandle, bench: Workbench) -> bool:
    """Does a job, and tells of it. Returns whether the worker goes on to the next one."""
    trial_id = job.spec.trial_id

    def tell(message: Message) -> None:
        ray.get(broker.put_message.remote(message))

    try:
        for report in run_trial(job.spec, bench, job.started):
            if bench.rank == 0:
                tell(Message(trial_id, report, group=group))
            if report.progress >= 1:
                break
            if job.asks and not ray.get(broker.goes_on.remote(trial_id, report.epoch)):
                if bench.rank == 0:
                    bench.drop_state(trial_id)
                    tell(Message(trial_id, report, pruned=True, group=group))
                break
            bench.leave_if_noticed()
    except (TrialError, UserError) as error:  # the same on every worker: the group goes on
        if bench.rank == 0:
            bench.drop_state(trial_id)  # from there it would come to the same end
            found = error.report if isinstance(error, TrialError) else None
            tell(Message(trial_id, found, error=str(error), group=group))
    except MachineLeaves as error:  # the same on every worker, too
        if bench.rank == 0:
            tell(Message(trial_id, error=str(error), cause="notice", ends_group=True, group=group))
        return False
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
        alone = bench.world_size == 1
        lost = error.trial_id if isinstance(error, (DamagedCheckpoint, MissingCheckpoint)) else None
        cause = _cause(error, alone)
        tell(Message(trial_id, error=reason, cause=cause, ends_group=not alone, group=group, lost=lost))
        if not alone:
            raise  # the others wait for this worker: all must go
    return True


def _cause(error: Exception, alone: bool) -> Cause:
    if isinstance(error, (DamagedCheckpoint, MissingCheckpoint)):
        return "weights"
    if is_out_of_memory(error):
        return "memory"
    if isinstance(error, (OSError, ray.exceptions.RayError)):
        return "machine"
    # Workers learn of the death of another one by an error of the library that connects them.
    return "trial" if alone or not isinstance(error, RuntimeError) else "machine"
