"""What makes an epoch: shares of tasks and languages, each feature once before any comes again, from the seed alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.features import Feature, Features, as_batch
from trainables.recipe import WHOLE, Budget, Ingredient, Recipe
from trainables.reports import TrialError
from trainables.training.mixture import Mixture, Step
from trainables.training.shares import Size, apportion, epoch_features

counts = st.integers(1, 60)


def features(*pieces: int) -> Features:
    """An example for each number, in so many pieces of three tokens."""
    rows = [Feature([[5, 6, 7]], example, [0]) for example, number in enumerate(pieces) for _ in range(number)]
    return Features.of([as_batch(rows)])


def mixture(recipe: Recipe = WHOLE, batch_size: int = 4, seed: int = 1, **tasks: dict[str, Features]) -> Mixture:
    return Mixture(tasks, recipe, batch_size, seed)


def told(steps: Sequence[Step]) -> list[tuple[str, list[int]]]:
    return [(step.task, [row.example for row in step.features]) for step in steps]


def seen(steps: Sequence[Step], task: str) -> Counter[int]:
    return Counter(row.example for step in steps if step.task == task for row in step.features)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=30), counts, st.integers(1, 16), st.integers(1, 5))
def test_without_a_recipe_an_epoch_has_every_feature_once(
    one: list[int], two: int, batch_size: int, epoch: int
) -> None:
    mixed = mixture(batch_size=batch_size, one={"en": features(*one)}, two={"de": features(*[1] * two)})
    steps = [*mixed.steps(epoch)]
    assert len(steps) == mixed.steps_per_epoch
    assert seen(steps, "one") == Counter(dict(enumerate(one)))
    assert seen(steps, "two") == Counter(range(two))
    assert all(0 < len(step.features) <= batch_size for step in steps)


def test_the_order_is_the_one_that_it_always_was() -> None:
    """Recorded before there were recipes: ids of trials stand for it."""
    mixed = mixture(Recipe(cap=10), one={"en": features(*[1] * 25)}, two={"en": features(*[1] * 7)})
    assert told([*mixed.steps(1)]) == [
        ("one", [21, 4, 15, 6]), ("one", [23, 16]), ("two", [3, 2, 5]), ("two", [1, 4, 6, 0]), ("one", [7, 18, 22, 17]),
    ]  # fmt: skip
    again = mixture(Recipe(cap=10), seed=7, one={"en": features(*[1] * 25)}, two={"en": features(*[1] * 7)})
    assert told([*again.steps(2)]) == [
        ("two", [3, 5, 2, 4]), ("two", [1, 6, 0]), ("one", [24, 2, 7, 8]), ("one", [21, 10, 20, 17]), ("one", [13, 22]),
    ]  # fmt: skip


def test_epochs_and_seeds_are_shuffled_differently() -> None:
    orders = {
        str(told([*mixture(seed=seed, one={"en": features(*[1] * 50)}).steps(epoch)]))
        for seed, epoch in [(1, 1), (1, 2), (2, 1)]
    }
    assert len(orders) == 3


recipes = st.builds(
    Recipe,
    ingredients=st.lists(
        st.builds(Ingredient, task=st.sampled_from(["one", "two"]), batch_size=st.none() | st.integers(1, 9)),
        max_size=2,
        unique_by=lambda one: one.task,
    ).map(tuple),
    temperature=st.sampled_from([1.0, 2.0, 5.0]),
    cap=st.none() | st.integers(1, 40),
    language_alpha=st.sampled_from([1.0, 0.3, 0.0]),
    budget=st.none()
    | st.builds(Budget, st.sampled_from(["examples", "steps"]), st.integers(1, 90))
    | st.builds(Budget, st.just("epochs"), st.integers(1, 4)),
)


@given(recipes, counts, st.lists(st.integers(1, 3), min_size=1, max_size=20), st.integers(1, 3), st.data())
def test_whatever_the_recipe_steps_are_a_function_of_seed_and_epoch(
    recipe: Recipe, de: int, pieces: list[int], epoch: int, data: st.DataObject
) -> None:
    """Resumed anywhere it goes on as if nothing had been, and has the steps that were promised."""
    tasks = {"one": {"en": features(*pieces), "de": features(*[1] * de)}, "two": {"en": features(1, 1, 1)}}
    try:
        mixed = mixture(recipe, seed=3, **tasks)
    except TrialError:  # nothing is skipped in silence
        assert recipe.budget is not None
        return
    steps = [*mixed.steps(epoch)]
    assert len(steps) == mixed.steps_per_epoch
    start = data.draw(st.integers(0, max(0, len(steps) - 1)))
    again = mixture(recipe, seed=3, **tasks)
    assert told([*again.steps(epoch, start)]) == told(steps[start:])
    assert [step.place for step in again.steps(epoch, start)] == [step.place for step in steps[start:]]
    trained = mixed.trained(epoch)
    every = [step for number in range(1, epoch + 1) for step in mixed.steps(number)]
    assert sum(one.tokens for one in trained) == sum(3 * len(step.features) for step in every)
    for task in ("one", "two"):
        of_task = [one.steps for one in trained if one.task == task]
        assert max(of_task, default=0) <= sum(step.task == task for step in every) <= sum(of_task)


def test_a_budget_of_epochs_is_so_many_epochs() -> None:
    tasks = {"one": {"en": features(*[1] * 13)}, "two": {"en": features(*[1] * 5)}}
    short, long = mixture(**tasks), mixture(Recipe(budget=Budget("epochs", 3)), **tasks)
    assert long.steps_per_epoch == 3 * short.steps_per_epoch
    assert [(step.place, told([step])) for step in long.steps(2)] == [
        (step.place, told([step])) for epoch in (4, 5, 6) for step in short.steps(epoch)
    ]
    assert long.trained(2) == short.trained(6)


def test_a_budget_of_examples_takes_none_twice_before_all_were_there() -> None:
    seen_of = seen([*mixture(Recipe(budget=Budget("examples", 25)), one={"en": features(*[1] * 10)}).steps(1)], "one")
    assert sum(seen_of.values()) == 25
    assert set(seen_of.values()) == {2, 3}
    part = seen([*mixture(Recipe(budget=Budget("examples", 4)), one={"en": features(*[1] * 10)}).steps(1)], "one")
    assert set(part.values()) == {1}
    assert len(part) == 4


def test_a_budget_of_steps_is_so_many_steps_of_each_tasks_own_size() -> None:
    recipe = Recipe((Ingredient("two", batch_size=3),), budget=Budget("steps", 11))
    mixed = mixture(recipe, one={"en": features(*[1] * 40)}, two={"en": features(*[1] * 20)})
    sizes = Counter((step.task, len(step.features)) for step in mixed.steps(1))
    assert mixed.steps_per_epoch == 11
    # 40 : 20 examples, in batches of 4 and of 3, are 10 : 6.67 steps
    assert sizes == {("one", 4): 7, ("two", 3): 4}


def test_a_budget_that_leaves_a_task_nothing_says_so() -> None:
    with pytest.raises(TrialError, match="a budget of 3 leaves nothing for small"):
        mixture(Recipe(budget=Budget("steps", 3)), large={"en": features(*[1] * 99)}, small={"en": features(1)})


def test_a_cap_counts_examples_and_takes_them_whole() -> None:
    pieces = [1, 2, 3] * 10
    mixed = mixture(Recipe(cap=6), one={"en": features(*pieces)}, two={"en": features(1)})
    met = [seen([*mixed.steps(epoch)], "one") for epoch in range(1, 200)]
    assert {sum(one.values()) for one in met} == {12}  # six examples have two pieces each, by and large
    assert all(sum(count < pieces[example] for example, count in one.items()) <= 1 for one in met)  # but for the last
    often = Counter(example for one in met for example in one)
    by_pieces = [sum(often[example] for example in range(30) if pieces[example] == size) / 10 for size in (1, 2, 3)]
    assert max(by_pieces) < 1.3 * min(by_pieces), "a long example is drawn as often as a short one"
    assert seen([*mixture(Recipe(cap=6), one={"en": features(*pieces)}).steps(1)], "one").total() == 60  # alone


def test_a_tasks_share_is_that_of_its_temperature() -> None:
    tasks = {"large": {"en": features(*[1] * 160)}, "small": {"en": features(*[1] * 10)}}
    steps = [*mixture(Recipe(temperature=2, budget=Budget("examples", 100)), **tasks).steps(1)]
    assert (seen(steps, "large").total(), seen(steps, "small").total()) == (80, 20)  # 4 : 1


def test_a_languages_share_is_that_of_its_alpha() -> None:
    by_language = {"en": features(*[1] * 160), "sw": features(*[1] * 10)}
    trained = mixture(Recipe(language_alpha=0.5, budget=Budget("examples", 100)), one=by_language).trained(1)
    assert {one.language: one.examples for one in trained} == {"en": 80, "sw": 20}
    even = mixture(Recipe(language_alpha=0.0), one=by_language).trained(1)
    assert {one.language: one.examples for one in even} == {"en": 85, "sw": 85}


def test_what_a_task_asks_for_reaches_its_steps() -> None:
    recipe = Recipe((Ingredient("two", batch_size=2, weight=0.5),))
    steps = [*mixture(recipe, one={"en": features(*[1] * 8)}, two={"en": features(*[1] * 8)}).steps(1)]
    assert {(step.task, len(step.features), step.scale) for step in steps} == {("one", 4, 1.0), ("two", 2, 0.5)}


@given(st.integers(0, 1000), st.lists(st.fractions(0, 50), min_size=1, max_size=9).filter(any))
def test_shares_are_as_near_as_whole_numbers_come(total: int, weights: list[Fraction]) -> None:
    found = apportion(total, weights)
    assert sum(found) == total
    assert all(abs(one - total * weight / sum(weights)) < 1 for one, weight in zip(found, weights, strict=True))


def test_more_features_than_examples_are_counted() -> None:
    sizes = {"qa": [Size(100, 150.0)], "nli": [Size(10, 10.0)]}
    assert epoch_features(Recipe(), sizes, {}) == {"qa": [150], "nli": [10]}
    assert epoch_features(Recipe(cap=40), sizes, {}) == {"qa": [60], "nli": [10]}
    assert epoch_features(Recipe(cap=40), {"qa": [Size(100, 150.0)]}, {}) == {"qa": [150]}


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe((Ingredient("a", ("de", "en"), "source", 8, 0.5), Ingredient("b", examples=3)), 2.0, 9, 0.3),
        Recipe(budget=Budget("steps", 7)),
    ],
)
def test_a_recipe_survives_the_journey_as_a_dictionary(recipe: Recipe) -> None:
    assert Recipe.from_dict(recipe.to_dict()) == recipe
