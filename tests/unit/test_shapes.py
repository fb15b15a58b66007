"""How much a model can see at once, by its configuration and in truth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel, PreTrainedConfig, PreTrainedModel, XLMRobertaConfig, XLMRobertaModel

from trainables.errors import UserError
from trainables.models import shapes
from trainables.models.base import check_model
from trainables.models.identity import identify

SMALL = {
    "vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8,
    "max_position_embeddings": 20,
}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "config", "expected"),
    [
        (BertModel, BertConfig(**SMALL), 20),
        (XLMRobertaModel, XLMRobertaConfig(**SMALL, pad_token_id=1), 18),
        (XLMRobertaModel, XLMRobertaConfig(**SMALL, pad_token_id=0), 19),
    ],
)
def test_so_many_tokens_and_no_more(model: type[PreTrainedModel], config: PreTrainedConfig, expected: int) -> None:
    network = model(config)
    assert shapes.positions(config.to_dict()) == expected
    network(torch.full((1, expected), 5))
    with pytest.raises((IndexError, RuntimeError)):
        network(torch.full((1, expected + 1), 5))


def test_models_that_are_known_without_loading() -> None:
    for name in ("minilm", "xlm-roberta-large", "FacebookAI/xlm-roberta-base", "random:tiny"):
        assert shapes.longest_input(name) == 512
    assert shapes.longest_input("somebody/model") is None
    assert shapes.positions({"max_position_embeddings": -1}) is None  # relative positions have no end
    assert shapes.positions({"max_position_embeddings": 514, "model_type": "roberta", "pad_token_id": "x"}) == 513


def test_a_model_that_sees_too_little_is_refused_before_trials_ask_for_it(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", **SMALL}))
    assert shapes.longest_input(str(tmp_path)) == 20
    weights = identify(str(tmp_path))
    check_model(str(tmp_path), weights, 20, "rows")
    with pytest.raises(UserError, match=r"sees 20 tokens at once, .* up to 21\n    set max_length=20"):
        check_model(str(tmp_path), weights, 21, "batch")


def test_dropout_that_cannot_be_drawn_by_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "distilbert"}))
    weights = identify(str(tmp_path))
    check_model(str(tmp_path), weights, 20, "batch")
    with pytest.raises(UserError, match=r"rows is for models of type bert.* is distilbert\n    set dropout=0"):
        check_model(str(tmp_path), weights, 20, "rows")
