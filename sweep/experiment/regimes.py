"""In which languages targets are trained: `regimes` of an experiment, and the trainings that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, model_validator

from sweep.experiment.values import Count, Languages, OwnTargets, Section, chosen, is_not, once, refuse
from trainables.data import Source
from trainables.errors import nearest
from trainables.tasks import Catalogue, Task

ZERO_SHOT = "zero-shot"


class Regime(Section):
    """What all regimes have: for which targets they are tried, None: all that are trained for."""

    targets: OwnTargets = None


class InLanguages(Regime):
    """Training in the targets' languages: in all of them at once, or a model for each, scored in that one alone."""

    languages: Languages = "all"
    each: bool = False


class FewShot(Regime):
    """The winner in English goes on with so many examples of one language, and is scored in that one.

    With its own hyper-parameters, as nothing in that language may choose; `epochs` of them all the same, where given.
    """

    languages: Languages
    examples: Annotated[list[Count], Field(min_length=1), once("number")]
    epochs: Count | None = None


class RegimeEntry(Section):
    """One of the four."""

    zero_shot: Regime | None = Field(default=None, alias="zero-shot")
    translate_train: InLanguages | None = Field(default=None, alias="translate-train")
    in_language: InLanguages | None = Field(default=None, alias="in-language")
    few_shot: FewShot | None = Field(default=None, alias="few-shot")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        known = [str(field.alias) for field in cls.model_fields.values()]
        if value == "few-shot":
            raise refuse("few-shot of what?", "say {few-shot: {languages: [de], examples: [10, 100]}}")
        if isinstance(value, str):
            if value not in known:
                raise refuse(f"unknown regime '{value}'", nearest(value, known))
            return {value: {}}
        if not isinstance(value, dict) or len(value) != 1:
            raise is_not("no regime", f"one of {', '.join(known)}, alone or as {{in-language: {{each: true}}}}")
        return value

    @property
    def name(self) -> str:
        """Of the regime."""
        return next(iter(self.model_fields_set)).replace("_", "-")

    @property
    def regime(self) -> Regime:
        """What belongs to it."""
        found = next(value for name in self.model_fields_set if (value := getattr(self, name)) is not None)
        assert isinstance(found, Regime)
        return found


@dataclass(frozen=True)
class Training:
    """One training for some targets, instead of the one in their source language or after it.

    Attributes:
        regime: what tables call it: trainings of it in several languages are one row there.
        name: its own, unique among those of a training set.
        task: whose examples it sees: the training set, or its translation.
        languages: that it is trained in.
        targets: that are scored.
        scored: the languages in which they are, None: all that are asked for.
        examples: the most that it sees.
        epochs: instead of the winner's, None: those.
        goes_on: whether it starts from the winner of the training set, with its head and its hyper-parameters.
    """

    regime: str
    name: str
    task: Task
    languages: tuple[str, ...]
    targets: tuple[str, ...]
    scored: tuple[str, ...] | None = None
    examples: int | None = None
    epochs: int | None = None
    goes_on: bool = False


def trainings(
    entry: RegimeEntry, source: Source, catalogue: Catalogue, training_set: Task, targets: Sequence[Task]
) -> list[Training]:
    """What a regime comes to for those targets of a training set that it is tried for, as far as there is data."""
    regime = entry.regime
    if not targets or not isinstance(regime, InLanguages | FewShot):
        return []
    task = trained_on(entry, catalogue, training_set)
    if task is None:
        return []
    there = chosen(regime.languages, source.languages(task, "train"))
    if isinstance(regime, InLanguages) and not regime.each:
        names = tuple(one.name for one in targets)
        others = [language for language in there if language != task.source_language]
        return [Training(entry.name, entry.name, task, tuple(there), names)] if others else []
    found = []
    for language in (one for one in there if one != task.source_language):
        names = tuple(one.name for one in targets if language in source.languages(one, one.score_on))
        if not names:
            continue
        alone = (language,)
        if isinstance(regime, InLanguages):
            found.append(Training(f"{entry.name}-each", f"{entry.name}-{language}", task, alone, names, alone))
            continue
        for count in regime.examples:
            name = f"{entry.name}-{count}"
            found.append(Training(name, f"{name}-{language}", task, alone, names, alone, count, regime.epochs, True))
    return found


def trained_on(entry: RegimeEntry, catalogue: Catalogue, training_set: Task) -> Task | None:
    """The task whose examples in other languages a regime means; None: there is none.

    Translations are no data in a language: what has nothing else has translate-train alone.
    """
    found = (task for task in (*catalogue.own, *catalogue.values()) if task.translates == training_set.name)
    translation = next(found, None)  # the user's own before the shipped one
    if entry.translate_train is not None:
        return translation
    return None if translation is not None and translation.name == training_set.name else training_set
