"""Passages in columns are those that were put in, and say the same of keys as a list of them."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from trainables.data import pool as module
from trainables.data.examples import Passage
from trainables.data.pool import Pool, answering

keys = st.sampled_from("abcd")
passages = st.lists(
    st.builds(Passage, st.text(max_size=3), st.text(max_size=9), st.text(max_size=3), st.lists(keys).map(tuple)),
    max_size=12,
)


@given(passages, st.sets(keys), st.integers(1, 5))
def test_columns_are_as_good_as_a_list(found: list[Passage], wanted: set[str], at_once: int) -> None:
    with mock.patch.object(module, "AT_ONCE", at_once):
        pool = Pool.of(found)
    assert [*pool] == pool[:] == [pool[place] for place in range(len(pool))] == found
    assert pool[1:4] == found[1:4]
    assert [*answering(pool, wanted)] == [*answering(found, wanted)]


def test_few_passages_are_objects_at_once() -> None:
    alive, most = 0, 0

    class Counted(Passage):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def read() -> Iterator[Passage]:
        nonlocal alive, most
        for number in range(100):
            alive += 1
            most = max(most, alive)
            yield Counted(f"{number}", "", "", ())

    with mock.patch.object(module, "AT_ONCE", 10):
        assert len(Pool.of(read())) == 100
    assert most <= 21
    assert alive == 0
