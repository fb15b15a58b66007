"""Inference pairs, built from the hypothesis backwards so that the hypothesis alone says nothing about the label.

Semantics. Premise and hypothesis speak of one event, at one place and time, with things of one kind:
- a detail (adjective, place, time) that the premise gives and the hypothesis leaves out: entailment;
- a detail that the hypothesis adds: neutral; one that it gives otherwise: contradiction;
- "five" means exactly five; "more than" and "fewer than" are strict bounds on the same number;
- "did not buy any apples" denies every count, kind, place and time of apples; denying less is entailed by it, and
  denying more is neutral;
- another person in a role, or giver and receiver swapped: contradiction;
- a second clause in the premise tells another event, and its details do not carry over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

from trainables.data.mini.frames import (
    ADJECTIVES,
    COUNTS,
    PEOPLE,
    PLACES,
    TIMES,
    Bound,
    Frame,
    at_home,
    draw,
    with_fields,
)

LABELS = ("entailment", "neutral", "contradiction")
DETAILS: dict[str, tuple[str, ...]] = {"adjective": ADJECTIVES, "place": PLACES, "time": TIMES}


@dataclass(frozen=True, slots=True)
class Pair:
    """A premise of one or two events, a hypothesis about one of them, and their relation."""

    premise: tuple[Frame, ...]
    hypothesis: Frame
    label: str

    @property
    def key(self) -> tuple[object, ...]:
        return (*(frame.event for frame in self.premise), self.hypothesis.event)


@lru_cache(maxsize=8)  # the same for every language
def pairs(seed: str, split: str, size: int) -> tuple[Pair, ...]:
    """`size` different pairs, the labels in equal shares."""
    random = Random(seed)
    result: list[Pair] = []
    seen: set[tuple[object, ...]] = set()
    while len(result) < size:
        pair = _pair(random, split, LABELS[len(result) % len(LABELS)])
        if pair.key not in seen:
            seen.add(pair.key)
            result.append(pair)
    random.shuffle(result)
    return tuple(result)


def numbers(bound: Bound, count: int) -> frozenset[int]:
    """The numbers that a quantity allows, within a range that leaves every bound some."""
    return frozenset(
        number
        for number in range(12)
        if (number == count if bound == "exact" else number > count if bound == "more" else number < count)
    )


def _pair(random: Random, split: str, label: str) -> Pair:
    hypothesis = _hypothesis(random, split)
    make = {"entailment": _entailing, "neutral": _neutral, "contradiction": _contradicting}[label]
    while True:
        premise = make(random, hypothesis)
        if premise is not None and at_home(premise, split):
            break
    premise = replace(premise, time_first=random.random() < 0.4)
    if random.random() < 0.7:
        return Pair((premise,), hypothesis, label)
    clauses = [premise, _other_event(random, split, premise, hypothesis)]
    random.shuffle(clauses)
    return Pair(tuple(clauses), hypothesis, label)


def _hypothesis(random: Random, split: str) -> Frame:
    """A frame with at least one detail to lose and one to gain, whatever the label will be."""
    while True:
        frame = draw(random, details=0.5, negatives=0.15)
        given = sum(getattr(frame, detail) is not None for detail in DETAILS)
        if 0 < given < len(DETAILS) and at_home(frame, split):
            break
    if frame.negative or random.random() < 0.55:
        return frame
    # Bounds that some number fulfils and some number fails, on either side.
    return replace(frame, bound=random.choice(("more", "fewer")), count=random.choice(COUNTS[1:-1]))


def _entailing(random: Random, hypothesis: Frame) -> Frame | None:
    if hypothesis.negative:
        return _less(random, hypothesis)
    if hypothesis.bound == "exact":
        return _more(random, hypothesis)
    premise = _satisfying(random, hypothesis)
    return _more(random, premise) if random.random() < 0.5 else premise


def _neutral(random: Random, hypothesis: Frame) -> Frame | None:
    if hypothesis.negative:
        return _more(random, hypothesis)
    if random.random() < 0.3:
        return _undecided(random, hypothesis)
    premise = _less(random, _satisfying(random, hypothesis))
    # Something else is told instead, so that a short premise is no sign of the label.
    return _more(random, premise, besides=hypothesis) if random.random() < 0.6 else premise


def _contradicting(random: Random, hypothesis: Frame) -> Frame | None:
    if hypothesis.negative:
        premise = replace(hypothesis, count=random.choice(COUNTS))
        return _more(random, premise) if random.random() < 0.5 else premise
    change = random.choice((_other_detail, _other_count, _other_people, _denied))
    premise = change(random, hypothesis)
    return _more(random, premise) if random.random() < 0.5 and not premise.negative else premise


def _more(random: Random, frame: Frame, besides: Frame | None = None) -> Frame:
    """The frame with one detail that it lacks, or with more; none that `besides` has."""
    missing = [
        detail
        for detail in DETAILS
        if getattr(frame, detail) is None and (besides is None or getattr(besides, detail) is None)
    ]
    chosen = random.sample(missing, random.randint(1, len(missing)))
    return with_fields(frame, {detail: random.choice(DETAILS[detail]) for detail in chosen})


def _less(random: Random, frame: Frame) -> Frame:
    """The frame without one of its details, or without more."""
    given = [detail for detail in DETAILS if getattr(frame, detail) is not None]
    return with_fields(frame, dict.fromkeys(random.sample(given, random.randint(1, len(given)))))


def _satisfying(random: Random, frame: Frame) -> Frame:
    """The frame with an exact count that its quantity allows."""
    if frame.count is None or frame.bound == "exact":
        return frame
    allowed = numbers(frame.bound, frame.count)
    return replace(frame, bound="exact", count=random.choice([count for count in COUNTS if count in allowed]))


def _undecided(random: Random, frame: Frame) -> Frame | None:
    """The frame with a bound that neither implies its quantity nor excludes it; None where there is no such bound."""
    assert frame.count is not None
    wanted = numbers(frame.bound, frame.count)
    bounds: Sequence[Bound] = ("more", "fewer")
    choices = [
        (bound, count)
        for bound in bounds
        for count in COUNTS
        if numbers(bound, count) & wanted and not numbers(bound, count) <= wanted
    ]
    bound, count = random.choice(choices)
    return replace(frame, bound=bound, count=count)


def _other_detail(random: Random, frame: Frame) -> Frame:
    """A premise that satisfies the quantity and gives one detail otherwise."""
    detail = random.choice([detail for detail in DETAILS if getattr(frame, detail) is not None])
    other = random.choice([value for value in DETAILS[detail] if value != getattr(frame, detail)])
    return with_fields(_satisfying(random, frame), {detail: other})


def _other_count(random: Random, frame: Frame) -> Frame:
    assert frame.count is not None
    excluded = [count for count in COUNTS if count not in numbers(frame.bound, frame.count)]
    return replace(frame, bound="exact", count=random.choice(excluded))


def _other_people(random: Random, frame: Frame) -> Frame:
    """Giver and receiver swapped, or another agent where nobody receives."""
    frame = _satisfying(random, frame)
    if frame.recipient is not None:
        return replace(frame, agent=frame.recipient, recipient=frame.agent)
    return replace(frame, agent=random.choice([person for person in PEOPLE if person != frame.agent]))


def _denied(random: Random, frame: Frame) -> Frame:
    denied = replace(frame, count=None, bound="exact")
    return _less(random, denied) if random.random() < 0.5 else denied


def _other_event(random: Random, split: str, premise: Frame, hypothesis: Frame) -> Frame:
    """Somebody else's deed, which often has what the hypothesis says and the premise does not."""
    while True:
        other = draw(random, details=0.6)
        for role in ("count", "adjective", "place", "time"):
            value = getattr(hypothesis, role)
            if value is not None and value != getattr(premise, role) and random.random() < 0.6:
                other = with_fields(other, {role: value})
        involved = {premise.agent, premise.recipient, hypothesis.agent, hypothesis.recipient}
        if other.agent not in involved and other.object != premise.object and at_home(other, split):
            return replace(other, time_first=False)
