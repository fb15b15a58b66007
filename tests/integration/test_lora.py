"""LoRA: what is trained, what is kept of it, and what starts from it."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest
import torch
from torch.func import functional_call
from transformers import get_linear_schedule_with_warmup

from tests import families
from tests.integration.test_fine_tune import SPEC, run
from tests.integration.test_state import check_equal, new_bench, result, stopped_at
from tests.toy import TABLE
from trainables import tasks
from trainables.data import open_source
from trainables.errors import UserError
from trainables.models.base import check_model
from trainables.models.checkpoint import (
    DamagedCheckpoint,
    MissingCheckpoint,
    load_checkpoint,
    load_trial,
    save_checkpoint,
)
from trainables.models.lora import DOWN, UP, adapted, merged
from trainables.models.network import Network, new_network
from trainables.models.tensors import DamageError
from trainables.spec import Lora, TrialSpec
from trainables.store import Store, checkpoint_name
from trainables.training.batching import collate
from trainables.training.fine_tune import run_trial, training_features
from trainables.training.mixture import Mixture
from trainables.training.workbench import Workbench

pytestmark = pytest.mark.integration

LORA = Lora(4, 8.0, ("query", "value"))
FIRST = dataclasses.replace(
    SPEC, phase="intermediate", tasks=("qqp",), epochs=2, batch_size=5, learning_rate=1e-2, weight_decay=0.1,
    train_examples=20, dropout=0.0, parent=None, lora=LORA,
)  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench(Store(str(tmp_path)), open_source("mock"))


def after(parent: TrialSpec, lora: Lora | None, **changes: object) -> TrialSpec:
    fields = {"phase": "target", "tasks": ("panx",), "parent": parent.trial_id, "lora": lora, **changes}
    return dataclasses.replace(parent, **fields)  # type: ignore[arg-type]


def test_a_checkpoint_has_what_was_trained_and_nothing_else(bench: Workbench) -> None:
    run(FIRST, bench)
    weights = load_checkpoint(bench.store, FIRST.trial_id)
    products = [f"encoder.{name}{end}" for name in adapted(bench.base(FIRST).encoder, LORA) for end in (DOWN, UP)]
    assert len(products) == 2 * 2 * 2  # layers, targets, matrices
    heads = {name for name in weights if name.startswith("heads.qqp.")}
    assert heads
    assert set(weights) == {*products, *heads}
    assert all(weights[name].any() for name in products)  # also those that began as 0
    size = bench.store.size(checkpoint_name(FIRST.trial_id))
    assert size < 4 * bench.base(FIRST).encoder.get_input_embeddings().weight.numel() / 100
    assert load_trial(bench.store, FIRST.trial_id)[1] == FIRST


def test_what_starts_from_it_starts_from_the_merged_weights(bench: Workbench) -> None:
    """All weights but the targets' are the base's, and outputs are those of the network that was trained."""
    run(FIRST, bench)
    whole, base = bench.checkpoint(FIRST.trial_id), bench.base(FIRST)
    before = {f"encoder.{name}": one for name, one in base.encoder.state_dict().items()}
    changed = {name for name, one in before.items() if not torch.equal(one, whole[name])}
    assert changed == {f"encoder.{name}.weight" for name in adapted(base.encoder, LORA)}
    assert whole[TABLE].data_ptr() == before[TABLE].data_ptr()  # shared, not copied
    task = bench.task("qqp")
    trained = new_network(base, [task], 0.0, lora=LORA).eval()
    trained.load_state_dict(load_checkpoint(bench.store, FIRST.trial_id), strict=False)
    again = new_network(base, [task], 0.0, whole, {"qqp": "qqp"}).eval()
    ids = base.tokenizer(["one text", "another text"], padding=True, return_tensors="pt")
    given = ids["input_ids"], ids["attention_mask"]
    with torch.inference_mode():
        assert torch.allclose(trained("qqp", *given), again("qqp", *given), atol=1e-6)
        assert not torch.allclose(trained.encoder(*given)[0], base.encoder(*given)[0], atol=1e-3)


@pytest.mark.parametrize("lora", [LORA, None])
def test_phases_chain(bench: Workbench, lora: Lora | None) -> None:
    """A target's trial starts from the merged winner, with LoRA of its own or without, and is scored."""
    run(FIRST, bench)
    target = after(FIRST, lora)
    assert run(target, bench)[-1].objective is not None
    first, second = bench.checkpoint(FIRST.trial_id), bench.checkpoint(target.trial_id)
    assert first.keys() - second.keys() == {name for name in first if name.startswith("heads.")}
    query = "encoder.encoder.layer.0.attention.self.query.weight"
    assert not torch.equal(first[query], second[query])
    dense = query.replace("query", "key")
    assert torch.equal(first[dense], second[dense]) == (lora is not None)
    evaluation = TrialSpec("evaluate", target.model, ("panx",), ("de",), "d", target.trial_id, eval_examples=4)
    fresh = Workbench(bench.store, open_source("mock"))
    assert list(run_trial(evaluation, fresh, time.time()))[-1].scores


