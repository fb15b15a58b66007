"""The buckets of an attribute: ranges of numbers with about as many examples each, or single values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

PARTS = 4
"""Into how many ranges of about equal size numbers are cut."""

MOST_VALUES = 20
"""How many values of a category have a bucket of their own, the most frequent ones."""

RARE = 0.01
"""The share of the examples under which values of a category are put together."""

DIGITS = 4
"""That numbers are shown with, where these tell them apart."""

NONE = -1
"""Where an example is that gives no value."""


@dataclass(frozen=True)
class Bucket:
    """A range or value of an attribute.

    Attributes:
        lower, upper: the least and the greatest number that occurs in it; None of a category.
    """

    name: str
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class Cut:
    """The buckets of an attribute and where each example is.

    Attributes:
        places: for each array of values (a language's) the bucket of each example, by its position; NONE: in none.
    """

    buckets: tuple[Bucket, ...]
    places: tuple[NDArray[np.int64], ...]


def cut(values: Sequence[pa.Array]) -> Cut:
    """The same buckets for all languages: of numbers their ranges, else their values. Nulls are in none.

    The order of languages and examples changes nothing.
    """
    kind = values[0].type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _ranges([one.cast(pa.float64()).to_numpy(zero_copy_only=False) for one in values])
    texts = [one.to_pylist() for one in values]
    buckets, of_value = categories(Counter(value for one in texts for value in one if value is not None))
    return Cut(buckets, tuple(np.array([of_value.get(value, NONE) for value in one], np.int64) for one in texts))


def _ranges(numbers: Sequence[NDArray[np.float64]]) -> Cut:
    """Cut at the quartiles of all examples; what has the same number is in one range, so there may be fewer.

    0 is a bucket of its own: no answer, no word in common.
    """
    found = np.sort(np.concatenate(numbers))
    found = found[~np.isnan(found)]
    above = found[found > 0]
    lasts = above[np.ceil(len(above) * np.arange(1, PARTS + 1) / PARTS).astype(int) - 1] if len(above) else above
    distinct = np.unique(found)
    uppers = distinct if len(distinct) <= PARTS else np.unique(np.concatenate([found[found <= 0][-1:], lasts]))
    lowers = distinct[np.searchsorted(distinct, [-np.inf, *uppers[:-1]], side="right")] if len(uppers) else uppers
    names = _names(lowers, uppers)
    buckets = tuple(map(Bucket, names, lowers.tolist(), uppers.tolist()))
    return Cut(buckets, tuple(np.where(np.isnan(one), NONE, np.searchsorted(uppers, one)) for one in numbers))


def _names(lowers: NDArray[np.float64], uppers: NDArray[np.float64]) -> list[str]:
    """Names of ranges, with as few digits as tell them apart."""
    names: list[str] = []
    for digits in range(DIGITS, 18):
        shown = [[f"{number:.{digits}g}" for number in side] for side in (lowers, uppers)]
        names = [low if low == high else f"{low} to {high}" for low, high in zip(*shown, strict=True)]
        if len({*names}) == len(names):
            break
    return names


def categories(counts: Mapping[str, int]) -> tuple[tuple[Bucket, ...], dict[str, int]]:
    """The buckets of values that occur so often, and each value's: the most frequent first, the rare ones together.

    Of equally frequent ones the first in the alphabet.
    """
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    least = RARE * sum(counts.values())
    kept = [value for value in ranked[:MOST_VALUES] if counts[value] >= least]
    rare = ranked[len(kept) :]
    if len(rare) == 1:
        kept, rare = ranked, []
    buckets = [*map(Bucket, kept), *([Bucket(f"{len(rare)} others")] if rare else [])]
    return tuple(buckets), {value: min(place, len(kept)) for place, value in enumerate(ranked)}
