"""Tests in CheckList's manner of what mini-qa teaches: a case is two sentences that differ in one thing, which decides.

Both sentences stand first once, and both are asked for, so that a case takes four questions. Whoever answers with the
first name, or the last, fails every case.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Literal, get_args

from trainables.data.mini.frames import (
    CITIES,
    COUNTS,
    OBJECTS,
    PEOPLE,
    PLAIN_VERBS,
    SITES,
    TIMES,
    TRANSFER_VERBS,
    Frame,
    at_home,
)
from trainables.data.mini.qa import Passage

Test = Literal["comparison", "negation", "property", "role", "time"]

TESTS: tuple[Test, ...] = get_args(Test)
COLOURS = ("red", "white", "black")  # nothing has two of them
QUESTIONS = 4  # of a case


@dataclass(frozen=True, slots=True)
class Case:
    """Two people's deeds, and for each what the question mentions that it alone answers."""

    test: Test
    frames: tuple[Frame, Frame]
    mentioned: tuple[Frame, Frame]

    @property
    def passages(self) -> Iterator[Passage]:
        """The four questions: of either order both."""
        for order in ((0, 1), (1, 0)):
            told = self.frames[order[0]], self.frames[order[1]]
            for target in (0, 1):
                yield Passage(told, target, "agent", self.mentioned[order[target]])


@lru_cache(maxsize=4)  # the same for every language
def cases(seed: str, split: str, size: int) -> tuple[Case, ...]:
    """Different cases with `size` questions, the tests in turn."""
    random = Random(seed)
    found: dict[frozenset[tuple[object, ...]], Case] = {}
    while len(found) * QUESTIONS < size:
        case = _case(random, TESTS[len(found) % len(TESTS)])
        if all(at_home(frame, split) for frame in case.frames):
            found.setdefault(frozenset(frame.event for frame in case.frames), case)
    return tuple(found.values())


def _case(random: Random, test: Test) -> Case:
    one, other = random.sample(PEOPLE, 2)
    first = Frame(
        agent=one,
        verb=random.choice(TRANSFER_VERBS if test == "role" else PLAIN_VERBS),
        object=random.choice(OBJECTS),
        count=random.choice(COUNTS),
        place=random.choice(random.choice((CITIES, SITES))) if random.random() < 0.5 else None,
    )
    second = replace(first, agent=other)
    match test:
        case "comparison":
            few, limit, many = sorted(random.sample(COUNTS, 3))
            first, second = replace(first, count=many), replace(second, count=few)
            mentioned = replace(first, count=limit, bound="more"), replace(second, count=limit, bound="fewer")
            return Case(test, (first, second), _asked(*mentioned))
        case "negation":
            first = replace(first, count=None)
        case "property":
            colours = random.sample(COLOURS, 2)
            first, second = (replace(a, adjective=b) for a, b in zip((first, second), colours, strict=True))
        case "role":
            first, second = replace(first, recipient=other), replace(second, recipient=one)
        case "time":
            times = random.sample(TIMES, 2)
            first, second = (replace(a, time=b) for a, b in zip((first, second), times, strict=True))
    return Case(test, (first, second), _asked(first, second))


def _asked(one: Frame, other: Frame) -> tuple[Frame, Frame]:
    """What questions mention: not the place, which is the same."""
    return replace(one, place=None), replace(other, place=None)