def test_it_learns(tmp_path: Path) -> None:
    bench = Workbench(Store(str(tmp_path)), open_source("mini"))
    reports = run(dataclasses.replace(SPEC, lora=Lora(4, 8.0), epochs=6, learning_rate=2e-2), bench)
    losses = [report.loss for report in reports if report.loss is not None]
    assert losses[-1] < losses[0] / 2
    assert (reports[-1].objective or 0) > 30


def test_steps_are_the_textbook_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AdamW on the two matrices, from the mean loss of the padded batch, by a network with the weights W + BA a / r."""
    bench = Workbench(Store(str(tmp_path)), open_source("mini"))
    spec = dataclasses.replace(SPEC, lora=LORA, epochs=2, learning_rate=1e-2, warmup=0.0, weight_decay=0.1)
    run(spec, bench)
    monkeypatch.setattr(Network, "is_packed", False)  # the textbook's rows are padded, its layers transformers' own
    (task,) = (bench.task(name) for name in spec.tasks)
    rows = training_features(spec, bench, task)
    torch.manual_seed(spec.seed)
    drawn = {
        name: one.detach().clone()
        for name, one in new_network(bench.base(spec), [task], 0.0, lora=LORA).trained().items()
    }
    plain = new_network(bench.base(spec), [task], 0.0).train()
    weights = {name: one.detach() for name, one in plain.named_parameters()}
    for one in drawn.values():
        one.requires_grad_(True)
    groups = [
        {"params": [one for one in drawn.values() if one.ndim > 1], "weight_decay": 0.1},
        {"params": [one for one in drawn.values() if one.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, eps=1e-8)
    mixture = Mixture({task.name: rows}, spec.recipe, spec.batch_size or 0, spec.seed)
    steps = [one for epoch in (1, 2) for one in mixture.steps(epoch)]
    schedule = get_linear_schedule_with_warmup(optimizer, 0, len(steps))
    for step in steps:
        batch = collate(step.features, 1)
        used = merged(weights, drawn, LORA)
        logits = functional_call(plain, used, (task.name, batch.input_ids, batch.mask))
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten()).backward()
        torch.nn.utils.clip_grad_norm_(drawn.values(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    found = load_checkpoint(bench.store, spec.trial_id)
    assert found.keys() == drawn.keys()
    for name, one in drawn.items():
        torch.testing.assert_close(found[name], one.detach(), rtol=1e-3, atol=1e-4, msg=name)


def test_weights_that_it_started_from_and_that_are_gone_are_named(bench: Workbench) -> None:
    run(FIRST, bench)
    target = after(FIRST, LORA)
    run(target, bench)
    bench.store.delete(checkpoint_name(FIRST.trial_id))
    with pytest.raises(MissingCheckpoint) as missing:
        Workbench(bench.store, open_source("mock")).checkpoint(target.trial_id)
    assert missing.value.trial_id == FIRST.trial_id


def test_products_of_another_network_are_damage(bench: Workbench) -> None:
    run(FIRST, bench)
    weights = load_checkpoint(bench.store, FIRST.trial_id)
    name = min(one for one in weights if one.endswith(UP))
    for wrong in ({**weights, name: weights[name][:, :2].clone()}, {n: w for n, w in weights.items() if n != name}):
        save_checkpoint(bench.store, FIRST, wrong)
        with pytest.raises(DamagedCheckpoint, match=r"lora_B|has no products of LoRA that fit"):
            Workbench(bench.store, open_source("mock")).checkpoint(FIRST.trial_id)
    with pytest.raises(DamageError):
        merged({}, weights, LORA)


@pytest.mark.parametrize("checkpoint", ["last", "best"])
def test_a_trial_that_is_stopped_ends_in_the_same_weights(tmp_path: Path, checkpoint: str) -> None:
    spec = dataclasses.replace(FIRST, dropout=0.2, checkpoint=checkpoint)  # type: ignore[arg-type]
    bench = new_bench(tmp_path, save_minutes=1e9)
    expected = result(spec, bench, run(spec, bench)[-1])
    kept = {name: one.clone() for name, one in expected[0].items()}
    for stop in (3, 3):  # in the first epoch, and in the second
        stopped_at(stop, spec, new_bench(tmp_path))
    state = bench.store.size(f"states/{spec.trial_id}.safetensors")
    assert state < 4 * bench.base(spec).encoder.get_input_embeddings().weight.numel() / 100
    bench = new_bench(tmp_path)
    reports = run(spec, bench)
    assert reports[-1].resumed == 4
    check_equal(result(spec, bench, reports[-1]), (kept, expected[1]))


@pytest.mark.parametrize("family", ["bert", "modernbert", "deberta-v2", "eurobert", "distilbert"])
def test_each_family_is_trained_and_merged(family: str, tmp_path: Path) -> None:
    folder = families.save(family, tmp_path / family)
    bench = Workbench(Store(str(tmp_path / "store")), open_source("mock"))
    first = dataclasses.replace(FIRST, model=str(folder), lora=Lora(2, 4.0), max_length=100)
    assert run(first, bench)[-1].objective is not None
    assert run(after(first, Lora(2, 4.0)), bench)[-1].objective is not None


@pytest.mark.parametrize("family", ["xlm-roberta", "modernbert", "deberta-v2", "eurobert", "gte"])
def test_frozen_layers_in_half_precision_change_nothing(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit: autocast rounds them all the same. And they are."""
    folder = families.save(family, tmp_path / family)
    spec = dataclasses.replace(FIRST, model=str(folder), precision="bf16", dropout=0.2, max_length=100)
    spec = dataclasses.replace(spec, lora=Lora(2, 4.0))
    kinds: list[set[torch.dtype]] = []
    original = Network.halve_frozen

    def halve(network: Network, really: bool) -> None:
        if really:
            original(network)
        kinds.append({one.dtype for one in network.parameters() if not one.requires_grad and one.ndim > 1})

    found = []
    for really in (True, False):
        monkeypatch.setattr(Network, "halve_frozen", lambda network, really=really: halve(network, really))
        bench = Workbench(Store(str(tmp_path / str(really))), open_source("mock"))
        run(spec, bench)
        found.append(load_checkpoint(bench.store, spec.trial_id))
    assert kinds == [{torch.bfloat16, torch.float32}, {torch.float32}]  # embeddings stay as they are
    assert all(torch.equal(one, found[1][name]) for name, one in found[0].items())


