"""The layers of BERT and its kin over rows without padding, with each weight rounded once a step.

The modules are those of transformers, and so are the results; what runs here is another order of the same arithmetic.
Padding is not computed, in bfloat16 all of a layer is in it (sums within a kernel are float32), and queries, keys and
values are one product.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        return None, *(part.float() for part in gradient.split(ctx.sizes))


class _Weights:
    """Parameters in the type of the arithmetic, rounded again whenever they have changed.

    Args:
        parameters: several are one behind the other.
    """

    def __init__(self, *parameters: nn.Parameter) -> None:
        self._parameters, self._versions = parameters, (-1,)
        self._copy: Tensor | None = None

    def in_type(self, dtype: torch.dtype) -> Tensor:
        first = self._parameters[0]
        if len(self._parameters) == 1 and first.dtype == dtype:
            return first
        if self._copy is None or self._copy.dtype != dtype or self._copy.device != first.device:
            shape = (sum(map(len, self._parameters)), *first.shape[1:])
            with torch.inference_mode(False):
                self._copy = torch.empty(shape, dtype=dtype, device=first.device)
            self._versions = (-1,)
        versions = tuple(one._version for one in self._parameters)
        if versions != self._versions or (first.is_cuda and torch.cuda.is_current_stream_capturing()):
            with torch.inference_mode(False), torch.no_grad():
                for part, own in zip(self._copy.split([*map(len, self._parameters)]), self._parameters, strict=True):
                    part.copy_(own)
            self._versions = versions
        return _Rounded.apply(self._copy, *self._parameters)


class _Linear:
    """A linear layer, or several of one input as one."""

    def __init__(self, *modules: nn.Module) -> None:
        self._modules = modules
        self._is_plain = all(type(one) is nn.Linear for one in modules)
        if self._is_plain:
            plain: Sequence[Any] = modules
            self._weight, self._bias = _Weights(*(one.weight for one in plain)), _Weights(*(one.bias for one in plain))

    def __call__(self, hidden: Tensor) -> Tensor:
        if self._is_plain:
            return linear(hidden, self._weight.in_type(hidden.dtype), self._bias.in_type(hidden.dtype))
        with torch.autocast(hidden.device.type, hidden.dtype, enabled=hidden.dtype != torch.float32):  # LoRA's
            return torch.cat([one(hidden).to(hidden.dtype) for one in self._modules], dim=-1)


class _Norm:
    """A LayerNorm."""

    def __init__(self, module: nn.LayerNorm) -> None:
        self._module, self._weight, self._bias = module, _Weights(module.weight), _Weights(module.bias)

    def __call__(self, hidden: Tensor) -> Tensor:
        weight, bias = self._weight.in_type(hidden.dtype), self._bias.in_type(hidden.dtype)
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
    """

    def __init__(self, encoder: PreTrainedModel) -> None:
        module: Any = encoder
        self._encoder, self._embeddings = module, module.embeddings
        self._layers = [_Layer(one) for one in module.encoder.layer]

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
        is_again = self._encoder.is_gradient_checkpointing and torch.is_grad_enabled()
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
