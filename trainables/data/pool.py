"""Passages as columns: a million of them are no million objects."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import overload

import pyarrow as pa
import pyarrow.compute as pc

from trainables.data.examples import Passage

AT_ONCE = 20_000
"""Passages that are objects at the same time, while they are read or gone through."""

SCHEMA = pa.schema(
    [("id", pa.string()), ("text", pa.string()), ("context", pa.string()), ("answers", pa.list_(pa.string()))]
)


class Pool(Sequence[Passage]):
    """Passages in Arrow's memory, each made into an object when it is asked for.

    Args:
        batches: with SCHEMA.
    """

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._table = pa.Table.from_batches(batches, SCHEMA)

    @classmethod
    def of(cls, passages: Iterable[Passage]) -> Pool:
        """Those that are read one after the other."""
        parts = iter(passages)
        return cls(map(_batch, iter(lambda: [*islice(parts, AT_ONCE)], [])))

    def __len__(self) -> int:
        return self._table.num_rows

    @overload
    def __getitem__(self, position: int) -> Passage: ...
    @overload
    def __getitem__(self, position: slice) -> list[Passage]: ...
    def __getitem__(self, position: int | slice) -> Passage | list[Passage]:
        if isinstance(position, slice):
            return [self[one] for one in range(*position.indices(len(self)))]
        own_id, text, context, answers = (column[position].as_py() for column in self._table.columns)
        return Passage(own_id, text, context, tuple(answers))

    def __iter__(self) -> Iterator[Passage]:
        for batch in self._table.to_batches():
            for own_id, text, context, answers in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield Passage(own_id, text, context, tuple(answers))

    def answering(self, keys: Collection[str]) -> Iterator[tuple[str, str]]:
        """See `answering`."""
        wanted = pa.array([*keys], pa.string())
        for batch in self._table.to_batches():
            own_ids, answers = batch["id"], batch["answers"]
            found = pc.is_in(answers.flatten(), wanted)
            owners = own_ids.take(pc.list_parent_indices(answers).filter(found))
            yield from zip(answers.flatten().filter(found).to_pylist(), owners.to_pylist(), strict=True)


def answering(passages: Sequence[Passage], keys: Collection[str]) -> Iterator[tuple[str, str]]:
    """Which passages answer some keys: each key with the id of each of them, in the passages' order."""
    if isinstance(passages, Pool):
        yield from passages.answering(keys)
    else:
        yield from ((key, passage.id) for passage in passages for key in passage.answers if key in keys)


def _batch(passages: Sequence[Passage]) -> pa.RecordBatch:
    columns = {name: [getattr(passage, name) for passage in passages] for name in SCHEMA.names}
    return pa.RecordBatch.from_pydict(columns, schema=SCHEMA)
