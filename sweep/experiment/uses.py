"""What an experiment reads: which tasks, and which splits of them in which languages."""

from __future__ import annotations

from collections.abc import Iterable

from sweep.experiment.condition import Condition
from sweep.experiment.experiment import Experiment
from sweep.experiment.values import chosen
from trainables.data import Source, references
from trainables.tasks import Catalogue, Task


def uses(experiment: Experiment) -> list[tuple[Task, str, str]]:
    """Every (task, split, language) that the experiment reads, once."""
    source, catalogue = experiment.source, experiment.catalogue
    found: dict[tuple[str, str, str], Task] = {}

    def add(task: Task, places: Iterable[tuple[str, str]]) -> None:
        for split, language in places:
            found.setdefault((task.name, split, language), task)

    for condition in experiment.conditions:
        for task in (catalogue[name] for name in condition.names):
            add(task, training_uses(source, task, training_languages(condition, source, task)))
    for target in experiment.target_tasks:
        for training_set in training_chain(target.training_set, catalogue):
            add(training_set, training_uses(source, training_set, [training_set.source_language]))
            for training in experiment.trainings(training_set):
                add(training.task, training_uses(source, training.task, training.languages))
        add(target, scored_uses(experiment, source, target))
    return [(task, split, language) for (_, split, language), task in found.items()]


def tasks_used(experiment: Experiment) -> list[Task]:
    """Every task that is trained on or scored, once."""
    catalogue, targets = experiment.catalogue, experiment.target_tasks
    found = [catalogue[name] for condition in experiment.conditions for name in condition.names]
    found += [task for target in targets for task in training_chain(target.training_set, catalogue)]
    return list({task.name: task for task in [*found, *targets]}.values())


def longest_input(experiment: Experiment) -> int:
    """The most tokens that the encoder is given at once."""
    return experiment.max_length or max(task.max_length for task in tasks_used(experiment))


def training_chain(name: str | None, catalogue: Catalogue) -> list[Task]:
    """The training sets that a model goes through to be trained on this one, which comes last."""
    chain: list[Task] = []
    while name is not None:
        chain.insert(0, catalogue[name])
        name = chain[0].after
    return chain


def training_uses(source: Source, task: Task, languages: Iterable[str]) -> list[tuple[str, str]]:
    """The (split, language) that training reads: its own examples, and those that it is selected by."""
    development = task.source_language
    selected_by = [("dev", development), *references(source, task, "dev", development)]
    return [*(("train", language) for language in languages), *selected_by]


def scored_uses(experiment: Experiment, source: Source, target: Task) -> list[tuple[str, str]]:
    """The (split, language) that an evaluation reads."""
    found: list[tuple[str, str]] = []
    for split in target.evaluated:
        languages = scored_languages(experiment, source, target, split)
        found += [(split, language) for language in languages]
        found += [place for language in languages for place in references(source, target, split, language)]
    return list(dict.fromkeys(found))


def training_languages(condition: Condition, source: Source, task: Task) -> list[str]:
    """The languages in which a condition trains a task."""
    return chosen(condition.languages_of(task.name), source.languages(task, "train"))


def scored_languages(experiment: Experiment, source: Source, target: Task, split: str) -> list[str]:
    """The languages in which a split of a target is predicted: those that were asked for and have data."""
    return chosen(experiment.languages, source.languages(target, split))
