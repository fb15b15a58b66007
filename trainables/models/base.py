"""A pre-trained encoder with its tokenizer: where it comes from, and whether it is one that can be used here."""

from __future__ import annotations

import inspect
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import tokenizers
import torch
from huggingface_hub import is_offline_mode
from huggingface_hub.errors import LocalEntryNotFoundError
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    XLMRobertaConfig,
    XLMRobertaModel,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)
from transformers.utils import logging

from trainables.errors import Problem, UserError, nearest
from trainables.models.dropout import KIN
from trainables.models.identity import COMMIT, identify
from trainables.models.lora import check_targets
from trainables.models.minilm import minilm_folder
from trainables.models.shapes import SHAPES, XLM_R, folder_of, is_built_in, is_on_hub, name_and_revision, positions
from trainables.spec import Lora, content_hash

logging.set_verbosity_error()  # what a checkpoint has too much is no matter, what it lacks is an error here
logging.disable_progress_bar()

CAUSAL, MASKED = (frozenset(names) for names in (MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_MASKED_LM_MAPPING_NAMES))
"""Types of models that were trained to go on with a text, and to fill in what is masked."""

NATIVE = {"new": "alibaba-nlp-community/gte-multilingual-base is the copy of gte-multilingual-base that needs none"}
"""Types of models that are code beside their weights, and where the same weights are without."""

UNFIT = {
    "canine": "reads characters, and has no table of word embeddings",
    "xmod": "sends each text through the adapter of its language, which nobody names here",
}


@dataclass(frozen=True)
class Base:
    """A pre-trained encoder and its tokenizer. Trials copy the encoder and never change this one."""

    encoder: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    @cached_property
    def tokenizer_hash(self) -> str:
        """Of everything that decides what the tokenizer makes of a text: not of how the last one was cut or padded."""
        self.tokenizer.backend_tokenizer.no_truncation()
        self.tokenizer.backend_tokenizer.no_padding()
        definition = self.tokenizer.backend_tokenizer.to_str()
        return content_hash([type(self.tokenizer).__name__, definition, tokenizers.__version__])

    @cached_property
    def separator(self) -> int | None:
        """The token behind the first of two texts; None: the tokenizer gives no `token_type_ids` by which to tell them.

        So a row of token ids alone says of each token which text it is of.
        """
        pair = self.tokenizer("a", "a")
        types, ids = pair.get("token_type_ids"), pair["input_ids"]
        if not types or 1 not in types:
            return None
        second = types.index(1)
        found: int = ids[second - 1]
        assert ids.index(found) == second - 1 and types[second:] == [1] * (len(ids) - second)  # `check_tokenizer` did
        return found


def load_base(model: str, weights: str | None = None) -> Base:
    """Loads `minilm`, `random:<config>`, a local folder or a hub id, in float32.

    Args:
        weights: which ones they must be, as `identify` says; None: those that the name finds.

    Raises:
        UserError: there is no such model, it has other weights here, or it cannot be downloaded.
        ConnectionError: the hub does not answer now, and the cache does not hold the model.
    """
    place, revision = locate(model, weights)
    if model.startswith("random:"):
        name = model.removeprefix("random:")
        if name not in SHAPES:
            raise UserError(Problem(f"unknown model 'random:{name}'", hint=nearest(name, tuple(SHAPES))))
        tokenizer = _tokenizer(place, revision)  # XLM-R's vocabulary
        config = _untrained(name, len(tokenizer))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return Base(XLMRobertaModel(config, add_pooling_layer=False).eval(), tokenizer)
    try:
        kind: Any = AutoModel._model_mapping[type(config_of(model, place, revision))]
        encoder, told = kind.from_pretrained(
            place, revision=revision, dtype=torch.float32, output_loading_info=True, **_no_pooler(kind)
        )
        tokenizer = _tokenizer(place, revision)
    except UserError:
        raise
    except Exception as error:  # of whatever library reads what is in the files: a bad config has many ways to be bad
        if _is_unreached(error) and not is_offline_mode():
            raise ConnectionError(f"model '{model}' cannot be downloaded now: {_first_line(error)}") from error
        raise _no_model(model, error) from error
    drawn = [*told["missing_keys"], *told["mismatched_keys"]]  # at random, and with a warning alone
    if drawn:
        message = f"model '{model}' has no weights for {len(drawn)} parts of its encoder, such as {drawn[0]}"
        raise UserError(Problem(message, hint="is it a whole checkpoint of that architecture?"))
    check_tokenizer(model, tokenizer)
    known = encoder.get_input_embeddings().num_embeddings
    if not known / 2 < len(tokenizer) <= known:  # without its file transformers makes a tokenizer of special tokens
        message = f"the tokenizer of model '{model}' has {len(tokenizer)} pieces, and its encoder knows {known}"
        raise UserError(Problem(message, hint="are both there, and of the same checkpoint?"))
    return Base(encoder.eval(), tokenizer)


