"""A trial's identity."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.recipe import Recipe
from trainables.spec import CODE_VERSION, Lora, TrialSpec

SPEC = TrialSpec(
    phase="target",
    model="minilm",
    tasks=("mnli",),
    languages=("en",),
    data="0123456789abcdef",
    learning_rate=1e-5,
    epochs=2,
    batch_size=32,
    warmup=0.1,
    weight_decay=0.01,
)


def test_the_id_of_a_spec_never_changes() -> None:
    """Ids are written down in ledgers and papers. A change here makes every old result unknown."""
    assert CODE_VERSION == 4
    assert SPEC.trial_id == "09bf571e5c5474e6"


def test_a_field_at_its_default_is_not_part_of_the_id() -> None:
    assert set(SPEC.to_dict()) == {
        "phase", "model", "tasks", "languages", "data", "learning_rate", "epochs", "batch_size", "warmup",
        "weight_decay", "code",
    }  # fmt: skip


CHANGES = {
    "phase": "intermediate", "model": "xlm-roberta-large", "tasks": ("squad",), "languages": ("de", "en"),
    "data": "f" * 16, "parent": "a" * 16, "seed": 2, "learning_rate": 2e-5, "epochs": 3, "batch_size": 16,
    "warmup": 0.0, "weight_decay": 0.0, "dropout": 0.0, "precision": "bf16", "train_examples": 5, "eval_examples": 5,
    "layer": "1/2", "pooling": "cls", "weights": "c" * 40, "max_length": 256, "checkpoint": "best",
    "dropout_masks": "rows", "recipe": Recipe(temperature=2.0), "head": "mnli", "token_types": True,
    "lora": Lora(8, 16.0, ("query",)),
    "code": CODE_VERSION + 1,
}  # fmt: skip


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(TrialSpec)])
def test_every_field_is_part_of_the_identity(field: str) -> None:
    changed = dataclasses.replace(SPEC, **{field: CHANGES[field]})
    assert changed.trial_id != SPEC.trial_id
    assert TrialSpec.from_dict(changed.to_dict()) == changed


@given(st.floats(1e-7, 1e-2), st.integers(1, 20), st.integers(0, 99), st.none() | st.text("0123456789abcdef"))
def test_a_spec_survives_the_journey_as_a_dictionary(rate: float, epochs: int, seed: int, parent: str | None) -> None:
    spec = dataclasses.replace(SPEC, learning_rate=rate, epochs=epochs, seed=seed, parent=parent)
    assert TrialSpec.from_dict(spec.to_dict()).trial_id == spec.trial_id


def test_hyperparameters_do_not_change_the_question() -> None:
    other = dataclasses.replace(SPEC, learning_rate=3e-5, epochs=7, batch_size=8, warmup=0.0, weight_decay=0.1)
    assert other.question == SPEC.question
    assert dataclasses.replace(SPEC, parent="a" * 16).question != SPEC.question
