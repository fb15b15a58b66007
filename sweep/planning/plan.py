"""The plan: an experiment as a graph of studies. A value: it can be printed, hashed and compared."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from pydantic import TypeAdapter

from search_spaces import Choices, Parameter
from sweep.experiment.regimes import ZERO_SHOT
from trainables.spec import Phase, TrialSpec, content_hash


@dataclass(frozen=True)
class Study:
    """One node: the search for a condition's intermediate training or for a pair, or the scoring of its winners.

    Attributes:
        name: `phase/condition[/training set[/training]]`, unique in a plan.
        question: the spec of its trials, with neither parent nor hyper-parameters, for the first seed.
        parent: the study whose winner its trials start from; None: the model's own weights.
        trials: how many trials are searched; 1 in an evaluation.
        parallel: how many of them may run before the first of them has told its result.
        seeds: the winner is run once with each; an evaluation scores each.
        parameters: what is searched; empty in an evaluation.
        pruner: what ends hopeless trials early, if anything.
        joint: whether the search also chooses which trial of `parent` to start from; else that is the winner.
        prior: the study whose trials its sampler begins with, if any.
        regime: in which languages its targets are trained; None of intermediate training.
        goes_on: whether there is nothing to search: its trials start from the parent's winner with that one's
            hyper-parameters, but for those that `parameters` fix.
        source_language: of an evaluation: the language that its winners were trained in, and whose development data
            chose them; None where nothing was trained on the way from the condition.
        top: of an evaluation: how many of the best trials of its parent's search are scored on the first seed, the
            winner among them.
    """

    name: str
    condition: str
    training_set: str | None
    question: TrialSpec
    parent: str | None
    trials: int
    seeds: tuple[int, ...]
    sampler: str
    parameters: dict[str, Parameter]
    parallel: int = 1
    pruner: str | None = None
    joint: bool = False
    prior: str | None = None
    source_language: str | None = None
    regime: str | None = ZERO_SHOT
    goes_on: bool = False
    top: int = field(default=1, repr=False)

    @property
    def phase(self) -> Phase:
        """The phase of its trials."""
        return self.question.phase

    @property
    def key(self) -> str:
        """What its random numbers come from: searches for a training set draw the same ones in all conditions."""
        return " ".join([self.phase, *self.question.tasks])

    @property
    def runs(self) -> int:
        """How many trials there are in all: the search, and the winner's other seeds; of one that goes on one a seed.

        In a joint search more than the winner may run on the other seeds: which, only its results will say. An
        evaluation scores the winners and the trials next to them.
        """
        return self.trials + len(self.seeds) - 1 + self.top - 1

    def spec(self, seed: int, parent: str | None, parameters: dict[str, Any]) -> TrialSpec:
        """One of its trials, given the trial that it starts from and its hyper-parameters."""
        return dataclasses.replace(self.question, seed=seed, parent=parent, **parameters)

    def after(self, seed: int, winner: TrialSpec | None) -> TrialSpec:
        """Its trial on a seed where nothing is searched: an evaluation's, or one that goes on from a winner."""
        parent = winner.trial_id if winner is not None else None
        if not self.goes_on:
            return self.spec(seed, parent, {})
        assert winner is not None
        fixed = {name: one.first for name, one in self.parameters.items() if isinstance(one, Choices) and one.is_fixed}
        return self.spec(seed, parent, {**winner.hyperparameters, **fixed})


@dataclass(frozen=True)
class Plan:
    """All studies of an experiment, each after the one that it waits for."""

    experiment: str
    store: str
    studies: tuple[Study, ...]

    @property
    def runs(self) -> int:
        """How many trials an empty store needs."""
        return sum(study.runs for study in self.studies)

    @property
    def naive_runs(self) -> int:
        """Fine-tuning runs of a loop over condition x target x trial that trains everything anew."""
        evaluations = [study for study in self.studies if study.phase == "evaluate"]
        return sum(len(one.question.tasks) * sum(study.runs for study in self._before(one)) for one in evaluations)

    @property
    def fine_tuning_runs(self) -> int:
        """Fine-tuning runs that this plan needs."""
        return sum(study.runs for study in self.studies if study.phase != "evaluate")

    def _before(self, study: Study) -> list[Study]:
        """The studies that a study waits for, one after the other."""
        if study.parent is None:
            return []
        parent = self.study(study.parent)
        return [parent, *self._before(parent)]

    def study(self, name: str) -> Study:
        """The study of that name."""
        return self._by_name[name]

    def children(self, study: Study) -> tuple[Study, ...]:
        """The studies that start from one of this study's trials."""
        return self._by_parent.get(study.name, ())

    @cached_property
    def _by_name(self) -> dict[str, Study]:
        return {study.name: study for study in self.studies}

    @cached_property
    def _by_parent(self) -> dict[str, tuple[Study, ...]]:
        found: dict[str, tuple[Study, ...]] = {}
        for study in self.studies:
            if study.parent is not None:
                found[study.parent] = (*found.get(study.parent, ()), study)
        return found

    @property
    def hash(self) -> str:
        """Equal for equal plans. `top` counts where it is used alone: plans of before keep theirs."""
        return content_hash([repr(one) if one.top == 1 else [repr(one), one.top] for one in self.studies])

    def to_json(self) -> bytes:
        """The whole plan, so that a store can say what it is for."""
        return _json().dump_json(self)

    @classmethod
    def from_json(cls, content: bytes) -> Plan:
        """The inverse of `to_json`. Raises ValueError where the content is no plan, or its parts do not fit."""
        plan = _json().validate_json(content)
        seen: set[str] = set()
        for study in plan.studies:
            if study.name in seen:
                raise ValueError(f"study '{study.name}' stands there twice")
            if study.parent is not None and study.parent not in seen:
                raise ValueError(f"study '{study.name}' starts from '{study.parent}', which does not stand before it")
            if study.prior is not None and study.prior not in plan._by_name:
                raise ValueError(f"study '{study.name}' begins with '{study.prior}', which is not in the plan")
            if not study.seeds or len(set(study.seeds)) < len(study.seeds):
                raise ValueError(f"study '{study.name}' has the seeds {list(study.seeds)}")
            seen.add(study.name)
        return plan


@cache
def _json() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)
