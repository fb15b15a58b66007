"""What of a bucket is in one language, as sums of what the metric sums: of examples, or of a kind of entity or tag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweep.statistics.influence import Floats

Places = NDArray[np.int64]

Tags = Sequence[str]


@dataclass(frozen=True)
class Part:
    """A bucket in one language.

    Attributes:
        n: its examples; of a kind of entity how many of it are in gold.
        groups: (groups): which groups of examples are in it, sorted.
        sums: (runs, groups, k): what the metric sums, by run and group.
    """

    n: int
    groups: Places
    sums: Floats


def of_examples(inside: Places, groups: Places, statistics: Floats) -> Part:
    """Some examples.

    Args:
        inside: their positions.
        groups: (n): the group of each example.
        statistics: (runs, n, k).
    """
    order = inside[np.argsort(groups[inside], kind="stable")]
    found, starts = np.unique(groups[order], return_index=True)
    sums = np.add.reduceat(statistics[:, order], starts, axis=1) if len(order) else statistics[:, :0]
    return Part(len(inside), found, sums)


class Tagged:
    """The entities or tags of a language's sentences, gold and as each run predicts them, by kind.

    Of many runs that predict the same for a sentence one is looked at.

    Args:
        gold: (n): the tags of each sentence.
        predicted: (runs, n): which of `texts` each run predicts for each sentence.
        texts: tags joined by blanks.
        by_kind: from a sentence's gold and predicted tags to what the metric sums, for each kind.
    """

    def __init__(
        self,
        gold: Sequence[Tags],
        predicted: NDArray[np.integer],
        texts: Sequence[str],
        by_kind: Callable[[Tags, Tags], Mapping[str, Sequence[int]]],
    ) -> None:
        tags = [tuple(text.split(" ")) if text else () for text in texts]
        keys = np.arange(len(gold)) * len(texts) + predicted
        pairs, codes = np.unique(keys, return_inverse=True)
        self._pairs = codes.reshape(predicted.shape)
        self._number = len(pairs)
        found: dict[str, list[tuple[int, Sequence[int]]]] = {}
        for pair, key in enumerate(pairs.tolist()):
            sentence, text = divmod(key, len(texts))
            for kind, sums in by_kind(gold[sentence], tags[text]).items():
                found.setdefault(kind, []).append((pair, sums))
        self._found = found
        self.in_gold: Counter[str] = Counter()
        for sentence in gold:
            self.in_gold.update({kind: sums[0] for kind, sums in by_kind(sentence, sentence).items()})

    @property
    def kinds(self) -> Collection[str]:
        """All that are in gold or predicted."""
        return self._found.keys() | self.in_gold.keys()

    def of_kinds(self, kinds: Collection[str], groups: Places) -> Part:
        """The part of some kinds; groups as in `of_examples`, of the sentences that any run or gold has them in."""
        rows = [row for kind in kinds for row in self._found.get(kind, [])]
        if not rows:
            return Part(0, np.empty(0, np.int64), np.empty((len(self._pairs), 0, 1)))
        table = np.zeros((self._number, len(rows[0][1])))
        np.add.at(table, [pair for pair, _ in rows], [sums for _, sums in rows])
        statistics = table[self._pairs]
        part = of_examples(np.flatnonzero(statistics.any(axis=(0, 2))), groups, statistics)
        return Part(sum(self.in_gold[kind] for kind in kinds), part.groups, part.sums)
