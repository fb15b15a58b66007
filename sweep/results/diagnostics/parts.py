"""What of a bucket is in one language, as sums of what the metric sums: of its examples, or of its kind of chunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sweep.statistics.influence import Floats

Places = NDArray[np.int64]

Counts = Mapping[str, tuple[float, ...]]
"""By kind of chunk what the metric sums of a sentence, of the chunks of that kind alone."""


@dataclass(frozen=True)
class Part:
    """A bucket in one language.

    Attributes:
        n: its examples; of a kind of chunk those in gold.
        groups: (groups): which ones are in it, sorted.
        sums: (runs, groups, k): what the metric sums, by run and group.
    """

    n: int
    groups: Places
    sums: Floats


def of_examples(places: Places, bucket: int, groups: Places, statistics: Floats) -> Part:
    """That of the examples in a bucket.

    Args:
        places: (n): the bucket of each example.
        groups: (n): the group of each.
        statistics: (runs, n, k).
    """
    inside = np.flatnonzero(places == bucket)
    order = inside[np.argsort(groups[inside], kind="stable")]
    found, starts = np.unique(groups[order], return_index=True)
    sums = np.add.reduceat(statistics[:, order], starts, axis=1) if len(order) else statistics[:, :0]
    return Part(len(inside), found, sums)


class Chunks:
    """The chunks of a language's sentences, gold and as each run predicts them, by kind.

    What is told apart is not the sentence but the pair of its gold and predicted tags: of many runs that agree one is
    looked at.

    Args:
        gold: (n): the tags of each sentence.
        predicted: (runs, n): which of `texts` each run gives to each sentence.
        texts: tags joined by blanks.
        count: what the metric sums of a sentence's gold and predicted tags, by kind of chunk.
    """

    def __init__(
        self,
        gold: Sequence[Sequence[str]],
        predicted: NDArray[np.integer],
        texts: Sequence[str],
        count: Callable[[Sequence[str], Sequence[str]], Counts],
    ) -> None:
        keys = np.arange(len(gold))[None, :] * len(texts) + predicted
        pairs, self._codes = np.unique(keys, return_inverse=True)
        self._codes = self._codes.reshape(predicted.shape)
        tags: dict[int, tuple[str, ...]] = {}
        self._counts: list[Counts] = []
        for key in pairs.tolist():
            sentence, text = divmod(key, len(texts))
            if text not in tags:
                tags[text] = tuple(texts[text].split(" "))
            self._counts.append(count(gold[sentence], tags[text]))

    @cached_property
    def in_gold(self) -> dict[str, int]:
        """How many chunks of each kind gold has."""
        raise NotImplementedError
