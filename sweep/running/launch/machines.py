"""A cluster's machines, by Ray's own hands: those of `ray up`, `ray rsync-up` and `ray down`. Its words go to a log."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.running.launch.cluster_file import ClusterFile
from trainables.errors import Problem, UserError
from trainables.store import cache_folder

PATIENCE = 5
"""Seconds in which AWS must say who asks."""

NOISE = re.compile(
    r"\s*(|\[\d.*|<\d.*|\(\d.*|New status: .*|\d{4}-\d\d-\d\d .*|Shared connection to .* closed\.|"
    r"Warning: Permanently added .*|bash: (cannot set terminal|no job control).*|Exiting due to .*)"
)
"""Lines of Ray's log that say nothing of why it failed."""

COLOURS = re.compile(r"\x1b\[[\d;]*m")

FAILED = "New status: update-failed"
"""Before this stands what the command said that failed; behind it what Ray's own code was doing."""

SAYS_NOTHING = ("Failed to setup head node", "SSH command failed", "Exiting due to")
"""How Ray's exceptions begin that do not say what failed."""


@dataclass(frozen=True)
class Gate:
    """The way to the head node, by ssh.

    Attributes:
        target: user and address.
        container: how commands are run where Ray runs: in a container of the node, or, with nothing, on the node.
    """

    options: tuple[str, ...]
    target: str
    container: tuple[str, ...] = ()


class Machines:
    """The machines that a cluster file describes.

    Attributes:
        log: where Ray's own messages about them go.
    """

    def __init__(self, cluster: ClusterFile) -> None:
        self.cluster = cluster
        self.log = cache_folder() / "launches" / f"{cluster.name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        _log_to(self.log)

    def head(self) -> str | None:
        """The head node, if there is one that runs. It may have been started from another machine.

        Raises:
            UserError: the provider does not say, or does not say it to this user.
        """
        from ray.autoscaler._private.providers import _get_node_provider
        from ray.autoscaler.tags import NODE_KIND_HEAD, TAG_RAY_NODE_KIND

        if self.cluster.provider == "aws":
            _check_credentials(self.cluster)
        with self._asked("the provider does not say which machines run"):
            provider = _get_node_provider(self.cluster.values["provider"], self.cluster.name)
            found = provider.non_terminated_nodes({TAG_RAY_NODE_KIND: NODE_KIND_HEAD})
        return str(found[0]) if found else None

    def remember_head(self) -> None:
        """Ray knows of own machines only what was started from here: the head is there, whoever started it."""
        from ray.autoscaler._private.local.node_provider import LocalNodeProvider, record_local_head_state_if_needed

        with self._asked("the head node cannot be written down"):
            provider: Any = LocalNodeProvider
            record_local_head_state_if_needed(provider(self.cluster.values["provider"], self.cluster.name))

    def gate(self) -> Gate:
        """The way to the head node. Raises UserError where it is not known."""
        from ray.autoscaler._private.commands import _bootstrap_config
        from ray.autoscaler._private.providers import _get_node_provider
        from ray.autoscaler.tags import NODE_KIND_HEAD, TAG_RAY_NODE_KIND

        with self._asked("the way to the head node is not known"):
            config = _bootstrap_config(dict(self.cluster.values))
            place = config["provider"]
            provider = _get_node_provider(place, config["cluster_name"])
            heads = provider.non_terminated_nodes({TAG_RAY_NODE_KIND: NODE_KIND_HEAD})
            node = heads[0] if heads else place["head_ip"]
            internal = place.get("use_internal_ips", False) and not place.get("use_external_head_ip", False)
            runner: Any = provider.get_command_runner("", node, config["auth"], config["cluster_name"], None, internal)
            options = runner.ssh_options.to_ssh_options_list(timeout=10)
            docker = config.get("docker") or {}
            engine = "podman" if docker.get("use_podman") else "docker"
            name = docker.get("container_name")
            container = (engine, "exec", "-i", name) if name else ()
            return Gate(tuple(options), f"{runner.ssh_user}@{runner._get_ssh_target()}", container)

    def up(self, told: Callable[[str], object]) -> None:
        """`ray up`: returns when Ray runs on the head node.

        Args:
            told: what it does now, in a few words.

        Raises:
            UserError: it did not come up.
        """
        from ray.autoscaler import sdk
        from ray.autoscaler._private.event_system import CreateClusterEvent, global_event_system

        def tell(event: Mapping[str, Any]) -> None:
            words = STEPS[event["event_name"].name]
            if "command" in event:
                told(f"{words}: {_short(str(event['command']))}")
            elif "command" not in words:
                told(words)

        events = [CreateClusterEvent[name] for name in STEPS]
        for event in events:
            sdk.register_callback_handler(event, tell)  # type: ignore[arg-type]
        try:
            with self._asked("the cluster does not come up"):
                sdk.create_or_update_cluster(str(self.cluster.path))
        finally:
            for event in events:
                global_event_system.clear_callbacks_for_event(event)  # type: ignore[arg-type]

    def send(self, source: Path, target: str) -> None:
        """`ray rsync-up`: copies what is in a folder into one on the head node, all of it. Raises UserError."""
        from ray.autoscaler import sdk

        config = {**self.cluster.values, "rsync_exclude": [], "rsync_filter": []}  # which are meant for other folders
        with self._asked(f"'{source}' cannot be copied to the head node"):
            sdk.run_on_cluster(config, cmd=f"mkdir -p {target}")
            sdk.rsync(config, source=f"{source}/", target=f"{target}/", down=False)

    def down(self) -> None:
        """`ray down`. Raises UserError."""
        from ray.autoscaler import sdk

        with self._asked("the cluster cannot be taken down"):
            sdk.teardown_cluster(str(self.cluster.path))

    @contextmanager
    def _asked(self, failure: str) -> Iterator[None]:
        """Ray does something: what it says, and what the programs say that it starts, goes to the log.

        Raises:
            UserError: it could not, for whatever reason.
        """
        from ray.autoscaler import sdk

        sdk.configure_logging(log_style="pretty", color_mode="false", verbosity=0)
        with self.log.open("a", encoding="utf-8") as log:
            begin = log.tell()
            try:
                with _aside(log.fileno()):
                    yield
            except (Exception, SystemExit) as error:
                with self.log.open(encoding="utf-8", errors="replace") as written:
                    written.seek(begin)
                    why = reason(written.read(), str(getattr(error, "message", error)))
                hint = f"what Ray said: {self.log}"
                raise UserError(Problem(f"{failure}: {why}", hint=hint)) from error


