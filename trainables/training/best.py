"""`checkpoint: best`: the weights of the best of some evaluations on the development set, instead of the last ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from trainables.models.network import Network
from trainables.models.vocabulary import TrimmedVocabulary
from trainables.reports import Predicted, Score
from trainables.training.shares import EVALUATIONS


@dataclass(frozen=True)
class Verdict:
    """What the development set says about a network.

    Attributes:
        objective: what chooses among trials.
        scores: all of them, of all tasks.
        collapsed: whether it is at chance in every task that the objective is about.
        predictions: those that the scores are of.
    """

    objective: float
    scores: tuple[Score, ...]
    collapsed: bool
    predictions: tuple[Predicted, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        scores = [dataclasses.asdict(one) for one in self.scores]
        predictions = [vars(one) for one in self.predictions]
        return {**vars(self), "scores": scores, "predictions": predictions}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Verdict:
        """The inverse of `to_dict`."""
        scores = tuple(Score(**one) for one in values["scores"])
        predictions = tuple(_predicted(one) for one in values["predictions"])
        return cls(**{**values, "scores": scores, "predictions": predictions})


def _predicted(values: Mapping[str, Any]) -> Predicted:
    columns = {name: tuple(values[name]) for name in ("predictions", "confidences")}
    return Predicted(**{**values, **columns, "statistics": tuple(map(tuple, values["statistics"]))})


def evaluation_steps(total: int) -> frozenset[int]:
    """After which of so many optimizer steps, counted from 1: EVALUATIONS or all of them, the last one included."""
    return frozenset(-(-total * number // EVALUATIONS) for number in range(1, EVALUATIONS + 1))


class BestWeights:
    """A copy of the weights that scored best so far; of equal ones the first.

    On the CPU, and only of what is trained: of the vocabulary the part that occurs, and how much the rest had decayed.

    Args:
        total: how many optimizer steps the trial has.
        keeps: whether this worker holds the copy; the others know the verdict.
    """

    def __init__(self, network: Network, vocabulary: TrimmedVocabulary, total: int, keeps: bool) -> None:
        self.steps = evaluation_steps(total)
        self.verdict: Verdict | None = None
        self._network, self._vocabulary, self._keeps = network, vocabulary, keeps
        self._decay = 1.0
        self._weights: dict[str, torch.Tensor] = {}

    def offer(self, verdict: Verdict) -> None:
        """Copies the network as it is, if it is better than all before."""
        if self.verdict is not None and verdict.objective <= self.verdict.objective:
            return
        self.verdict, self._decay = verdict, self._vocabulary.decay
        if self._keeps:
            weights = self._network.trained()
            self._weights = {name: one.detach().to("cpu", copy=True) for name, one in weights.items()}

    def put_back(self) -> Verdict:
        """Gives the network its best weights again, on the worker that holds them, and says what they score."""
        assert self.verdict is not None  # the last step is evaluated
        if self._keeps:
            self._network.load_state_dict(self._weights, strict=False)  # the others were never changed
            self._vocabulary.decay = self._decay
        return self.verdict

    @property
    def tensors(self) -> Mapping[str, torch.Tensor]:
        """The copy, for a trial's state; empty before the first evaluation."""
        return self._weights

    @property
    def header(self) -> dict[str, Any]:
        """What else a trial's state must know."""
        return {"decay": self._decay, "verdict": self.verdict and self.verdict.to_dict()}

    def restore(self, header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `header` and `tensors`."""
        self._decay, verdict = header["decay"], header["verdict"]
        if verdict is not None:
            self.verdict = Verdict.from_dict(verdict)
        if self._keeps:
            self._weights = {name: one.clone() for name, one in tensors.items()}  # not the file's own memory
