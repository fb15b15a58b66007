"""The layers of BERT and its kin over rows without padding, with each weight rounded once a step.

The modules are those of transformers, and so are the results; what runs here is another order of the same arithmetic.
Padding is not computed, in bfloat16 all of a layer is in it (sums within a kernel are float32), and queries, keys and
values are one product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from trainables.models.dropout import KIN
from trainables.models.noise import Noise, add_dropped
from trainables.models.packed_rows import PackedRows, attention
from trainables.models.products import linear


def can_be_packed(encoder: PreTrainedModel) -> bool:
    """Whether `PackedEncoder` knows the architecture."""
    return encoder.config.model_type in KIN


class _Rounded(torch.autograd.Function):
    """Parameters as one tensor in another type, which is at hand; their gradients are in their own."""

    @staticmethod
    def forward(ctx: Any, copy: Tensor, *parameters: Tensor) -> Tensor:
        ctx.sizes = [len(one) for one in parameters]
        return copy.view_as(copy)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return None, *(part.float() for part in gradient.split(ctx.sizes))


class _Weights:
    """Parameters in the type of the arithmetic, rounded again whenever they have changed.

    Args:
        parameters: several are one behind the other.

    Attributes:
        leaf: while it is there, what stands for them, and gets their gradient.
    """

    def __init__(self, *parameters: nn.Parameter) -> None:
        self.parameters = parameters
        self._versions: tuple[int, ...] = ()
        self._copy: Tensor | None = None
        self.leaf: Tensor | None = None

    def in_type(self, dtype: torch.dtype) -> Tensor:
        if self.leaf is not None:
            return self.leaf
        if len(self.parameters) == 1 and self.parameters[0].dtype == dtype:
            return self.parameters[0]
        copy = self.copy(dtype)
        # What was made in inference mode cannot say whether it has changed.
        versions = tuple(-1 if one.is_inference() else one._version for one in self.parameters)
        if versions != self._versions or -1 in versions:
            with torch.inference_mode(False), torch.no_grad():
                for part, own in zip(self.parts(copy), self.parameters, strict=True):
                    part.copy_(own)
            self._versions = versions
        return _Rounded.apply(copy, *self.parameters)

    def copy(self, dtype: torch.dtype) -> Tensor:
        """Where they are rounded to."""
        first = self.parameters[0]
        if self._copy is None or self._copy.dtype != dtype or self._copy.device != first.device:
            shape = (sum(map(len, self.parameters)), *first.shape[1:])
            with torch.inference_mode(False):
                self._copy = torch.empty(shape, dtype=dtype, device=first.device)
            self._versions = ()
        return self._copy

    def parts(self, joined: Tensor) -> Sequence[Tensor]:
        """What of a tensor of all of them is of each."""
        return joined.split([*map(len, self.parameters)])


class _Linear:
    """A linear layer, or several of one input as one."""

    weights: tuple[_Weights, ...] = ()

    def __init__(self, *modules: nn.Module) -> None:
        self._modules = modules
        self._is_plain = all(type(one) is nn.Linear for one in modules)
        if self._is_plain:
            plain: Sequence[Any] = modules
            self.weights = _Weights(*(one.weight for one in plain)), _Weights(*(one.bias for one in plain))

    def __call__(self, hidden: Tensor) -> Tensor:
        if self._is_plain:
            return linear(hidden, *(one.in_type(hidden.dtype) for one in self.weights))
        with torch.autocast(hidden.device.type, hidden.dtype, enabled=hidden.dtype != torch.float32):  # LoRA's
            return torch.cat([one(hidden).to(hidden.dtype) for one in self._modules], dim=-1)


class _Norm:
    """A LayerNorm."""

    def __init__(self, module: nn.LayerNorm) -> None:
        self._module, self.weights = module, (_Weights(module.weight), _Weights(module.bias))

    def __call__(self, hidden: Tensor) -> Tensor:
        weight, bias = (one.in_type(hidden.dtype) for one in self.weights)
        return functional.layer_norm(hidden, self._module.normalized_shape, weight, bias, self._module.eps)


class _Layer:
    """One of the encoder's layers."""

    def __init__(self, module: Any) -> None:
        own, joined = module.attention.self, module.attention.output
        self._attention, self._joined, self._inner, self._outer = own, joined, module.intermediate, module.output
        self._qkv = _Linear(own.query, own.key, own.value)
        self._join, self._widen, self._narrow = map(
            _Linear, (joined.dense, module.intermediate.dense, module.output.dense)
        )
        self._norm, self._last_norm = _Norm(joined.LayerNorm), _Norm(module.output.LayerNorm)

    @property
    def weights(self) -> list[_Weights]:
        """Of all its modules, but for those of LoRA."""
        parts = (self._qkv, self._join, self._norm, self._widen, self._narrow, self._last_norm)
        return [one for part in parts for one in part.weights]

    def __call__(self, hidden: Tensor, rows: PackedRows, drops: bool, key: tuple[int, ...]) -> Tensor:
        """(T, H) to (T, H).

        Args:
            drops: whether there is dropout; on a CPU `key` decides what is dropped.
        """
        noise = Noise(*key) if drops and hidden.device.type == "cpu" else None
        own = self._attention
        qkv = self._qkv(hidden).view(len(hidden), 3, own.num_attention_heads, own.attention_head_size)
        seen = attention(qkv, rows, own.dropout.p if drops else 0.0, noise)
        hidden = add_dropped(hidden, self._join(seen), self._joined.dropout.p if drops else 0.0, noise)
        hidden = self._norm(hidden)
        wide = self._inner.intermediate_act_fn(self._widen(hidden))
        return self._last_norm(add_dropped(hidden, self._narrow(wide), self._outer.dropout.p if drops else 0.0, noise))