STEPS = {
    "acquiring_new_head_node": "asking for a head node",
    "head_node_acquired": "the head node is there; waiting for its ssh",
    "ssh_control_acquired": "ssh answers; copying files",
    "run_initialization_cmd": "initialization command",
    "run_setup_cmd": "set-up command",
    "start_ray_runtime": "starting Ray",
    "start_ray_runtime_completed": "Ray runs",
}
"""What is said of each of Ray's steps; of commands each one."""


def reason(log: str, error: str) -> str:
    """Why Ray could not, in a line: what its exception says, or else the last that the command said that failed."""
    first = error.strip().partition("\n")[0]
    if first and not first.startswith(SAYS_NOTHING):
        return first
    lines = COLOURS.sub("", log).partition(FAILED)[0].splitlines()
    said = [line.strip() for line in lines if not NOISE.fullmatch(line)]
    return said[-1] if said else "it does not say why"


def _check_credentials(cluster: ClusterFile) -> None:
    """Raises UserError where AWS knows no such user: Ray would show a page of its own code."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(connect_timeout=PATIENCE, read_timeout=PATIENCE, retries={"total_max_attempts": 1})
    place = cluster.values["provider"]
    try:
        boto3.Session(region_name=place.get("region")).client("sts", config=config).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        hint = (
            "log in (`aws configure`, `aws sso login`), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and the secret to it"
        )
        message = f"AWS does not let this machine start others: {str(error).splitlines()[0]}"
        raise UserError(Problem(message, hint=hint)) from error


@contextmanager
def _aside(file: int) -> Iterator[None]:
    """What this process and its children write goes to a file, as long as the context lasts; they read nothing."""
    sys.stdout.flush()
    sys.stderr.flush()
    nothing = os.open(os.devnull, os.O_RDONLY)
    kept = [os.dup(stream) for stream in (0, 1, 2)]
    try:
        for stream, new in enumerate((nothing, file, file)):
            os.dup2(new, stream)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for stream, old in enumerate(kept):
            os.dup2(old, stream)
            os.close(old)
        os.close(nothing)


def _log_to(file: Path) -> None:
    """What Ray's modules say in this process goes to the log, too."""
    import ray  # noqa: F401 - it sets its loggers up when it is imported

    handler = logging.FileHandler(file, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("ray")
    logger.handlers, logger.propagate = [handler], False


def _short(command: str) -> str:
    line = " ".join(command.split())
    return line if len(line) <= 60 else f"{line[:57]}..."
