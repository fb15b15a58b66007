"""What a model's name alone tells: where it is, its shape, how many weights it has. Nothing here imports torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.store import expanded

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

EMBEDDED = ("vocab_size", "max_position_embeddings", "type_vocab_size")
"""How many tokens, positions and types are embedded, as configurations call it."""

XLM_R: dict[str, Any] = {
    "model_type": "xlm-roberta",
    "vocab_size": 250002,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "pad_token_id": 1,
}
"""What XLM-R embeds, and every `random:<config>`."""

KNOWN: dict[str, dict[str, Any]] = {
    "xlm-roberta-base": SHAPES["xlm-roberta-base"] | XLM_R,
    "xlm-roberta-large": SHAPES["xlm-roberta-large"] | XLM_R,
    "minilm": {  # as the wheel's file says
        "hidden_size": 384,
        "num_hidden_layers": 12,
        "intermediate_size": 1536,
        "vocab_size": 250037,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
    },
    "bert-base-multilingual-cased": {  # its config.json
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "intermediate_size": 3072,
        "vocab_size": 119547,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
    },
}
"""Pre-trained models whose configuration is known without looking it up."""

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
    return folder if (folder / "config.json").is_file() else None


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


@dataclass(frozen=True)
class Weights:
    """How many weights an encoder has, heads apart: its layers', and those of its embeddings."""

    layers: int
    embeddings: int

    @property
    def all(self) -> int:
        """The two together."""
        return self.layers + self.embeddings


def weights_of(model: str) -> Weights | None:
    """The weights of a model whose shape its name or its folder tells; None for others, which nothing is fetched for.

    That of BERT and RoBERTa: four matrices of attention and two of the feed-forward network in each layer, with their
    biases and two LayerNorms; embeddings of tokens, positions and types, and a LayerNorm.
    """
    config = _config(model)
    try:
        hidden, layers, inner = (int(config[key]) for key in ("hidden_size", "num_hidden_layers", "intermediate_size"))
        embedded = sum(int(config[key]) for key in EMBEDDED)
    except (KeyError, TypeError, ValueError):
        return None
    attention, feed_forward, norms = 4 * (hidden + 1) * hidden, 2 * hidden * inner + inner + hidden, 4 * hidden
    return Weights(layers * (attention + feed_forward + norms), (embedded + 2) * hidden)


def longest_input(model: str) -> int | None:
    """The most tokens that a model can see at once, where its name or its folder tells; None for others."""
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
    if (folder := folder_of(model)) is None:
        return {}
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}