class PackedEncoder:
    """An encoder of one of KIN over packed rows. It has no weights of its own.

    Args:
        encoder: in whose modules the weights are.

    Attributes:
        computes_again: whether the backward pass computes each layer again, with the same dropout.
    """

    computes_again = False

    def __init__(self, encoder: PreTrainedModel) -> None:
        module: Any = encoder
        self._encoder, self._embeddings = module, module.embeddings
        self._layers = [_Layer(one) for one in module.encoder.layer]

    @contextmanager
    def apart(self, dtype: torch.dtype) -> Iterator[None]:
        """While it lasts, the layers' parameters are out of autograd's sight: rounded all at once where it begins, and
        given their gradients, in place of those that they have, all at once where it ends.
        """
        weights = [one for layer in self._layers for one in layer.weights if one.parameters[0].requires_grad]
        copies = [one.copy(dtype) for one in weights]
        parameters: list[Any] = [parameter for one in weights for parameter in one.parameters]

        def parts(joined: Sequence[Any]) -> list[Tensor]:
            return [part for one, tensor in zip(weights, joined, strict=True) for part in one.parts(tensor)]

        with torch.no_grad():
            torch._foreach_copy_(parts(copies), parameters)
        leaves = [one.detach().requires_grad_() for one in copies]
        for one, leaf in zip(weights, leaves, strict=True):
            one.leaf = leaf
        try:
            yield
            torch._foreach_copy_([one.grad for one in parameters], parts([leaf.grad for leaf in leaves]))
        finally:
            for one in weights:
                one.leaf = None

    def parameters_apart(self) -> list[nn.Parameter]:
        """Those that `apart` is about."""
        weights = (one for layer in self._layers for one in layer.weights)
        return [parameter for one in weights for parameter in one.parameters if parameter.requires_grad]

    def __call__(
        self, input_ids: Tensor, rows: PackedRows, types: Tensor | None, dtype: torch.dtype, layer: int | None
    ) -> Tensor:
        """Hidden states (R, L, H) of the last layer or the one with that number, 0 for padding.

        Args:
            input_ids: (R, L).
            rows: where among them tokens are.
            types: (R, L) which text a token is of.
            dtype: of the layers' arithmetic.
        """
        drops = self._encoder.training
        key = (int(torch.randint(2**62, ())),) if drops and input_ids.device.type == "cpu" else ()
        layers = self._layers if layer is None else self._layers[:layer]
        is_again = self.computes_again and torch.is_grad_enabled()
        with torch.autocast(input_ids.device.type, enabled=False):
            hidden = self._embedded(input_ids, rows, types, dtype, drops)
            for place, one in enumerate(layers):
                arguments = hidden, rows, drops, (*key, place)
                if is_again:
                    hidden = checkpoint(one, *arguments, use_reentrant=False, preserve_rng_state=not key)
                else:
                    hidden = one(*arguments)
            return rows.unpacked(hidden)

    def _embedded(
        self, input_ids: Tensor, rows: PackedRows, types: Tensor | None, dtype: torch.dtype, drops: bool
    ) -> Tensor:
        """The sum of a token's embeddings, in float32 up to here."""
        own = self._embeddings
        if hasattr(own, "create_position_ids_from_input_ids"):  # RoBERTa's: they count what is no padding token
            positions = own.create_position_ids_from_input_ids(input_ids, own.padding_idx)
        else:
            positions = torch.arange(input_ids.shape[1], device=input_ids.device).expand_as(input_ids)
        types = torch.zeros_like(input_ids) if types is None else types
        words = own.word_embeddings(rows.packed(input_ids))
        segments = own.token_type_embeddings(rows.packed(types))
        places = own.position_embeddings(rows.packed(positions))
        hidden = own.LayerNorm(words + segments + places)
        return functional.dropout(hidden, own.dropout.p, drops).to(dtype)
