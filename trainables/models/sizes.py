"""How many weights an encoder has, counted from its configuration alone: what it costs is known before it is here.

Each family has a rule, and tests hold it to the weights of transformers' own class. A configuration is what config.json
says: what it leaves out is the architecture's default where that decides anything. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Weights:
    """How many weights an encoder has, heads apart: its layers', and those of its embeddings.

    Attributes:
        computed: by how many of them a token is multiplied: the layers' own, each as often as it is used.
    """

    layers: int
    embeddings: int
    computed: int

    @property
    def all(self) -> int:
        """The two together."""
        return self.layers + self.embeddings


class _Config:
    """Whole numbers of a configuration. Raises LookupError, TypeError or ValueError where it has none."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __call__(self, name: str, default: int | None = None) -> int:
        found = self._values.get(name)
        if found is None:
            found = default
        if found is None:
            raise LookupError(name)
        return int(found)

    def text(self, name: str) -> str:
        return str(self._values.get(name))


def count(config: Mapping[str, Any]) -> Weights | None:
    """The weights of an encoder with this configuration; None where its family is not known, or a number is missing."""
    rule = RULES.get(str(config.get("model_type", "bert")))
    try:
        weights = rule(_Config(config)) if rule else None
    except (LookupError, TypeError, ValueError, ArithmeticError):
        return None
    return weights if weights and min(weights.layers, weights.embeddings, weights.computed) > 0 else None


def adapters(config: Mapping[str, Any], rank: int) -> int | None:
    """The most weights that LoRA of some rank adds to an encoder; None where its configuration does not tell.

    That is beside each of four matrices of attention and three of the feed-forward network, in every layer.
    """
    number = _Config(config)
    try:
        hidden = number("hidden_size", config.get("dim"))
        layers, inner = (
            number("num_hidden_layers", config.get("n_layers")),
            number("intermediate_size", config.get("hidden_dim")),
        )
    except (LookupError, TypeError, ValueError, ArithmeticError):
        return None
    return layers * rank * (4 * 2 * hidden + 3 * (hidden + inner))


def _linear(inputs: int, outputs: int, bias: int = 1) -> int:
    return (inputs + bias) * outputs


def _layer(hidden: int, inner: int) -> int:
    """BERT's: four matrices of attention, two of the feed-forward network, two LayerNorms, all with biases."""
    return 4 * _linear(hidden, hidden) + _linear(hidden, inner) + _linear(inner, hidden) + 4 * hidden


def _of_layers(layer: int, number: int, embeddings: int, more: int = 0) -> Weights:
    """As many layers, each with weights of its own, and `more` weights around them."""
    return Weights(number * layer + more, embeddings, number * layer + more)


def _bert(config: _Config, types: int = 2, width: int | None = None, norm: bool = True) -> Weights:
    """BERT's and RoBERTa's: embeddings of tokens, positions and types.

    Args:
        types: the architecture's default.
        width: of the embeddings, None: the hidden size.
        norm: whether a LayerNorm follows the embeddings.
    """
    hidden, number, inner = config("hidden_size"), config("num_hidden_layers"), config("intermediate_size")
    embedded = config("vocab_size") + config("max_position_embeddings") + config("type_vocab_size", types)
    return _of_layers(_layer(hidden, inner), number, (embedded + 2 * norm) * (width or hidden))


def _with_narrow_embeddings(name: str, always: bool) -> Callable[[_Config], Weights]:
    """BERT's with narrower embeddings, and a matrix from there to the layers, maybe only where they are narrower."""

    def rule(config: _Config) -> Weights:
        hidden, width = config("hidden_size"), config(name)
        weights = _bert(config, width=width)
        more = _linear(width, hidden) if always or width != hidden else 0
        return Weights(weights.layers + more, weights.embeddings, weights.computed + more)

    return rule


def _albert(config: _Config) -> Weights:
    """Layers share their weights, in groups."""
    hidden, width = config("hidden_size"), config("embedding_size", 128)
    layer = _layer(hidden, config("intermediate_size")) * config("inner_group_num", 1)
    more = _linear(width, hidden)
    layers = config("num_hidden_groups", 1) * layer + more
    return Weights(layers, _bert(config, width=width).embeddings, config("num_hidden_layers") * layer + more)


def _mpnet(config: _Config) -> Weights:
    weights = _bert(config, types=0)
    more = config("relative_attention_num_buckets", 32) * config("num_attention_heads")
    return Weights(weights.layers + more, weights.embeddings, weights.computed)


def _distilbert(config: _Config) -> Weights:
    hidden = config("dim")
    embedded = config("vocab_size") + config("max_position_embeddings")
    return _of_layers(_layer(hidden, config("hidden_dim")), config("n_layers"), (embedded + 2) * hidden)


