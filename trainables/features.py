"""Features: rows of token ids, made once of examples and kept in Arrow files that all workers of a node map."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np
import pyarrow as pa
from filelock import FileLock

from trainables.store import Store, cache_folder

IGNORED = -100
"""A target that counts nowhere: padding, second sub-tokens, hidden labels."""

FOLDER = "features"

Numbers = Sequence[int] | np.ndarray
"""Lists while features are made, views of Arrow's memory afterwards."""

SCHEMA = pa.schema(
    [
        ("rows", pa.large_list(pa.large_list(pa.int32()))),
        ("example", pa.int32()),
        ("target", pa.large_list(pa.int32())),
        ("weight", pa.int32()),
        ("origin", pa.large_list(pa.list_(pa.int32(), 2))),
    ]
)


@dataclass(slots=True)
class Feature:
    """What one term of the loss, or one prediction, is computed from: an example or a part of it.

    Attributes:
        rows: token ids with the special tokens, not padded. Most kinds have one row; multiple choice has one a choice.
        example: the position of its example.
        target: what the loss compares with: one class, a class per token, or the start and end of a span.
        weight: how many terms it adds to the loss: the loss of a step is their mean over the whole batch.
        origin: pairs of numbers that decoding needs to get from tokens back to the example.
    """

    rows: Sequence[Numbers]
    example: int
    target: Numbers = field(default_factory=lambda: [IGNORED])
    weight: int = 1
    origin: Sequence[tuple[int, int]] | np.ndarray = ()

    @property
    def width(self) -> int:
        """The number of tokens of its longest row."""
        return max(map(len, self.rows))

    @property
    def tokens(self) -> int:
        """The number of tokens of all its rows."""
        return sum(map(len, self.rows))


class _Lists(NamedTuple):
    """A column of lists: `values[starts[i] : starts[i + 1]]` is the i-th."""

    starts: np.ndarray
    values: np.ndarray

    def __getitem__(self, position: int) -> np.ndarray:  # type: ignore[override]
        return self.values[self.starts[position] : self.starts[position + 1]]


class _Chunk:
    """The columns of a batch of an Arrow file as numpy arrays, without a copy."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        rows, target, origin = (batch.column(name) for name in ("rows", "target", "origin"))
        self.rows_of = rows.offsets.to_numpy()
        self.tokens = _Lists(rows.values.offsets.to_numpy(), rows.values.values.to_numpy())
        self.example, self.weight = batch.column("example").to_numpy(), batch.column("weight").to_numpy()
        self.target = _Lists(target.offsets.to_numpy(), target.values.to_numpy())
        self.origin = _Lists(origin.offsets.to_numpy(), origin.values.values.to_numpy().reshape(-1, 2))

    def feature(self, position: int) -> Feature:
        rows = range(self.rows_of[position], self.rows_of[position + 1])
        return Feature(
            rows=[self.tokens[row] for row in rows],
            example=int(self.example[position]),
            target=self.target[position],
            weight=int(self.weight[position]),
            origin=self.origin[position],
        )


class Rows(NamedTuple):
    """Where the rows of features are, as arrays: the feature of each, its place among that feature's, its tokens."""

    feature: np.ndarray
    place: np.ndarray
    length: np.ndarray


