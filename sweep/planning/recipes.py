"""A condition's recipe in the one form that the same work always has: what makes no difference is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sweep.experiment import Condition, Experiment
from sweep.experiment.values import chosen
from trainables.recipe import MIXING_CAP, SOURCE, WHOLE, Budget, Ingredient, Recipe
from trainables.tasks.task import IN_PIECES


def recipe_of(condition: Condition, experiment: Experiment, trained: Mapping[str, Sequence[str]]) -> Recipe:
    """What a condition trains on.

    Of several tasks one whose own entry in the search space names a batch size has it in the mixture, too.

    Args:
        trained: in which languages it trains each of its tasks.
    """
    alone = len(condition.tasks) == 1
    everywhere = sorted({language for languages in trained.values() for language in languages})
    ingredients = []
    for one in condition.tasks:
        task, own = experiment.catalogue[one.task], tuple(sorted(trained[one.task]))
        all_of_them = chosen(everywhere, experiment.source.languages(task, "train"))
        published = None if alone else experiment.space.batch_size("intermediate", one.task)
        ingredient = Ingredient(
            one.task,
            None if own == tuple(sorted(all_of_them)) else own,
            None if own == (task.source_language,) and one.examples == SOURCE else one.examples,
            one.batch_size or published,
            one.weight,
        )
        if ingredient != Ingredient(one.task):
            ingredients.append(ingredient)
    mixing = condition.mixing
    in_pieces = any(experiment.catalogue[name].kind in IN_PIECES for name in condition.names)
    cap = mixing.cap if mixing.cap is not None else MIXING_CAP
    return Recipe(
        tuple(ingredients),
        mixing.temperature,
        None if alone or (cap == MIXING_CAP and not in_pieces) else cap,
        WHOLE.language_alpha if all(len(one) == 1 for one in trained.values()) else mixing.language_alpha,
        _budget(condition),
    )


def _budget(condition: Condition) -> Budget | None:
    given = condition.budget
    if given is None or given.epochs == 1:
        return None
    if given.examples is not None:
        return Budget("examples", given.examples)
    return Budget("steps", given.steps) if given.steps is not None else Budget("epochs", given.epochs or 1)
