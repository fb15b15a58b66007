"""What each tracker's own reader finds in what was written for it, in the same words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Shown:
    """A run as a tracker shows it: values are text or numbers, `series` has (step, value)."""

    values: dict[str, Any] = field(default_factory=dict)
    series: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    failed: bool = False
    text: str = ""

    def says(self, name: str, value: Any) -> bool:
        """Whether a parameter or tag is shown, as itself or as text."""
        return str(self.values.get(name)) == str(value)


def tensorboard(folder: Path, experiment: str) -> dict[str, Shown]:
    """By TensorBoard's own loader of a folder with all its runs."""
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    runs = EventMultiplexer().AddRunsFromDirectory(str(folder / experiment))
    runs.Reload()
    found: dict[str, Shown] = {}
    for name in runs.Runs():
        of_run = runs.GetAccumulator(name)
        shown = Shown()
        for content in runs.PluginRunToTagToContent("hparams")[name].values():
            told = plugin_data_pb2.HParamsPluginData.FromString(content)
            for key, value in told.session_start_info.hparams.items():
                shown.values[key] = value.string_value if value.HasField("string_value") else value.number_value
            shown.failed |= told.session_end_info.status == 2
        assert metadata.SESSION_END_INFO_TAG in runs.PluginRunToTagToContent("hparams")[name]
        for tag in runs.PluginRunToTagToContent("scalars").get(name, ()):
            shown.series[tag] = [(one.step, float(one.tensor_proto.float_val[0])) for one in of_run.Tensors(tag)]
        texts = runs.PluginRunToTagToContent("text")[name]
        shown.text = " ".join(one.tensor_proto.string_val[0].decode() for tag in texts for one in of_run.Tensors(tag))
        trial = Path(name).name
        assert trial not in found, f"two runs of trial {trial}"
        found[trial] = shown
    return found


def mlflow(folder: Path, experiment: str) -> dict[str, Shown]:
    """By MLflow's client."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    known = client.get_experiment_by_name(experiment)
    assert known is not None
    found: dict[str, Shown] = {}
    for run in client.search_runs([known.experiment_id]):
        trial = run.data.tags["sweep.trial_id"]
        assert trial not in found, f"two runs of trial {trial}"
        series = {
            name: [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, name)]
            for name in run.data.metrics
        }
        values = {**run.data.params, **run.data.tags}
        found[trial] = Shown(values, series, run.info.status == "FAILED", run.data.tags.get("error", ""))
    return found


def wandb(folder: Path, experiment: str) -> dict[str, Shown]:
    """By the records that `wandb sync` would send."""
    import json

    from wandb.proto import wandb_internal_pb2

    found: dict[str, Shown] = {}
    for file in (folder / experiment).rglob("*.wandb"):
        shown, trial = Shown(series=defaultdict(list)), ""
        for data in _records(file.read_bytes()):
            record = wandb_internal_pb2.Record.FromString(data)
            if record.HasField("run"):
                trial = record.run.run_id
                config = {one.key: json.loads(one.value_json) for one in record.run.config.update}
                shown.values |= config.pop("sweep", {}) | config
                shown.text = record.run.notes
            values = {one.key or one.nested_key[0]: json.loads(one.value_json) for one in record.history.item}
            for name, value in values.items():
                if not name.startswith("_"):
                    shown.series[name].append((int(values["_step"]), value))
            if record.HasField("exit"):
                shown.failed = record.exit.exit_code != 0
        assert trial not in found, f"two runs of trial {trial}"
        found[trial] = shown
    return found


def _records(content: bytes) -> Iterator[bytes]:
    """LevelDB's log format behind 7 bytes of wandb's own: blocks of 32 KB of (checksum 4, length 2, type 1, data)."""
    place, record = 7, b""
    while place + 7 <= len(content):
        if (left := -place % 32768) and left < 7:
            place += left
        length, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        record += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # all of a record, or its end
            yield record
            record = b""


def trackio(folder: Path, experiment: str) -> dict[str, Shown]:
    """By trackio's storage, which its dashboard reads."""
    import trackio.sqlite_storage as storage

    assert folder == storage.TRACKIO_DIR
    found: dict[str, Shown] = {}
    for run in storage.SQLiteStorage.get_run_records(experiment):
        config = storage.SQLiteStorage.get_run_config(experiment, run_id=run["id"]) or {}
        shown = Shown(config, defaultdict(list), config["status"] == "failed", config.get("error", ""))
        for logged in storage.SQLiteStorage.get_logs(experiment, run["name"], run_id=run["id"]):
            for name, value in logged.items():
                if name not in ("step", "timestamp"):
                    shown.series[name].append((logged["step"], value))
        found[run["id"]] = shown
    return found


READERS: dict[str, Callable[[Path, str], dict[str, Shown]]] = {
    "tensorboard": tensorboard, "mlflow": mlflow, "wandb": wandb, "trackio": trackio,
}  # fmt: skip
