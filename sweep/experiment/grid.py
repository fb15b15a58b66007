"""Whether every part of an experiment's grid has what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sweep.experiment import BASELINE, Experiment, longest_input, tasks_used, training_chain
from sweep.experiment.regimes import ZERO_SHOT, trained_on
from sweep.experiment.regimes import trainings as trainings_of
from sweep.experiment.values import chosen
from trainables.data import references
from trainables.errors import Problem, UserError, nearest
from trainables.models import shapes
from trainables.recipe import SOURCE
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
        try:
            experiment.searched(condition, document, (*place, "search"))
        except UserError as error:
            yield from error.problems
        for number, part in enumerate(condition.tasks):
            task, at = experiment.catalogue[part.task], (*place, "tasks", number)
            if not task.is_trainable:
                hint = f"train on '{task.training_set}'" if task.training_set else "it is scored without training"
                yield document.problem(f"'{task.name}' has no training data of its own", at, hint)
                continue
            meant, there = condition.languages_of(task.name), source.languages(task, "train")
            wanted = meant if isinstance(meant, list) else chosen(meant, there)
            if there and not wanted:
                yield document.problem(f"nothing is left of the languages of '{task.name}': {', '.join(there)}", at)
                continue
            yield from trains(task, wanted or [task.source_language], at)
            if part.examples == SOURCE and wanted != [task.source_language]:
                yield from needs(task, "train", [task.source_language], at)
    yield from _check_regimes(experiment, document)
    for position, target in enumerate(experiment.target_tasks):
        place = ("targets", position) if isinstance(experiment.targets, list) else ("targets",)
        for training_set in training_chain(target.training_set, experiment.catalogue):
            yield from trains(training_set, [training_set.source_language], place)
        wanted, there = chosen(experiment.languages, target.languages), source.languages(target, target.score_on)
        if not wanted:
            yield document.problem(f"'{target.name}' has none of the experiment's languages", place)
        elif isinstance(experiment.languages, list):
            yield from needs(target, target.score_on, wanted, place)
        elif not there:
            yield from needs(target, target.score_on, wanted[:1], place)
        for language in there:
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


def _check_regimes(experiment: Experiment, document: YamlFile) -> Iterator[Problem]:
    """Checks that each regime has data for all targets for which it is tried, in every language that it names."""
    source, catalogue, targets = experiment.source, experiment.catalogue, experiment.target_tasks
    for position, entry in enumerate(experiment.regimes):
        place: Place = ("regimes", position)
        known = [target.name for target in targets if target.training_set is not None]
        for one in entry.regime.targets or ():
            if one not in known:
                message = f"'{one}' is no target that is trained for"
                yield document.problem(message, place, nearest(one, known))
        for name in dict.fromkeys(target.training_set for target in targets):
            if name is None or entry.name == ZERO_SHOT or not (tried := experiment.tried(entry, catalogue[name])):
                continue
            told = ", ".join(target.name for target in tried)
            hint = f"name the targets that it is tried for: {{{entry.name}: {{targets: [...]}}}}"
            task = trained_on(entry, catalogue, catalogue[name])
            if task is None:
                why = "has no translation" if entry.translate_train else "has only translations in other languages"
                yield document.problem(f"{entry.name} of {told}: training set '{name}' {why}", place, hint)
                continue
            there = source.languages(task, "train")
            wanted = getattr(entry.regime, "languages", "all")
            for language in wanted if isinstance(wanted, list) else ():
                if language not in there:
                    problem = source.missing(task, "train", language)
                    yield document.problem(f"{entry.name} of {told}: {problem.message}", place, problem.hint)
            if not trainings_of(entry, source, catalogue, catalogue[name], tried):
                told += f": '{task.name}' has training data in {', '.join(there) or 'no language'}"
                yield document.problem(f"{entry.name} of {told}", place, hint)
            elif task.source_language not in source.languages(task, "dev"):
                problem = source.missing(task, "dev", task.source_language)
                yield document.problem(problem.message, place, problem.hint)


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
