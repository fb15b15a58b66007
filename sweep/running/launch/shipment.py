"""What of an experiment lies on this machine, and where the cluster finds it: pure, nothing is moved here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import search_spaces
from sweep.experiment import Experiment, Places
from sweep.experiment.file import SHIPPED
from sweep.running.launch.cluster_file import ClusterFile
from trainables.data.files import digest
from trainables.errors import Problem, UserError
from trainables.mirror import is_uri
from trainables.models.shapes import folder_of
from trainables.spec import content_hash
from trainables.yaml_file import parse_yaml

INPUTS = "inputs"
"""The folder of a store for what was on the machine of the one who launched."""


@dataclass(frozen=True)
class Folder:
    """A folder that every node needs.

    Attributes:
        key: of the experiment, by dotted path.
        here: on this machine.
    """

    key: str
    here: Path

    @cached_property
    def kept(self) -> str:
        """Its name in the store: of its content, so that what is there already is what is meant."""
        stats = {name: (path, path.stat()) for name, path in self.files.items()}
        digests = {name: digest(path, stat.st_size, stat.st_mtime_ns) for name, (path, stat) in stats.items()}
        return f"{INPUTS}/{self.here.name}-{content_hash(digests)}"

    @cached_property
    def files(self) -> Mapping[str, Path]:
        """Its files by their names in it; hidden ones stay."""
        found = (path for path in sorted(self.here.rglob("*")) if path.is_file())
        names = {path.relative_to(self.here).as_posix(): path for path in found}
        return {name: path for name, path in names.items() if not any(part[0] == "." for part in name.split("/"))}


@dataclass(frozen=True)
class Shipment:
    """What goes to the cluster.

    Attributes:
        files: for the head alone, by their names in the launch's folder there.
        folders: for every node, through the store.
        experiment: what `sweep run` is told to run there.
        overrides: what it is told besides, with places of the cluster instead of this machine's.
    """

    files: Mapping[str, Path]
    folders: tuple[Folder, ...]
    experiment: str
    overrides: tuple[str, ...]

    def arguments(self, places: Mapping[str, str]) -> list[str]:
        """Of `sweep run` on the head, where the folders are at these places, by key."""
        return [self.experiment, *self.overrides, *(_override(key, place) for key, place in places.items())]


def shipment(experiment: Experiment, file: Path, overrides: Sequence[str], cluster: ClusterFile) -> Shipment:
    """What an experiment needs on a cluster.

    Small files go to the head, where the search runs. Folders of data and weights are needed by every node, also by
    those that come later: they go where each node looks anyway, the store, unless the cluster file copies them.

    Raises:
        UserError: something of it cannot be reached from the cluster's nodes.
    """
    problems = list(_store_out_of_reach(experiment.store, cluster))
    files: dict[str, Path] = {}
    placed: dict[str, object] = {}
    name = file.stem
    if file.parent != SHIPPED:
        name = file.name
        files[name] = file
    if experiment.tasks:
        own = {f"tasks/{Path(path).name}": Path(path) for path in experiment.tasks}  # a file is called as its task is
        files |= own
        placed["tasks"] = [*own]
    if experiment.search_space not in search_spaces.names():
        space = Path(experiment.search_space)
        files[f"spaces/{space.name}"] = space
        placed["search_space"] = f"spaces/{space.name}"
    folders = []
    for key, here in _folders(experiment):
        there = cluster.copied_to(here)
        if there is not None:
            placed[key] = str(there)
        elif cluster.is_of_own_machines and _are_on_one_disk(here, Path(experiment.store)):
            placed[key] = str(here)
        elif key != "data.files" and "://" in experiment.store:  # of buckets nodes read release files alone
            hint = f"copy it to every node: under file_mounts of {cluster.path} say /some/folder: {here}"
            problems.append(Problem(f"the folder of '{key}', '{here}', is on this machine alone", hint=hint))
        else:
            folders.append(Folder(key, here))
    if problems:
        raise UserError(problems)
    replaced = {*placed, *(one.key for one in folders)}
    kept = [one for one in overrides if one.partition("=")[0] not in replaced]
    return Shipment(files, tuple(folders), name, (*kept, *(_override(key, value) for key, value in placed.items())))


def is_here(data: str | Places) -> bool:
    """Whether all data lie on this machine; what lies on the hub or in a bucket is the cluster's to fetch."""
    if isinstance(data, str):
        return data != "hub"
    places = [place for place in (data.files, data.hub) if place is not None]
    return all(isinstance(place, str) and not is_uri(place) for place in places)


def _folders(experiment: Experiment) -> Iterable[tuple[str, Path]]:
    """The folders of this machine that an experiment reads, by key."""
    if isinstance(experiment.data, Places):
        for key, place in (("files", experiment.data.files), ("hub", experiment.data.hub)):
            if isinstance(place, str) and not is_uri(place):
                yield f"data.{key}", Path(place).expanduser().absolute()
    model = folder_of(experiment.model)
    if model is not None:
        yield "model", model.absolute()


def _store_out_of_reach(store: str, cluster: ClusterFile) -> Iterable[Problem]:
    if "://" in store:
        return
    path = PurePosixPath(store)
    bucket = "a bucket: store=s3://BUCKET/NAME"
    if not path.is_absolute():
        disk = "or the full path of a folder on a disk that all of them share"
        yield Problem(f"the store '{store}' is a folder of one machine, and a sweep on several needs one of all", hint=(
            f"give {bucket}, {disk}"
        ))  # fmt: skip
    elif not cluster.is_of_own_machines and not cluster.mounts_disk(path):
        mount = f"or a folder on a disk that a command in {cluster.path} mounts"
        yield Problem(f"the store '{store}' is on no disk that the machines of {cluster.provider} share", hint=(
            f"give {bucket}, {mount}"
        ))  # fmt: skip


def _are_on_one_disk(folder: Path, store: Path) -> bool:
    """Whether a folder is on the disk of the store, which all machines share. That of this machine is none."""
    disks = [next(one for one in (path, *path.parents) if one.is_mount()) for path in (folder, store)]
    return disks[0] == disks[1] != Path("/")


def _override(key: str, value: object) -> str:
    """YAML is what an override holds, and JSON is YAML."""
    text = value if isinstance(value, str) and parse_yaml(value) == value else json.dumps(value, ensure_ascii=False)
    return f"{key}={text}"
