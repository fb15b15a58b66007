"""Encoders of every family that people use: a tiny one of each, with a tokenizer of its own kind, is loaded, trimmed,
trained, stopped and scored like XLM-R. `pytest -v -k each_kind` lists families and kinds.
"""

from __future__ import annotations

import dataclasses
import json
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig

from tests import families
from tests.integration.test_state import check_equal, new_bench, result, stopped_at
from tests.toy import tokenizer
from trainables import tasks
from trainables.data import open_source
from trainables.errors import UserError
from trainables.kinds import kind_of
from trainables.models.base import check_model, load_base
from trainables.models.checkpoint import load_checkpoint
from trainables.models.identity import identify
from trainables.models.network import new_network, table_name
from trainables.models.segments import tells_texts
from trainables.models.shapes import longest_input
from trainables.models.vocabulary import TrimmedVocabulary
from trainables.spec import TrialSpec
from trainables.store import Store
from trainables.training.batching import collate
from trainables.training.fine_tune import run_trial, training_features
from trainables.training.gradient import StepGradient
from trainables.training.mixture import Step
from trainables.training.workbench import Workbench

pytestmark = pytest.mark.integration

FAMILIES = tuple(families.CONFIGS)

BEHIND_PADDING = ("xlm-roberta", "xlm-roberta-xl", "roberta", "camembert", "mpnet")
"""Families whose positions are counted from the padding token's id, which is one of the first then."""

TOLD = ("bert", "electra", "nomic_bert")
"""Families whose encoders are told which of two texts a token is of."""

KINDS = {
    "pair_classification": "mini-nli", "tagging": "mini-pos", "span_qa": "mini-qa", "multiple_choice": "siqa",
    "retrieval": "lareqa",
}  # fmt: skip
"""A task of each kind that is trained: of the embedded benchmark, or made up."""


