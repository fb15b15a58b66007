"""How many of a task's examples a trial sees. Numbers alone: prices are made of them too, without torch."""

from __future__ import annotations

MIXING_CAP = 2**17
"""The most features that a task adds to an epoch of several tasks (Raffel et al. 2020, section 3.5.2). One task alone
gives all of its features.
"""


def quota(limit: int, position: int, languages: int) -> int:
    """How many of at most `limit` examples one of several languages gives: all as many, the first ones one more."""
    return limit // languages + (position < limit % languages)


def share_of_language(size: int, limit: int, position: int, languages: int) -> slice:
    """Which of its examples one of several languages gives: every n-th up to its quota."""
    count = quota(limit, position, languages)
    return slice(position, position + languages * count, languages) if languages * count <= size else slice(count)
