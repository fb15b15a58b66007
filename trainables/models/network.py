"""An encoder, and the heads on top of it."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from trainables.kinds import kind_of
from trainables.kinds.mlm import TokenHead, TokenLayers
from trainables.models.base import Base
from trainables.models.checkpoint import check_fit
from trainables.models.dropout import RowMasks, drop_by_rows
from trainables.models.lora import adapt
from trainables.models.packed import PackedEncoder, can_be_packed
from trainables.models.packed_rows import PackedRows
from trainables.spec import Lora
from trainables.tasks import Task

FUNCTIONAL = ("dropout", "attention_dropout", "dropout_prob")
"""How modules call the dropout that they do themselves."""


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


def table_name(encoder: PreTrainedModel) -> str:
    """The name of the word embeddings (vocabulary, H) among a network's weights."""
    table = encoder.get_input_embeddings().weight
    return "encoder." + next(name for name, one in encoder.named_parameters() if one is table)


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
