"""Weights & Biases: an offline run a trial, for `wandb sync`. Nothing is sent from here.

wandb gives each offline run a folder, whose name ends with the run's id. A file with the digest is put beside the run
once that is whole.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

import wandb

from sweep.sharing.run import Run, path_of

DIGEST = "sweep.digest"
"""The name of the file that says what a run is."""

UNFIT = re.compile(r"[/\\#?%:]")
"""What wandb does not take in a project's name."""

LONGEST_TAG = 64
"""Characters that wandb takes."""


class Wandb:
    """A folder with a folder `wandb` of offline runs. An experiment is a project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unsure: dict[Path, str] = {}  # folders of runs that may not be on the disk yet, and their digests
        self.shown_by = f"wandb sync {shlex.quote(str(folder))}/*/wandb/offline-run-*"

    def held(self, experiment: str) -> Mapping[str, str]:
        whole = (folder / DIGEST for folder in self._folders(experiment))
        return {_trial(file.parent): file.read_text(encoding="utf-8") for file in whole if file.exists()}

    def put(self, run: Run) -> None:
        for folder in self._folders(run.experiment):
            if _trial(folder) == run.trial_id:
                if folder in self._unsure:
                    self.flush()
                shutil.rmtree(folder)
        place = self.folder / path_of(run.experiment)
        place.mkdir(parents=True, exist_ok=True)
        settings = wandb.Settings(
            mode="offline",
            console="off",
            silent=True,
            disable_code=True,
            disable_git=True,
            x_disable_stats=True,
            x_disable_meta=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
        )
        shown = [f"{name}: {text}" for name, text in {**run.tags, "status": run.status}.items()]
        with wandb.init(
            project=UNFIT.sub("_", run.experiment),
            id=run.trial_id,
            name=run.name,
            group=run.tags.get("study", "")[:128],
            job_type=run.tags.get("phase"),
            tags=[one[:LONGEST_TAG] for one in shown],
            config={**run.parameters, "sweep": {**run.tags, "status": run.status, "digest": run.digest}},
            notes=run.error,
            dir=place,
            settings=settings,
            reinit="create_new",
        ) as written:
            where = Path(written.settings.sync_dir)
            for step, values in run.by_step.items():
                written.log(values, step=step)
            written.summary.update({"status": run.status, **({"error": run.error} if run.error else {})})
            written.finish(exit_code=1 if run.error else 0)
        self._unsure[where] = run.digest

    def flush(self) -> None:
        """Ends wandb's own process: it writes on when a run has long been finished, and nothing else waits for that."""
        wandb.teardown()
        for folder, digest in self._unsure.items():
            (folder / DIGEST).write_text(digest, encoding="utf-8")
        self._unsure.clear()

    def _folders(self, experiment: str) -> list[Path]:
        return sorted((self.folder / path_of(experiment) / "wandb").glob("offline-run-*"))


def _trial(folder: Path) -> str:
    return folder.name.rpartition("-")[2]


def open_tracker(place: str) -> Wandb:
    return Wandb(Path(place))
