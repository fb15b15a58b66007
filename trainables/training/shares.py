"""How much of its data a trial sees, which of it, and how often. Numbers alone: prices need them too, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import chain, islice
from typing import NamedTuple, TypeVar

from trainables.recipe import MIXING_CAP, Recipe

T = TypeVar("T")

EVALUATIONS = 24
"""The most weights of a trial among which `checkpoint: best` chooses."""


def shares(limit: int, sizes: Sequence[int]) -> list[int]:
    """How many of at most `limit` examples each language gives, of as many as it has: `limit` in all, if there are.

    All give as many, the first ones one more. What a language lacks the others give.
    """
    given = [0] * len(sizes)
    by_size = sorted(range(len(sizes)), key=lambda position: (sizes[position], -position))
    for others, position in zip(range(len(sizes) - 1, -1, -1), by_size, strict=True):
        given[position] = min(sizes[position], limit // (others + 1))
        limit -= given[position]
    return given


class Size(NamedTuple):
    """What a task has in one language: examples, and the features (or how many to expect) that they have in all."""

    examples: int
    features: float


def epoch_features(
    recipe: Recipe, sizes: Mapping[str, Sequence[Size]], batch_sizes: Mapping[str, int]
) -> dict[str, list[int]]:
    """How many features each task gives to an epoch, of each of its languages.

    All of them, where a recipe says nothing. Of a budget of epochs this is the length of one of them.

    Args:
        sizes: of each task by language, at least one example in all.
        batch_sizes: the features of a step on each task.

    Raises:
        ValueError: a budget is too small for all tasks.
    """
    alone, budget = len(sizes) == 1, recipe.budget
    there = [sum(part.examples for part in parts) for parts in sizes.values()]
    counted = there if alone else [min(size, recipe.cap or MIXING_CAP) for size in there]
    by_task = [_power(size, 1 / recipe.temperature) for size in counted]
    by_language = {
        task: [_power(part.examples, recipe.language_alpha) for part in parts] for task, parts in sizes.items()
    }
    in_features = {
        task: [
            weight * Fraction(part.features) / max(part.examples, 1)
            for weight, part in zip(by_language[task], parts, strict=True)
        ]
        for task, parts in sizes.items()
    }
    if budget is not None and budget.unit == "steps":
        total = budget.amount
        features_of_one = {task: Fraction(batch_sizes[task]) for task in sizes}
        by_task = [weight / size for weight, size in zip(by_task, features_of_one.values(), strict=True)]
    else:
        total = budget.amount if budget is not None and budget.unit == "examples" else sum(counted)
        features_of_one = {task: Fraction(sum(in_features[task]), sum(by_language[task])) for task in sizes}
    given = dict(zip(sizes, apportion(total, by_task), strict=True))
    counts = {task: round(given[task] * features_of_one[task]) for task in sizes}
    if nothing := [task for task, count in counts.items() if not count]:
        raise ValueError(f"a budget of {total} leaves nothing for {', '.join(nothing)}")
    return {task: apportion(count, in_features[task]) for task, count in counts.items()}


def _power(count: int, exponent: float) -> Fraction:
    return Fraction(count) if exponent == 1 else Fraction(count**exponent)


def apportion(total: int, weights: Sequence[Fraction]) -> list[int]:
    """Whole numbers in proportion to weights, `total` in all: those with the largest remainders are rounded up."""
    exact = [total * weight / sum(weights) for weight in weights]
    given = [int(one) for one in exact]
    by_remainder = sorted(range(len(exact)), key=lambda position: (given[position] - exact[position], position))
    for position in by_remainder[: total - sum(given)]:
        given[position] += 1
    return given


class Part(NamedTuple):
    """The examples that are taken of a split in one language: the first `limit`, or all.

    Of several languages the i-th of n begins with the i-th of every n, and goes on with the next of every n where those
    do not suffice. So parallel data gives no example in two languages, as long as there are others.
    """

    limit: int | None = None
    position: int = 0
    languages: int = 1

    def of(self, examples: Sequence[T]) -> Sequence[T]:
        """Those of all examples, in their order."""
        if self.limit is None:
            return examples
        starts = ((self.position + turn) % self.languages for turn in range(self.languages))
        order = chain.from_iterable(range(start, len(examples), self.languages) for start in starts)
        return [examples[position] for position in sorted(islice(order, self.limit))]
