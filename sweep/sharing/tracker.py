"""What an experiment tracker must do, and which there are."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from sweep.sharing.run import Run
from trainables.errors import Problem, UserError, nearest
from trainables.store import Store

PACKAGES = {"tensorboard": "tensorboard", "mlflow": "mlflow-skinny", "wandb": "wandb", "trackio": "trackio"}
"""The trackers, each a module here that is called like the package's own, and the package that pip installs."""

SERVED = ("mlflow",)
"""Those that may be a server of the user's, too."""

SILENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # else a server that is away is waited for some minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
"""Variables that packages read, unless somebody has set them: they tell their makers nothing, and do not talk."""

FOLDER = "sharing"
"""Where in a store on a disk they are, if nobody says another place."""


class Tracker(Protocol):
    """A place for runs. None of it is asked from two threads at once; whatever goes wrong is raised.

    Attributes:
        shown_by: the command, or the address, that shows it.
    """

    shown_by: str

    def held(self, experiment: str) -> Mapping[str, str]:
        """The digests of an experiment's runs that are there and whole, by trial."""
        ...

    def put(self, run: Run) -> None:
        """Writes a run in the place of all that is there of that trial. It is there for certain after `flush`."""
        ...

    def flush(self) -> None:
        """Waits until all that was put is there. What was not waited for may count as not there, and is put again."""
        ...


def check_tracker(name: str, place: str | None, store: Store) -> str:
    """Where a tracker is: a folder, or the URL of a server.

    Args:
        place: as it was typed, None: in the store.

    Raises:
        UserError: nobody knows it, its package is not installed, or it cannot be there.
    """
    if name not in PACKAGES:
        raise UserError(Problem(f"there is no tracker '{name}'", hint=nearest(name, tuple(PACKAGES))))
    if find_spec(name) is None:
        hint = f'pip install {PACKAGES[name]}, or pip install "crosslingual-sweep[{name}]"'
        raise UserError(Problem(f"{name} is not installed", hint=hint))
    if place is None and not store.is_local:
        hint = f"name one: sharing/{name}" + (", or a server's URL" if name in SERVED else "")
        raise UserError(Problem(f"{name} needs a folder on this machine, and the store is elsewhere", hint=hint))
    if place is not None and "://" in place and name not in SERVED:
        hint = f"give a folder; what {name} does with it then is yours"
        raise UserError(Problem(f"{name} is written to a folder alone, not to '{place}'", hint=hint))
    found = store.path(f"{FOLDER}/{name}") if place is None else place
    if "://" not in found and Path(found).expanduser().is_file():
        raise UserError(Problem(f"'{found}' is a file", hint="give a folder"))
    return found if "://" in found else str(Path(found).expanduser().absolute())


def parse_log(given: str) -> tuple[str, str | None]:
    """`NAME` or `NAME=PLACE` as a name and a place."""
    name, _, place = given.partition("=")
    return name, place or None


def open_tracker(name: str, place: str) -> Tracker:
    """The tracker at a place that `check_tracker` found. Importing its package may take seconds."""
    for variable, value in SILENT.items():
        os.environ.setdefault(variable, value)
    module = importlib.import_module(f"sweep.sharing.{name}")
    return cast(Tracker, module.open_tracker(place))
