"""Which sentences of two pools are translations of each other: BUCC 2018.

Margin-based mining (Artetxe and Schwenk 2019, https://aclanthology.org/P19-1309): the cosine of a pair over the mean
cosine of both with their nearest neighbours; each sentence is used once, best pairs first; pairs under a threshold are
left out. The threshold is the one with the best F1 on the development pools.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from transformers import PreTrainedTokenizerBase

from trainables.data.examples import Sentence
from trainables.kinds import Encoded, Feature, Prediction, no_probabilities, one_an_example
from trainables.kinds.nearest import nearest
from trainables.kinds.pooling import PoolingHead, nothing
from trainables.tasks import Task

NEIGHBOURS = 4

loss = nothing
head = PoolingHead
answers = one_an_example
confidences = no_probabilities


class Pair(NamedTuple):
    """A mined pair: the positions of its sentences in their pools, and its margin."""

    margin: float
    foreign: int
    english: int


def features(task: Task, examples: Sequence[Sentence], tokenizer: PreTrainedTokenizerBase) -> list[Feature]:
    """One row a sentence."""
    texts = [example.text for example in examples]
    encoded = tokenizer(texts, truncation=True, max_length=task.max_length, return_attention_mask=False)["input_ids"]
    return [Feature([input_ids], position) for position, input_ids in enumerate(encoded)]


def predictions(task: Task, split: Encoded, references: Sequence[Encoded]) -> list[Prediction]:
    """For each sentence that is not English the id of its translation, if it has one; nothing for the English ones."""
    calibration = references[0] if references else split
    limit = threshold(mine(calibration), calibration.examples)
    foreign, english = (_pool(split.examples, is_english) for is_english in (False, True))
    found: list[Prediction] = [()] * len(split.examples)
    for pair in mine(split):
        if pair.margin >= limit:
            found[foreign[pair.foreign]] = (split.examples[english[pair.english]].id,)
    return found


def mine(split: Encoded) -> list[Pair]:
    """All pairs that mining finds, the best first: each sentence is in one at most."""
    vectors = np.asarray(split.outputs)
    foreign, english = (vectors[_pool(split.examples, is_english)] for is_english in (False, True))
    neighbours = min(NEIGHBOURS, len(foreign), len(english))
    if not neighbours:
        return []
    forward, backward = nearest(foreign, english, neighbours), nearest(english, foreign, neighbours)
    means = forward.scores.mean(axis=1), backward.scores.mean(axis=1)
    forward_margin = forward.scores / ((means[0][:, None] + means[1][forward.positions]) / 2)
    backward_margin = backward.scores / ((means[1][:, None] + means[0][backward.positions]) / 2)
    pairs = [
        Pair(float(row[best]), position, int(forward.positions[position, best]))
        for position, (row, best) in enumerate(zip(forward_margin, forward_margin.argmax(axis=1), strict=True))
    ]
    pairs += [
        Pair(float(row[best]), int(backward.positions[position, best]), position)
        for position, (row, best) in enumerate(zip(backward_margin, backward_margin.argmax(axis=1), strict=True))
    ]
    used_foreign: set[int] = set()
    used_english: set[int] = set()
    kept = []
    for pair in sorted(pairs, key=lambda pair: (-pair.margin, pair.foreign, pair.english)):
        if pair.foreign not in used_foreign and pair.english not in used_english:
            used_foreign.add(pair.foreign)
            used_english.add(pair.english)
            kept.append(pair)
    return kept


def threshold(pairs: Sequence[Pair], examples: Sequence[Sentence]) -> float:
    """The margin under which pairs are left out so that F1 is best, half-way to the next pair's margin."""
    foreign, english = (_pool(examples, is_english) for is_english in (False, True))
    in_gold = sum(len(example.translations or ()) for example in examples)
    best, limit, right = 0.0, np.inf, 0
    for count, pair in enumerate(pairs, start=1):
        right += examples[english[pair.english]].id in (examples[foreign[pair.foreign]].translations or ())
        f1 = 2 * right / (count + in_gold)
        if f1 > best:
            following = pairs[count].margin if count < len(pairs) else pair.margin
            best, limit = f1, (pair.margin + following) / 2
    return float(limit)


def _pool(examples: Sequence[Sentence], is_english: bool) -> list[int]:
    return [position for position, example in enumerate(examples) if example.is_english == is_english]


def gold(examples: Sequence[Sentence], references: Sequence[Encoded]) -> list[tuple[str, ...]] | None:
    """The ids of each sentence's translations."""
    hidden = any(example.translations is None for example in examples if not example.is_english)
    return None if hidden else [example.translations or () for example in examples]


def guesses(task: Task, examples: Sequence[Sentence], references: Sequence[Encoded]) -> list[Prediction]:
    """No pair at all."""
    return [()] * len(examples)
