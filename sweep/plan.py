"""The plan: an experiment as a graph of studies. A value: it can be printed, hashed and compared."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from search_spaces import Parameter
from sweep.experiment import Experiment, scored_languages, training_languages
from trainables import tasks
from trainables.data.source import fingerprint
from trainables.spec import Phase, TrialSpec, content_hash


@dataclass(frozen=True)
class Study:
    """One node: the search for a condition's intermediate training or for a pair, or the scoring of its winners.

    Attributes:
        name: `phase/condition[/training set]`, unique in a plan.
        question: the spec of its trials, with neither parent nor hyper-parameters, for the first seed.
        parent: the study whose winner its trials start from; None: the model's own weights.
        trials: how many trials are searched; 1 in an evaluation.
        seeds: the winner is run once with each; an evaluation scores each.
        parameters: what is searched; empty in an evaluation.
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

    @property
    def phase(self) -> Phase:
        """The phase of its trials."""
        return self.question.phase

    @property
    def runs(self) -> int:
        """How many trials there are in all: the search, and the winner's other seeds."""
        return self.trials + len(self.seeds) - 1

    def spec(self, seed: int, parent: str | None, parameters: dict[str, Any]) -> TrialSpec:
        """One of its trials, given the trial that it starts from and its hyper-parameters."""
        return dataclasses.replace(self.question, seed=seed, parent=parent, **parameters)


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
        count = 0
        for study in self.studies:
            if study.phase == "evaluate":
                trained = self.study(study.parent) if study.parent else None
                before = self.study(trained.parent) if trained and trained.parent else None
                runs = sum(one.runs for one in (trained, before) if one)
                count += len(study.question.tasks) * runs
        return count

    @property
    def fine_tuning_runs(self) -> int:
        """Fine-tuning runs that this plan needs."""
        return sum(study.runs for study in self.studies if study.phase != "evaluate")

    def study(self, name: str) -> Study:
        """The study of that name."""
        return next(study for study in self.studies if study.name == name)

    @property
    def hash(self) -> str:
        """Equal for equal plans."""
        return content_hash([repr(study) for study in self.studies])


def make_plan(experiment: Experiment) -> Plan:
    """The studies of an experiment whose data is there (`experiment_file.load` checked that).

    A pair is condition x training set: targets that share a training set share its trials. A target without a training
    set is scored on the condition's own winner.
    """
    source, space, seeds = experiment.source, experiment.space, tuple(experiment.seeds)
    targets = [tasks.load(name) for name in experiment.targets]
    training_sets = list(dict.fromkeys(target.training_set for target in targets))

    def question(phase: Phase, names: tuple[str, ...], languages: list[str], uses: list[Any]) -> TrialSpec:
        limits = experiment.limits
        return TrialSpec(
            phase=phase,
            model=experiment.model,
            tasks=names,
            languages=tuple(sorted(languages)),
            data=fingerprint(source, uses),
            seed=seeds[0],
            dropout=experiment.dropout if phase != "evaluate" else None,
            precision=experiment.precision,
            train_examples=limits.train_examples if phase != "evaluate" else None,
            eval_examples=limits.eval_examples,
        )

    intermediate: list[Study] = []
    pairs: list[Study] = []
    evaluations: list[Study] = []
    for condition in experiment.conditions:
        recipe = [tasks.load(name) for name in condition.tasks]
        parent = None
        if recipe:
            languages = {task.name: training_languages(condition, source, task) for task in recipe}
            uses = [(task, "train", one) for task in recipe for one in languages[task.name]]
            uses += [(task, "dev", "en") for task in recipe]
            study = Study(
                name=f"intermediate/{condition.name}",
                condition=condition.name,
                training_set=None,
                question=question(
                    "intermediate",
                    tuple(condition.tasks),
                    list({one for ones in languages.values() for one in ones}),
                    uses,
                ),
                parent=None,
                trials=experiment.trials.intermediate,
                seeds=seeds,
                sampler=space.sampler,
                parameters=space.parameters("intermediate", recipe[0].name if len(recipe) == 1 else "all"),
            )
            intermediate.append(study)
            parent = study.name
        for training_set in training_sets:
            trained = parent
            if training_set is not None:
                data = [(tasks.load(training_set), split, "en") for split in ("train", "dev")]
                pair = Study(
                    name=f"target/{condition.name}/{training_set}",
                    condition=condition.name,
                    training_set=training_set,
                    question=question("target", (training_set,), ["en"], data),
                    parent=parent,
                    trials=experiment.trials.target,
                    seeds=seeds,
                    sampler=space.sampler,
                    parameters=space.parameters("target", training_set),
                )
                pairs.append(pair)
                trained = pair.name
            scored = [target for target in targets if target.training_set == training_set]
            where = [(target, one) for target in scored for one in scored_languages(experiment, source, target)]
            evaluations.append(
                Study(
                    name=f"evaluate/{condition.name}/{training_set or 'untrained'}",
                    condition=condition.name,
                    training_set=training_set,
                    question=question(
                        "evaluate",
                        tuple(target.name for target in scored),
                        list({one for _, one in where}),
                        [(target, target.score_on, one) for target, one in where],
                    ),
                    parent=trained,
                    trials=1,
                    seeds=seeds if trained else seeds[:1],  # the model's own weights know no seed
                    sampler=space.sampler,
                    parameters={},
                )
            )
    return Plan(experiment.name, experiment.store, (*intermediate, *pairs, *evaluations))