def _xl(config: _Config) -> Weights:
    """XLM-R XL: LayerNorms before the layers, and one behind the last."""
    weights, last = _bert(config, types=1, norm=False), 2 * config("hidden_size")
    return Weights(weights.layers + last, weights.embeddings, weights.computed + last)


def _deberta(config: _Config) -> Weights:
    """DeBERTa-v2 and v3: relative positions have embeddings of their own, maybe with matrices in each layer."""
    hidden, number = config("hidden_size"), config("num_hidden_layers")
    width = config("embedding_size", hidden)
    embedded = config("vocab_size") + config("type_vocab_size", 0)
    embedded += config("max_position_embeddings") if config("position_biased_input", 1) else 0
    embeddings = embedded * width + 2 * hidden + (_linear(width, hidden, 0) if width != hidden else 0)
    layer, more = _layer(hidden, config("intermediate_size")), 0
    if config("relative_attention", 0):
        if not config("share_att_key", 0):
            layer += sum(_linear(hidden, hidden) for one in ("c2p", "p2c") if one in config.text("pos_att_type"))
        farthest = config("max_relative_positions", -1)
        farthest = farthest if farthest >= 1 else config("max_position_embeddings")
        buckets = config("position_buckets", -1)
        more = 2 * (buckets if buckets > 0 else farthest) * hidden
    more += 2 * hidden * ("layer_norm" in config.text("norm_rel_ebd"))
    if (kernel := config("conv_kernel_size", 0)) > 0:
        more += hidden * hidden // config("conv_groups", 1) * kernel + 3 * hidden
    return Weights(number * layer + more, embeddings, number * layer)


def _modernbert(config: _Config) -> Weights:
    """ModernBERT, mmBERT: a gated feed-forward network, rotary positions; biases only where they are asked for."""
    hidden, number, inner = config("hidden_size"), config("num_hidden_layers"), config("intermediate_size")
    attention, feed_forward = config("attention_bias", 0), config("mlp_bias", 0)
    norm = (1 + config("norm_bias", 0)) * hidden
    layer = _linear(hidden, 4 * hidden, attention)
    layer += _linear(hidden, 2 * inner, feed_forward) + _linear(inner, hidden, feed_forward) + 2 * norm
    # The first layer has no norm of its own before attention, the last one is followed by one.
    return _of_layers(layer, number, config("vocab_size") * hidden + norm)


def _eurobert(config: _Config) -> Weights:
    """EuroBERT: Llama's layer, in which several heads may share keys and values."""
    hidden, number, inner = config("hidden_size"), config("num_hidden_layers"), config("intermediate_size")
    heads, attention, feed_forward = config("num_attention_heads"), config("attention_bias", 0), config("mlp_bias", 0)
    width = config("head_dim", hidden // heads)
    shared = config("num_key_value_heads", heads)
    layer = _linear(hidden, (heads + 2 * shared) * width, attention) + _linear(heads * width, hidden, attention)
    layer += 2 * _linear(hidden, inner, feed_forward) + _linear(inner, hidden, feed_forward) + 2 * hidden
    return _of_layers(layer, number, config("vocab_size") * hidden, hidden)


def _gated(types: int, biases: int) -> Callable[[_Config], Weights]:
    """GTE's and Nomic's: BERT's with a gated feed-forward network and rotary positions."""

    def rule(config: _Config) -> Weights:
        hidden, number, inner = config("hidden_size"), config("num_hidden_layers"), config("intermediate_size")
        layer = 4 * _linear(hidden, hidden, biases) + 2 * _linear(hidden, inner, 0) + _linear(inner, hidden, biases)
        embedded = config("vocab_size") + config("type_vocab_size", types) + 2
        return _of_layers(layer + 4 * hidden, number, embedded * hidden)

    return rule


RULES: dict[str, Callable[[_Config], Weights]] = {
    "bert": _bert,
    "roberta": _bert,
    "xlm-roberta": _bert,
    "camembert": _bert,
    "electra": _with_narrow_embeddings("embedding_size", always=False),
    "rembert": _with_narrow_embeddings("input_embedding_size", always=True),
    "albert": _albert,
    "mpnet": _mpnet,
    "distilbert": _distilbert,
    "xlm-roberta-xl": _xl,
    "deberta-v2": _deberta,
    "modernbert": _modernbert,
    "eurobert": _eurobert,
    "gte": _gated(types=1, biases=1),
    "nomic_bert": _gated(types=2, biases=0),
}
"""By the type of model that a configuration names; without one it is taken for BERT's."""
