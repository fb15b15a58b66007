"""From an experiment to its plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from search_spaces import Choices
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
from sweep.planning.plan import Plan, Study
from sweep.planning.precision import choose
from sweep.planning.recipes import recipe_of
from sweep.planning.weights import planned_token_types, planned_weights
from trainables.data import fingerprint
from trainables.models.shapes import name_and_revision
from trainables.recipe import WHOLE, Recipe
from trainables.spec import Phase, TrialSpec
from trainables.tasks import Task


def make_plan(experiment: Experiment) -> Plan:
    """The studies of an experiment whose data is there (`experiment_file.load` checked that).

    A pair is condition x training set: targets that share a training set share its trials. A training set that comes
    after another one starts from that one's winner. A target without a training set is scored on the condition's own.
    """
    planner = _Planner(experiment)
    for condition in experiment.conditions:
        planner.add(condition)
    studies = (*planner.intermediate, *planner.pairs, *planner.evaluations)
    return Plan(experiment.name, experiment.store, studies)


class _Planner:
    """Makes the studies of one condition after the other."""

    def __init__(self, experiment: Experiment) -> None:
        self.intermediate: list[Study] = []
        self.pairs: list[Study] = []
        self.evaluations: list[Study] = []
        self._experiment, self._source, self._space = experiment, experiment.source, experiment.space
        self._catalogue, self._targets = experiment.catalogue, experiment.target_tasks
        self._model, _ = name_and_revision(experiment.model)
        self._weights = planned_weights(experiment)
        self._token_types = planned_token_types(experiment, self._weights)
        self._precision = choose(experiment).precision
        self._seeds = tuple(experiment.seeds)
        self._is_warm = experiment.warm_start and any(one.name == BASELINE for one in experiment.conditions)
        chains = [training_chain(target.training_set, self._catalogue) for target in self._targets]
        self._training_sets = list({task.name: task for chain in chains for task in chain}.values())
        self._regimes = {entry.name for entry in experiment.regimes}
        self._otherwise = {one.name: experiment.trainings(one) for one in self._training_sets}

    def add(self, condition: Condition) -> None:
        """The studies of a condition: its intermediate training, its pairs, their evaluations."""
        winners: dict[str | None, str | None] = {None: None}  # by training set: the study whose winner is scored
        if condition.tasks:
            self.intermediate.append(self._intermediate(condition))
            winners[None] = self.intermediate[-1].name
        for training_set in self._training_sets:
            english = (training_set.source_language,)
            asked = self._question("target", [(training_set, english)])
            self.pairs.append(self._pair(condition, training_set, asked, winners[training_set.after]))
            winners[training_set.name] = self.pairs[-1].name
        for name in dict.fromkeys(target.training_set for target in self._targets):
            if ZERO_SHOT in self._regimes or name is None:
                self.evaluations.append(self._evaluation(condition, name, winners[name]))
            for training in self._otherwise.get(name or "", ()):
                assert name is not None
                asked = self._question("target", [(training.task, training.languages)])
                if training.goes_on:
                    limit = min(filter(None, (training.examples, asked.train_examples)))
                    asked = dataclasses.replace(asked, train_examples=limit, head=name)
                parent = winners[name if training.goes_on else self._catalogue[name].after]
                self.pairs.append(self._pair(condition, self._catalogue[name], asked, parent, training))
                self.evaluations.append(self._evaluation(condition, name, self.pairs[-1].name, training))

    def _intermediate(self, condition: Condition) -> Study:
        tasks = [self._catalogue[name] for name in condition.names]
        languages = {task.name: training_languages(condition, self._source, task) for task in tasks}
        recipe = recipe_of(condition, self._experiment, languages)
        experiment = self._experiment
        return Study(
            name=f"intermediate/{condition.name}",
            condition=condition.name,
            training_set=None,
            question=self._question("intermediate", [(task, languages[task.name]) for task in tasks], recipe),
            parent=None,
            trials=experiment.trials.intermediate,
            seeds=self._seeds,
            sampler=self._space.sampler,
            parameters=experiment.searched(condition),
            parallel=experiment.trials.parallel,
            pruner=experiment.pruning,
            regime=None,
        )

    def _pair(
        self,
        condition: Condition,
        training_set: Task,
        asked: TrialSpec,
        parent: str | None,
        training: Training | None = None,
    ) -> Study:
        """The search on a training set, or another training than the one in its source language."""
        experiment, last = self._experiment, f"/{training.name}" if training else ""
        goes_on = training is not None and training.goes_on
        parameters = self._space.parameters("target", training_set.name)
        if training is not None and training.epochs is not None:
            parameters["epochs"] = Choices((training.epochs,), training.epochs)
        is_warm = self._is_warm and bool(condition.tasks) and not goes_on
        return Study(
            name=f"target/{condition.name}/{training_set.name}{last}",
            condition=condition.name,
            training_set=training_set.name,
            question=asked,
            parent=parent,
            trials=1 if goes_on else experiment.trials.target,
            seeds=self._seeds,
            sampler=self._space.sampler,
            parameters=parameters,
            parallel=experiment.trials.parallel,
            pruner=None if goes_on else experiment.pruning,
            joint=experiment.strategy == "joint" and parent == f"intermediate/{condition.name}",
            prior=f"target/{BASELINE}/{training_set.name}{last}" if is_warm else None,
            regime=training.regime if training else ZERO_SHOT,
            goes_on=goes_on,
        )

    def _evaluation(
        self, condition: Condition, name: str | None, parent: str | None, training: Training | None = None
    ) -> Study:
        """The scoring of a training set's targets, or of those that another training is for."""
        of_set = [target for target in self._targets if target.training_set == name]
        scored = [one for one in of_set if training is None or one.name in training.targets]
        only = training.scored if training else None
        data = [
            (target, split, language)
            for target in scored
            for split, language in scored_uses(self._experiment, self._source, target)
            if only is None or split not in target.evaluated or language in only
        ]
        languages = {language for target, split, language in data if split in target.evaluated}
        asked = self._spec("evaluate", [target.name for target in scored], languages, data)
        if training is not None and training.task.name != name:
            asked = dataclasses.replace(asked, head=training.task.name)
        last = f"/{training.name}" if training else ""
        tried = {one.name: one.trials for one in (*self.pairs, *self.intermediate)}
        return Study(
            name=f"evaluate/{condition.name}/{name or 'untrained'}{last}",
            condition=condition.name,
            training_set=name,
            question=asked,
            parent=parent,
            trials=1,
            seeds=self._seeds if parent else self._seeds[:1],  # the model's own weights know no seed
            sampler=self._space.sampler,
            parameters={},
            source_language=self._catalogue[name].source_language if name else None,
            regime=training.regime if training else ZERO_SHOT,
            top=min(self._experiment.evaluate.top, tried[parent]) if parent else 1,
        )

    def _question(
        self, phase: Phase, trained: Sequence[tuple[Task, Sequence[str]]], recipe: Recipe = WHOLE
    ) -> TrialSpec:
        """What trials on some tasks in some languages each have in common."""
        data = [(task, *place) for task, languages in trained for place in training_uses(self._source, task, languages)]
        everywhere = {language for _, languages in trained for language in languages}
        asked = self._spec(phase, [task.name for task, _ in trained], everywhere, data)
        return dataclasses.replace(asked, recipe=recipe)

    def _spec(
        self, phase: Phase, names: Sequence[str], languages: Iterable[str], uses: list[tuple[Task, str, str]]
    ) -> TrialSpec:
        experiment, trains = self._experiment, phase != "evaluate"
        limits, vectors = experiment.limits, experiment.sentence_vectors
        is_bitext = any(self._catalogue[name].kind.startswith("bitext") for name in names)
        most = limits.target_examples if phase == "target" else None
        return TrialSpec(
            phase=phase,
            model=self._model,
            tasks=tuple(names),
            languages=tuple(sorted(set(languages))),
            data=fingerprint(self._source, uses),
            seed=self._seeds[0],
            dropout=experiment.dropout if trains else None,
            dropout_masks=experiment.dropout_masks if trains and experiment.dropout != 0 else "batch",
            precision=self._precision,
            train_examples=(most or limits.train_examples) if trains else None,
            eval_examples=limits.eval_examples,
            layer=vectors.layer if is_bitext else None,
            pooling=vectors.pooling if is_bitext else None,
            weights=self._weights,
            max_length=experiment.max_length,
            checkpoint=experiment.checkpoint if trains else "last",
            token_types=self._token_types,
            lora=experiment.tuning.lora(phase),
        )
