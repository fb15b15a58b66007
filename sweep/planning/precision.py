"""Which arithmetic `precision: auto` stands for: chosen by machine once per store and model, and recorded there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from sweep.experiment import Experiment
from sweep.planning.pinned import Record
from sweep.planning.pricing.gpus import load_gpus
from trainables.models.shapes import name_and_revision
from trainables.precision import Precision, cpu_has_bf16
from trainables.store import Store

RECORD = Record(
    "precision.json",
    "precisions",
    "precision",
    is_word=lambda word: word in get_args(Precision),
    hint="remove it, and the next run chooses anew; or write {MODEL: fp32} or {MODEL: bf16} as it was",
)
"""What `auto` stands for in a store, for each model: one that goes on elsewhere has the same trials."""

DRIVER = Path("/proc/driver/nvidia/gpus")
"""Where NVIDIA's driver says which GPUs a machine has."""


@dataclass(frozen=True)
class Chosen:
    """A precision, and why it is that one."""

    precision: Precision
    why: str

    def __str__(self) -> str:
        return f"precision: {self.precision}, {self.why}"


def choose(experiment: Experiment) -> Chosen:
    """What the experiment says; of `auto` what the store has recorded, else what the machines have that will train.

    Without GPUs that is this machine, which others should be like. With GPUs it is bf16, unless this machine has one of
    which the table says that it cannot: it may be a head without any, and a worker that cannot refuses to begin.

    Raises:
        UserError: the record is damaged.
    """
    if experiment.precision != "auto":
        return Chosen(experiment.precision, "as the experiment says")
    model = name_and_revision(experiment.model)[0]
    if (known := RECORD.read(Store(experiment.store)).get(model)) is not None:
        return Chosen(cast(Precision, known), f"with which the store's trials of {model} began")
    if experiment.resources.gpus_per_worker:
        return _of_gpus(gpus_here())
    if cpu_has_bf16():
        return Chosen("bf16", "which this machine's CPU has")
    return Chosen("fp32", "as this machine's CPU has no bf16")


def record(experiment: Experiment, precision: Precision) -> None:
    """Writes down in the store what `auto` stands for. Raises UserError where the store has another one by now."""
    if experiment.precision == "auto":
        RECORD.write(Store(experiment.store), name_and_revision(experiment.model)[0], precision)


def gpus_here(driver: Path = DRIVER) -> list[str]:
    """The names of this machine's GPUs, as PyTorch has them; none where the driver does not tell."""
    lines = [line for one in sorted(driver.glob("*/information")) for line in one.read_text().splitlines()]
    return [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]


def _of_gpus(names: Sequence[str]) -> Chosen:
    table = load_gpus()
    rows = {name: table.of_device(name) for name in names}
    without = [name for name, row in rows.items() if row is not None and row.tflops["bf16"] is None]
    return Chosen("fp32", f"as {without[0]} has no bf16") if without else Chosen("bf16", "as trials run on GPUs")