def check_model(
    model: str, weights: str | None, tokens: int, masks: str, loras: Sequence[Lora] = (), again: bool = False
) -> None:
    """Makes sure that workers will find a model, before several of them try.

    Args:
        tokens: the most that it will be given at once.
        masks: what those of dropout belong to.
        loras: what of it is trained in some phase.
        again: whether its layers are to be computed again in the backward pass.

    Raises:
        UserError: there is no such model, it cannot be downloaded, its tokenizer lacks something, it cannot see so many
            tokens, its dropout cannot be drawn in that way, it has not got the layers that LoRA is to adapt, or they
            cannot be computed again.
    """
    place, revision = locate(model, weights)
    try:
        config = config_of(model, place, revision)
        with torch.device("meta"):  # shapes without memory
            kind: Any = AutoModel._model_mapping[type(config)]
            encoder = kind(config, **_no_pooler(kind))
        if not is_built_in(model):  # whose tokenizer is XLM-R's, and takes seconds to read
            check_tokenizer(model, _tokenizer(place, revision))
    except UserError:
        raise
    except Exception as error:  # as in load_base
        raise _no_model(model, error) from error
    for lora in loras:
        check_targets(model, encoder, lora)
    if again and not encoder.supports_gradient_checkpointing:
        message = f"gradient_checkpointing is not for models of type {config.model_type} such as '{model}'"
        raise UserError(Problem(message, hint="leave it out"))
    longest = positions(config.to_dict())
    if longest is not None and tokens > longest:
        message = f"model '{model}' sees {longest} tokens at once, and the tasks give it up to {tokens}"
        raise UserError(Problem(message, hint=f"set max_length={longest}"))
    if masks == "rows" and config.model_type not in KIN:
        message = f"dropout_masks: rows is for models of type {', '.join(KIN)}, and '{model}' is {config.model_type}"
        raise UserError(Problem(message, hint="set dropout=0, which is as exact, or leave dropout_masks out"))


def _untrained(shape: str, vocabulary: int) -> XLMRobertaConfig:
    """The configuration of `random:<shape>`."""
    return XLMRobertaConfig(
        vocab_size=vocabulary, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5, **SHAPES[shape]
    )


def check_tokenizer(model: str, tokenizer: PreTrainedTokenizerBase) -> None:
    """Makes sure that a tokenizer gives what features are made of.

    Raises:
        UserError: it is written in Python, has no padding, or does not tell where texts begin and end.
    """
    reason = None
    if not tokenizer.is_fast:
        reason = "is written in Python, and does not tell which characters a token stands for"
    elif tokenizer.pad_token_id is None:
        reason = "has no padding token"
    else:
        one, pair = tokenizer("a", add_special_tokens=False)["input_ids"], tokenizer("a", "a")
        ids, sides = pair["input_ids"], pair.sequence_ids()
        second = sides.index(1) if 1 in sides else 0
        if not one or 0 not in sides or not second:
            reason = "makes nothing of a letter"
        elif sides[0] is not None:
            reason = "puts nothing before a text, which stands for all of it"
        elif sides[second - 1] is not None:
            reason = "puts nothing between two texts"
        elif any(types := pair.get("token_type_ids") or []) and types != [0] * second + [1] * (len(ids) - second):
            reason = "numbers the tokens of two texts in a way that is not BERT's"
    if reason is not None:
        hint = "add the token or the template to its tokenizer.json, or take another checkpoint of that family"
        raise UserError(Problem(f"the tokenizer of model '{model}' {reason}", hint=hint))


