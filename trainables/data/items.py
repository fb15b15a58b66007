"""What examples are drawn together: the same item in all languages of a parallel task, all questions on a passage.

A score says more than it can if its examples are taken for independent that are not.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from trainables.data.examples import Example, MultipleChoice, Query, Question, TextPair

_NUMBERED = re.compile(r"(|.*-)(\d+)")
"""An id that is a row's number, maybe behind the name of its file, which says the language."""

_MET = 0.5
"""The share of the examples that another language must have, of whichever has fewer, to be parallel to it."""

_AGREE = 0.9
"""The share of translations whose labels are the same: some of PAWS-X's were changed, 1.5 % of a language at most."""


class Place(NamedTuple):
    """What an example is one of.

    Attributes:
        item: the same for its translations; the example's id where the task is not parallel.
        group: what is drawn as one: the premise, the passage, the case, or the item alone; called after the item of its
            first example.
    """

    item: str
    group: str


def places(own: Sequence[Example]) -> list[Place]:
    """Those of a split whose examples are in one language alone."""
    return [Place(one.id, group) for one, group in zip(own, _groups(own), strict=True)]


def places_among(own: Sequence[Example], language: str, reference: Sequence[Example]) -> list[Place]:
    """Those of a parallel task's split: the groups are those of the reference, so that they are the same everywhere.

    Where it is not parallel after all, nothing is shared: the places bear the language.

    Args:
        reference: the split in the language that all others are compared with; the same as `own` for that language.
    """
    found = translated(own, reference)
    if isinstance(found, str):
        return [Place(f"{language}/{item}", f"{language}/{group}") for item, group in places(own)]
    known = {place.item: place for place in places(reference)}
    items = (one.id if item is None else item for one, item in zip(own, found, strict=True))
    return [known.get(item, Place(item, group)) for item, group in zip(items, _groups(own), strict=True)]


def translated(own: Sequence[Example], reference: Sequence[Example]) -> list[str | None] | str:
    """For each example the id of the one in the reference that it is a translation of, None where there is none; or
    why they are not parallel.

    Ids that number the rows say the same only where both have as many rows.
    """
    keys, others = _keys(own), _keys(reference)
    ids = {key: one.id for key, one in zip(others, reference, strict=True)}
    if _count_rows(keys) and _count_rows(others) and len(keys) != len(others):
        return f"it has {len(keys)} examples and not {len(others)}"
    met = [key in ids for key in keys]
    if sum(met) < max(1, _MET * min(len(keys), len(others))):
        return f"{sum(met)} of {len(keys)} examples have an id that is there, too"
    labels = dict(zip(others, map(_label, reference), strict=True))
    pairs = [(_label(one), labels[key]) for one, key, is_there in zip(own, keys, met, strict=True) if is_there]
    told = [(label, other) for label, other in pairs if label is not None and other is not None]
    if sum(label == other for label, other in told) < _AGREE * len(told):
        return f"{sum(label != other for label, other in told)} of {len(told)} examples have another label"
    return [ids.get(key) for key in keys]


def _keys(examples: Sequence[Example]) -> list[Hashable]:
    """What stands for an example in all languages: the number of its row, or its id."""
    found = [_NUMBERED.fullmatch(one.id) for one in examples]
    numbers = [int(match[2]) for match in found if match]
    starts = {match[1] for match in found if match}
    if len(numbers) == len(examples) and len(starts) == 1 and len(set(numbers)) == len(numbers):
        return list(numbers)
    return [one.id for one in examples]


def _count_rows(keys: Sequence[Hashable]) -> bool:
    """Whether they are nothing but numbers of rows, of which none is missing."""
    numbers = [key for key in keys if isinstance(key, int)]
    return bool(numbers) and len(numbers) == len(keys) and max(numbers) - min(numbers) == len(numbers) - 1


def _label(example: Example) -> str | None:
    label = getattr(example, "label", None)
    return label if isinstance(label, str) else None


def _groups(examples: Sequence[Example]) -> list[str]:
    """The group of each, called after its first example."""
    first: dict[Hashable, str] = {}
    return [first.setdefault(_drawn_with(one), one.id) for one in examples]


def _drawn_with(example: Example) -> Hashable:
    """What is equal for examples that are drawn as one."""
    if (group := getattr(example, "group", None)) is not None:
        return "group", group
    match example:
        case Question(case=str(case), test=test):
            return test, case
        case Question(context=context) | MultipleChoice(context=context):
            return context
        case Query(passage=passage) if passage is not None and passage.context:
            return passage.context
        case TextPair(text_a=premise):
            return premise
    return example.id
