"""Whether every part of an experiment's grid has what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sweep.experiment import BASELINE, Experiment, longest_input, tasks_used, training_chain
from trainables.data import references
from trainables.errors import Problem, UserError
from trainables.models import shapes
from trainables.tasks import Task
from trainables.yaml_file import Place, YamlFile


def check_grid(experiment: Experiment, document: YamlFile) -> Iterator[Problem]:
    """Checks that every part of the grid has what it needs: training sets, languages, data."""
    names = [condition.name for condition in experiment.conditions]
    for position, name in enumerate(names):
        if name in names[:position]:
            yield document.problem(f"condition '{name}' stands here twice", ("conditions", position))
    yield from _check_lengths(experiment, document)
    try:
        source = experiment.source
    except UserError as error:
        yield from (document.problem(one.message, ("data",), one.hint) for one in error.problems)
        return

    def needs(task: Task, split: str, languages: Iterable[str], place: Place) -> Iterator[Problem]:
        there = source.languages(task, split)
        for language in languages:
            if language not in there:
                problem = source.missing(task, split, language)
                yield document.problem(problem.message, place, problem.hint)

    def trains(task: Task, languages: Iterable[str], place: Place) -> Iterator[Problem]:
        yield from needs(task, "train", languages, place)
        yield from needs(task, "dev", [task.source_language], place)

    for position, condition in enumerate(experiment.conditions):
        place: Place = ("conditions", position)
        for task in (experiment.catalogue[name] for name in condition.tasks):
            if not task.is_trainable:
                hint = f"train on '{task.training_set}'" if task.training_set else "it is scored without training"
                yield document.problem(f"'{task.name}' has no training data of its own", place, hint)
                continue
            wanted = source.languages(task, "train") if condition.languages == "all" else condition.languages
            yield from trains(task, wanted or [task.source_language], place)
    for position, target in enumerate(experiment.target_tasks):
        place = ("targets", position) if isinstance(experiment.targets, list) else ("targets",)
        for training_set in training_chain(target.training_set, experiment.catalogue):
            yield from trains(training_set, [training_set.source_language], place)
        if experiment.languages == "all":
            if not source.languages(target, target.score_on):
                yield from needs(target, target.score_on, target.languages[:1], place)
        else:
            wanted = [language for language in experiment.languages if language in target.languages]
            yield from needs(target, target.score_on, wanted, place)
            if not wanted:
                yield document.problem(f"'{target.name}' has none of the experiment's languages", place)
        for language in source.languages(target, target.score_on):
            for split, one in references(source, target, target.score_on, language):
                yield from needs(target, split, [one], place)
    if experiment.warm_start and BASELINE not in names:
        hint = f"add the condition {BASELINE}, or leave warm_start out"
        yield document.problem(f"there is no condition '{BASELINE}' to start from", ("warm_start",), hint)
    if experiment.gradient_checkpointing and experiment.dropout_masks == "rows" and experiment.dropout != 0:
        message = "gradient_checkpointing computes layers twice, which draws other masks of single rows"
        hint = "leave it out, or dropout_masks; or set dropout=0"
        yield document.problem(message, ("gradient_checkpointing",), hint)
    if experiment.sampler == "grid" and not experiment.space.is_finite:
        hint = "use tpe or random, or a space of values"
        yield document.problem(f"sampler grid cannot search ranges of '{experiment.search_space}'", ("sampler",), hint)


def _check_lengths(experiment: Experiment, document: YamlFile) -> Iterator[Problem]:
    """Checks that `max_length` leaves each task room, and that the model can see so many tokens, if that is known."""
    length, place = experiment.max_length, ("max_length",)
    tight = {task.name: task.least_length for task in tasks_used(experiment) if task.least_length > (length or 10**9)}
    if tight:
        least, told = max(tight.values()), ", ".join(f"{name} ({one})" for name, one in tight.items())
        hint = f"at least {least}: room for special tokens, and in questions on passages for question and answer"
        yield document.problem(f"'max_length' is {length}, too little for {told}", place, hint)
    given, seen = longest_input(experiment), shapes.longest_input(experiment.model)
    if seen is not None and given > seen:
        message = f"model '{experiment.model}' sees {seen} tokens at once, and is given up to {given}"
        yield document.problem(message, place if length else ("model",), f"set max_length: {seen}, or less")
