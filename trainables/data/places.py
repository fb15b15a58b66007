"""From what an experiment says under `data` to a source of examples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from trainables.data.files import ReleaseFolder
from trainables.data.hub import Hub
from trainables.data.mock import MockSource
from trainables.data.released import Place, ReleasedSource
from trainables.data.source import MiniSource, Source
from trainables.errors import Problem, UserError
from trainables.mirror import is_uri, open_folder
from trainables.tasks import Catalogue, Task

DataConfig = str | Mapping[str, str | bool]
"""`mini`, `mock`, `hub`, or where to look: `{files: DIR, hub: DIR}`, in which `hub: true` is the hub itself, and
`files` may be a URI (`s3://bucket/prefix`).
"""


def open_source(config: DataConfig, tasks: Mapping[str, Task] | None = None) -> Source:
    """The source that an experiment's `data` names.

    Args:
        tasks: where the parts of a task such as `anli+` are looked up; None: among the shipped ones.

    Raises:
        UserError: a folder or bucket is not there, or cannot be read.
        OSError: a bucket's server does not answer.
    """
    if config == "mini":
        return MiniSource()
    if config == "mock":
        return MockSource()
    places = {"hub": True} if config == "hub" else dict(config) if isinstance(config, Mapping) else {}
    if not places or not set(places) <= {"files", "hub"}:
        raise UserError(Problem(f"unknown data source {config!r}", hint="known: mini, mock, hub, {files: DIR}"))
    found: list[Place] = []
    problems: list[Problem] = []
    for kind, place in places.items():
        if place is True:
            found.append(Hub())
            continue
        if kind == "hub" and is_uri(str(place)):
            hint = "copy it into a folder of each machine; release files may lie in a bucket: data.files=s3://..."
            problems.append(Problem(f"a mirror of the hub must be a folder, and '{place}' is none", hint=hint))
            continue
        folder = open_folder(str(place))
        if folder is None:
            hint = f"set data.{kind}=DIR to the folder that the downloads filled"
            problems.append(Problem(f"data folder '{Path(str(place)).expanduser()}' does not exist", hint=hint))
        else:
            found.append(ReleaseFolder(folder) if kind == "files" else Hub(Path(str(place)).expanduser()))
    if problems:
        raise UserError(problems)
    return ReleasedSource(found, Catalogue() if tasks is None else tasks)
