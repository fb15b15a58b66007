"""Questions on short passages whose sentences share words, so that only one of them answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import get_args

from trainables.data.mini.frames import PLAIN_VERBS, TRANSFER_VERBS, Asked, Frame, at_home, draw, with_fields

ASKED: tuple[Asked, ...] = get_args(Asked)
# What a question leaves open: "what did Anna buy" mentions neither the number nor the colour.
OPEN: dict[Asked, tuple[str, ...]] = {asked: (asked,) for asked in ASKED} | {"object": ("object", "count", "adjective")}
ROLES = ("agent", "verb", "object", "count", "adjective", "recipient", "place", "time")


@dataclass(frozen=True, slots=True)
class Passage:
    """Sentences, the one that holds the answer, the asked role, and the frame that the question mentions."""

    frames: tuple[Frame, ...]
    target: int
    asked: Asked
    mentioned: Frame

    @property
    def key(self) -> tuple[object, ...]:
        return (self.asked, self.mentioned.event, *(frame.event for frame in self.frames))


@lru_cache(maxsize=8)  # the same for every language
def passages(seed: str, split: str, size: int) -> tuple[Passage, ...]:
    """`size` different passages, the asked roles in equal shares."""
    random = Random(seed)
    result: list[Passage] = []
    seen: set[tuple[object, ...]] = set()
    while len(result) < size:
        passage = _passage(random, split, ASKED[len(result) % len(ASKED)])
        if passage is not None and passage.key not in seen:
            seen.add(passage.key)
            result.append(passage)
    random.shuffle(result)
    return tuple(result)


def answers(frame: Frame, mentioned: Frame, asked: Asked) -> bool:
    """Whether the frame fits all that the question mentions."""
    return all(getattr(mentioned, role) in (None, getattr(frame, role)) for role in ROLES if role not in OPEN[asked])


def _passage(random: Random, split: str, asked: Asked) -> Passage | None:
    """A passage, or None where the draw has no question with one answer."""
    target = draw(random, details=0.8)
    if getattr(target, asked) is None or not at_home(target, split):
        return None
    frames = [target, *(_distractor(random, split, target, asked) for _ in range(random.choice((2, 3))))]
    dropped = {detail: None for detail in ("adjective", "place", "time") if detail != asked and random.random() < 0.4}
    mentioned = with_fields(target, dropped)
    values = [getattr(frame, asked) for frame in frames]
    if sum(answers(frame, mentioned, asked) for frame in frames) > 1 or values.count(values[0]) > 1:
        return None
    random.shuffle(frames)
    return Passage(tuple(frames), frames.index(target), asked, mentioned)


def _distractor(random: Random, split: str, target: Frame, asked: Asked) -> Frame:
    """A frame of the split that differs in the asked role, in the count and in one to three roles more."""
    others = [role for role in ("agent", "verb", "object", "place", "time", "adjective") if role != asked]
    while True:
        fresh = draw(random, details=0.8)
        changed = {"count", asked, *random.sample(others, random.randint(1, 3))}
        if "verb" in changed:
            changed.add("recipient")  # it is the verb that has room for one
        frame = with_fields(target, {role: getattr(fresh, role) for role in changed})
        if frame.recipient is None and frame.verb in TRANSFER_VERBS:
            frame = replace(frame, recipient=fresh.agent)
        elif frame.verb in PLAIN_VERBS:
            frame = replace(frame, recipient=None)
        if frame.recipient != frame.agent and at_home(frame, split):
            return replace(frame, time_first=fresh.time_first)
