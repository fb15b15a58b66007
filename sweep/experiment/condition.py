"""A condition: one recipe of intermediate training, as an experiment says it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from sweep.experiment.values import (
    AllBut,
    Count,
    Examples,
    FileName,
    Languages,
    OwnLanguages,
    Section,
    TaskName,
    is_not,
    once,
    refuse,
)

BASELINE = "none"
"""The condition without intermediate training."""

LONGEST_EPOCH = 10**10
"""Examples or steps."""


class ConditionTask(Section):
    """A task of a condition, and what of it is trained on. See `trainables.recipe.Ingredient`.

    Attributes:
        languages: None: the condition's.
        examples: as many at most, or `source`: as it has in its source language.
    """

    task: TaskName
    languages: OwnLanguages = None
    examples: Examples = None
    batch_size: Count | None = None
    weight: Annotated[float, Field(gt=0, le=1000)] = 1.0

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"task": value}
        if not isinstance(value, dict):
            raise is_not("no task", "a task's name, or {task: NAME, languages: [...]}")
        return value


class Mixing(Section):
    """How several tasks and languages share an epoch. See `trainables.recipe.Recipe`."""

    temperature: Annotated[float, Field(gt=0, le=1000)] = 1.0
    cap: Count | None = None
    language_alpha: Annotated[float, Field(ge=0, le=1)] = 1.0


class EpochBudget(Section):
    """How long an epoch is: one of the three."""

    examples: Annotated[int, Field(ge=1, le=LONGEST_EPOCH)] | None = None
    steps: Annotated[int, Field(ge=1, le=LONGEST_EPOCH)] | None = None
    epochs: Annotated[int, Field(ge=1, le=1000)] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> EpochBudget:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            said = f"'budget' gives {' and '.join(given)}" if given else "'budget' gives nothing"
            raise refuse(said, "one of examples, steps and epochs: how long an epoch of the search space is")
        return self


class Condition(Section):
    """One recipe of intermediate training. Without tasks it is the baseline.

    Attributes:
        languages: of the tasks that name none of their own.
        search: what its intermediate training searches instead of what the search space says, in the same syntax.
    """

    name: Annotated[FileName, Field(pattern=r"^[^/\s]+$")]
    tasks: Annotated[list[ConditionTask], once("task", lambda one: one.task)]
    languages: Languages = Field(default_factory=lambda: ["en"])
    mixing: Mixing = Mixing()
    budget: EpochBudget | None = None
    search: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if value == BASELINE:
            return {"name": BASELINE, "tasks": []}
        if isinstance(value, str):
            return {"name": value, "tasks": [value]}
        if not isinstance(value, dict):
            raise is_not("no condition", f"{BASELINE}, a task's name, or {{name: ..., tasks: [...]}}")
        return value

    @model_validator(mode="after")
    def _baseline_alone_is_empty(self) -> Condition:
        if (self.name == BASELINE) == bool(self.tasks):
            raise refuse(f"condition '{self.name}' must have tasks; only '{BASELINE}' has none")
        return self

    @model_validator(mode="after")
    def _mixes_something(self) -> Condition:
        mixed = [name for name in ("temperature", "cap") if name in self.mixing.model_fields_set]
        if len(self.tasks) == 1 and mixed:
            raise refuse(f"condition '{self.name}' mixes no tasks: it has one", f"leave out mixing.{mixed[0]}")
        length = (self.budget.examples or self.budget.steps) if self.budget else None
        if length is not None and length < len(self.tasks):
            raise refuse(f"a budget of {length} has nothing for some of {len(self.tasks)} tasks", "give each its share")
        if not self.tasks and (given := sorted(self.model_fields_set - {"name", "tasks"})):
            raise refuse(f"'{BASELINE}' trains nothing", f"leave out {', '.join(given)}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Its tasks."""
        return tuple(one.task for one in self.tasks)

    def languages_of(self, task: str) -> str | list[str] | AllBut:
        """In which one of them is trained."""
        own = next(one.languages for one in self.tasks if one.task == task)
        return self.languages if own is None else own
