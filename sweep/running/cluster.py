"""Ray: started here for one command, or joined. Its chatter goes to a file."""

from __future__ import annotations

import io
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO

from sweep.experiment import Resources
from sweep.running import autoscaler
from sweep.running.address import find, join
from sweep.running.room import Room
from sweep.running.scratch import RAY
from trainables.errors import Problem, UserError

# Read by Ray when it is imported or when its processes start.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")  # the ledger is the record
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")  # signals are dealt with in `stop`
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "inf")  # as above: Tune need not write down where it stands
os.environ.setdefault("TUNE_MAX_PENDING_TRIALS_PG", "64")  # how many at once is the driver's to say
os.environ.setdefault("TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S", "0")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


REDIRECTING = (
    "RAY_ADDRESS", "RAY_GCS_SERVER_PORT", "RAY_JOB_CONFIG_JSON_ENV_VAR", "RAY_LOG_TO_STDERR", "RAY_NAMESPACE",
    "RAY_OVERRIDE_LABELS", "RAY_OVERRIDE_RESOURCES", "RAY_REDIS_ADDRESS", "RAY_RUNTIME_ENV", "RAY_RUNTIME_ENV_HOOK",
)  # fmt: skip
"""Variables that were meant for another Ray, and would lead one in this machine astray."""

WATCHED = ("raylet", "gcs_server")
"""Ray's own processes without which nothing goes on."""


LOOKING = 5
"""Seconds between two looks at what machines there are, and for resources that dead worker groups hold."""


class _Log(io.TextIOWrapper):
    """A file that takes what fits: a full disk must not end those who only wanted to say something."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()

    def close(self) -> None:
        with suppress(OSError):
            super().close()


class RayLost(Exception):  # noqa: N818 - what has happened
    """Ray itself broke down, not a trial."""


class Cluster:
    """The Ray that a run works on.

    Attributes:
        room: how many trials have room, as of the last look.
        on_look: called by another thread after each look.
    """

    def __init__(self, resources: Resources, is_own: bool) -> None:
        self._resources, self._is_own = resources, is_own
        self.on_look: Callable[[Cluster], object] = lambda cluster: None
        self.room = self._look()
        self.room.check()

    def keep_looking(self, ended: threading.Event) -> None:
        """Until the end of the run."""
        while not ended.wait(LOOKING):
            with suppress(Exception):  # Ray is on its way down, or busy: there is a next time
                _free_orphans()
                self.room = self._look()
                self.on_look(self)

    def why(self) -> str:
        """Why a trial may have to wait: what there is, and what the autoscaler is at."""
        import ray

        return "; ".join([self.room.there, *autoscaler.says(ray.get_runtime_context().gcs_address)])

    def _look(self) -> Room:
        import ray
        from ray._private import state

        leaving = state.state.get_draining_nodes()
        nodes: Any = ray.nodes()  # type: ignore[no-untyped-call]
        machines = [one["Resources"] for one in nodes if one["Alive"] and one["NodeID"] not in leaving]
        growth = None if self._is_own else autoscaler.growth(ray.get_runtime_context().gcs_address)
        return Room(self._resources, tuple(machines), growth, may_join=not self._is_own)


@contextmanager
def ray_cluster(
    address: str | None,
    resources: Resources,
    log: Path,
    on_loss: Callable[[str], object],
    scratch: Path,
) -> Iterator[Cluster]:
    """Ray for as long as the context lasts.

    Args:
        address: of a running cluster; None starts one in this machine, bound to 127.0.0.1.
        log: a file for what Ray and the libraries behind it say.
        on_loss: called by another thread when Ray's own processes in this machine have died, with the reason. Some
            seconds later Ray ends this process, with no word.
        scratch: a folder for the temporary files of a cluster in this machine.

    Raises:
        UserError: the cluster cannot be reached, or not even one trial has room on it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with _Log(log.open("ab"), encoding="utf-8") as file, redirect_stdout(file), redirect_stderr(file):
        _log_to(file)
        yield from _ray(address, resources, file, on_loss, scratch)