@pytest.fixture(params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A checkpoint of a family, with random weights."""
    torch.set_num_threads(1)
    return families.save(request.param, tmp_path / request.param)


def rows(folder: Path, *texts: str) -> tuple[torch.Tensor, torch.Tensor]:
    batch = families.own(folder.name)(list(texts), padding=True, return_tensors="pt")
    return batch["input_ids"], batch["attention_mask"]


@torch.inference_mode()
def test_padding_changes_no_output(folder: Path) -> None:
    encoder = load_base(str(folder)).encoder
    alone, mask = rows(folder, "Ulm")
    padded, longer = rows(folder, "Ulm", "a much longer text than that")
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
    input_ids, mask = rows(folder, "Ulm", "a longer text")
    expected = encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state[mask.bool()]
    vocabulary = TrimmedVocabulary(encoder, np.unique(input_ids[mask.bool()].numpy()), pad_id)
    ids = vocabulary.translate(input_ids.masked_fill(mask == 0, pad_id))
    found = encoder(input_ids=ids, attention_mask=mask).last_hidden_state[mask.bool()]
    assert torch.allclose(found, expected, atol=1e-5)
    return len(vocabulary.kept)


def test_a_trimmed_vocabulary_changes_no_output(folder: Path) -> None:
    own = families.own(folder.name)
    assert trimmed(folder, own.pad_token_id) < len(own) / 2


@pytest.mark.parametrize("folder", [one for one in FAMILIES if one not in BEHIND_PADDING], indirect=True)
def test_a_vocabulary_that_ends_with_its_padding_is_trimmed_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainables.models.vocabulary.FIRST_IDS", 1)
    size = len(families.own(folder.name))
    assert trimmed(folder, pad_id=size - 1) < size / 2


@torch.inference_mode()
def test_two_texts_are_told_apart_as_the_tokenizer_does(folder: Path) -> None:
    """A network's outputs are those of the encoder for all that its tokenizer gives, trimmed or not."""
    base, told = load_base(str(folder)), tells_texts(str(folder), identify(str(folder)))
    assert told == (folder.name in TOLD)
    given = base.tokenizer([("Ulm is", "a longer text"), ("a", "b")], padding=True, return_tensors="pt")
    ids, mask = given["input_ids"], given["attention_mask"]
    if not told:
        given.pop("token_type_ids", None)
    expected = base.encoder(**given).last_hidden_state[:, 0]
    task = tasks.load("mini-bitext")
    network = new_network(base, [dataclasses.replace(task, pooling="cls", layer=None)], 0.0, types=told).eval()
    assert torch.allclose(network(task.name, ids, mask), expected, atol=1e-5)
    if told:
        assert not torch.allclose(base.encoder(ids, mask).last_hidden_state[:, 0], expected, atol=1e-5)
    vocabulary = TrimmedVocabulary(network.encoder, np.unique(ids.numpy()), base.tokenizer.pad_token_id)
    network.renumber(vocabulary.translate)
    assert torch.allclose(network(task.name, vocabulary.translate(ids), mask), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["pair_classification", "tagging"])
def test_a_step_s_gradient_is_that_of_the_padded_batch(folder: Path, kind: str, tmp_path: Path) -> None:
    """With all embeddings trained, by micro-batches or not, and with what the tokenizer gives beside token ids."""
    told = tells_texts(str(folder), identify(str(folder)))
    spec = TrialSpec(
        "target", str(folder), (KINDS[kind],), ("en",), "d", token_types=told, **{**SETTINGS, "dropout": 0.0}
    )
    bench = Workbench(Store(str(tmp_path / "store")), source(KINDS[kind]), micro_batch_tokens=64)
    task = bench.task(KINDS[kind])
    rows = training_features(spec, bench, task)["en"]
    base = bench.base(spec)
    networks = []
    for _ in range(2):
        torch.manual_seed(1)
        networks.append(bench.network(spec, [task], {}).train())
    textbook, network = networks
    textbook.encoder.get_input_embeddings().weight = torch.nn.Parameter(
        base.encoder.get_input_embeddings().weight.clone()
    )
    batch = collate(rows, base.tokenizer.pad_token_id)
    (
        kind_of(task).loss(task, textbook(task.name, batch.input_ids, batch.mask), batch.targets)
        / sum(one.weight for one in rows)
    ).backward()
    vocabulary = TrimmedVocabulary(network.encoder, rows.token_ids(), base.tokenizer.pad_token_id)
    network.renumber(vocabulary.translate)
    StepGradient(network, network, [task], spec, bench, vocabulary).add(Step(task.name, [*rows]))
    expected = {name: one.grad for name, one in textbook.named_parameters() if one.grad is not None}
    table = table_name(base.encoder)
    expected[table] = expected[table][torch.from_numpy(vocabulary.kept)]
    found = {name: one.grad for name, one in network.named_parameters() if one.grad is not None}
    assert found.keys() == expected.keys()
    for name, one in expected.items():
        torch.testing.assert_close(
            found[name], one, rtol=1e-3, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )


SETTINGS: dict[str, Any] = {
    "learning_rate": 1e-3, "epochs": 1, "batch_size": 4, "warmup": 0.1, "weight_decay": 0.01, "train_examples": 8,
    "eval_examples": 4, "max_length": 128,
}  # fmt: skip


@cache
def source(task: str) -> Any:
    return open_source("mini" if task.startswith("mini") else "mock")


def trial_of(folder: Path, kind: str, store: Path) -> tuple[TrialSpec, Workbench]:
    """A trial of a kind that has run."""
    task = KINDS[kind]
    types = tells_texts(str(folder), identify(str(folder)))
    trained = TrialSpec("intermediate", str(folder), (task,), ("en",), "d", token_types=types, **SETTINGS)
    bench = Workbench(Store(str(store)), source(task))
    assert list(run_trial(trained, bench, time.time()))[-1].objective is not None
    return trained, bench


@pytest.mark.parametrize("kind", KINDS)
def test_a_trial_of_each_kind_runs_and_the_next_one_starts_from_it(folder: Path, kind: str, tmp_path: Path) -> None:
    check_model(str(folder), None, 128, "batch")
    trained, bench = trial_of(folder, kind, tmp_path / "store")
    weights = load_checkpoint(bench.store, trained.trial_id)
    base = bench.base(trained)
    assert weights[table_name(base.encoder)].shape == base.encoder.get_input_embeddings().weight.shape
    bench = Workbench(bench.store, open_source("mini"))
    types = trained.token_types
    target = TrialSpec(
        "target", str(folder), ("mini-ner",), ("en",), "d", trained.trial_id, token_types=types, **SETTINGS
    )
    assert list(run_trial(target, bench, time.time()))[-1].objective is not None
    for task, parent in (("mini-ner", target), ("mini-bitext", trained)):
        evaluation = TrialSpec(
            "evaluate", str(folder), (task,), ("de",), "d", parent.trial_id, eval_examples=4, token_types=types
        )
        assert list(run_trial(evaluation, bench, time.time()))[-1].scores


def modules_called(spec: TrialSpec, bench: Workbench) -> int:
    """How often a module computed something while a trial ran."""
    calls: list[None] = []
    hook = torch.nn.modules.module.register_module_forward_hook(lambda *_: calls.append(None))
    try:
        list(run_trial(spec, bench, 0.0))
    finally:
        hook.remove()
    return len(calls)


@pytest.mark.parametrize("kind", ["pair_classification", "retrieval"])
@pytest.mark.parametrize("folder", ["xlm-roberta", "bert", "modernbert", "eurobert"], indirect=True)
def test_layers_that_are_computed_again_give_the_same_weights(folder: Path, kind: str, tmp_path: Path) -> None:
    """To the last bit, with dropout on; and they are: more linear layers are met than there are."""
    spec = TrialSpec("target", str(folder), (KINDS[kind],), ("en",), "d", **{**SETTINGS, "epochs": 2, "dropout": 0.2})
    found, met = [], []
    for again in (False, True):
        bench = Workbench(Store(str(tmp_path / str(again))), source(KINDS[kind]))
        bench.gradient_checkpointing = again
        met.append(modules_called(spec, bench))
        found.append(load_checkpoint(bench.store, spec.trial_id))
    assert met[1] > met[0]
    assert all(torch.equal(one, found[1][name]) for name, one in found[0].items())


def test_layers_that_cannot_be_computed_again_are_refused_before_a_trial(tmp_path: Path) -> None:
    folder = str(families.save("mpnet", tmp_path / "mpnet"))
    check_model(folder, None, 100, "batch")
    with pytest.raises(UserError, match=r"gradient_checkpointing is not for models of type mpnet"):
        check_model(folder, None, 100, "batch", again=True)


@pytest.mark.parametrize("folder", ["bert", "modernbert", "deberta-v2"], indirect=True)
def test_a_trial_that_is_stopped_ends_in_the_same_weights(folder: Path, tmp_path: Path) -> None:
    types = tells_texts(str(folder), identify(str(folder)))
    changes = {**SETTINGS, "epochs": 2, "train_examples": 16, "dropout": 0.2}
    spec = TrialSpec("target", str(folder), ("qqp",), ("en",), "d", token_types=types, **changes)
    bench = new_bench(tmp_path, save_minutes=1e9)
    expected = result(spec, bench, list(run_trial(spec, bench, 0.0))[-1])
    kept = {name: one.clone() for name, one in expected[0].items()}
    for stop in (3, 3):  # in the first epoch, and in the second
        stopped_at(stop, spec, new_bench(tmp_path))
    bench = new_bench(tmp_path)
    reports = list(run_trial(spec, bench, 0.0))
    assert reports[-1].resumed == 4
    check_equal(result(spec, bench, reports[-1]), (kept, expected[1]))


def test_dropout_is_what_the_experiment_says_everywhere(folder: Path) -> None:
    base = load_base(str(folder))
    network = new_network(base, [], 0.0)
    network.train()
    input_ids, mask = rows(folder, "a longer text")
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
    AutoConfig.for_model(kind, **{**families.SMALL, **more}).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    for read in (lambda: check_model(str(tmp_path), None, 100, "batch"), lambda: load_base(str(tmp_path))):
        with pytest.raises(UserError, match=f"is no encoder for this: {words}"):
            read()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"model_type": "new", "auto_map": {"AutoConfig": "configuration.NewConfig"}},
         r"is of type 'new', code that comes with its weights(.|\n)*alibaba-nlp-community/gte-multilingual-base"),
        ({"model_type": "mine", "auto_map": {"AutoConfig": "configuration.MyConfig"}},
         r"is of type 'mine', code that comes with its weights(.|\n)*look for a copy"),
        ({"model_type": "mine"}, "cannot be loaded"),
        ({"model_type": "bert", "num_attention_heads": 7}, "cannot be loaded"),
    ],
)  # fmt: skip
def test_what_is_not_run_here_is_said_before_a_trial(tmp_path: Path, said: dict[str, Any], words: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**families.SMALL, "vocab_size": 50, **said}))
    tokenizer().save_pretrained(tmp_path)
    for read in (lambda: check_model(str(tmp_path), None, 100, "batch"), lambda: load_base(str(tmp_path))):
        with pytest.raises(UserError, match=words):
            read()


def test_a_checkpoint_with_code_of_its_own_is_read_by_transformers_where_it_can_be(tmp_path: Path) -> None:
    """EuroBERT's checkpoints name their own code, and transformers has it."""
    folder = families.save("eurobert", tmp_path / "eurobert")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "configuration_eurobert.EuroBertConfig"}
    (folder / "config.json").write_text(json.dumps(config))
    check_model(str(folder), None, 100, "batch")
    load_base(str(folder))
