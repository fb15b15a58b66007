"""Trackio: a SQLite file an experiment, as `trackio.init` makes it without a Space; shown by `trackio show`.

A run is written through trackio's own storage, in one transaction and without the server that `init` would start.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trackio.sqlite_storage as storage

from sweep.sharing.run import Run

DIGEST = "sweep_digest"
"""The key of a run's config that says what it is."""


class Trackio:
    """A folder for TRACKIO_DIR. An experiment is a project."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.shown_by = f"TRACKIO_DIR={shlex.quote(str(folder))} trackio show"
        module: Any = storage
        module.TRACKIO_DIR = folder  # what the environment says is read once, when trackio is imported
        self.storage = module.SQLiteStorage

    def held(self, experiment: str) -> Mapping[str, str]:
        found = self.storage.get_all_run_configs(experiment)
        return {trial_id: str(config.get(DIGEST)) for trial_id, config in found.items()}

    def put(self, run: Run) -> None:
        self.storage.delete_run(run.experiment, run.name, run.trial_id)
        config = {
            **run.parameters,
            **run.tags,
            "status": run.status,
            **({"error": run.error} if run.error else {}),
            "_Group": run.tags.get("study"),
            "_Created": run.started_at.isoformat(),
            DIGEST: run.digest,
        }
        self.storage.bulk_log(
            run.experiment,
            run.name,
            list(run.by_step.values()),
            steps=list(run.by_step),
            timestamps=[run.finished_at.isoformat()] * len(run.by_step),
            config=config,
            run_id=run.trial_id,
        )

    def flush(self) -> None:
        """Each run is there once it is put."""


def open_tracker(place: str) -> Trackio:
    return Trackio(Path(place))
