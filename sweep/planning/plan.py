"""The plan: an experiment as a graph of studies. A value: it can be printed, hashed and compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from pydantic import TypeAdapter

from search_spaces import Choices, Parameter
from sweep.experiment import (
    BASELINE,
    Condition,
    Experiment,
    scored_uses,
    training_chain,
    training_languages,
    training_uses,
)
from sweep.experiment.regimes import ZERO_SHOT, Training
from sweep.planning.recipes import recipe_of
from sweep.planning.weights import planned_token_types, planned_weights
from trainables.data import fingerprint
from trainables.models.shapes import name_and_revision
from trainables.recipe import WHOLE, Recipe
from trainables.spec import Phase, TrialSpec, content_hash
from trainables.tasks import Task


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

        In a joint search more than the winner may run on the other seeds: which, only its results will say.
        """
        return self.trials + len(self.seeds) - 1

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
        """Equal for equal plans."""
        return content_hash([repr(study) for study in self.studies])

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


def make_plan(experiment: Experiment) -> Plan:
    """The studies of an experiment whose data is there (`experiment_file.load` checked that).

    A pair is condition x training set: targets that share a training set share its trials. A training set that comes
    after another one starts from that one's winner. A target without a training set is scored on the condition's own.
    """
    model, _ = name_and_revision(experiment.model)
    weights = planned_weights(experiment)
    token_types = planned_token_types(experiment, weights)
    source, space, seeds = experiment.source, experiment.space, tuple(experiment.seeds)
    catalogue, targets = experiment.catalogue, experiment.target_tasks
    warm = experiment.warm_start and any(condition.name == BASELINE for condition in experiment.conditions)
    chains = [training_chain(target.training_set, catalogue) for target in targets]
    training_sets = list({task.name: task for chain in chains for task in chain}.values())
    regimes = {entry.name for entry in experiment.regimes}
    trained_otherwise = {one.name: experiment.trainings(one) for one in training_sets}

    def question(
        phase: Phase, names: tuple[str, ...], languages: Iterable[str], uses: list[Any], recipe: Recipe = WHOLE
    ) -> TrialSpec:
        limits, vectors = experiment.limits, experiment.sentence_vectors
        is_bitext = any(catalogue[name].kind.startswith("bitext") for name in names)
        return TrialSpec(
            phase=phase,
            model=model,
            tasks=names,
            languages=tuple(sorted(set(languages))),
            data=fingerprint(source, uses),
            seed=seeds[0],
            dropout=experiment.dropout if phase != "evaluate" else None,
            dropout_masks=experiment.dropout_masks if phase != "evaluate" and experiment.dropout != 0 else "batch",
            precision=experiment.precision,
            train_examples=limits.train_examples if phase != "evaluate" else None,
            eval_examples=limits.eval_examples,
            layer=vectors.layer if is_bitext else None,
            pooling=vectors.pooling if is_bitext else None,
            weights=weights,
            max_length=experiment.max_length,
            checkpoint=experiment.checkpoint if phase != "evaluate" else "last",
            recipe=recipe,
            token_types=token_types,
            lora=experiment.tuning.lora(phase),
        )

    def search(
        condition: Condition,
        training_set: Task | None,
        asked: TrialSpec,
        parent: str | None,
        training: Training | None = None,
    ) -> Study:
        of = f"target/{condition.name}/{training_set.name}" if training_set else f"intermediate/{condition.name}"
        last = f"/{training.name}" if training else ""
        parameters = (
            space.parameters(asked.phase, training_set.name) if training_set else experiment.searched(condition)
        )
        if training is not None and training.epochs is not None:
            parameters = {**parameters, "epochs": Choices((training.epochs,), training.epochs)}
        goes_on = training is not None and training.goes_on
        return Study(
            name=of + last,
            condition=condition.name,
            training_set=training_set.name if training_set else None,
            question=asked,
            parent=parent,
            trials=1 if goes_on else experiment.trials.target if training_set else experiment.trials.intermediate,
            seeds=seeds,
            sampler=space.sampler,
            parameters=parameters,
            parallel=experiment.trials.parallel,
            pruner=None if goes_on else experiment.pruning,
            joint=experiment.strategy == "joint" and bool(parent) and parent == f"intermediate/{condition.name}",
            prior=(
                f"target/{BASELINE}/{training_set.name}{last}"
                if training_set and warm and condition.tasks and not goes_on
                else None
            ),
            regime=None if training_set is None else training.regime if training else ZERO_SHOT,
            goes_on=goes_on,
        )

    def evaluation(
        condition: Condition, name: str | None, parent: str | None, training: Training | None = None
    ) -> Study:
        scored = [target for target in targets if target.training_set == name]
        data = [(target, *place) for target in scored for place in scored_uses(experiment, source, target)]
        if training is not None:
            scored = [target for target in scored if target.name in training.targets]
            wanted = training.scored
            data = [
                (target, split, language)
                for target, split, language in data
                if target in scored and (wanted is None or split not in target.evaluated or language in wanted)
            ]
        languages_scored = {one for target, split, one in data if split in target.evaluated}
        asked = question("evaluate", tuple(target.name for target in scored), languages_scored, data)
        if training is not None and training.task.name != name:
            asked = dataclasses.replace(asked, head=training.task.name)
        last = f"/{training.name}" if training else ""
        return Study(
            name=f"evaluate/{condition.name}/{name or 'untrained'}{last}",
            condition=condition.name,
            training_set=name,
            question=asked,
            parent=parent,
            trials=1,
            seeds=seeds if parent else seeds[:1],  # the model's own weights know no seed
            sampler=space.sampler,
            parameters={},
            source_language=catalogue[name].source_language if name else None,
            regime=training.regime if training else ZERO_SHOT,
        )

    intermediate: list[Study] = []
    pairs: list[Study] = []
    evaluations: list[Study] = []
    for condition in experiment.conditions:
        winners: dict[str | None, str | None] = {None: None}  # by training set: the study whose winner is scored
        trained = [catalogue[name] for name in condition.names]
        if trained:
            languages = {task.name: training_languages(condition, source, task) for task in trained}
            data = [(task, *place) for task in trained for place in training_uses(source, task, languages[task.name])]
            trained_in = [language for ones in languages.values() for language in ones]
            recipe = recipe_of(condition, experiment, languages)
            asked = question("intermediate", condition.names, trained_in, data, recipe)
            intermediate.append(search(condition, None, asked, None))
            winners[None] = intermediate[-1].name
        for training_set in training_sets:
            trained_in = [training_set.source_language]
            data = [(training_set, *place) for place in training_uses(source, training_set, trained_in)]
            asked = question("target", (training_set.name,), trained_in, data)
            pairs.append(search(condition, training_set, asked, winners[training_set.after]))
            winners[training_set.name] = pairs[-1].name
        for name in dict.fromkeys(target.training_set for target in targets):
            if ZERO_SHOT in regimes or name is None:
                evaluations.append(evaluation(condition, name, winners[name]))
            for training in trained_otherwise.get(name or "", ()):
                assert name is not None
                parent = winners[name if training.goes_on else catalogue[name].after]
                data = [(training.task, *one) for one in training_uses(source, training.task, training.languages)]
                asked = question("target", (training.task.name,), training.languages, data)
                if training.goes_on:
                    limit = min(filter(None, (training.examples, asked.train_examples)))
                    asked = dataclasses.replace(asked, train_examples=limit, head=name)
                pairs.append(search(condition, catalogue[name], asked, parent, training))
                evaluations.append(evaluation(condition, name, pairs[-1].name, training))
    return Plan(experiment.name, experiment.store, (*intermediate, *pairs, *evaluations))
