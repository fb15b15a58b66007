"""A trial's identity: everything that decides its result, and nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from trainables.precision import Precision
from trainables.recipe import SOURCE, WHOLE, Recipe

CODE_VERSION = 4
"""Bumped by hand when the training maths changes, or which examples it sees: old results are not taken for new ones."""

Phase = Literal["intermediate", "target", "evaluate"]

SEARCHED = ("learning_rate", "epochs", "batch_size", "warmup", "weight_decay")
"""The fields that a search space may vary. All others say which question the trial answers."""


@dataclass(frozen=True)
class Lora:
    """What is trained of a frozen encoder: beside each of some matrices a product of two that are `rank` wide.

    Attributes:
        alpha: the product is multiplied by `alpha / rank`.
        targets: the ends of the names of the linear layers that have one (`query`, `attention.self.query`); none named:
            all linear layers.
    """

    rank: int
    alpha: float
    targets: tuple[str, ...] = ()


def content_hash(value: Any) -> str:
    """The first 16 hex digits of the SHA-256 of a JSON value in canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class TrialSpec:
    """One fine-tuning run, or the evaluation of one.

    `tasks` are trained on in the phases intermediate and target, and scored in the phase evaluate; so are `languages`.
    `data` is the fingerprint of their examples. `parent` is the trial whose weights this one starts from (None: the
    model's own). `warmup` is a share of the optimizer steps, `dropout` None means the model's own. Limits count
    examples: of a task over all its languages in training, of a task and language in evaluation.

    `weights` say which ones `model` stands for (`trainables.models.identity`), None: those that its name finds.

    `layer` and `pooling` say how sentences become vectors in an evaluation of bitext tasks, None: as the task says.
    `dropout_masks` says what masks of dropout belong to: to a micro-batch, as PyTorch draws them, or to single rows.
    `checkpoint` says which weights a trial keeps: the last ones, or the best of some evaluations on the way.
    `max_length` is the most tokens that the encoder sees at once, None: as each task says.
    `recipe` says how several tasks and languages are mixed, where that is not in proportion to what there is of them.
    `head` is the parent's that a trial goes on with, or that answers instead of the targets' own: None: as tasks say.

    `lora` says what of the encoder is trained, None: all of it. Heads always are.
    `token_types` says whether the encoder is told which of two texts a token is of (`trainables.models.segments`).

    Hyper-parameters have no defaults that a search could fall back on silently: an evaluation has none at all.
    """

    phase: Phase
    model: str
    tasks: tuple[str, ...]
    languages: tuple[str, ...]
    data: str
    parent: str | None = None
    seed: int = 1
    learning_rate: float | None = None
    epochs: int | None = None
    batch_size: int | None = None
    warmup: float | None = None
    weight_decay: float | None = None
    dropout: float | None = None
    precision: Precision = "fp32"
    train_examples: int | None = None
    eval_examples: int | None = None
    layer: str | None = None
    pooling: str | None = None
    weights: str | None = None
    max_length: int | None = None
    checkpoint: Literal["last", "best"] = "last"
    dropout_masks: Literal["batch", "rows"] = "batch"
    recipe: Recipe = WHOLE
    head: str | None = None
    token_types: bool = False
    lora: Lora | None = None
    code: int = CODE_VERSION

    def to_dict(self) -> dict[str, Any]:
        """The fields that differ from their defaults: a field added later keeps the ids of the trials before it."""
        fields = dataclasses.fields(self)
        values = {field.name: getattr(self, field.name) for field in fields}
        kept = {field.name: values[field.name] for field in fields if values[field.name] != field.default}
        kept["code"] = self.code  # always there: its default changes with the training maths
        if "recipe" in kept:
            kept["recipe"] = self.recipe.to_dict()
        if self.lora is not None:
            kept["lora"] = {**dataclasses.asdict(self.lora), "targets": list(self.lora.targets)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrialSpec:
        """The inverse of `to_dict`."""
        fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        if "recipe" in fields:
            fields["recipe"] = Recipe.from_dict(fields["recipe"])
        if (lora := fields.get("lora")) is not None:
            fields["lora"] = Lora(**{**lora, "targets": tuple(lora["targets"])})
        return cls(**fields)

    @cached_property
    def trial_id(self) -> str:
        """The hash of the content: equal work has equal ids, in every experiment."""
        return content_hash(self.to_dict())

    @cached_property
    def question(self) -> str:
        """The hash of all but the searched values: trials with the same question may stand in one study."""
        return content_hash({name: value for name, value in self.to_dict().items() if name not in SEARCHED})

    def languages_of(self, task: str) -> tuple[str, ...]:
        """The languages in which a task is trained, as far as it has data in them."""
        own = self.recipe.of(task).languages
        return self.languages if own is None else own

    def most_examples(self, task: str, in_source: Callable[[], int]) -> int | None:
        """The most examples of a task that are trained on, over all its languages; None: as many as there are.

        Args:
            in_source: how many it has in its source language, asked where that counts.
        """
        asked = self.recipe.of(task).examples
        limits = (self.train_examples, in_source() if asked == SOURCE else asked)
        return min((limit for limit in limits if limit is not None), default=None)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The searched fields and their values."""
        return {name: getattr(self, name) for name in SEARCHED}
