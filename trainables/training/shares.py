"""How much of its data a trial sees, which of it, and how often. Numbers alone: prices need them too, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from typing import NamedTuple, TypeVar

T = TypeVar("T")

MIXING_CAP = 2**17
"""The most features that a task adds to an epoch of several tasks (Raffel et al. 2020, section 3.5.2). One task alone
gives all of its features.
"""

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


class Part(NamedTuple):
    """The examples that are taken of a split in one language: the first `limit`, or all.

    Of several languages the i-th of n begins with the i-th of every n, and goes on with the next of every n where those
    do not suffice. So parallel data gives no example in two languages, as long as there are others.
    """

    limit: int | None = None
    position: int = 0
    languages: int = 1

    def of(self, examples: Sequence[T]) -> list[T]:
        """Those of all examples, in their order."""
        starts = ((self.position + turn) % self.languages for turn in range(self.languages))
        order = chain.from_iterable(range(start, len(examples), self.languages) for start in starts)
        return [examples[position] for position in sorted(islice(order, self.limit))]
