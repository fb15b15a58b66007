"""What a sentence says, apart from any language: who did what, to whom, how many, where and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Literal
from zlib import crc32

Bound = Literal["exact", "more", "fewer"]
Asked = Literal["agent", "object", "count", "recipient", "place", "time"]

PEOPLE = (
    "anna",
    "daniel",
    "maria_lopez",
    "omar",
    "laura_weber",
    "robert_brown",
    "elena",
    "viktor_ivanov",
    "sara",
    "thomas",
    "julia",
    "martin_king",
)
WOMEN = frozenset({"anna", "maria_lopez", "laura_weber", "elena", "sara", "julia"})
# Every verb goes with every object: no combination is odd, so none can be guessed from the other words.
PLAIN_VERBS = ("buy", "find", "see", "lose", "hide")
TRANSFER_VERBS = ("sell", "give", "send", "bring", "show")
VERBS = PLAIN_VERBS + TRANSFER_VERBS
OBJECTS = (
    "apple",
    "book",
    "letter",
    "bag",
    "cup",
    "chair",
    "shirt",
    "flower",
    "hat",
    "lamp",
    "knife",
    "key",
    "box",
    "picture",
    "umbrella",
    "bottle",
    "egg",
    "ball",
)
ADJECTIVES = ("red", "white", "black", "big", "small", "new")
CITIES = ("madrid", "berlin", "moscow", "istanbul", "beijing", "delhi", "nairobi", "new_york", "london", "buenos_aires")
SITES = ("market", "school", "library", "garden", "hotel", "office")
PLACES = CITIES + SITES
TIMES = ("yesterday", "monday", "friday", "saturday", "morning", "evening", "last_week", "may")
COUNTS = (2, 3, 4, 5, 6, 7, 8, 9)


@dataclass(frozen=True, slots=True)
class Frame:
    """One event in the past. Objects are always plural; a negative frame has no count ("did not buy any apples")."""

    agent: str
    verb: str
    object: str
    count: int | None
    bound: Bound = "exact"
    adjective: str | None = None
    recipient: str | None = None
    place: str | None = None
    time: str | None = None
    time_first: bool = False

    @property
    def negative(self) -> bool:
        return self.count is None

    @property
    def event(self) -> tuple[str | int | None, ...]:
        """All that the frame says: two frames of one event differ in word order only."""
        return (
            self.agent,
            self.verb,
            self.object,
            self.count,
            self.bound,
            self.adjective,
            self.recipient,
            self.place,
            self.time,
        )


def draw(random: Random, details: float = 0.7, negatives: float = 0.0) -> Frame:
    """A random frame; each of adjective, place and time is there with probability `details`."""
    agent, other = random.sample(PEOPLE, 2)
    verb = random.choice(VERBS)
    negative = random.random() < negatives
    return Frame(
        agent=agent,
        verb=verb,
        object=random.choice(OBJECTS),
        count=None if negative else random.choice(COUNTS),
        adjective=random.choice(ADJECTIVES) if random.random() < details else None,
        recipient=other if verb in TRANSFER_VERBS else None,
        place=random.choice(random.choice((CITIES, SITES))) if random.random() < details else None,
        time=random.choice(TIMES) if random.random() < details else None,
        time_first=random.random() < 0.4,
    )


def at_home(frame: Frame, split: str) -> bool:
    """Whether a split may use the frame. Who did what with which object decides, so splits share no event."""
    digit = crc32(f"{frame.agent} {frame.verb} {frame.object}".encode()) % 10
    return split == ("train" if digit < 6 else "dev" if digit < 8 else "test")


def with_fields(frame: Frame, changes: Mapping[str, object]) -> Frame:
    """`dataclasses.replace` for fields whose names are chosen at run time."""
    change: Callable[..., Frame] = replace
    return change(frame, **changes)
