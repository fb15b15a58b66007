"""MLflow: an experiment each, and in it a run a trial, in a SQLite file or on a server of the user's.

MLflow gives runs ids of its own. A run is found by its tags: that of the trial is its first, that of the digest its
last, so one without the latter was not written to its end.
"""

from __future__ import annotations

import logging
import re
import shlex
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.tracking import MlflowClient

from sweep.sharing.run import Run

for _noisy in ("mlflow", "alembic"):
    logging.getLogger(_noisy).setLevel(logging.ERROR)

TRIAL, DIGEST = "sweep.trial_id", "sweep.digest"

UNFIT = re.compile(r"[^\w./ :-]", re.ASCII)
"""What MLflow does not take in a metric's name."""

AT_ONCE = 100
"""Parameters and tags of a request; of metrics there may be ten times as many."""


class MlFlow:
    """The experiments of an MLflow server or database."""

    def __init__(self, uri: str, artifacts: str | None) -> None:
        self.client, self.artifacts = MlflowClient(tracking_uri=uri), artifacts
        self.shown_by = uri if artifacts is None else f"mlflow server --backend-store-uri {shlex.quote(uri)}"
        self._experiments: dict[str, str] = {}
        self._runs: dict[str, dict[str, list[str]]] = {}  # by experiment and trial: MLflow's ids

    def held(self, experiment: str) -> Mapping[str, str]:
        known: dict[str, list[str]] = defaultdict(list)
        digests: dict[str, str] = {}
        token = None
        while True:
            where = [self._experiment(experiment)]
            page = self.client.search_runs(where, run_view_type=ViewType.ACTIVE_ONLY, page_token=token)
            for one in page:
                if (trial := one.data.tags.get(TRIAL)) is not None:
                    known[trial].append(one.info.run_id)
                    digests[trial] = one.data.tags.get(DIGEST, "")
            token = page.token
            if not token:
                break
        self._runs[experiment] = known
        return {trial: digest for trial, digest in digests.items() if digest and len(known[trial]) == 1}

    def put(self, run: Run) -> None:
        if run.experiment not in self._runs:
            self.held(run.experiment)
        known = self._runs[run.experiment]
        for old in known.pop(run.trial_id, []):
            self.client.delete_run(old)
        began = _milliseconds(run.started_at)
        tags = {TRIAL: run.trial_id, **run.tags, "status": run.status, **({"error": run.error} if run.error else {})}
        made = self.client.create_run(self._experiment(run.experiment), began, tags, run_name=run.name).info.run_id
        known[run.trial_id] = [made]
        ended = _milliseconds(run.finished_at)
        metrics = [
            Metric(UNFIT.sub("_", name), value, ended, step)
            for step, values in run.by_step.items()
            for name, value in values.items()
        ]
        parameters = [Param(name, str(value)) for name, value in run.parameters.items()]
        self.client.log_batch(made, params=parameters[:AT_ONCE])
        for start in range(0, len(metrics), 10 * AT_ONCE):
            self.client.log_batch(made, metrics=metrics[start : start + 10 * AT_ONCE])
        self.client.set_terminated(made, "FAILED" if run.error else "KILLED" if run.status == "pruned" else None, ended)
        self.client.log_batch(made, tags=[RunTag(DIGEST, run.digest)])

    def flush(self) -> None:
        """Each run is there once it is put."""

    def _experiment(self, name: str) -> str:
        """MLflow's id of an experiment, which is made where there is none."""
        if name not in self._experiments:
            found: Any = self.client.get_experiment_by_name(name)
            new = None if found else self.client.create_experiment(name, self.artifacts)
            self._experiments[name] = found.experiment_id if found else str(new)
        return self._experiments[name]


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def open_tracker(place: str) -> MlFlow:
    """A server by its URL; in a folder the file `mlflow.db`, for `mlflow server --backend-store-uri sqlite:///...`."""
    if "://" in place:
        return MlFlow(place, None)
    folder = Path(place)
    folder.mkdir(parents=True, exist_ok=True)
    return MlFlow(f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri())