def config_of(model: str, place: str, revision: str | None) -> PretrainedConfig:
    """A model's configuration. UserError where it is of no encoder that reads a text as a whole, or needs own code."""
    if model.startswith("random:"):
        return _untrained(model.removeprefix("random:"), XLM_R["vocab_size"])
    said, _ = PretrainedConfig.get_config_dict(place, revision=revision)
    own = said.get("model_type")
    if own not in CONFIG_MAPPING and (own in NATIVE or "auto_map" in said):
        message = f"model '{model}' is of type '{own}', code that comes with its weights and is not run here"
        raise UserError(
            Problem(message, hint=NATIVE.get(str(own), "look for a copy that transformers reads by itself"))
        )
    config = AutoConfig.from_pretrained(place, revision=revision, trust_remote_code=False)
    kind, hint = config.model_type, "an encoder such as xlm-roberta-large, or mmBERT, mDeBERTa, EuroBERT"
    reason = UNFIT.get(kind)
    if config.is_encoder_decoder or type(config) not in AutoModel._model_mapping:
        reason = "has a decoder, too, or no layers of its own"
    elif kind in CAUSAL and kind not in MASKED and not getattr(config, "use_bidirectional_attention", False):
        reason = "is a decoder, whose tokens see none behind them"
    if reason is not None:
        raise UserError(Problem(f"model '{model}' is no encoder for this: {kind} {reason}", hint=hint))
    return config


def _tokenizer(place: str, revision: str | None) -> PreTrainedTokenizerBase:
    found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(place, revision=revision, trust_remote_code=False)
    return found


def _no_pooler(kind: Any) -> dict[str, bool]:
    """No layer for a task that nobody has here, in architectures that would have one."""
    return {"add_pooling_layer": False} if "add_pooling_layer" in inspect.signature(kind.__init__).parameters else {}


def locate(model: str, weights: str | None) -> tuple[str, str | None]:
    """Where `from_pretrained` finds a model (`random:<config>`: its tokenizer), and the revision of a hub id."""
    hint = "put the same files there on every machine; a model that changed is for a new run"
    if is_on_hub(model):
        name, revision = name_and_revision(model)
        if weights is not None and not COMMIT.fullmatch(weights):
            raise UserError(Problem(f"there is no model folder '{model}' on {socket.gethostname()}", hint=hint))
        return name, weights or revision
    if weights is not None and (found := identify(model)) != weights:
        here = f"{socket.gethostname()} has weights {found}"
        message = f"model '{model}' is not the one that the run began with: {here}, not {weights}"
        raise UserError(Problem(message, hint=hint))
    return str(folder_of(model) or minilm_folder()), None


def _is_unreached(error: Exception) -> bool:
    """Whether the cache has not got the files, and the hub was not asked or did not answer."""
    return isinstance(error.__cause__, LocalEntryNotFoundError)


def _no_model(model: str, error: Exception) -> UserError:
    reason = _first_line(error)
    hint = "give a hub id such as xlm-roberta-large, a folder, minilm or random:tiny"
    if _is_unreached(error) and is_offline_mode():
        name, _ = name_and_revision(model)
        reason = "HF_HUB_OFFLINE is set, and it is not in the cache on this machine"
        hint = f"run `hf download {name}` here once with network, or set HF_HOME to a cache that has it"
    return UserError(Problem(f"model '{model}' cannot be loaded: {reason}", hint=hint))


def _first_line(error: Exception) -> str:
    return f"{error}".strip().partition("\n")[0] or type(error).__name__
