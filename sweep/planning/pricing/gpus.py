"""GPU types: how fast each can be, and what an hour of it costs. Data: gpus.yaml, or the user's own file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.planning.pricing.bounds import Bounds
from trainables.errors import Problem, UserError, nearest
from trainables.yaml_file import Place, YamlFile, read_yaml

SHIPPED = Path(__file__).parent / "gpus.yaml"
PRECISIONS = ("fp32", "bf16")
SHARE = "utilisation: {low: 0.15, expected: 0.3, high: 0.45}"


@dataclass(frozen=True)
class Gpu:
    """A GPU type.

    Attributes:
        devices: what PyTorch calls it, as the ledger has it.
        memory_gb: its memory.
        tflops: its dense peak by precision, in 10^12 operations a second; None: not known, or nothing it can do.
        utilisation: the share of the peak that fine-tuning reaches.
        on_demand, spot: dollars for an hour of one GPU; None: not known.
        priced: the instance and the day of these prices.
    """

    name: str
    devices: tuple[str, ...]
    memory_gb: float
    tflops: Mapping[str, float | None]
    utilisation: Bounds
    on_demand: float | None
    spot: float | None
    priced: str


@dataclass(frozen=True)
class GpuTable:
    """The GPU types of a file. `default` is the one that counts where nobody names one."""

    file: str
    gpus: Mapping[str, Gpu]
    default: str | None

    def gpu(self, name: str) -> Gpu:
        """A row. Raises UserError if there is none of that name."""
        if name not in self.gpus:
            raise UserError(Problem(f"unknown GPU type '{name}'", self.file, hint=nearest(name, list(self.gpus))))
        return self.gpus[name]

    def of_device(self, device: str | None) -> Gpu | None:
        """The row of a device by PyTorch's name for it."""
        return next((gpu for gpu in self.gpus.values() if device in (gpu.name, *gpu.devices)), None)


MOST = 1e9
"""Of nothing in a table there is so much."""


def load_gpus(path: Path | None = None) -> GpuTable:
    """The table in a file, or the shipped one.

    Raises:
        UserError: the file is not there, or is wrong: every problem in it.
    """
    document = read_yaml(path or SHIPPED)
    reader = _Reader(document)
    table = reader.table()
    if reader.problems:
        raise UserError(reader.problems)
    return table


class _Reader:
    """Turns a document into a table and collects what is wrong with it."""

    def __init__(self, document: YamlFile) -> None:
        self._document = document
        self.problems: list[Problem] = []

    def table(self) -> GpuTable:
        """The whole file."""
        values = self._keys(self._document.values, (), ("default", "utilisation", "gpus"))
        common = self._utilisation(values["utilisation"], ("utilisation",)) if "utilisation" in values else None
        rows = values.get("gpus")
        if not isinstance(rows, dict) or not rows:
            self._wrong(
                "'gpus' has no GPU types", ("gpus",), "for example {L4: {memory_gb: 24, tflops: ..., price: ...}}"
            )
            rows = {}
        gpus = {}
        for name, row in rows.items():
            place: Place = ("gpus", name)
            if self._keys(row, place, ("devices", "memory_gb", "tflops", "utilisation", "price")):
                gpus[str(name)] = self._gpu(str(name), row, place, common)
        default = values.get("default")
        if default is not None and str(default) not in gpus:
            self._wrong(f"'default' is no row of the table: {default!r}", ("default",), nearest(str(default), [*gpus]))
        return GpuTable(self._document.name, gpus, None if default is None else str(default))

    def _gpu(self, name: str, values: Mapping[str, Any], place: Place, common: Bounds | None) -> Gpu:
        devices = values.get("devices", [])
        if not isinstance(devices, list) or not all(isinstance(device, str) for device in devices):
            self._wrong("'devices' must be a list of names", (*place, "devices"), "what PyTorch calls it: [NVIDIA L4]")
            devices = []
        peaks = self._keys(values.get("tflops"), (*place, "tflops"), PRECISIONS)
        price = self._keys(
            values.get("price", {}), (*place, "price"), ("on_demand", "spot", "instance", "region", "date")
        )
        day = price.get("date")
        if (price.get("on_demand") or price.get("spot")) and not isinstance(day, str):
            self._wrong(
                f"the price of '{name}' has no date", (*place, "price"), "prices change: say of which day it is"
            )
        share = self._utilisation(values["utilisation"], (*place, "utilisation")) if "utilisation" in values else common
        if share is None:
            self._wrong(f"'{name}' has no utilisation", place, f"here or for the whole table: {SHARE}")
        return Gpu(
            name=name,
            devices=tuple(devices),
            memory_gb=self._number(values, "memory_gb", place) or 0,
            tflops={one: self._number(peaks, one, (*place, "tflops"), optional=True) for one in PRECISIONS},
            utilisation=share or Bounds(1, 1, 1),
            on_demand=self._number(price, "on_demand", (*place, "price"), optional=True),
            spot=self._number(price, "spot", (*place, "price"), optional=True),
            priced=", ".join(str(price[one]) for one in ("instance", "region", "date") if price.get(one) is not None),
        )

    def _utilisation(self, value: Any, place: Place) -> Bounds:
        values = self._keys(value, place, ("low", "expected", "high"))
        low, expected, high = (self._number(values, one, place) for one in ("low", "expected", "high"))
        if low is None or expected is None or high is None:
            return Bounds(1, 1, 1)
        if not low <= expected <= high <= 1:
            self._wrong("'utilisation' must grow from low over expected to high, which is at most 1", place, SHARE)
        return Bounds(low, expected, high)

    def _number(self, values: Mapping[str, Any], name: str, place: Place, optional: bool = False) -> float | None:
        value = values.get(name)
        if value is None and optional:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < MOST:
            return float(value)
        hint = "a number above 0" + (", or null where it is not known" if optional else "")
        missing = name not in values
        self._wrong(f"'{name}' is missing" if missing else f"'{name}' is {value!r}", (*place, name), hint)
        return None

    def _keys(self, value: Any, place: Place, known: Sequence[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            named = f"'{place[-1]}' must be" if place else "a table of GPU types is"
            self._wrong(f"{named} keys and values", place, f"known: {', '.join(known)}")
            return {}
        for key in value:
            if key not in known:
                self._wrong(f"unknown key '{key}'", (*place, key), nearest(str(key), known))
        return value

    def _wrong(self, message: str, place: Place, hint: str | None = None) -> None:
        self.problems.append(self._document.problem(message, place, hint))