def _ray(
    address: str | None,
    resources: Resources,
    log: TextIO,
    on_loss: Callable[[str], object],
    scratch: Path,
) -> Iterator[Cluster]:
    if address is None:
        # ray.init turns 127.0.0.1 into the machine's own address, and then listens on every interface. Only where Ray
        # does not expect clusters, as on macOS and Windows, does it stay on the loopback. Read when ray is imported.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        for name in REDIRECTING:
            os.environ.pop(name, None)
    place = None if address is None else find(address)
    import ray
    from ray._private import utils

    utils.set_sigterm_handler = lambda handler: None  # ray.init would take SIGTERM from those who listen already
    try:
        if place is None:
            _start_less()
            with _inherited(scratch):
                ray.init(
                    address="local",
                    num_cpus=len(os.sched_getaffinity(0)),
                    _node_ip_address="127.0.0.1",
                    _temp_dir=str(scratch / RAY),
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
        else:
            join(place)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        hint = f"its own messages are in {log.name}"
        raise UserError(Problem(f"Ray cannot be started in this machine: {reason}", hint=hint)) from error
    _log_to(log)  # again: ray.init puts its own handlers in
    ended = threading.Event()
    if address is None:
        threading.Thread(target=_watch, args=(on_loss, ended), daemon=True).start()
    try:
        cluster = Cluster(resources, is_own=address is None)
        threading.Thread(target=cluster.keep_looking, args=(ended,), daemon=True).start()
        yield cluster
    finally:
        ended.set()
        ray.shutdown(wait_for_processes=True)


def _start_less() -> None:
    """From now on a Ray that begins here does without three of its processes, which nobody would ask anything: the
    autoscaler, the dashboard's server, and one that brings logs to the driver's terminal.
    """
    from ray._private import node

    class Node(node.Node):
        def start_monitor(self) -> None:
            pass

        def start_api_server(self, **given: Any) -> None:
            pass

        def start_log_monitor(self) -> None:
            pass

    node.Node = Node  # type: ignore[misc]


@contextmanager
def _inherited(scratch: Path) -> Iterator[None]:
    """What Ray's processes take over from this one when they begin.

    Their temporary files go where the run's go. They do not hear that a terminal was closed: the driver does, and
    needs them for as long as it takes to stop.
    """
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(scratch)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


def _watch(on_loss: Callable[[str], object], ended: threading.Event) -> None:
    """Sees to Ray's own processes in this machine. It asks none of them: one may wait for another that died."""
    from ray._private import worker

    node: Any = worker._global_node
    while not ended.wait(1.0):
        dead = [name for name, _ in node.dead_processes() if name in WATCHED]
        if dead and not ended.is_set():
            node.kill_all_processes(check_alive=False, allow_graceful=False)
            on_loss(f"Ray's process '{dead[0]}' died")
            return


def _free_orphans() -> None:
    """Removes the placement groups of this job whose creator, the controller of a worker group, is dead.

    Ray frees them when the job ends. Its own cleaner works through the dashboard, which a cluster for one command has
    not; without this, each killed actor would take its CPUs or GPUs with it.
    """
    import ray
    from ray._private import state
    from ray.core.generated import gcs_pb2
    from ray.util.placement_group import PlacementGroup, remove_placement_group

    table: Any = gcs_pb2
    job = bytes.fromhex(ray.get_runtime_context().get_job_id())
    accessor: Any = state.state._connect_and_get_accessor()
    for row in accessor.get_placement_group_table():
        group = table.PlacementGroupTableData.FromString(row)
        is_there = group.state != table.PlacementGroupTableData.REMOVED and group.creator_job_id == job
        is_by_actor = group.creator_actor_id != ray.ActorID.nil().binary()
        if is_there and is_by_actor and group.creator_actor_dead:
            remove_placement_group(PlacementGroup(ray.PlacementGroupID(group.placement_group_id)))


def _log_to(log: TextIO) -> None:
    logging.captureWarnings(True)
    handler = logging.StreamHandler(log)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for name in ("ray", "ray.tune", "ray.train", "ray.data", "py.warnings"):
        logger = logging.getLogger(name)
        logger.handlers = [handler] if name in ("ray", "py.warnings") else []
        logger.propagate = name not in ("ray", "py.warnings")
        logger.setLevel(logging.INFO)
