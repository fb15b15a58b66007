"""What a trial trains on, where that is more than all of its tasks in all of its languages: part of its identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final, Literal

MIXING_CAP = 2**17
"""The most examples by which a task counts when several are mixed, unless a recipe says otherwise (Raffel et al. 2020,
section 3.5.2).
"""

SOURCE: Final = "source"
"""As many examples of a task as it has in its source language."""


@dataclass(frozen=True)
class Ingredient:
    """What of a task is trained on.

    Attributes:
        languages: those of its training, None: all of the trial's in which it has training data.
        examples: the most that are ever seen, spread evenly over its languages (see `shares.Part`); SOURCE.
        batch_size: features of a step on it, None: the trial's.
        weight: what the loss of its steps is multiplied by.
    """

    task: str
    languages: tuple[str, ...] | None = None
    examples: int | Literal["source"] | None = None
    batch_size: int | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class Budget:
    """How long an epoch is: so many examples, so many optimizer steps, or so many times as long as without a budget."""

    unit: Literal["examples", "steps", "epochs"]
    amount: int


@dataclass(frozen=True)
class Recipe:
    """How tasks and languages are mixed.

    A task of e examples is given to an epoch in proportion to min(e, cap) ** (1 / temperature); of those a language
    with n examples gets a share in proportion to n ** language_alpha.

    Attributes:
        ingredients: of the tasks that are not trained on whole.
        cap: None is MIXING_CAP. It is written down where it may cut examples of several features: the first version
            counted features.
    """

    ingredients: tuple[Ingredient, ...] = ()
    temperature: float = 1.0
    cap: int | None = None
    language_alpha: float = 1.0
    budget: Budget | None = None

    def of(self, task: str) -> Ingredient:
        """What of a task is trained on."""
        return next((one for one in self.ingredients if one.task == task), Ingredient(task))

    @property
    def rounds(self) -> int:
        """How many times an epoch goes over what one without a budget has."""
        return self.budget.amount if self.budget is not None and self.budget.unit == "epochs" else 1

    def to_dict(self) -> dict[str, Any]:
        """What differs from the defaults, as JSON has it."""
        told: dict[str, Any] = _told(self)
        return told

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The inverse of `to_dict`. Raises TypeError where it has fields that are not known here."""
        ingredients = [
            Ingredient(**{**one, "languages": tuple(one["languages"])} if "languages" in one else one)
            for one in values.get("ingredients", ())
        ]
        budget = Budget(**values["budget"]) if "budget" in values else None
        return cls(**{**values, "ingredients": tuple(ingredients), "budget": budget})


WHOLE = Recipe()
"""All examples of all tasks, in all languages of the trial."""


def _told(value: Any) -> Any:
    if is_dataclass(value):
        given = {one.name: getattr(value, one.name) for one in fields(value)}
        return {one.name: _told(given[one.name]) for one in fields(value) if given[one.name] != one.default}
    return [_told(one) for one in value] if isinstance(value, tuple) else value
