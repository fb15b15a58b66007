"""A trained network as the architecture's own class in transformers, so that others load it without this project.

The class is that of the task's kind (AutoModelForSequenceClassification and its like). Its layers beside the encoder
take the weights of the head here, and then both are tried on the same texts: what comes out must be the same. Where an
architecture's class computes something else, as ELECTRA's with its GELU where the head here has a tanh, there is no
such folder, rather than one that predicts something else.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    AutoModel,
    AutoModelForMultipleChoice,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from trainables.errors import Problem, UserError
from trainables.kinds.pooling import PoolingHead
from trainables.models.base import Base
from trainables.models.network import Network
from trainables.tasks import Task

CLASSES: Mapping[str, Any] = {
    "pair_classification": AutoModelForSequenceClassification,
    "text_classification": AutoModelForSequenceClassification,
    "tagging": AutoModelForTokenClassification,
    "span_qa": AutoModelForQuestionAnswering,
    "multiple_choice": AutoModelForMultipleChoice,
    "retrieval": AutoModel,
    "bitext_retrieval": AutoModel,
    "bitext_mining": AutoModel,
    "bitext_ranking": AutoModel,
}
"""By kind of task. The last four compare vectors: see `Plain.vector`."""

ACTIVATIONS = ("pooler_hidden_act", "summary_activation", "classifier_activation")
"""How configurations call what is computed between the two layers of a head, which is a tanh here."""

TRIED = (
    "It rained.",
    "The cat, which nobody had fed for two days, sat on the mat and looked at us.",
    "Ulm",
    "Why not?",
)
"""Texts that both models are given."""


@dataclass(frozen=True)
class Plain:
    """A model of transformers' own, and what makes its inputs.

    Attributes:
        loader: the class that loads it from its folder.
        vector: where it gives no prediction by itself, which of its outputs is compared, by cosine.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    loader: str
    vector: str | None

    def save(self, folder: Path) -> None:
        """Writes it as `from_pretrained` reads it: configuration, safetensors, tokenizer. All of it or nothing.

        Args:
            folder: not there yet, or empty.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            self.model.save_pretrained(beside)
            self.tokenizer.save_pretrained(beside)
            beside.chmod(0o755)
            beside.rename(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


@torch.inference_mode()
def plain(network: Network, head: str, task: Task, base: Base) -> Plain:
    """A network as transformers has it.

    Args:
        head: the one that answers the task.
        task: as it is asked for (`as_asked`), for the tokenizer cuts texts to its `max_length`.

    Raises:
        UserError: transformers has no class for such tasks on this architecture, or one that computes something else.
    """
    network.eval()
    own: Any = network.heads[head]
    is_pooled = isinstance(own, PoolingHead)
    auto = CLASSES.get(task.kind)
    if auto is None:
        raise _refused(task, network, f"kind {task.kind} answers nothing by itself")
    if type(network.encoder.config) not in auto._model_mapping:
        raise _refused(task, network, f"transformers has no {auto.__name__} for it")
    model = copy.deepcopy(network.encoder) if is_pooled else _whole(network, own, task, auto)
    vector = None
    if is_pooled:
        vector = (
            f"hidden_states[{own.layer}], {'the first token' if own.pooling == 'cls' else 'the mean of its tokens'}"
        )
    elif auto is AutoModel:
        vector = "pooler_output"
    found = Plain(model.eval(), _tokenizer(base, network, task), auto.__name__, vector)
    if not is_pooled and not _is_the_same(found, network, head, task):
        raise _refused(task, network, f"{type(model).__name__} computes something else than the head that was trained")
    return found


def _whole(network: Network, head: nn.Module, task: Task, auto: Any) -> PreTrainedModel:
    """The architecture's own class with the weights of an encoder and of a head."""
    config = copy.deepcopy(network.encoder.config)
    if task.labels and task.kind != "multiple_choice":
        config.id2label = dict(enumerate(task.labels))
        config.label2id = {label: place for place, label in enumerate(task.labels)}
    for name in ACTIVATIONS:
        if hasattr(config, name):
            setattr(config, name, "tanh")
    model: PreTrainedModel = auto._model_mapping[type(config)](config)
    encoder: Any = model.base_model
    encoder.load_state_dict(network.encoder.state_dict(), strict=False)
    trained = {id(one) for name, one in encoder.named_parameters() if name in network.encoder.state_dict()}
    new = [name for name, one in model.named_parameters() if id(one) not in trained]
    new.sort(key=lambda name: not name.startswith(f"{model.base_model_prefix}."))  # what pools comes first
    layers = [model.get_submodule(name) for name in dict.fromkeys(name.rpartition(".")[0] for name in new)]
    given: list[Any] = [one for one in head.modules() if isinstance(one, nn.Linear)]
    fits = len(layers) == len(given) and all(
        isinstance(layer, nn.Linear) and layer.bias is not None and layer.weight.shape == one.weight.shape
        for layer, one in zip(layers, given, strict=True)
    )
    if not fits:
        raise _refused(task, network, f"{type(model).__name__} has other layers than the head that was trained")
    for layer, one in zip(layers, given, strict=True):
        layer.load_state_dict(one.state_dict())
    return model


def _tokenizer(base: Base, network: Network, task: Task) -> PreTrainedTokenizerBase:
    """The base's. It cuts to what the task sees, and tells texts apart only where the encoder was told in training."""
    tokenizer = copy.deepcopy(base.tokenizer)
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = task.max_length
    if network.separator is None:
        tokenizer.model_input_names = [one for one in tokenizer.model_input_names if one != "token_type_ids"]
        tokenizer.init_kwargs["model_input_names"] = tokenizer.model_input_names
    return tokenizer


def _is_the_same(found: Plain, network: Network, head: str, task: Task) -> bool:
    """Whether both models give the same for some texts: what a head gives, or vectors of one direction."""
    pairs = [TRIED[1:], TRIED[:-1]] if found.vector is None else [TRIED]
    batch = found.tokenizer(*map(list, pairs), padding=True, return_tensors="pt")
    expected = network(head, batch["input_ids"], batch["attention_mask"])
    if task.kind == "multiple_choice":  # a question with several choices
        outputs = found.model(**{name: one[None] for name, one in batch.items()}).logits[0][:, None]
        return _is_close(outputs, expected)
    told = found.model(**batch)
    if found.vector is not None:
        return _is_close(functional.normalize(told.pooler_output, dim=-1), functional.normalize(expected, dim=-1))
    is_span = task.kind == "span_qa"
    outputs = torch.stack([told.start_logits, told.end_logits], dim=-1) if is_span else told.logits
    is_text = batch["attention_mask"].bool() if outputs.dim() == 3 else ...
    return _is_close(outputs[is_text], expected[is_text])


def _is_close(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-4, atol=1e-5)


def _refused(task: Task, network: Network, why: str) -> UserError:
    kind = network.encoder.config.model_type
    message = f"task '{task.name}' on a model of type {kind} is no plain folder of transformers: {why}"
    return UserError(Problem(message, hint="its weights are in the store's checkpoints, as this project reads them"))
