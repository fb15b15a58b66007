"""Who gives how many of a limited number of examples, and which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.training.shares import Part, shares

limits = st.integers(1, 200)


@given(limits, st.lists(st.integers(0, 60), min_size=1, max_size=8))
def test_a_limit_is_used_up_and_spread_evenly(limit: int, sizes: list[int]) -> None:
    given = shares(limit, sizes)
    assert sum(given) == min(limit, sum(sizes))
    assert all(0 <= count <= size for count, size in zip(given, sizes, strict=True))
    with_more = [count for count, size in zip(given, sizes, strict=True) if count < size]
    if with_more:  # whoever has more gives as many as any other
        assert min(with_more) >= max(given) - 1


@pytest.mark.parametrize(
    ("limit", "sizes", "expected"),
    [
        (6000, [6000], [6000]),
        (6000, [6000, 1000, 2000], [3000, 1000, 2000]),  # 2000 each, and what the second lacks
        (10, [9, 9, 9], [4, 3, 3]),
        (2, [9, 9, 9], [1, 1, 0]),
        (7, [0, 3, 3], [0, 3, 3]),
    ],
)
def test_what_a_short_language_lacks_the_others_give(limit: int, sizes: list[int], expected: list[int]) -> None:
    assert shares(limit, sizes) == expected


@given(limits, st.lists(st.integers(0, 60), min_size=1, max_size=8))
def test_no_example_is_taken_twice(limit: int, sizes: list[int]) -> None:
    for position, (count, size) in enumerate(zip(shares(limit, sizes), sizes, strict=True)):
        taken = Part(count, position, len(sizes)).of(range(size))
        assert len(taken) == count
        assert taken == sorted(set(taken))
        assert set(taken) <= set(range(size))


@given(limits, st.integers(1, 60), st.integers(1, 6))
def test_parallel_data_gives_other_examples_in_each_language(limit: int, size: int, languages: int) -> None:
    counts = shares(limit, [size] * languages)
    taken = [Part(count, position, languages).of(range(size)) for position, count in enumerate(counts)]
    assert len({example for one in taken for example in one}) == min(limit, size)
    if limit <= size:  # the i-th of n languages gives the i-th of every n
        assert all(example % languages == position for position, one in enumerate(taken) for example in one)


def test_a_part_of_one_language_is_its_start() -> None:
    assert list(Part().of("abc")) == ["a", "b", "c"]
    assert Part(2).of("abc") == ["a", "b"]
    assert Part(9).of("abc") == ["a", "b", "c"]
    assert Part(3, position=1, languages=2).of("abcde") == ["a", "b", "d"]  # every second, then of the others
