"""The encoder, where it comes from, and the heads on top of it."""

from __future__ import annotations

import copy
import inspect
import socket
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import tokenizers
import torch
from huggingface_hub import is_offline_mode
from huggingface_hub.errors import LocalEntryNotFoundError
from torch import Tensor, nn
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
from trainables.kinds import kind_of
from trainables.kinds.mlm import TokenHead, TokenLayers
from trainables.models.checkpoint import check_fit
from trainables.models.dropout import KIN, RowMasks, drop_by_rows
from trainables.models.identity import COMMIT, identify
from trainables.models.lora import adapt, check_targets
from trainables.models.minilm import minilm_folder
from trainables.models.packed import PackedEncoder, can_be_packed
from trainables.models.packed_rows import PackedRows
from trainables.models.shapes import SHAPES, XLM_R, folder_of, is_built_in, is_on_hub, name_and_revision, positions
from trainables.spec import Lora, content_hash
from trainables.tasks import Task

logging.set_verbosity_error()  # what a checkpoint has too much is no matter, what it lacks is an error here
logging.disable_progress_bar()

CAUSAL, MASKED = (frozenset(names) for names in (MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_MASKED_LM_MAPPING_NAMES))
"""Types of models that were trained to go on with a text, and to fill in what is masked."""

FUNCTIONAL = ("dropout", "attention_dropout", "dropout_prob")
"""How modules call the dropout that they do themselves."""

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


def table_name(encoder: PreTrainedModel) -> str:
    """The name of the word embeddings (vocabulary, H) among a network's weights."""
    table = encoder.get_input_embeddings().weight
    return "encoder." + next(name for name, one in encoder.named_parameters() if one is table)


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


