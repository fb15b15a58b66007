"""What a checkpoint kept of its pre-training: the layers that say which token stands where a mask is."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForMaskedLM, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from trainables.errors import Problem, UserError
from trainables.kinds.mlm import TokenLayers
from trainables.models.base import config_of, locate
from trainables.models.shapes import is_built_in, is_on_hub

WHY = "which masked language modelling goes on with"
HINT = "take a checkpoint as its pre-training left it, such as xlm-roberta-large; random:<config> begins with new ones"


def check_token_layers(model: str, weights: str | None) -> None:
    """Makes sure, before several workers try, that a model has such layers: of one on the hub that its type has.

    Raises:
        UserError: it has not.
    """
    if not is_built_in(model):
        config = config_of(model, *locate(model, weights))
        _check_type(model, config)
        if not is_on_hub(model):
            load_token_layers(model, weights, config)
    elif model == "minilm":
        raise UserError(Problem(f"model 'minilm' comes without the layers of its pre-training, {WHY}", hint=HINT))


def load_token_layers(model: str, weights: str | None, config: PretrainedConfig) -> TokenLayers:
    """Those of a model that `load_base` has loaded, by the architecture's own code, in float32.

    New ones, drawn in the same way each time, for `random:<config>` alone. What a trial itself draws is the same
    whether they are loaded or were before.

    Raises:
        UserError: the architecture has none, or the checkpoint has not.
    """
    with torch.random.fork_rng(devices=[]):
        if model.startswith("random:"):
            torch.manual_seed(0)
            return taken_from(AutoModelForMaskedLM.from_config(copy.deepcopy(config)))
        return taken_from(_whole(model, weights, config))


def _whole(model: str, weights: str | None, config: PretrainedConfig) -> PreTrainedModel:
    """The checkpoint as the architecture for masked language modelling reads it."""
    if model == "minilm":
        check_token_layers(model, weights)
    _check_type(model, config)
    place, revision = locate(model, weights)
    kind: Any = AutoModelForMaskedLM._model_mapping[type(config)]
    whole, told = kind.from_pretrained(place, revision=revision, dtype=torch.float32, output_loading_info=True)
    encoder = f"{kind.base_model_prefix}."
    drawn = [one for one in map(str, (*told["missing_keys"], *told["mismatched_keys"])) if not one.startswith(encoder)]
    if drawn:
        raise UserError(Problem(f"model '{model}' has no weights for {min(drawn)}, {WHY}", hint=HINT))
    return whole


def _check_type(model: str, config: PretrainedConfig) -> None:
    if type(config) not in AutoModelForMaskedLM._model_mapping:
        message = f"model '{model}' is of type {config.model_type}, which has no layers for hidden tokens, {WHY}"
        raise UserError(Problem(message, hint=HINT))


def taken_from(whole: PreTrainedModel) -> TokenLayers:
    """The layers of a model for masked language modelling, whose encoder and decoder are left out of them."""
    decoder: Any = whole.get_output_embeddings()
    table = whole.get_input_embeddings().weight
    weight = None if decoder.weight is table else nn.Parameter(decoder.weight.detach().clone())
    bias = None if decoder.bias is None else nn.Parameter(decoder.bias.detach().clone())
    for module in [one for one in whole.modules() if one is not decoder]:
        for name, child in list(module.named_children()):
            if child is decoder:
                setattr(module, name, nn.Identity())
        for name, one in list(module.named_parameters(recurse=False)):
            if one is decoder.bias:  # some have it under two names, and add the decoder's
                delattr(module, name)
    setattr(whole, whole.base_model_prefix, _Encoded())
    return TokenLayers(_Transform(whole), bias, weight)


class _Encoded(nn.Module):
    """In the encoder's place: gives back the hidden states that it is given as if they were embeddings."""

    def forward(self, *_: Any, inputs_embeds: torch.Tensor, **__: Any) -> BaseModelOutput:
        return BaseModelOutput(last_hidden_state=inputs_embeds)


class _Transform(nn.Module):
    """From hidden states (K, H) to (K, E) as an architecture does it before the product with its vocabulary."""

    def __init__(self, whole: PreTrainedModel) -> None:
        super().__init__()
        self.own = whole

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.own(inputs_embeds=hidden[None]).logits[0]
