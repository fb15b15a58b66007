"""LoRA: a frozen encoder, and a product of two narrow matrices beside each of some of its own (Hu et al. 2021,
https://arxiv.org/abs/2106.09685).

While it is trained peft computes it. A trial's checkpoint has these matrices and the heads alone; whoever starts from
it adds the products to the weights that the trial started from.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from transformers import PreTrainedModel

from trainables.errors import Problem, UserError, nearest
from trainables.models.tensors import DamageError
from trainables.spec import Lora

DOWN, UP = ".lora_A.default.weight", ".lora_B.default.weight"
"""How peft calls the two matrices (rank, inputs) and (outputs, rank) of a module."""


def adapted(encoder: nn.Module, lora: Lora) -> list[str]:
    """The names of the linear layers of an encoder that get a product: those that LoRA's targets name, or all."""
    linear = [name for name, module in encoder.named_modules() if isinstance(module, nn.Linear)]
    return [name for name in linear if not lora.targets or any(_is_meant(name, one) for one in lora.targets)]


def check_targets(model: str, encoder: nn.Module, lora: Lora) -> None:
    """Makes sure that each target names some linear layers.

    Raises:
        UserError: those that name none, each with the nearest name that does.
    """
    linear = adapted(encoder, Lora(lora.rank, lora.alpha))
    names = tuple(dict.fromkeys(name.rpartition(".")[2] for name in linear))
    problems = [
        Problem(f"model '{model}' has no linear layer '{target}' for LoRA", hint=nearest(target, names))
        for target in lora.targets
        if not any(_is_meant(name, target) for name in linear)
    ]
    if problems:
        raise UserError(problems)


def adapt(encoder: PreTrainedModel, lora: Lora) -> None:
    """Freezes an encoder and puts products into it, drawn from torch's global random state: they begin as 0."""
    from peft import LoraConfig, inject_adapter_in_model  # only here: it takes a second, and few trials need it

    encoder.requires_grad_(False)
    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=adapted(encoder, lora), bias="none")  # type: ignore[arg-type]
    inject_adapter_in_model(config, encoder)


def merged(before: Mapping[str, Tensor], trained: Mapping[str, Tensor], lora: Lora) -> dict[str, Tensor]:
    """All weights of a trial with LoRA.

    Args:
        before: what it started from: all weights of its encoder (`encoder.*`), and maybe heads, which are dropped.
        trained: its checkpoint's.

    Raises:
        DamageError: `trained` are not the products of this encoder.
    """
    weights = {name: one for name, one in before.items() if name.startswith("encoder.")}
    weights |= {name: one for name, one in trained.items() if not name.endswith((DOWN, UP))}
    for name, down in trained.items():
        if not name.endswith(DOWN):
            continue
        module = name.removesuffix(DOWN)
        own, up = weights.get(f"{module}.weight"), trained.get(module + UP)
        if own is None or up is None or own.shape != (len(up), down.shape[1]) or up.shape[1] != len(down):
            raise DamageError(f"{module} has no products of LoRA that fit")
        weights[f"{module}.weight"] = own + up @ down * (lora.alpha / lora.rank)
    return weights


def _is_meant(module: str, target: str) -> bool:
    return module == target or module.endswith(f".{target}")
