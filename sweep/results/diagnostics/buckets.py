"""The buckets of an attribute: ranges of numbers with about as many examples each, or single values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PARTS = 4
"""Into how many ranges of about equal size numbers are cut."""

MOST_VALUES = 20
"""How many values of a category have a bucket of their own, the most frequent ones."""

RARE = 0.01
"""The share of the examples under which values of a category are put together."""

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
    places: tuple[np.ndarray, ...]


def cut(values: Sequence[pa.Array]) -> Cut:
    """The same buckets for all languages: of numbers their ranges, else their values. Nulls are in none.

    The order of languages and examples changes nothing.
    """
    joined = pa.chunked_array(values)
    return _ranges(values) if pa.types.is_integer(joined.type) or pa.types.is_floating(joined.type) else _values(values)


def _ranges(values: Sequence[pa.Array]) -> Cut:
    """Cut at the quartiles of all examples; what has the same number is in one range, so there may be fewer."""
    numbers = [one.cast(pa.float64()).to_numpy(zero_copy_only=False) for one in values]
    found = np.sort(np.concatenate(numbers))
    found = found[~np.isnan(found)]
    if not len(found):
        return Cut((), tuple(np.full(len(one), NONE) for one in numbers))
    distinct = np.unique(found)
    lasts = np.unique(found[np.ceil(len(found) * np.arange(1, PARTS + 1) / PARTS).astype(int) - 1])
    uppers = distinct if len(distinct) <= PARTS else lasts
    firsts = distinct[np.searchsorted(distinct, uppers[:-1], side="right")]
    lowers = np.concatenate([distinct[:1], firsts])
    buckets = tuple(
        Bucket(_shown(lower) if lower == upper else f"{_shown(lower)} to {_shown(upper)}", float(lower), float(upper))
        for lower, upper in zip(lowers, uppers, strict=True)
    )
    return Cut(buckets, tuple(np.where(np.isnan(one), NONE, np.searchsorted(uppers, one)) for one in numbers))


def _shown(number: float) -> str:
    return f"{number:.4g}" if abs(number) < 10_000 else f"{number:.0f}"


def _values(values: Sequence[pa.Array]) -> Cut:
    """The most frequent values first, of equally frequent ones in the order of the alphabet; the rare ones together."""
    counts = pc.value_counts(pa.chunked_array(values, pa.string()).combine_chunks().drop_null()).to_pylist()
    ranked = sorted(counts, key=lambda one: (-one["counts"], one["values"]))
    total = sum(one["counts"] for one in ranked)
    kept = [one["values"] for one in ranked[:MOST_VALUES] if one["counts"] >= RARE * total]
    rare = [one["values"] for one in ranked[len(kept) :]]
    if len(rare) == 1:
        kept, rare = [*kept, *rare], []
    buckets = [Bucket(value) for value in kept] + ([Bucket(f"{len(rare)} others")] if rare else [])
    of_value = {value: min(place, len(kept)) for place, value in enumerate([*kept, *rare])}
    return Cut(
        tuple(buckets),
        tuple(np.array([of_value.get(value, NONE) for value in one.to_pylist()], np.int64) for one in values),
    )
