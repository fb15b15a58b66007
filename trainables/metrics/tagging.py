"""Chunk F1 of tag sequences: named entities (IOB2) and, as XTREME defines it, parts of speech."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from trainables.metrics.metric import Metric, f1, means, paired

Chunk = tuple[str, int, int]  # kind, first token, last token
_Chunker = Callable[[Sequence[str]], Iterator[Chunk]]

_ALWAYS_SINGLE = frozenset("BES")  # read as "begin", "end" and "single" by seqeval: never joined to an equal neighbour
_NEVER_A_CHUNK = frozenset("O.")


def _words(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], language: str) -> np.ndarray:
    sentences = [paired(*sentences, "word") for sentences in paired(gold, predicted, "sentence")]
    return np.array([[sum(right == guess for right, guess in words), len(words)] for words in sentences], float)


def _entities(tags: Sequence[str]) -> Iterator[Chunk]:
    kind, start, is_closed = "", 0, False
    for position, tag in enumerate((*tags, "O")):
        prefix, _, own_kind = tag.partition("-")
        if tag != "O" and (prefix not in {"B", "I", "E", "S"} or not own_kind):
            raise ValueError(f"'{tag}' is not a tag of a name: O, B-kind, I-kind, E-kind or S-kind")
        goes_on = prefix in {"I", "E"} and own_kind == kind and not is_closed
        if kind and not goes_on:
            yield kind, start, position - 1
        if not goes_on:
            kind, start = own_kind, position
        is_closed = prefix in {"E", "S"}


def _runs(tags: Sequence[str]) -> Iterator[Chunk]:
    position = 0
    for tag, run in groupby(tags):
        start, position = position, position + len(list(run))
        if tag[:1] in _ALWAYS_SINGLE:
            yield from ((tag, token, token) for token in range(start, position))
        elif tag[:1] not in _NEVER_A_CHUNK:
            yield tag, start, position - 1


def _chunks(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], chunks: _Chunker) -> np.ndarray:
    found = []
    for number, (gold_tags, predicted_tags) in enumerate(paired(gold, predicted, "sentence")):
        if len(gold_tags) != len(predicted_tags):
            raise ValueError(f"sentence {number}: {len(gold_tags)} gold tags but {len(predicted_tags)} predicted ones")
        gold_chunks, predicted_chunks = set(chunks(gold_tags)), set(chunks(predicted_tags))
        found.append([len(gold_chunks & predicted_chunks), len(gold_chunks), len(predicted_chunks)])
    return np.array(found, float)


_NAMES = ("f1", "precision", "recall")

tag_accuracy = Metric(("accuracy",), _words, means("accuracy"))
"""Share of words with the right tag: how CCG supertagging is scored. It sums (right words, words).

ValueError where the numbers of sentences or words differ.
"""

entity_f1 = Metric(_NAMES, lambda gold, predicted, language: _chunks(gold, predicted, _entities), f1)
"""Micro F1, precision and recall of entities. It sums (right, gold, predicted) entities.

Source: conlleval's rule, which is seqeval's default and so XTREME's for PAN-X. Tags are O, B-kind and I-kind, in IOBES
also S-kind of a single token and E-kind of the last one. Lenient: an I- or E- that continues no entity of its kind
begins one. Without entities on a side the score is 0, not undefined. ValueError for other tags and where the numbers of
sentences or tokens differ.
"""

pos_f1 = Metric(_NAMES, lambda gold, predicted, language: _chunks(gold, predicted, _runs), f1)
"""Micro F1, precision and recall of part-of-speech chunks: what XTREME reports for udpos. It sums (right, gold,
predicted) chunks.

XTREME scores bare UPOS tags with seqeval <= 0.0.12, which takes their first letter for an IOBES prefix: a maximal run
of equal tags is one chunk, except that SCONJ and SYM (S for "single") are one chunk per token. Neither token accuracy
nor a later seqeval gives the published numbers. Exact for any tags without "-". ValueError where the numbers of
sentences or tokens differ.
"""


def _single_words(tags: Sequence[str]) -> Iterator[Chunk]:
    return ((tag, word, word) for word, tag in enumerate(tags))


CHUNKS: Mapping[str, Callable[[Sequence[str]], Iterator[Chunk]]] = {
    "entity_f1": _entities,
    "pos_f1": _runs,
    "tag_accuracy": _single_words,
}
"""What each metric counts of a sentence's tags: of its statistics the first is what gold and predicted have in common,
the others are how many gold has and, where the metric asks, how many are predicted.
"""
