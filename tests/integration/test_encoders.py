"""Encoders of every family that people use: a tiny one of each is loaded, trimmed, trained and scored like XLM-R."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel

from tests.toy import tokenizer
from trainables.data import open_source
from trainables.errors import UserError
from trainables.models.checkpoint import load_checkpoint
from trainables.models.network import check_model, load_base, new_network, table_name
from trainables.models.shapes import longest_input
from trainables.models.vocabulary import TrimmedVocabulary
from trainables.spec import TrialSpec
from trainables.store import Store
from trainables.training.fine_tune import run_trial
from trainables.training.workbench import Workbench

pytestmark = pytest.mark.integration

SMALL: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "bos_token_id": 0,
    "pad_token_id": 1, "eos_token_id": 2, "max_position_embeddings": 130,
}  # fmt: skip
FAMILIES: dict[str, dict[str, Any]] = {
    "xlm-roberta": {}, "roberta": {}, "camembert": {}, "bert": {}, "albert": {"embedding_size": 16}, "mpnet": {},
    "rembert": {"input_embedding_size": 16, "output_embedding_size": 16}, "electra": {"embedding_size": 16},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0,
                   "share_att_key": True, "position_buckets": 32, "norm_rel_ebd": "layer_norm",
                   "pooler_hidden_size": 32},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64},
    "modernbert": {"global_attn_every_n_layers": 2, "local_attention": 8, "cls_token_id": 0, "sep_token_id": 2},
    "eurobert": {"num_key_value_heads": 1},
}  # fmt: skip

BEHIND_PADDING = ("xlm-roberta", "roberta", "camembert", "mpnet")
"""Families whose positions are counted from the padding token's id, which is one of the first then."""


@pytest.fixture(params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A checkpoint of a family, with random weights and a tokenizer of characters."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(request.param, vocab_size=len(tokenizer()), **{**SMALL, **FAMILIES[request.param]})
    path = tmp_path / request.param
    AutoModel.from_config(config).save_pretrained(path)
    tokenizer().save_pretrained(path)
    return path


def rows(*texts: str) -> tuple[torch.Tensor, torch.Tensor]:
    batch = tokenizer()(list(texts), padding=True, return_tensors="pt")
    return batch["input_ids"], batch["attention_mask"]


@torch.inference_mode()
def test_padding_changes_no_output(folder: Path) -> None:
    encoder = load_base(str(folder)).encoder
    alone, mask = rows("Ulm")
    padded, longer = rows("Ulm", "a much longer text than that")
    one = encoder(input_ids=alone, attention_mask=mask).last_hidden_state[0]
    other = encoder(input_ids=padded, attention_mask=longer).last_hidden_state[0, : len(one)]
    assert torch.allclose(one, other, atol=1e-5)


@torch.inference_mode()
def test_an_input_as_long_as_it_is_said_to_see_is_seen(folder: Path) -> None:
    seen = longest_input(str(folder))
    assert seen is not None
    assert seen in (128, 130)
    ids = torch.full((1, seen), 5)
    assert (
        load_base(str(folder))
        .encoder(input_ids=ids, attention_mask=torch.ones_like(ids))
        .last_hidden_state.isfinite()
        .all()
    )


@torch.inference_mode()
def trimmed(folder: Path, pad_id: int) -> int:
    """How much of the vocabulary is kept for two texts, whose outputs must stay as they are."""
    encoder = load_base(str(folder)).encoder
    input_ids, mask = rows("Ulm", "a longer text")
    expected = encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state[mask.bool()]
    vocabulary = TrimmedVocabulary(encoder, np.unique(input_ids[mask.bool()].numpy()), pad_id)
    ids = vocabulary.translate(input_ids.masked_fill(mask == 0, pad_id))
    found = encoder(input_ids=ids, attention_mask=mask).last_hidden_state[mask.bool()]
    assert torch.allclose(found, expected, atol=1e-5)
    return len(vocabulary.kept)


def test_a_trimmed_vocabulary_changes_no_output(folder: Path) -> None:
    assert trimmed(folder, pad_id=1) < len(tokenizer()) / 2


@pytest.mark.parametrize("folder", [one for one in FAMILIES if one not in BEHIND_PADDING], indirect=True)
def test_a_vocabulary_that_ends_with_its_padding_is_trimmed_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainables.models.vocabulary.FIRST_IDS", 1)
    assert trimmed(folder, pad_id=len(tokenizer()) - 1) < len(tokenizer()) / 2


@pytest.mark.parametrize("task", ["mini-nli", "mini-pos", "mini-qa"])
def test_a_trial_of_each_kind_runs_and_the_next_one_starts_from_it(folder: Path, task: str, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    check_model(str(folder), None, 128, "batch")
    bench = Workbench(Store(str(tmp_path / "store")), open_source("mini"))
    settings: dict[str, Any] = {
        "learning_rate": 1e-3,
        "epochs": 1,
        "batch_size": 4,
        "warmup": 0.1,
        "weight_decay": 0.01,
    }
    limits = {"train_examples": 8, "eval_examples": 4, "max_length": 128}
    trained = TrialSpec("intermediate", str(folder), (task,), ("en",), "d", **settings, **limits)
    assert list(run_trial(trained, bench, time.time()))[-1].objective is not None
    weights = load_checkpoint(bench.store, trained.trial_id)
    base = bench.base(trained)
    assert weights[table_name(base.encoder)].shape == base.encoder.get_input_embeddings().weight.shape
    target = TrialSpec("target", str(folder), ("mini-ner",), ("en",), "d", trained.trial_id, **settings, **limits)
    assert list(run_trial(target, bench, time.time()))[-1].objective is not None
    evaluation = TrialSpec("evaluate", str(folder), ("mini-ner",), ("de",), "d", target.trial_id, eval_examples=4)
    assert list(run_trial(evaluation, bench, time.time()))[-1].scores


def test_dropout_is_what_the_experiment_says_everywhere(folder: Path) -> None:
    base = load_base(str(folder))
    network = new_network(base, [], 0.0)
    network.train()
    input_ids, mask = rows("a longer text")
    one, two = (network.encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state for _ in range(2))
    assert torch.equal(one, two)
    if base.encoder.config.model_type not in ("modernbert", "eurobert"):  # whose own is 0
        noisy = new_network(base, [], 0.5).train().encoder
        assert not torch.equal(*(noisy(input_ids=input_ids, attention_mask=mask).last_hidden_state for _ in range(2)))


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    [
        ("t5", {"d_model": 32}, "t5 has a decoder, too"),
        ("gpt2", {"n_embd": 32, "n_layer": 1, "n_head": 2}, "gpt2 is a decoder"),
        ("llama", {"num_key_value_heads": 1}, "llama is a decoder"),
        ("canine", {}, "canine reads characters"),
        ("xmod", {"languages": ["en_XX"]}, "xmod sends each text through the adapter of its language"),
        ("mbart", {"d_model": 32}, "mbart has a decoder, too"),
    ],
)
def test_what_is_no_encoder_is_refused_before_a_trial(
    tmp_path: Path, kind: str, more: dict[str, Any], words: str
) -> None:
    AutoConfig.for_model(kind, **{**SMALL, **more}).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    for read in (lambda: check_model(str(tmp_path), None, 100, "batch"), lambda: load_base(str(tmp_path))):
        with pytest.raises(UserError, match=f"is no encoder for this: {words}"):
            read()
