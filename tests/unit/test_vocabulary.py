"""Trimming the vocabulary changes no weight."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from transformers import XLMRobertaConfig, XLMRobertaModel

from trainables.models.vocabulary import TrimmedVocabulary

CONFIG = XLMRobertaConfig(
    vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
    max_position_embeddings=20, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)  # fmt: skip
BATCHES = [torch.tensor([[0, 7, 9, 2], [0, 30, 2, 1]]), torch.tensor([[0, 9, 9, 2], [0, 7, 2, 1]])]


def encoder() -> XLMRobertaModel:
    torch.manual_seed(0)
    return XLMRobertaModel(CONFIG, add_pooling_layer=False)


def train(model: XLMRobertaModel, trimmed: TrimmedVocabulary | None) -> torch.Tensor:
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    for step in range(6):
        batch = BATCHES[step % 2]
        rate = 0.1 / (step + 1)
        optimizer.param_groups[0]["lr"] = rate
        ids = trimmed.translate(batch) if trimmed else batch
        states = model(input_ids=ids, attention_mask=(batch != 1).long()).last_hidden_state
        states[batch != 1].pow(3).mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if trimmed:
            trimmed.record_step(rate, 0.1)
        optimizer.step()
        optimizer.zero_grad()
    return trimmed.whole_table() if trimmed else model.get_input_embeddings().weight.detach()


def test_the_whole_table_is_what_training_all_of_it_gives() -> None:
    """Those that occur, those that do not (weight decay reaches them too), and the padding."""
    whole = train(encoder(), None)
    model = encoder()
    trimmed = TrimmedVocabulary(model, np.array([0, 7, 9, 2, 30]), pad_id=1)
    small = train(model, trimmed)
    assert trimmed.embedding.num_embeddings == 6
    assert small.shape == whole.shape
    torch.testing.assert_close(small, whole, rtol=1e-5, atol=1e-7)


def test_tokens_that_were_never_met_only_decay() -> None:
    model = encoder()
    before = model.get_input_embeddings().weight.detach().clone()
    trimmed = TrimmedVocabulary(model, np.array([7]), pad_id=1)
    trimmed.record_step(0.1, 0.5)
    torch.testing.assert_close(trimmed.whole_table()[40], before[40] * 0.95)
