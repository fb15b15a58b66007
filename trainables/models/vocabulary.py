"""Training only the word embeddings that occur: the same weights as training all of them, for a fraction of the cost.

An embedding that no batch contains has a zero gradient, so AdamW does nothing to it but decay it, by the same factor in
every step. The part of the vocabulary that occurs is trained as a small table; the rest is multiplied by that factor
once, at the end. (XLM-R large has 256 of its 560 million weights in a table of which a target task meets some 5%.)
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

FIRST_IDS = 100
"""Ids of special tokens, in vocabularies that begin with them. Others end with them: EuroBERT's pads with 128,001."""


class TrimmedVocabulary:
    """Puts a small embedding table into an encoder, and gives the whole one back at the end.

    Args:
        encoder: the encoder, whose embeddings are replaced.
        token_ids: all tokens that batches will contain.
        pad_id: the padding token. Where it is one of the first, it and those before it keep their ids: XLM-R derives
            positions from it.
        frozen: whether embeddings are not trained: then they do not decay either.
    """

    def __init__(self, encoder: PreTrainedModel, token_ids: np.ndarray, pad_id: int, frozen: bool = False) -> None:
        self.frozen = frozen
        self.whole = cast(nn.Embedding, encoder.get_input_embeddings()).weight.detach()
        self.kept = np.union1d(token_ids, np.arange(pad_id + 1) if pad_id < FIRST_IDS else [pad_id])
        self.small_ids = np.zeros(len(self.whole), dtype=np.int64)
        self.small_ids[self.kept] = np.arange(len(self.kept))
        self.decay = 1.0
        rows = self.whole[torch.from_numpy(self.kept)].clone()
        self.embedding = nn.Embedding.from_pretrained(rows, freeze=frozen, padding_idx=int(self.small_ids[pad_id]))
        encoder.set_input_embeddings(self.embedding)

    def translate(self, input_ids: Tensor) -> Tensor:
        """Token ids of the whole vocabulary as those of the small one."""
        return torch.from_numpy(self.small_ids[input_ids.numpy()])

    def record_step(self, learning_rate: float, weight_decay: float) -> None:
        """Notes the decay that an optimizer step did to all embeddings."""
        if not self.frozen:
            self.decay *= 1 - learning_rate * weight_decay

    def whole_table(self) -> Tensor:
        """The embeddings of all tokens (vocabulary, H) as if all of them had been trained, on the CPU."""
        table = self.whole * self.decay
        table[torch.from_numpy(self.kept)] = self.embedding.weight.detach().cpu()
        return table
