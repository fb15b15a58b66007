"""How many trials a cluster has room for: now, and when it has grown as far as it may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sweep.console import counted
from sweep.experiment import Resources
from sweep.running.autoscaler import Growth
from trainables.errors import Problem, UserError

Machine = Mapping[str, float]
"""What a machine has, in Ray's words: `CPU`, `GPU`."""


def fit(resources: Resources, machines: Iterable[Machine]) -> int:
    """How many trials fit at once. A worker has to fit into one machine; those of one trial may be on several."""
    return sum(_workers(resources, machine) for machine in machines) // resources.workers


def fit_at_most(resources: Resources, growth: Growth) -> int:
    """How many trials fit when a cluster has grown, with those machines first that hold most."""
    held = sorted((_workers(resources, one.resources) for one in growth.types for _ in range(one.most)), reverse=True)
    return sum(held[: growth.most]) // resources.workers


def _workers(resources: Resources, machine: Machine) -> int:
    needs = {"CPU": resources.cpus_per_worker, "GPU": resources.gpus_per_worker}
    return min(int(machine.get(name, 0) / need + 1e-6) for name, need in needs.items() if need)


@dataclass(frozen=True)
class Room:
    """What is known of a cluster's room, at some moment.

    Attributes:
        machines: what those have that are there, and stay.
        growth: what may be started beside them; None: nothing, or nobody knows.
        may_join: whether machines may come that nobody announces: it is not a Ray of this command alone.
    """

    resources: Resources
    machines: tuple[Machine, ...]
    growth: Growth | None = None
    may_join: bool = False

    @property
    def now(self) -> int:
        """How many trials fit on the machines that are there."""
        return fit(self.resources, self.machines)

    @property
    def known(self) -> int:
        """How many trials fit on machines that are known: those that are there, or may be started."""
        return self.now if self.growth is None else max(self.now, fit_at_most(self.resources, self.growth))

    @property
    def grown(self) -> int:
        """How many will fit when the cluster has grown; where nobody knows, `concurrent` is taken at its word."""
        if self.growth is None and self.may_join:
            return max(self.known, self.resources.concurrent or 0)
        return self.known

    @property
    def slots(self) -> int:
        """How many trials may be handed out at once: those that the cluster holds or can hold, at most `concurrent`.

        At least one: a trial that waits is what makes machines come, and what says that none does.
        """
        return max(1, min(self.resources.concurrent or self.grown, self.grown))

    def check(self) -> None:
        """Raises UserError where not even one trial will ever have room."""
        if self.grown:
            return
        hint = "lower resources.workers, resources.cpus_per_worker or resources.gpus_per_worker"
        if self.may_join:
            hint += ", or start machines that have it"
            if self.growth is None:
                hint += "; where they come while the run waits for them, say how many trials: resources.concurrent=N"
        raise UserError(Problem(f"a trial needs {self.need}, but there is no room for one: {self.there}", hint=hint))

    @property
    def need(self) -> str:
        """What a trial needs, in words."""
        resources = self.resources
        of_each = counted(resources.cpus_per_worker, "CPU")
        if resources.gpus_per_worker:
            of_each += f" and {counted(resources.gpus_per_worker, 'GPU')}"
        if resources.workers == 1:
            return f"a machine with {of_each}"
        return f"room for {counted(resources.workers, 'worker')} with {of_each} each"

    @property
    def there(self) -> str:
        """What there is, in words."""
        has = self._these([(machine, 1) for machine in self.machines])
        if self.growth is None:
            return has
        return f"{has}; to be started at most {self._these([(one.resources, one.most) for one in self.growth.types])}"

    def _these(self, machines: Sequence[tuple[Machine, int]]) -> str:
        """Machines that have the same are counted together."""
        counts: dict[tuple[float, float], int] = {}
        for machine, number in machines:
            has = machine.get("CPU", 0), machine.get("GPU", 0)
            counts[has] = counts.get(has, 0) + number
        told = []
        for (cpus, gpus), number in counts.items():
            which = f"{counted(number, 'machine')} with {counted(cpus, 'CPU')}"
            if gpus or self.resources.gpus_per_worker:
                which += f" and {counted(gpus, 'GPU')}"
            told += [which] if number else []
        return ", ".join(told) or "no machine"
