"""What of a cluster's file would cost a day or money, though Ray takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sweep.experiment import Resources
from sweep.running import autoscaler
from sweep.running.doctor.finding import Finding, Level
from sweep.running.doctor.ready import of_room
from sweep.running.room import Room
from trainables.yaml_file import Place, YamlFile

TOKEN_WORDS = ("auth_token", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN")
"""What stands in a file that sees to a token: where it is copied to, or the variable that asks for it."""

WORKS = "docs/cluster.md has files that work"


def of_file(document: YamlFile, resources: Resources | None) -> list[Finding]:
    """All findings.

    Args:
        document: a file that Ray takes.
        resources: of a trial, if it is known what is to be run.
    """
    return [*_Reading(document, resources).all()]


class _Reading:
    """One file's findings."""

    def __init__(self, document: YamlFile, resources: Resources | None) -> None:
        self._document, self._resources = document, resources
        self._values: Mapping[str, Any] = document.values
        self._types: Mapping[str, Any] = self._values.get("available_node_types") or {}
        self._head = self._values.get("head_node_type")

    def all(self) -> Iterator[Finding]:
        found = [*self._image(), *self._token(), *self._dashboard(), *self._head_node(), *self._most(), *self._room()]
        yield Finding("fine", "file", "Ray takes it", self._document.name)
        yield from found

    def _say(self, level: Level, check: str, message: str, todo: str | None, place: Place = ()) -> Finding:
        problem = self._document.problem(message, place)
        where = f"{problem.file}:{problem.line}" if problem.line else problem.file
        return Finding(level, check, message, where, todo)

    def _image(self) -> Iterator[Finding]:
        """Ray's default for AWS is of 2021: Ubuntu 18.04 with Python 3.6, whose libraries are too old for torch."""
        if self._values["provider"]["type"] != "aws" or (self._values.get("docker") or {}).get("image"):
            return
        for name, kind in self._types.items():
            if "ImageId" not in (kind.get("node_config") or {}):
                message = (
                    f"'{name}' names no ImageId: Ray's default is too old for this project (Ubuntu 18.04, Python 3.6)"
                )
                yield self._say("wrong", "image", message, WORKS, ("available_node_types", name))

    def _token(self) -> Iterator[Finding]:
        text = json.dumps(self._values)
        if not any(word in text for word in TOKEN_WORDS):
            todo = "`ray get-auth-token --generate`; copy it by file_mounts, and set RAY_AUTH_MODE=token on all nodes"
            message = "nothing sees to a token: whoever reaches the head's ports can run what he likes there"
            yield self._say("warning", "token", message, todo)

    def _dashboard(self) -> Iterator[Finding]:
        commands = self._values.get("head_start_ray_commands")
        if commands is None or not any(
            "--dashboard-host=127.0.0.1" in one or "--include-dashboard=false" in one for one in commands
        ):
            message = "the dashboard listens on all interfaces of the head, as Ray starts it by default"
            todo = (
                "head_start_ray_commands: ray start --head --dashboard-host=127.0.0.1 ... (`ray dashboard` reaches it)"
            )
            yield self._say("warning", "dashboard", message, todo, ("head_start_ray_commands",))

    def _head_node(self) -> Iterator[Finding]:
        resources = (self._types.get(self._head) or {}).get("resources")
        if resources is not None and resources.get("CPU") != 0:
            message = "trials may run on the head, beside the driver, which all of them need"
            todo = "resources: {CPU: 0} for the head's type keeps it free"
            yield self._say("warning", "head", message, todo, ("available_node_types", self._head or ""))

    def _most(self) -> Iterator[Finding]:
        most = self._values.get("max_workers", 2)
        each = [int(kind.get("max_workers", most)) for name, kind in self._types.items() if name != self._head]
        if each and sum(each) < most:
            message = f"max_workers is {most}, but the types allow {sum(each)} in all"
            yield self._say("warning", "limits", message, "make them agree", ("max_workers",))

    def _room(self) -> Iterator[Finding]:
        growth = autoscaler.of_config(self._values)
        if self._resources is None or growth is None:
            return
        head = (self._types.get(self._head) or {}).get("resources")  # it is always there
        for one in of_room(Room(self._resources, () if head is None else (head,), growth, may_join=True)):
            yield Finding(one.level, one.check, one.message, self._document.name, one.todo)
