"""The nearest translation of each English sentence: no head is trained, one hidden layer is averaged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from transformers import PreTrainedTokenizerBase

from trainables.data.examples import Translation
from trainables.kinds import Encoded, Feature, Prediction, no_probabilities, one_an_example
from trainables.kinds.nearest import nearest
from trainables.kinds.pooling import PoolingHead, nothing
from trainables.tasks import Task

loss = nothing
answers = one_an_example
confidences = no_probabilities


def features(task: Task, examples: Sequence[Translation], tokenizer: PreTrainedTokenizerBase) -> list[Feature]:
    """Two rows an example: its English side, then the other."""
    texts = [text for example in examples for text in (example.english, example.text)]
    encoded = tokenizer(texts, truncation=True, max_length=task.max_length, return_attention_mask=False)["input_ids"]
    pairs = zip(encoded[0::2], encoded[1::2], strict=True)
    return [Feature(rows, position) for position, rows in enumerate(pairs)]


head = PoolingHead


def predictions(task: Task, split: Encoded, references: Sequence[Encoded]) -> list[Prediction]:
    """For each English sentence the id of the other language's sentence with the highest cosine."""
    english, others = np.asarray(split.outputs).swapaxes(0, 1)
    return [split.examples[position].id for (position,) in nearest(english, others, 1).positions]


def gold(examples: Sequence[Translation], references: Sequence[Encoded]) -> list[str]:
    """Its own row; as in the official scorer, an equal text on another row is a miss."""
    return [example.id for example in examples]


def guesses(task: Task, examples: Sequence[Translation], references: Sequence[Encoded]) -> list[Prediction]:
    """Always the first sentence."""
    return [examples[0].id] * len(examples)
