"""TensorBoard: a folder a run with one event file, whose name ends with the run's digest.

The file is written beside its place and renamed, so that TensorBoard sees all of a run or nothing. The HPARAMS tab has
the parameters and tags, SCALARS the curves and scores, TEXT the error.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from sweep.sharing.run import Run, path_of
from trainables.store import beside

START = "events.out.tfevents"
"""How the files' names begin that TensorBoard reads."""


class TensorBoard:
    """A folder for `tensorboard --logdir`. A run's is `<experiment>/<study>/<trial>`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shown_by = f"tensorboard --logdir {shlex.quote(str(folder))}"

    def held(self, experiment: str) -> Mapping[str, str]:
        files = (self.folder / path_of(experiment)).rglob(f"{START}.*")
        return {file.parent.name: file.name.rpartition(".")[2] for file in files}

    def put(self, run: Run) -> None:
        name = f"{START}.{int(run.finished_at.timestamp())}.{run.digest}"
        of_experiment = self.folder / path_of(run.experiment)
        file = of_experiment / path_of(run.name) / name
        older = [*of_experiment.rglob(f"{run.trial_id}/{START}.*")]
        with beside(file) as content:
            writer = RecordWriter(content)
            for event in _events(run):
                writer.write(event.SerializeToString())
        for one in older:
            if one != file:
                one.unlink()

    def flush(self) -> None:
        """Each run is there once it is put."""


def _events(run: Run) -> Iterator[Event]:
    """The same bytes for the same run: times are those of the trial."""
    started, finished = run.started_at.timestamp(), run.finished_at.timestamp()
    yield Event(wall_time=started, file_version="brain.Event:2")
    hyperparameters = {**run.parameters, **{name: text for name, text in run.tags.items() if name != "seed"}}
    yield Event(wall_time=started, summary=hparams_pb(hyperparameters, run.trial_id, started))
    yield from (
        Event(wall_time=_moment(run, step), step=step, summary=scalar_pb(name, value))
        for step, values in run.by_step.items()
        for name, value in values.items()
    )
    told = {"status": run.status, **({"error": f"```\n{run.error}\n```"} if run.error else {})}
    yield from (Event(wall_time=finished, summary=text_pb(name, text)) for name, text in told.items())
    ended = SessionEndInfo(status=STATUS_FAILURE if run.error else STATUS_SUCCESS, end_time_secs=finished)
    yield Event(wall_time=finished, summary=_hparams(metadata.SESSION_END_INFO_TAG, session_end_info=ended))


def _hparams(tag: str, **content: Any) -> Summary:
    told = metadata.create_summary_metadata(HParamsPluginData(**content))
    return Summary(value=[Summary.Value(tag=tag, metadata=told, tensor=metadata.NULL_TENSOR)])


def _moment(run: Run, step: int) -> float:
    """When an epoch ended, as far as one knows: they take equally long."""
    share = step / run.last_step if run.last_step else 1.0
    moment: datetime = run.started_at + (run.finished_at - run.started_at) * share
    return moment.timestamp()


def open_tracker(place: str) -> TensorBoard:
    return TensorBoard(Path(place))
