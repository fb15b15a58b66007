"""What of a bucket is in one language, as sums of what the metric sums: of examples, or of a kind of entity or tag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweep.statistics.influence import Floats
from trainables.metrics.tagging import Chunk

Places = NDArray[np.int64]


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
    sums = statistics[:, order]
    if len(found) < len(order):  # most examples are groups of their own
        sums = np.add.reduceat(sums, starts, axis=1)
    return Part(len(inside), found, sums)


class Tagged:
    """The entities or tags of a language's sentences, gold and as each run predicts them, by kind.

    Of many runs that predict the same for a sentence one is looked at.

    Args:
        gold: (n): the tags of each sentence, joined by blanks as those of `texts`.
        predicted: (runs, n): which of `texts` each run predicts for each sentence.
        chunks: of a sentence's tags: `trainables.metrics.tagging.CHUNKS`.
        width: how many statistics the metric has: right, in gold and, if 3, predicted.
    """

    def __init__(
        self,
        gold: Sequence[str],
        predicted: NDArray[np.integer],
        texts: Sequence[str],
        chunks: Callable[[str], Sequence[Chunk]],
        width: int,
    ) -> None:
        pairs, codes = np.unique(np.arange(len(gold)) * len(texts) + predicted, return_inverse=True)
        self._pair = codes.reshape(predicted.shape)
        sentence, text = np.divmod(pairs, len(texts))
        known: dict[Chunk, int] = {}
        in_gold = _Chunked([chunks(one) for one in gold], known)
        in_texts = _Chunked([chunks(one) for one in texts], known)
        self._kinds = {kind: place for place, kind in enumerate(dict.fromkeys(kind for kind, _, _ in known))}
        kind_of = np.array([self._kinds[kind] for kind, _, _ in known], np.int64)
        (of_gold, gold_chunks), (of_text, text_chunks) = in_gold.rows(sentence), in_texts.rows(text)
        is_right = np.isin(of_text * len(known) + text_chunks, of_gold * len(known) + gold_chunks, assume_unique=True)
        counted = [(of_text[is_right], text_chunks[is_right]), (of_gold, gold_chunks), (of_text, text_chunks)][:width]
        shape = len(pairs), len(self._kinds)
        flat = [np.bincount(pair * shape[1] + kind_of[own], minlength=shape[0] * shape[1]) for pair, own in counted]
        self._table = np.stack(flat, axis=-1).reshape(*shape, width)
        totals = np.bincount(kind_of[in_gold.chunks], minlength=shape[1]).tolist()
        self.in_gold = Counter(dict(zip(self._kinds, totals, strict=True)))
        """How many of each kind gold has; 0 of those that are predicted alone."""

    def of_kinds(self, kinds: Collection[str], groups: Places) -> Part:
        """The part of some kinds; groups as in `of_examples`, of the sentences that any run or gold has them in."""
        places = [self._kinds[kind] for kind in kinds if kind in self._kinds]
        statistics = self._table[:, places].sum(axis=1).astype(np.float64)[self._pair]
        part = of_examples(np.flatnonzero(statistics.any(axis=(0, 2))), groups, statistics)
        return Part(sum(self.in_gold[kind] for kind in kinds), part.groups, part.sums)


class _Chunked:
    """The chunks of some sentences, one sentence's after another's, as numbers: those of `known`, which grows."""

    def __init__(self, sentences: Sequence[Sequence[Chunk]], known: dict[Chunk, int]) -> None:
        self.chunks = np.array([known.setdefault(chunk, len(known)) for one in sentences for chunk in one], np.int64)
        self._lengths = np.array([len(one) for one in sentences], np.int64)
        self._starts = np.cumsum(self._lengths) - self._lengths

    def rows(self, sentences: Places) -> tuple[Places, Places]:
        """All chunks of some sentences, which may occur more than once: the place among them, and the chunk."""
        lengths = self._lengths[sentences]
        before = np.cumsum(lengths) - lengths
        places = np.arange(lengths.sum()) + np.repeat(self._starts[sentences] - before, lengths)
        return np.repeat(np.arange(len(sentences)), lengths), self.chunks[places]
