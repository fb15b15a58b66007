"""Questions on short passages whose sentences share words, so that only one of them answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import get_args

from trainables.data.mini.frames import Asked, Frame, at_home, draw, with_fields

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


def passages(random: Random, split: str, size: int) -> list[Passage]:
    """`size` different passages, the asked roles in equal shares."""
    result: list[Passage] = []
    seen: set[tuple[object, ...]] = set()
    while len(result) < size:
        passage = _passage(random, split, ASKED[len(result) % len(ASKED)])
        if passage is not None and passage.key not in seen:
            seen.add(passage.key)
            result.append(passage)
    random.shuffle(result)
    return result


def answers(frame: Frame, mentioned: Frame, asked: Asked) -> bool:
    """Whether the frame fits all that the question mentions."""
    return all(getattr(mentioned, role) in (None, getattr(frame, role)) for role in ROLES if role not in OPEN[asked])


def _passage(random: Random, split: str, asked: Asked) -> Passage | None:
    """A passage, or None where the draw has no question with one answer."""
    target = draw(random, details=0.8)
    if getattr(target, asked) is None:
        return None
    frames = [target, *(_distractor(random, target, asked) for _ in range(random.choice((2, 3))))]
    dropped = {detail: None for detail in ("adjective", "place", "time") if detail != asked and random.random() < 0.4}
    mentioned = with_fields(target, dropped)
    values = [getattr(frame, asked) for frame in frames]
    unique = sum(answers(frame, mentioned, asked) for frame in frames) == 1 and values.count(values[0]) == 1
    if not unique or not all(at_home(frame, split) for frame in frames):
        return None
    random.shuffle(frames)
    return Passage(tuple(frames), frames.index(target), asked, mentioned)


def _distractor(random: Random, target: Frame, asked: Asked) -> Frame:
    """A frame with another value for the asked role and one to three more; the rest is as in the target."""
    fresh = draw(random, details=0.8)
    others = [role for role in ("agent", "verb", "object", "place", "time", "adjective") if role != asked]
    changed = {asked, *random.sample(others, random.randint(1, 3))}
    values = {role: getattr(fresh, role) for role in changed if role not in ("verb", "recipient")}
    frame = with_fields(target, values)
    frame = replace(frame, count=fresh.count, time_first=fresh.time_first)
    if "verb" in changed:
        frame = replace(frame, verb=fresh.verb, recipient=fresh.recipient)
    elif "recipient" in changed:
        frame = replace(frame, recipient=fresh.recipient or fresh.agent)
    return frame if frame.recipient != frame.agent else _distractor(random, target, asked)
