"""Sentences that shall be closer to their translation than to any other: a dual encoder of bitext.

One encoder for both sides. Its vectors are those that bitext_retrieval and bitext_mining score, one hidden layer pooled
with nothing on top. With f for the similarity, s for the scale and m for the margin, the loss of a step's pairs (x, y)
is the mean over i of

    -log( e^(s (f(x_i, y_i) - m)) / (e^(s (f(x_i, y_i) - m)) + sum over j of e^(s f(x_i, y_j))) )

over those j whose x and y are both other texts than those of i: a translation is never wrong for standing there twice.
Where both directions count, the same with x and y exchanged is added. Sources: Chidambaram et al. 2018,
https://arxiv.org/abs/1810.12836 (the dot product, no margin, one direction); Feng et al. 2020,
https://arxiv.org/abs/2007.01852 (the cosine, a margin, both directions).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from trainables.data.examples import Translation
from trainables.kinds import Feature, bitext_retrieval
from trainables.kinds.pooling import PoolingHead
from trainables.tasks import Task

predictions = bitext_retrieval.predictions
confidences = bitext_retrieval.confidences
gold = bitext_retrieval.gold
guesses = bitext_retrieval.guesses
answers = bitext_retrieval.answers


def features(task: Task, examples: Sequence[Translation], tokenizer: PreTrainedTokenizerBase) -> list[Feature]:
    """Two rows an example: its English side, then the other. The target says which texts they are."""
    rows = [one.rows for one in bitext_retrieval.features(task, examples, tokenizer)]
    return [Feature(pair, position, [*map(_identity, pair)]) for position, pair in enumerate(rows)]


def _identity(input_ids: Any) -> int:
    """A number of 31 bits, equal for texts that the encoder cannot tell apart.

    That two others have the same happens once in 2^31: it costs them each other as a wrong translation.
    """
    content = np.asarray(input_ids, dtype=np.int32).tobytes()
    return int.from_bytes(hashlib.blake2b(content, digest_size=4).digest()) >> 1


class RankingHead(PoolingHead):
    """The pooled vector, of length 1 under the cosine. Output (R, H).

    A scale that is learned is part of it: the length is the scale's root then. Its logarithm is the parameter, so that
    it stays positive.
    """

    couples = True

    def __init__(self, task: Task, config: Any) -> None:
        super().__init__(task, config)
        self.is_cosine = task.similarity == "cosine"
        self.log_scale = nn.Parameter(torch.tensor(math.log(task.scale))) if task.learned_scale else None

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        vectors = super().forward(hidden, mask).float()
        if self.is_cosine:
            vectors = functional.normalize(vectors, dim=-1)
        return vectors if self.log_scale is None else vectors * (self.log_scale / 2).exp()


head = RankingHead


def loss(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    """The sum of the pairs' cross-entropies over the texts of the step; rows alternate: English, the other.

    Args:
        targets: (pairs, 2), equal for equal texts.
    """
    english, others = outputs[0::2], outputs[1::2]
    scale = english.norm(dim=-1) * others.norm(dim=-1) if task.learned_scale else outputs.new_tensor(task.scale)
    scores = english @ others.T if task.learned_scale else english @ others.T * scale
    scores = scores - torch.diag_embed((task.margin * scale).expand(len(english)))
    same = (targets[:, None] == targets).any(dim=-1).fill_diagonal_(False)
    scores = scores.masked_fill(same, -math.inf)
    own = torch.arange(len(scores), device=scores.device)
    sides = {"from_english": [scores], "to_english": [scores.T], "both": [scores, scores.T]}[task.directions]
    return torch.stack([functional.cross_entropy(side, own, reduction="sum") for side in sides]).sum()