def test_targets_that_match_nothing_are_refused_before_a_trial(tmp_path: Path) -> None:
    folder = str(families.save("modernbert", tmp_path / "modernbert"))
    check_model(folder, None, 100, "batch", [Lora(2, 2.0, ("Wqkv", "mlp.Wo"))])
    with pytest.raises(UserError) as refused:
        check_model(folder, None, 100, "batch", [Lora(2, 2.0, ("query", "Wqkw", "attn"))])
    problems = [(one.message, one.hint) for one in refused.value.problems]
    assert problems == [
        (f"model '{folder}' has no linear layer 'query' for LoRA", "known: Wqkv, Wo, Wi"),
        (f"model '{folder}' has no linear layer 'Wqkw' for LoRA", "did you mean 'Wqkv'?"),
        (f"model '{folder}' has no linear layer 'attn' for LoRA", "known: Wqkv, Wo, Wi"),
    ]
    with pytest.raises(UserError, match="has no linear layer 'quary' for LoRA\n    did you mean 'query'"):
        check_model("random:tiny", None, 100, "batch", [Lora(2, 2.0, ("quary",))])


def test_heads_begin_as_they_do_without(bench: Workbench) -> None:
    base, task = bench.base(FIRST), tasks.load("siqa")
    drawn = []
    for lora in (None, LORA):
        torch.manual_seed(3)
        drawn.append(new_network(base, [task], 0.0, lora=lora).heads.state_dict())
    assert all(torch.equal(one, drawn[1][name]) for name, one in drawn[0].items())