class Features(Sequence[Feature]):
    """Features in Arrow's memory, each made into an object when it is asked for."""

    def __init__(self, chunks: Sequence[_Chunk], positions: np.ndarray | None = None) -> None:
        self._chunks = chunks
        self._starts = np.cumsum([0, *(len(chunk.weight) for chunk in chunks)])
        self._positions = np.arange(self._starts[-1]) if positions is None else positions

    @classmethod
    def of(cls, batches: Iterable[pa.RecordBatch]) -> Features:
        """Those of batches with SCHEMA."""
        return cls([_Chunk(batch) for batch in batches])

    @classmethod
    def joined(cls, parts: Sequence[Features]) -> Features:
        """Several after each other, without a copy."""
        starts = np.cumsum([0, *(part._starts[-1] for part in parts)])
        positions = [part._positions + start for part, start in zip(parts, starts, strict=False)]
        return cls([chunk for part in parts for chunk in part._chunks], np.concatenate([*positions, np.arange(0)]))

    def that_count(self) -> Features:
        """Those with a term in the loss."""
        weights = np.concatenate([np.zeros(0, np.int32), *(chunk.weight for chunk in self._chunks)])
        return Features(self._chunks, self._positions[weights[self._positions] > 0])

    def token_ids(self) -> np.ndarray:
        """Every token that occurs, once, in order. (Also those of features that do not count: they do no harm.)"""
        met = [np.unique(chunk.tokens.values) for chunk in self._chunks]
        return np.unique(np.concatenate([np.zeros(0, np.int32), *met]))

    def examples(self) -> np.ndarray:
        """The position of each feature's example, in its part where several were joined."""
        return self._of_all(lambda chunk: chunk.example)

    def lengths(self) -> np.ndarray:
        """The tokens of each feature, in all its rows."""
        return self._of_all(lambda chunk: np.diff(chunk.tokens.starts[chunk.rows_of]))

    def rows(self) -> Rows:
        """All rows of all features, in their order."""
        counts = self._of_all(lambda chunk: np.diff(chunk.rows_of))
        feature = np.repeat(np.arange(len(self)), counts)
        place = np.arange(len(feature)) - np.repeat(np.cumsum(counts) - counts, counts)
        lengths = [np.zeros(0, np.int64), *(np.diff(chunk.tokens.starts) for chunk in self._chunks)]
        before = np.cumsum([0, *map(len, lengths[1:])])
        firsts = [chunk.rows_of[:-1] + start for chunk, start in zip(self._chunks, before, strict=False)]
        first = np.concatenate([np.zeros(0, np.int64), *firsts])[self._positions]
        return Rows(feature, place, np.concatenate(lengths)[np.repeat(first, counts) + place])

    def _of_all(self, column: Callable[[_Chunk], np.ndarray]) -> np.ndarray:
        return np.concatenate([np.zeros(0, np.int64), *map(column, self._chunks)])[self._positions]

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, position: int) -> Feature: ...
    @overload
    def __getitem__(self, position: slice) -> list[Feature]: ...
    def __getitem__(self, position: int | slice) -> Feature | list[Feature]:
        if isinstance(position, slice):
            return [self[one] for one in range(*position.indices(len(self)))]
        place = int(self._positions[position])
        chunk = int(np.searchsorted(self._starts, place, side="right")) - 1
        return self._chunks[chunk].feature(place - int(self._starts[chunk]))


def as_batch(features: Sequence[Feature]) -> pa.RecordBatch:
    """Features as Arrow has them, with SCHEMA."""
    columns = {name: [getattr(feature, name) for feature in features] for name in SCHEMA.names}
    return pa.RecordBatch.from_pydict(columns, schema=SCHEMA)


class FeatureCache:
    """The Arrow files of a store, mapped into memory; a store that is not on a disk is mirrored on this machine's.

    A file is complete or absent, and its name says its content: whoever comes second reads what the first one wrote.
    Processes of one machine wait for each other, so that examples are tokenised once.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, key: str, make: Callable[[], Iterable[Sequence[Feature]]]) -> Features:
        """The features with that key, made if they are not there: part by part, so that one part is in memory."""
        path = self._path(key)
        if not path.is_file():
            locks = cache_folder() / "locks"
            locks.mkdir(parents=True, exist_ok=True)
            with FileLock(locks / f"features-{key}.lock"):
                if not path.is_file():
                    self._fill(key, path, make)
        file = pa.ipc.open_file(pa.memory_map(str(path)))
        return Features.of(file.get_batch(number) for number in range(file.num_record_batches))

    def _path(self, key: str) -> Path:
        root = Path(self.store.root) if self.store.is_local else cache_folder()
        return root / FOLDER / f"{key}.arrow"

    def _fill(self, key: str, path: Path, make: Callable[[], Iterable[Sequence[Feature]]]) -> None:
        name = f"{FOLDER}/{key}.arrow"
        if self.store.exists(name):
            content = self.store.read(name)
        else:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_file(sink, SCHEMA) as writer:
                for features in make():
                    writer.write_batch(as_batch(features))
            content = sink.getvalue()
            self.store.write(name, content)
        if not self.store.is_local:
            Store(str(path.parent)).write(path.name, content)
