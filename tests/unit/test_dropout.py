"""Masks that belong to rows: a row's are the same in any company."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

from trainables.models.dropout import RowMasks, drop_by_rows

KEYS = [(1, 1, 0, place, 0) for place in range(4)]
LENGTHS = [7, 3, 5, 1]
CPU = torch.device("cpu")


@pytest.mark.parametrize("shape", [(), (7, 20), (2, 7, 7)])
def test_a_row_has_its_masks_in_any_company(shape: tuple[int, ...]) -> None:
    masks = RowMasks()
    values = torch.ones(4, *shape) if shape else torch.ones(4, 20)
    masks.begin(KEYS, LENGTHS, CPU)
    together = [masks.kept(values, 0.5) for _ in range(2)]
    for row, (key, length) in enumerate(zip(KEYS, LENGTHS, strict=True)):
        alone = values[row : row + 1, :length] if len(shape) == 2 else values[row : row + 1]
        alone = values[row : row + 1, :, :length, :length] if len(shape) == 3 else alone
        masks.begin([key], [length], CPU)
        for whole in together:
            mask = masks.kept(alone, 0.5)
            own = whole[row][tuple(slice(size) for size in mask[0].shape)]
            assert torch.equal(mask[0], own)
            assert whole[row].sum() == own.sum()  # nothing of the padding
    assert not torch.equal(*together)


def test_as_much_is_dropped_as_was_asked_for() -> None:
    masks = RowMasks()
    masks.begin(KEYS, [500] * 4, CPU)
    assert masks.kept(torch.ones(4, 500, 500), 0.1).mean() == pytest.approx(0.9, abs=0.002)


CONFIG = {
    "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "pad_token_id": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    "encoder",
    [BertModel(BertConfig(**CONFIG), add_pooling_layer=False), XLMRobertaModel(XLMRobertaConfig(**CONFIG))],
    ids=["bert", "xlm-roberta"],
)
def test_an_encoder_with_masks_of_rows(encoder: BertModel | XLMRobertaModel) -> None:
    """Without dropout it is the encoder that it was; with it, a row has the same states alone and with padding."""
    tokens = torch.randint(2, 40, (2, 7))
    tokens[1, 4:] = 1
    mask = (tokens != 1).long()
    expected = encoder.eval()(tokens, mask).last_hidden_state
    masks = drop_by_rows(encoder, encoder)
    assert sum(type(one) is nn.Dropout for one in encoder.modules()) == 0
    assert torch.allclose(encoder(tokens, mask).last_hidden_state[mask > 0], expected[mask > 0], atol=1e-6)
    encoder.train()
    masks.begin(KEYS[:2], [7, 4], CPU)
    both = encoder(tokens, mask).last_hidden_state
    masks.begin(KEYS[1:2], [4], CPU)
    alone = encoder(tokens[1:, :4], mask[1:, :4]).last_hidden_state
    assert torch.allclose(both[1, :4], alone[0], atol=1e-5)
    assert not torch.allclose(both[0], expected[0], atol=1e-2)
    for one in encoder.modules():
        if isinstance(one, nn.Dropout):
            one.p = 1e-9
    masks.begin(KEYS[:2], [7, 4], CPU)  # as good as none, but attention is computed in the open
    assert torch.allclose(encoder(tokens, mask).last_hidden_state[mask > 0], expected[mask > 0], atol=1e-5)
