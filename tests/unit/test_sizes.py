"""How many weights encoders have: counted from a configuration, and in transformers' own classes."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from transformers import AutoConfig, AutoModel

from trainables.models import shapes
from trainables.models.sizes import RULES, count

SHAPE: dict[str, Any] = {
    "vocab_size": 1000, "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 80,
    "max_position_embeddings": 60, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
DEBERTA: dict[str, Any] = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "norm_rel_ebd": "layer_norm"}
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "xlm-roberta": [{}, {"type_vocab_size": 1}],
    "electra": [{"embedding_size": 16}, {"embedding_size": 48}],
    "rembert": [{"input_embedding_size": 16}, {"input_embedding_size": 48}],
    "albert": [{"embedding_size": 16}, {"embedding_size": 48, "num_hidden_groups": 3, "inner_group_num": 2}],
    "distilbert": [{"dim": 48, "n_layers": 3, "n_heads": 4, "hidden_dim": 80}],
    "deberta-v2": [
        {},
        {**DEBERTA, "share_att_key": True, "position_buckets": 16, "position_biased_input": False},
        {**DEBERTA, "type_vocab_size": 2, "max_relative_positions": 20},
        {**DEBERTA, "pos_att_type": "c2p", "embedding_size": 24, "conv_kernel_size": 3},
    ],
    "modernbert": [{}, {"attention_bias": True, "mlp_bias": True, "norm_bias": True}],
    "eurobert": [{}, {"num_key_value_heads": 2}, {"head_dim": 8, "num_key_value_heads": 1, "attention_bias": True}],
}  # fmt: skip
CASES = [(kind, more) for kind in RULES for more in VARIANTS.get(kind, [{}])]


def weights_in(config: Any) -> int:
    """Of transformers' own class, without its pooler."""
    kind: Any = AutoModel._model_mapping[type(config)]
    pooler = {"add_pooling_layer": False} if "add_pooling_layer" in inspect.signature(kind.__init__).parameters else {}
    with torch.device("meta"):
        return sum(one.numel() for one in kind(config, **pooler).parameters())


@pytest.mark.parametrize(("kind", "more"), CASES)
def test_a_configuration_tells_the_weights_to_the_last(kind: str, more: dict[str, Any], tmp_path: Path) -> None:
    """Also as it stands in a file, where values at their default may be missing."""
    config = AutoConfig.for_model(kind, **({**SHAPE, **more}))
    config.save_pretrained(tmp_path)
    for said in (config.to_dict(), json.loads((tmp_path / "config.json").read_text())):
        counted = count(said)
        assert counted is not None
        assert counted.all == weights_in(config)


@pytest.mark.parametrize("model", [name for name in shapes.KNOWN if name != "minilm"])
def test_models_that_are_known_have_the_weights_of_their_class(model: str) -> None:
    shape = dict(shapes.KNOWN[model])
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": shape.pop("pad_token_id", 0)}
    counted = shapes.weights_of(model)
    assert counted is not None
    assert counted.all == weights_in(AutoConfig.for_model(shape.pop("model_type"), **shape, **ids))


@pytest.mark.parametrize(
    ("model", "published"),
    [
        ("xlm-roberta-base", 278e6), ("xlm-roberta-large", 560e6), ("jhu-clsp/mmBERT-base", 307e6),
        ("jhu-clsp/mmBERT-small", 140e6), ("EuroBERT/EuroBERT-210m", 210e6), ("EuroBERT/EuroBERT-2.1B", 2.1e9),
    ],
)  # fmt: skip
def test_models_are_as_large_as_their_authors_say(model: str, published: float) -> None:
    counted = shapes.weights_of(model)
    assert counted is not None
    assert counted.all == pytest.approx(published, rel=0.02)


def test_shared_layers_are_computed_as_often_as_they_are_used() -> None:
    counted = count({**SHAPE, "model_type": "albert", "embedding_size": 48, "num_hidden_layers": 12})
    bert = count({**SHAPE, "model_type": "bert", "num_hidden_layers": 12})
    assert counted is not None
    assert bert is not None
    assert counted.layers < bert.layers / 10
    assert counted.computed - 49 * 48 == bert.computed  # and once from the embeddings to the layers


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "mine"},
        {"model_type": "bert"},
        {**SHAPE, "hidden_size": "wide"},
        {**SHAPE, "vocab_size": []},
        {**SHAPE, "model_type": "eurobert", "num_attention_heads": 0},
        {**SHAPE, "num_hidden_layers": -1},
        {**SHAPE, "vocab_size": float("inf")},
    ],
)
def test_what_tells_nothing_is_not_counted(config: dict[str, Any]) -> None:
    assert count(config) is None


def test_a_hub_id_in_the_cache_tells_its_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert shapes.weights_of("owner/model") is None
    place = tmp_path / "models--owner--model"
    for commit, layers in (("a" * 40, 2), ("b" * 40, 4)):
        (place / "snapshots" / commit).mkdir(parents=True)
        config = {**SHAPE, "model_type": "bert", "num_hidden_layers": layers}
        (place / "snapshots" / commit / "config.json").write_text(json.dumps(config))
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("b" * 40)
    named, main = shapes.weights_of("owner/model@" + "a" * 40), shapes.weights_of("owner/model")
    assert named is not None
    assert main is not None
    assert main.layers == 2 * named.layers
    assert shapes.longest_input("owner/model") == 60
    assert shapes.weights_of("no hub id") is None
