"""The state of a trial that is not finished: whoever runs its spec again goes on from there, as if nothing had been."""

from __future__ import annotations

import dataclasses
import json
import logging
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from trainables.models.checkpoint import check_fit, read_tensors, write_tensors
from trainables.models.network import Network
from trainables.models.tensors import DamageError
from trainables.models.vocabulary import TrimmedVocabulary
from trainables.spec import CODE_VERSION, TrialSpec
from trainables.store import state_name
from trainables.training.best import BestWeights
from trainables.training.workbench import Workbench

FORMAT = 2
"""Bumped when other things are saved: older states are then ignored."""

ASKED_EVERY = 10
"""Steps after which several workers agree on whether it is time to save."""

log = logging.getLogger("sweep")


@dataclass
class Progress:
    """How far a trial is.

    Attributes:
        epoch, step: the epoch that is trained, from 1, and the optimizer steps done in it.
        loss: the sum of this worker's losses in it.
        curve: the objective after each epoch before.
        losses: the mean loss of each of them, over all workers.
        features, tokens, seconds: what all workers have trained so far, and how long.
    """

    epoch: int = 1
    step: int = 0
    loss: float = 0.0
    curve: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()
    features: int = 0
    tokens: int = 0
    seconds: float = 0.0


class TrialState:
    """Saves and restores all that a trial changes while it trains: weights, the best of them where these are kept,
    optimizer, schedule, random numbers.

    A file of the store, which rank 0 writes while the trial runs. It is an insurance: that it cannot be written ends no
    trial, and one that is damaged or does not fit is not there.
    """

    def __init__(
        self,
        spec: TrialSpec,
        bench: Workbench,
        network: Network,
        optimizer: Optimizer,
        schedule: LRScheduler,
        vocabulary: TrimmedVocabulary,
        best: BestWeights | None = None,
    ) -> None:
        self._best = best
        self._trial_id, self._bench = spec.trial_id, bench
        self._network, self._optimizer, self._schedule, self._vocabulary = network, optimizer, schedule, vocabulary
        self._saved_at = time.monotonic()
        self._fits = {
            "format": FORMAT,
            "code": CODE_VERSION,
            "workers": bench.world_size,
            "vocabulary": zlib.crc32(vocabulary.kept.tobytes()),
        }

    def restore(self) -> Progress:
        """Sets the trial back to its saved state; where there is none that fits, it starts from its beginning."""
        found = self._load()
        position = found and [found[1]["progress"]["epoch"], found[1]["progress"]["step"]]
        everyone = self._of_all_workers(position)  # also a worker that found none says so, or the others would wait
        if found is None or any(other != position for other in everyone):
            return Progress()
        tensors, header = found
        optimizer: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in tensors.items():
            owner, _, rest = name.partition(".")
            if owner == "optimizer":
                number, _, key = rest.partition(".")
                optimizer.setdefault(int(number), {})[key] = value.clone()  # not the file's own memory
        weights = {name.removeprefix("network."): one for name, one in tensors.items() if name.startswith("network.")}
        self._network.load_state_dict(weights, strict=False)  # `_load` looked at their names
        self._optimizer.load_state_dict({"state": optimizer, "param_groups": header["groups"]})
        self._schedule.load_state_dict(header["schedule"])
        self._vocabulary.decay = header["decay"]
        if self._best:
            best = {name.removeprefix("best."): one for name, one in tensors.items() if name.startswith("best.")}
            self._best.restore(header["best"], best)
        rank = self._bench.rank
        states = range(len(self._bench.random_state()))
        self._bench.set_random_state(tuple(tensors[f"random.{rank}.{number}"].clone() for number in states))
        progress = Progress(**{**header["progress"], "loss": header["losses"][rank]})
        return dataclasses.replace(progress, curve=tuple(progress.curve), losses=tuple(progress.losses))

    def save(self, progress: Progress) -> None:
        """Writes the state over the one before. All workers call it at the same place."""
        everyone = self._of_all_workers((progress.loss, self._bench.random_state()))
        if self._bench.rank == 0:
            header = {
                "fits": self._fits,
                "progress": dataclasses.asdict(progress),
                "losses": [loss for loss, _ in everyone],
                "groups": self._optimizer.state_dict()["param_groups"],
                "schedule": self._schedule.state_dict(),
                "decay": self._vocabulary.decay,
                "best": self._best.header if self._best else None,
            }
            tensors = {f"network.{name}": value for name, value in self._network.trained().items()}
            for number, values in self._optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{number}.{key}": value for key, value in values.items()}
            tensors |= {f"best.{name}": value for name, value in (self._best.tensors if self._best else {}).items()}
            for rank, (_, random) in enumerate(everyone):
                tensors |= {f"random.{rank}.{number}": one for number, one in enumerate(random)}
            try:
                write_tensors(self._bench.store, self._name, tensors, {"state": json.dumps(header)})
            except OSError as error:
                log.warning("trial %s goes on, but its state could not be saved: %s", self._trial_id, error)
        self._saved_at = time.monotonic()

    def is_due(self, step: int) -> bool:
        """Whether it is time to save again after a step of an epoch, or a machine of the trial is about to go away; all
        workers say the same.
        """
        bench = self._bench
        if bench.world_size > 1 and step % ASKED_EVERY and bench.save_minutes:
            return False
        due = time.monotonic() - self._saved_at >= bench.save_minutes * 60
        return bench.any_worker(due or bench.noticed.is_set())

    def drop(self) -> None:
        """Removes the file; one that stays does no harm."""
        if self._bench.rank == 0:
            try:
                self._bench.drop_state(self._trial_id)
            except OSError as error:
                log.warning("the state of trial %s could not be removed: %s", self._trial_id, error)

    @property
    def _name(self) -> str:
        return state_name(self._trial_id)

    def _load(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        try:
            tensors, metadata = read_tensors(self._bench.store, self._name)
            header = json.loads(metadata.get("state", "{}"))
        except FileNotFoundError:
            return None
        except (DamageError, ValueError) as error:
            log.warning("trial %s starts from its beginning: its state is damaged: %s", self._trial_id, error)
            return None
        if header.get("fits") != self._fits:
            log.warning("trial %s starts from its beginning: its state is that of another setup", self._trial_id)
            return None
        try:
            check_fit(tensors, self._expected(tensors, header))
        except DamageError as error:
            log.warning("trial %s starts from its beginning: its state does not fit: %s", self._trial_id, error)
            return None
        return tensors, header

    def _expected(self, found: Mapping[str, torch.Tensor], header: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Tensors with the names and shapes of those that a state must have.

        AdamW has moments of the weights that had a gradient so far: all of them, or those of some tasks' heads not yet.
        """
        expected = {f"network.{name}": value for name, value in self._network.trained().items()}
        if self._best and header["best"]["verdict"] is not None:
            expected |= {f"best.{name}": value for name, value in self._network.trained().items()}
        weights = [weight for group in self._optimizer.param_groups for weight in group["params"]]
        for number, weight in enumerate(weights):
            if any(name.startswith(f"optimizer.{number}.") for name in found):
                moments = {"step": torch.tensor(0.0), "exp_avg": weight, "exp_avg_sq": weight}
                expected |= {f"optimizer.{number}.{key}": one for key, one in moments.items()}
        for rank in range(self._bench.world_size):
            expected |= {f"random.{rank}.{number}": one for number, one in enumerate(self._bench.random_state())}
        return expected

    def _of_all_workers(self, value: Any) -> list[Any]:
        """Every worker's value, by rank."""
        everyone = [value] * self._bench.world_size
        if self._bench.world_size > 1:
            distributed.all_gather_object(everyone, value)
        return everyone