class Network(nn.Module):
    """One encoder with a head per task. Its weights are called `encoder.*` and `heads.<task>.*`."""

    masks: RowMasks | None = None
    """Of dropout that draws its masks row by row."""

    separator: int | None = None
    """The token behind the first of two texts, if the encoder is told which one a token is of."""

    def __init__(self, encoder: PreTrainedModel, heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleDict(heads)

    def trained(self) -> dict[str, Tensor]:
        """The weights that training changes: all, or with LoRA its products and the heads."""
        frozen = {name for name, one in self.named_parameters() if not one.requires_grad}
        return {name: one for name, one in self.state_dict().items() if name not in frozen}

    def halve_frozen(self) -> None:
        """Keeps frozen linear layers in bfloat16, to which autocast rounds them for every product anyway."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                for weight in module.parameters(recurse=False):
                    if not weight.requires_grad:
                        weight.data = weight.data.bfloat16()

    def compute_layers_again(self) -> None:
        """From now on the backward pass computes each layer again, with the same dropout, instead of keeping it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the name is another one in transformers 6
            self.encoder.gradient_checkpointing_enable({"use_reentrant": False})
        if self.is_packed:
            self.packed_encoder.computes_again = True

    def renumber(self, translate: Callable[[Tensor], Tensor]) -> None:
        """Notes that tokens have other ids from now on."""
        if self.separator is not None:
            self.separator = int(translate(torch.tensor([self.separator]))[0])

    def forward(self, task: str, input_ids: Tensor, mask: Tensor | PackedRows, targets: Tensor | None = None) -> Tensor:
        """The outputs of a task's head for token ids (R, L) and attention mask (R, L) of R rows.

        Args:
            mask: on the CPU, as what is on a GPU would have to be waited for; or what `is_packed` networks make of it.
            targets: (R, L), for a head that predicts tokens. What it does with the word embeddings has to be done in
                here, or DistributedDataParallel would not know of it.
        """
        head: Any = self.heads[task]
        device = input_ids.device
        rows = None
        if self.is_packed:
            rows = mask if isinstance(mask, PackedRows) else PackedRows(mask.cpu(), device)
        here = mask.mask() if isinstance(mask, PackedRows) else mask.to(device, non_blocking=True)
        types = None if self.separator is None else token_types(input_ids, here, self.separator)
        if rows is not None:
            dtype = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else torch.float32
            hidden = self.packed_encoder(input_ids, rows, types, dtype, head.layer)
        else:
            told = {} if types is None else {"token_type_ids": types}
            states = self.encoder(
                input_ids=input_ids, attention_mask=here, output_hidden_states=head.layer is not None, **told
            )
            hidden = states.last_hidden_state if head.layer is None else states.hidden_states[head.layer]
        if head.predicts_tokens:
            return head(hidden, here, targets, self.encoder.get_input_embeddings().weight)
        return head(hidden, here)

    @property
    def is_packed(self) -> bool:
        """Whether padding costs nothing, which it does in the transformers' own layers."""
        return self.masks is None and can_be_packed(self.encoder)

    @cached_property
    def packed_encoder(self) -> PackedEncoder:
        """The encoder over rows without padding, if the network `is_packed`."""
        return PackedEncoder(self.encoder)


def token_types(input_ids: Tensor, mask: Tensor, separator: int) -> Tensor:
    """Which text each token of rows (R, L) is of: 0 up to the first separator, and in padding; 1 behind it."""
    ends = (input_ids == separator).long()
    return (ends.cumsum(dim=1) > ends).long() * mask


def new_network(
    base: Base,
    tasks: Sequence[Task],
    dropout: float | None,
    weights: Mapping[str, Tensor] | None = None,
    heads_from: Mapping[str, str] | None = None,
    masks: Literal["batch", "rows"] = "batch",
    token_layers: TokenLayers | None = None,
    types: bool = False,
    lora: Lora | None = None,
    copies: bool = True,
) -> Network:
    """A network for training or evaluation, on the CPU.

    The word embeddings are shared with `base` or `weights`, not copied: most of a multilingual model is its vocabulary,
    and training replaces it by the part that occurs.

    Args:
        copies: whether the other weights are; else they are shared, too, until the network moves to a device, which is
            to copy them once and not twice.
        weights: a trained network's, from which the encoder starts; None: from the base.
        heads_from: the heads that start from `weights` too, each with the head there that it goes on with. The others
            are drawn from torch's global random state, and what else `weights` has of heads is dropped.
        masks: what those of dropout belong to, see `TrialSpec`.
        token_layers: what heads that predict tokens start from, where there are any.
        types: whether the encoder is told which of two texts a token is of.
        lora: what of the encoder is trained, None: all of it.

    Raises:
        DamageError: `weights` are not exactly those of this encoder and these heads.
    """
    table = base.encoder.get_input_embeddings().weight
    shared: dict[int, Any] = {} if copies else {id(one): nn.Parameter(one.data) for one in base.encoder.parameters()}
    encoder = copy.deepcopy(base.encoder, {**shared, id(table): table})
    name_of_table = table_name(encoder)
    heads = {task.name: kind_of(task).head(task, base.encoder.config) for task in tasks}
    for head in heads.values():
        if isinstance(head, TokenHead):
            assert token_layers is not None
            head.layers = copy.deepcopy(token_layers)
    network = Network(encoder, heads)
    network.separator = base.separator if types else None
    if weights is not None:
        prefixes = {"encoder.": "encoder."}
        prefixes |= {f"heads.{own}.": f"heads.{theirs}." for own, theirs in (heads_from or {}).items()}
        taken = {
            own + name.removeprefix(theirs): value
            for own, theirs in prefixes.items()
            for name, value in weights.items()
            if name.startswith(theirs)
        }
        check_fit(taken, {name: one for name, one in network.state_dict().items() if name.startswith((*prefixes,))})
        encoder.get_input_embeddings().weight = nn.Parameter(taken.pop(name_of_table), requires_grad=False)
        # Not strictly: the embeddings are there, and heads that nobody has trained yet.
        network.load_state_dict(taken, strict=False, assign=not copies)
    if lora is not None:
        adapt(encoder, lora)
    if dropout is not None:
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = dropout
            for name in FUNCTIONAL:  # what is no module of its own
                if isinstance(getattr(module, name, None), float):
                    setattr(module, name, dropout)
    if masks == "rows":
        network.masks = drop_by_rows(network, encoder)
    return network
