"""The peer: transformers' Trainer, as it is, with the setups that people run it with."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PretrainedConfig, PreTrainedModel, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from benchmarks.limits import synchronise
from trainables.features import Feature
from trainables.kinds import pad
from trainables.models.plain import CLASSES
from trainables.tasks import Task

WARM = 1
"""Steps that do not count on a CPU: the optimizer's moments are made in the first one."""

TARGETS = {"pair_classification": ("labels",), "span_qa": ("start_positions", "end_positions")}
"""What transformers' models call the targets of a feature, by kind of task."""


class Measured(NamedTuple):
    """Seconds, and the tokens without padding that were computed in them."""

    seconds: float
    tokens: int

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.tokens / self.seconds


class Clock(TrainerCallback):
    """When the steps were done after which one is counted, and the last one."""

    def __init__(self, device: torch.device, warm: int) -> None:
        self.device, self.warm, self.begun, self.ended = device, warm, 0.0, 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        if state.global_step == self.warm:
            synchronise(self.device)
            self.begun = time.perf_counter()
        elif state.global_step == state.max_steps:
            synchronise(self.device)
            self.ended = time.perf_counter()


def new_model(config: PretrainedConfig, task: Task) -> PreTrainedModel:
    """transformers' own class for a task, with weights drawn at random."""
    own = copy.deepcopy(config)
    own.num_labels = len(task.labels) or 2
    model: PreTrainedModel = CLASSES[task.kind].from_config(own)
    return model


def trained(
    model: PreTrainedModel,
    task: Task,
    batches: Sequence[Sequence[Feature]],
    pad_id: int,
    device: torch.device,
    width: int | None = None,
    warm: int = WARM,
    **settings: Any,
) -> Measured:
    """Trains on batches.

    Args:
        width: what rows are padded to; None: the longest of their batch.
        warm: the first batches, which do not count.
        settings: TrainingArguments.
    """
    clock, size = Clock(device, warm), len(batches[0])
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=size,
            max_steps=len(batches),
            learning_rate=1e-5,
            weight_decay=0.01,
            train_sampling_strategy="sequential",  # the batches are made
            save_strategy="no",
            logging_strategy="no",
            **_quiet(device),
            **settings,
        )
        examples = [example(feature, task) for batch in batches for feature in batch]
        trainer = Trainer(model, arguments, collation(pad_id, width), examples, callbacks=[clock])
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return Measured(clock.ended - clock.begun, tokens_of(batches[warm:]))


def predictor(
    model: PreTrainedModel, features: Sequence[Feature], pad_id: int, device: torch.device, **settings: Any
) -> Callable[[], Measured]:
    """What predicts features with `Trainer.predict`, warm."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(folder, **_quiet(device), **settings)
        trainer = Trainer(model, arguments, collation(pad_id))
    examples = [{"input_ids": feature.rows[0]} for feature in features]
    trainer.predict(examples[: arguments.eval_batch_size])  # type: ignore[arg-type]

    def predict() -> Measured:
        begun = time.perf_counter()
        trainer.predict(examples)  # type: ignore[arg-type]
        return Measured(time.perf_counter() - begun, tokens_of([features]))

    return predict


def example(feature: Feature, task: Task) -> dict[str, Any]:
    """A feature of one row as the Trainer's models take it."""
    names = TARGETS[task.kind]
    return {"input_ids": feature.rows[0], **dict(zip(names, map(int, feature.target), strict=True))}


def collation(pad_id: int, width: int | None = None) -> Callable[[list[dict[str, Any]]], dict[str, Tensor]]:
    """What DataCollatorWithPadding does, without a tokenizer, and faster."""

    def collate(examples: list[dict[str, Any]]) -> dict[str, Tensor]:
        input_ids = pad([one["input_ids"] for one in examples], pad_id)
        if width is not None:
            input_ids = functional.pad(input_ids, (0, width - input_ids.shape[1]), value=pad_id)
        targets = {name: torch.tensor([one[name] for one in examples]) for name in examples[0] if name != "input_ids"}
        return {"input_ids": input_ids, "attention_mask": (input_ids != pad_id).long(), **targets}

    return collate


def tokens_of(batches: Sequence[Sequence[Feature]]) -> int:
    """Tokens of all rows, without padding."""
    return sum(len(row) for batch in batches for feature in batch for row in feature.rows)


def _quiet(device: torch.device) -> dict[str, Any]:
    """Settings for a Trainer that only computes."""
    return {
        "report_to": [],
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "use_cpu": device.type == "cpu",
    }
