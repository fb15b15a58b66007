"""Passages that answer a query, found by a dual encoder: LAReQA, Mewsli-X.

One encoder for both sides; an output is the pooled first token with length 1. A query is trained to be closer to its
passage than to the passages of all other queries of the step (in-batch softmax), with a learned scale.
Source: XTREME-R's baselines (Ruder et al. 2021, https://aclanthology.org/2021.emnlp-main.802).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from trainables.data.examples import Passage, Query
from trainables.data.pool import answering
from trainables.kinds import Encoded, Feature, Head, Prediction, linear, no_probabilities, one_an_example
from trainables.kinds.nearest import nearest
from trainables.tasks import Task

answers = one_an_example
confidences = no_probabilities

RANKS = 20
"""How many passages are ranked: the metric looks no further."""

FIRST_SCALE = 100.0


def features(task: Task, examples: Sequence[Query | Passage], tokenizer: PreTrainedTokenizerBase) -> list[Feature]:
    """`<s> query </s>` with at most `max_question` tokens, and in training its passage as a second row.

    A passage is `<s> text </s></s> context </s>`, of which the context loses its end first. A query without a passage
    cannot be trained on.
    """
    queries = [(position, one) for position, one in enumerate(examples) if isinstance(one, Query)]
    found = [(position, one) for position, one in enumerate(examples) if isinstance(one, Passage)]
    found += [(position, one.passage) for position, one in queries if one.passage is not None]
    rows: dict[int, list[list[int]]] = defaultdict(list)
    if queries:
        texts = [query.text for _, query in queries]
        for (position, _), ids in zip(queries, _encoded(tokenizer, task.max_question, texts), strict=True):
            rows[position].append(ids)
    if found:
        sides = [[one.text for _, one in found], [one.context for _, one in found]]
        sides = sides if any(sides[1]) else sides[:1]  # entities are described in one text
        for (position, _), ids in zip(found, _encoded(tokenizer, task.max_length, *sides), strict=True):
            rows[position].append(ids)
    return [
        Feature(rows[position], position, weight=int(len(rows[position]) == 2)) for position in range(len(examples))
    ]


def _encoded(tokenizer: PreTrainedTokenizerBase, length: int, *texts: list[str]) -> list[list[int]]:
    return tokenizer(*texts, truncation="longest_first", max_length=length, return_attention_mask=False)["input_ids"]


class DualEncoderHead(Head):
    """A hidden layer on the first token. Output (R, H): a vector whose length is the root of the learned scale."""

    couples = True

    def __init__(self, task: Task, config: Any) -> None:
        super().__init__()
        self.dense = linear(config.hidden_size, config.hidden_size, config)
        self.scale = nn.Parameter(torch.tensor(FIRST_SCALE))

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        return functional.normalize(self.dense(hidden[:, 0]).tanh(), dim=-1) * self.scale.sqrt()


head = DualEncoderHead


def loss(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    """The sum of the queries' cross-entropies over all passages of the step; rows alternate: query, passage."""
    queries, passages = outputs[0::2], outputs[1::2]
    own = torch.arange(len(queries), device=outputs.device)
    return functional.cross_entropy(queries @ passages.T, own, reduction="sum")


def predictions(task: Task, split: Encoded, references: Sequence[Encoded]) -> list[Prediction]:
    """The ids of the nearest passages of all languages."""
    passages = _passages(references)
    queries = np.stack([_query_vector(output) for output in split.outputs])
    pools = [np.asarray(reference.outputs) for reference in references]
    pool = pools[0] if len(pools) == 1 else np.concatenate(pools)  # a million are not copied
    ranked = nearest(queries, pool, min(RANKS, len(passages)))
    return [tuple(passages[position].id for position in row) for row in ranked.positions]


def _query_vector(output: np.ndarray) -> np.ndarray:
    return output[0] if output.ndim == 2 else output  # with its passage, in training data, it has two rows


def _passages(references: Sequence[Encoded]) -> Sequence[Passage]:
    if len(references) == 1:
        return references[0].examples
    return [passage for reference in references for passage in reference.examples]


def gold(examples: Sequence[Query], references: Sequence[Encoded]) -> list[tuple[str, ...]] | None:
    """The ids of all passages that answer each query; its key where there is none, which nothing can find."""
    keys = [example.key for example in examples if example.key is not None]
    if len(keys) < len(examples):
        return None
    own_ids: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for key, own_id in answering(_passages(references), set(keys)):
        own_ids[key] += (own_id,)
    return [own_ids.get(key, (key,)) for key in keys]


def guesses(task: Task, examples: Sequence[Query], references: Sequence[Encoded]) -> list[Prediction]:
    """Always the same passages: those that come first."""
    return [tuple(passage.id for passage in _passages(references)[:RANKS])] * len(examples)
