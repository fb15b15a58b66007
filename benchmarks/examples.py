"""Real examples for benchmarks: release files, as a model's tokenizer cuts them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from transformers import PreTrainedModel
from transformers.trainer_pt_utils import get_length_grouped_indices

from benchmarks.trainers import new_model
from trainables.data import open_source
from trainables.features import Feature, Features, as_batch
from trainables.models.base import Base
from trainables.spec import TrialSpec
from trainables.store import Store
from trainables.tasks import Task
from trainables.training.shares import Part
from trainables.training.workbench import Workbench

DATA = os.environ.get("SWEEP_TEST_DATA", "../shared/data")
"""The folder of release files."""

MEGABATCH = 50
"""Batches among whose examples the Trainer groups by length; of fewer examples than whole releases have it would take
less of them, and waste more."""


class Lengths(NamedTuple):
    """A task whose rows are as long as those of many others.

    Attributes:
        trained, scored: the tasks.
        width: what scripts pad to.
        share: of a benchmark's steps or examples what is enough, as rows are so much longer.
    """

    trained: str
    scored: str
    width: int
    share: float


LENGTHS = {
    "xnli-like": Lengths("mnli", "xnli", 128, 1),
    "qa-like": Lengths("squad", "xquad", 384, 0.25),
}


class Bench(Workbench):
    """A workbench whose training data has as many different pieces of the vocabulary as whole releases have.

    The release files here are cuts, in which fewer occur: so few word embeddings are trained by nobody.
    """

    def __init__(self, pieces: int) -> None:
        super().__init__(Store(tempfile.mkdtemp()), open_source({"files": DATA}))
        self.pieces = pieces

    def features(self, task: Task, split: str, language: str, spec: TrialSpec, part: Part) -> Features:
        found = super().features(task, split, language, spec, part)
        occurring = found.token_ids()
        if split != "train" or len(occurring) >= self.pieces:
            return found
        others = np.setdiff1d(np.arange(self.pieces), occurring)[: self.pieces - len(occurring)]
        return Features.joined([found, Features.of([as_batch([Feature([others], 0, weight=0)])])])


def with_weights(base: Base, task: Task) -> PreTrainedModel:
    """transformers' own class for a task, with a base's weights below its head."""
    model = new_model(base.encoder.config, task)
    model.base_model.load_state_dict(base.encoder.state_dict(), strict=False)
    return model


def grouped(features: Sequence[Feature], size: int, count: int, shift: float) -> list[list[Feature]]:
    """Some of the batches that the Trainer makes when it groups by length.

    From the shortest to the longest, evenly: a part of an epoch's would be the longest of all.

    Args:
        shift: from 0 to 1: which ones.
    """
    order = get_length_grouped_indices([one.width for one in features], size, MEGABATCH)
    whole = [order[start : start + size] for start in range(0, len(order) - size + 1, size)]
    whole.sort(key=lambda batch: max(features[one].width for one in batch))
    chosen = [whole[int((number + shift) / count * len(whole))] for number in range(count)]
    return [[features[one] for one in batch] for batch in chosen]


def trained_weights(base: Base, pieces: int) -> int:
    """Of an encoder with so many word embeddings; heads, which are small, are not counted."""
    table: Any = base.encoder.get_input_embeddings()
    return base.encoder.num_parameters() - table.weight.numel() + pieces * table.embedding_dim
