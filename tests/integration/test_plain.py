"""Winners as transformers' own classes load them, with no line of this project: the same predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch.nn import functional

from tests import families
from trainables import tasks
from trainables.errors import UserError
from trainables.models.base import load_base
from trainables.models.network import Network, new_network
from trainables.models.plain import plain
from trainables.tasks import Task

pytestmark = pytest.mark.integration

TASKS = {
    "pair_classification": "mini-nli", "text_classification": "sib200", "tagging": "mini-pos", "span_qa": "mini-qa",
    "multiple_choice": "siqa", "retrieval": "lareqa", "bitext_retrieval": "tatoeba", "bitext_ranking": "opus100",
}  # fmt: skip
"""A task of each kind."""

OTHERWISE = {
    "electra": {"pair_classification", "text_classification", "retrieval"},
    "deberta-v2": {"retrieval"},
    "distilbert": {"pair_classification", "text_classification", "multiple_choice", "retrieval"},
    "gte": {"span_qa", "multiple_choice", "retrieval"},
    "nomic_bert": {"span_qa", "multiple_choice", "retrieval"},
    "modernbert": {*TASKS} - {"bitext_retrieval", "bitext_ranking"},
    "mmbert": {*TASKS} - {"bitext_retrieval", "bitext_ranking"},
    "eurobert": {*TASKS} - {"bitext_retrieval", "bitext_ranking", "tagging"},
}
"""Kinds for which a family has no class, or one that computes something else than the head that is trained here."""

FIRST = ["Ulm", "a longer text, which is cut"]
SECOND = ["what else was there to say about it", "No."]


@pytest.fixture(params=families.CONFIGS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    torch.set_num_threads(1)
    return families.save(request.param, tmp_path / request.param)


def trained(folder: Path, task: Task, types: bool = True) -> Network:
    """A network whose weights are large enough for small ones to show."""
    torch.manual_seed(1)
    network = new_network(load_base(str(folder)), [task], None, types=types)
    with torch.no_grad():
        for one in network.heads.parameters():
            if one.dim():  # a scale stays what it is
                one.normal_(std=0.3)
    return network.eval()


@torch.inference_mode()
def expected(network: Network, task: Task, batch: Any) -> torch.Tensor:
    return network(task.name, batch["input_ids"], batch["attention_mask"])


@torch.inference_mode()
@pytest.mark.parametrize("kind", TASKS)
def test_a_folder_gives_the_same_predictions_or_is_refused(folder: Path, kind: str, tmp_path: Path) -> None:
    task, base = tasks.load(TASKS[kind]), load_base(str(folder))
    network = trained(folder, task)
    if kind in OTHERWISE.get(folder.name, ()):
        with pytest.raises(UserError, match=f"task '{task.name}' on a model of type .* is no plain folder"):
            plain(network, task.name, task, base)
        return
    made = plain(network, task.name, task, base)
    made.save(tmp_path / "out")
    loader = getattr(transformers, made.loader)
    model = loader.from_pretrained(tmp_path / "out").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    two = kind in ("pair_classification", "span_qa", "multiple_choice")
    batch = tokenizer(*([FIRST, SECOND] if two else [FIRST]), padding=True, truncation=True, return_tensors="pt")
    own = expected(network, task, batch)
    assert ("token_type_ids" in batch) == (network.separator is not None)
    if kind == "multiple_choice":
        told = model(**{name: one[None] for name, one in batch.items()}).logits.flatten()
        assert torch.allclose(told, own.flatten(), atol=1e-5)
    elif kind == "span_qa":
        told = model(**batch)
        mask = batch["attention_mask"].bool()
        for side, one in enumerate((told.start_logits, told.end_logits)):
            assert torch.allclose(one[mask], own[:, :, side][mask], atol=1e-5)
    elif made.loader == "AutoModel":
        told = model(**batch, output_hidden_states=True)
        if kind == "retrieval":
            assert made.vector == "pooler_output"
            vectors = told.pooler_output
        else:
            layer: Any = network.heads[task.name].layer
            assert made.vector == f"hidden_states[{layer}], the mean of its tokens"
            weights = batch["attention_mask"][:, :, None].float()
            vectors = (told.hidden_states[layer] * weights).sum(dim=1) / weights.sum(dim=1)
        assert torch.allclose(*(functional.normalize(one, dim=-1) for one in (vectors, own)), atol=1e-5)
    else:
        mask = batch["attention_mask"].bool()
        told = model(**batch).logits
        told, own = (told[mask], own[mask]) if kind == "tagging" else (told, own)
        assert torch.allclose(told, own, atol=1e-5)
        assert [model.config.id2label[place] for place in range(len(task.labels))] == [*task.labels]
        assert model.config.label2id == {label: place for place, label in enumerate(task.labels)}
    assert (tmp_path / "out" / "model.safetensors").exists()
    assert tokenizer.model_max_length == task.max_length
    assert type(transformers.AutoModel.from_pretrained(tmp_path / "out")) is type(base.encoder)
