"""The file that `ray up` takes: checked before anything is started, and asked what a launch must know of it."""

from __future__ import annotations

import copy
import io
import json
import logging
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from trainables.errors import Problem, UserError, nearest
from trainables.store import expanded, holds
from trainables.yaml_file import Place, YamlFile, read_yaml

TOKEN = ".ray/auth_token"  # noqa: S105 - where one lies
MAKE_TOKEN = "make one: ray get-auth-token --generate"  # noqa: S105

HERE = "paths in it count from the folder in which the command is given, as those of `ray up` do"

PACKAGES = {"aws": "boto3", "gcp": "google-api-python-client", "azure": "azure-mgmt-compute"}
"""What Ray's providers need beside Ray."""

COMMANDS = ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands")


@dataclass(frozen=True)
class ClusterFile:
    """A cluster file that Ray takes.

    Attributes:
        document: its values as they stand there, each with its line.
    """

    path: Path
    document: YamlFile

    @property
    def values(self) -> Mapping[str, Any]:
        """What stands in it."""
        found: Mapping[str, Any] = self.document.values
        return found

    @property
    def name(self) -> str:
        """The cluster's."""
        return str(self.values["cluster_name"])

    @property
    def provider(self) -> str:
        """Where its machines come from: aws, local ..."""
        return str(self.values["provider"]["type"])

    @property
    def is_of_own_machines(self) -> bool:
        """Whether its machines are there anyway, and stay when it is taken down."""
        return self.provider == "local"

    @cached_property
    def mounts(self) -> Mapping[PurePosixPath, Path]:
        """What Ray copies to every node: the place there, and the one here."""
        given = self.values.get("file_mounts") or {}
        return {PurePosixPath(there): expanded(here).absolute() for there, here in given.items()}

    def mounts_disk(self, path: PurePosixPath) -> bool:
        """Whether a command of the file mounts a disk at a path, or at a folder that it is in."""
        given = [command for key in COMMANDS for command in self.values.get(key) or []]
        words = [word.rstrip("/") for command in given if "mount" in command for word in command.split()]
        return any(str(one) in words for one in (path, *path.parents) if one != PurePosixPath("/"))

    def copied_to(self, folder: Path) -> PurePosixPath | None:
        """Where the nodes find a folder that is a mount of the file, or in one that is copied as a whole."""
        is_whole = not self.values.get("rsync_exclude") and not self.values.get("rsync_filter")
        for there, here in self.mounts.items():
            if folder == here or (is_whole and here in folder.parents):
                return there / folder.relative_to(here).as_posix()
        return None


def read_cluster_file(path: Path) -> ClusterFile:
    """Reads a cluster file.

    Raises:
        UserError: it is not there, is not YAML, is none that Ray takes, or names files that are not here; all of it.
    """
    if not holds(path.is_file):
        hint = "give the file of `ray up`: --on cluster.yaml"
        raise UserError(Problem(f"there is no cluster file '{path}'", hint=hint))
    document = read_yaml(path)
    problems = _refused_by_ray(document) or list(_missing_here(document))
    if problems:
        raise UserError(problems)
    return ClusterFile(path, document)


def _refused_by_ray(document: YamlFile) -> list[Problem]:
    """What Ray has against it. Its own words about it are not shown."""
    import click
    import jsonschema
    from ray.autoscaler._private.providers import _NODE_PROVIDERS
    from ray.autoscaler._private.util import prepare_config, validate_config

    logging.getLogger("ray").handlers = [logging.NullHandler()]
    values = document.values
    if not isinstance(values, dict) or not isinstance(values.get("provider"), dict):
        return [document.problem("is no cluster file: it names no provider", hint="docs/cluster.md has some that work")]
    if "cluster_name" not in values:
        return [document.problem("'cluster_name' is missing")]
    kind = values["provider"].get("type")
    if kind == "kuberay":
        hint = "docs/cluster.md says how a sweep runs on Kubernetes: kubectl apply -f clusters/kuberay.yaml"
        return [document.problem("a cluster of Kubernetes is not brought up by `ray up`", ("provider", "type"), hint)]
    importer = _NODE_PROVIDERS.get(kind)
    if importer is None:
        known = [name for name, there in _NODE_PROVIDERS.items() if there is not None]
        return [document.problem(f"unknown provider '{kind}'", ("provider", "type"), nearest(str(kind), known))]
    try:
        provider: Any = importer
        provider(values["provider"])
    except ImportError:
        needs = PACKAGES.get(kind, f"what Ray's provider '{kind}' imports")
        return [document.problem(f"provider '{kind}' needs {needs}", ("provider", "type"), f"pip install {needs}")]
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            jsonschema.validate(values, _schema())  # first: what follows takes types for granted
            validate_config(prepare_config(copy.deepcopy(values)))
    except jsonschema.ValidationError as error:
        place: Place = tuple(error.absolute_path)
        return [document.problem(f"Ray does not take it: {error.message.splitlines()[0]}", place)]
    except click.ClickException as error:
        return [document.problem(f"Ray does not take it: {error.message.splitlines()[0]}")]
    except Exception as error:  # Ray checks with whatever comes to hand
        said = f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else str(error).partition("\n")[0]
        return [document.problem(f"Ray does not take it: {said}")]
    return []


def _schema() -> Any:
    import ray.autoscaler

    return json.loads(Path(ray.autoscaler.__file__).with_name("ray-schema.json").read_text(encoding="utf-8"))


def _missing_here(document: YamlFile) -> list[Problem]:
    """The files of this machine that it names, and that are not there."""
    problems = []
    for there, here in (document.values.get("file_mounts") or {}).items():
        if not isinstance(here, str) or not here:
            problems.append(document.problem(f"'{there}' is to be {here!r}, which is no file", ("file_mounts", there)))
        elif not holds(expanded(here).exists):
            message = f"'{here}', which is to be copied to the nodes, is not here"
            hint = MAKE_TOKEN if str(here).endswith(TOKEN) else HERE
            problems.append(document.problem(message, ("file_mounts", there), hint))
    key = (document.values.get("auth") or {}).get("ssh_private_key")
    if key and not holds(expanded(str(key)).is_file):
        problems.append(document.problem(f"there is no key '{key}' here", ("auth", "ssh_private_key")))
    return problems
