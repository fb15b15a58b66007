"""Masked language modelling: the layers of each architecture, the gradient of a step in pieces and by two workers."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import torch.multiprocessing
from torch import distributed
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from sweep.experiment import Experiment
from sweep.running.check import check
from tests.conftest import experiment_values
from tests.families import CONFIGS, SMALL, TYPES
from tests.integration.test_fine_tune import SPEC, difference, run, weights
from tests.integration.test_state import check_equal, result, stopped_at
from tests.toy import TABLE, tokenizer
from trainables.data import open_source
from trainables.errors import UserError
from trainables.features import Features
from trainables.kinds import IGNORED
from trainables.kinds.mlm import Masks, TokenHead
from trainables.models.base import load_base
from trainables.models.checkpoint import load_checkpoint
from trainables.models.identity import identify
from trainables.models.network import table_name
from trainables.models.token_layers import check_token_layers, load_token_layers
from trainables.reports import Report
from trainables.spec import TrialSpec
from trainables.store import Store
from trainables.training import fine_tune as module
from trainables.training.batching import collate
from trainables.training.mixture import Mixture, Step
from trainables.training.workbench import Workbench

pytestmark = pytest.mark.integration

SKEWED = ("xlm-roberta-xl",)
"""Families whose last layer's attention has a gradient of nearly nothing here, so that rounding is 1.4e-5 of it."""

FAMILIES = [
    family
    for family in CONFIGS
    if TYPES.get(family, family) in MODEL_FOR_MASKED_LM_MAPPING_NAMES and family not in SKEWED
]
UNTIED = ("eurobert", "rembert")
"""Families whose vocabulary is predicted with another matrix than the word embeddings."""

MLM = dataclasses.replace(SPEC, tasks=("mini-mlm",), languages=("de", "en"), learning_rate=1e-3)


def made(family: str, place: Path, kind: Any = AutoModelForMaskedLM) -> Path:
    """A checkpoint of a family as its pre-training leaves it, with random weights and a tokenizer of characters."""
    torch.manual_seed(0)
    names = ("bos", "eos", "pad", "cls", "sep")
    own = {**SMALL, **CONFIGS[family], **{f"{one}_token_id": getattr(tokenizer(), f"{one}_token_id") for one in names}}
    config = AutoConfig.for_model(TYPES.get(family, family), vocab_size=len(tokenizer()), **own)
    model = kind.from_config(config)
    with torch.no_grad():
        for name, one in model.named_parameters():  # whose biases are 0 at first, and rows too alike
            if "norm" not in name.lower():
                one.add_(torch.randn_like(one) * (0.1 if one.ndim > 1 else 0.5))
    model.save_pretrained(place / family)
    tokenizer().save_pretrained(place / family)
    return place / family


def step_of(spec: TrialSpec, bench: Workbench) -> tuple[Step, Any]:
    """The first step of a trial, and its features."""
    features = module.training_features(spec, bench, bench.task(spec.tasks[0]))
    masks = {spec.tasks[0]: Masks(bench.base(spec).tokenizer)}
    steps = Mixture({spec.tasks[0]: features}, spec.recipe, 16, spec.seed, masks).steps(1)
    return next(steps), Features.joined([*features.values()])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_has_the_gradient_of_the_architectures_own_loss(family: str, tmp_path: Path) -> None:
    """In small micro-batches, and the scores of a few tokens at a time: as over all tokens of the padded batch."""
    folder = made(family, tmp_path)
    bench = Workbench(Store(str(tmp_path / "store")), open_source("mini"), micro_batch_tokens=120)
    spec = dataclasses.replace(MLM, model=str(folder))
    step, _ = step_of(spec, bench)
    task = bench.task("mini-mlm")
    network = bench.network(spec, [task], {}).train()
    size = network.encoder.get_input_embeddings().num_embeddings
    vocabulary = module.TrimmedVocabulary(network.encoder, torch.arange(size).numpy(), 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainables.kinds.mlm.AT_ONCE", 3 * size)
        loss = module.StepGradient(network, network, [task], spec, bench, vocabulary).add(step)
    found = {name: one.grad for name, one in network.named_parameters() if one.grad is not None}

    whole = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32).train()
    for layer in whole.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    batch = collate(step.features, 1)
    scores = whole(input_ids=batch.input_ids, attention_mask=batch.mask).logits
    textbook = torch.nn.functional.cross_entropy(
        scores.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    (textbook / step.weight).backward()
    assert loss == pytest.approx(textbook.item() / step.weight, rel=1e-5)
    decoder = whole.get_output_embeddings()
    prefix = f"{whole.base_model_prefix}."
    expected = {}
    for name, one in whole.named_parameters():
        if one.grad is None:
            continue
        if one is whole.get_input_embeddings().weight:
            expected[table_name(network.encoder)] = one.grad
        elif name.startswith(prefix):
            expected[f"encoder.{name.removeprefix(prefix)}"] = one.grad
        elif one is decoder.bias:
            expected["heads.mini-mlm.layers.bias"] = one.grad
        elif one is decoder.weight:
            expected["heads.mini-mlm.layers.weight"] = one.grad
        else:
            expected[f"heads.mini-mlm.layers.transform.own.{name}"] = one.grad
    assert ("heads.mini-mlm.layers.weight" in found) == (family in UNTIED)
    assert found.keys() == expected.keys()
    bias_of_keys = ("key.bias", ".k.bias", "k_lin.bias")  # whose gradient is rounding alone, see `difference`
    names = [name for name in expected if not name.endswith(bias_of_keys)]
    assert difference({name: found[name] for name in names}, {name: expected[name] for name in names}) < 1e-5


def test_a_checkpoint_without_the_layers_of_its_pre_training_is_refused(tmp_path: Path) -> None:
    """minilm and its like; random:<config> begins with new ones, always the same."""
    folder = made("xlm-roberta", tmp_path, AutoModel)
    base = load_base(str(folder))
    with pytest.raises(
        UserError, match=r"has no weights for lm_head\..*, which masked language modelling goes on with"
    ):
        load_token_layers(str(folder), None, base.encoder.config)
    with pytest.raises(
        UserError, match=r"has no weights for lm_head\..*, which masked language modelling goes on with"
    ):
        check_token_layers(str(folder), None)
    with pytest.raises(UserError, match="model 'minilm' comes without the layers of its pre-training"):
        check_token_layers("minilm", None)
    check_token_layers(str(made("xlm-roberta", tmp_path)), None)
    check_token_layers("random:tiny", None)


def test_an_experiment_is_told_so_before_anything_runs(tmp_path: Path) -> None:
    values = {"data": "mini", "conditions": ["none", "mini-mlm"], "targets": ["mini-pos"], "languages": ["en"]}
    asked = Experiment.model_validate(experiment_values(tmp_path, **values, model="minilm"))
    with pytest.raises(UserError, match="model 'minilm' comes without the layers of its pre-training"):
        check(asked, identify("minilm"))
    assert check(asked.model_copy(update={"model": "random:tiny"}), identify("random:tiny")) == []
    config = load_base("random:tiny").encoder.config
    one, two = (load_token_layers("random:tiny", None, config) for _ in range(2))
    assert difference(one.state_dict(), two.state_dict()) == 0
    assert one.weight is None


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkpoint of XLM-R's family with a few tokens, loaded once."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainables.training.workbench.load_base", cache(load_base))
        yield made("xlm-roberta", tmp_path_factory.mktemp("small"))


def test_embeddings_of_tokens_that_do_not_occur_are_trained_too(small: Path, tmp_path: Path) -> None:
    """As answers that are wrong: in a step without weight decay all of them move."""
    bench = Workbench(Store(str(tmp_path)), open_source("mini"))
    spec = dataclasses.replace(
        MLM,
        model=str(small),
        languages=("zh",),
        train_examples=4,
        batch_size=16,
        epochs=1,
        warmup=0.0,
        weight_decay=0.0,
    )
    run(spec, bench)
    step, _ = step_of(spec, bench)
    assert len(step.features) == 4  # all of them
    before = bench.base(spec).encoder.get_input_embeddings().weight
    met = {int(one) for feature in step.features for one in feature.rows[0]}
    others = [one for one in range(len(before)) if one not in met]
    assert len(others) > len(met)
    assert all((weights(spec, bench)[TABLE] - before)[others].abs().sum(dim=1) > 1e-3)


def test_what_is_trained_is_what_is_loaded_and_scored(small: Path, tmp_path: Path) -> None:
    bench = Workbench(Store(str(tmp_path)), open_source("mini"))
    spec = dataclasses.replace(MLM, model=str(small), epochs=6, train_examples=400, learning_rate=3e-3)
    reports = run(spec, bench)
    values = {score.metric: score.value for score in reports[-1].scores}
    assert values["likelihood"] == pytest.approx(100 / values["perplexity"])  # type: ignore[operator]
    assert reports[-1].objective == values["likelihood"]
    assert reports[-1].curve[-1] > 1.15 * reports[-1].curve[0] > 3 * 100 / len(tokenizer())
    found = weights(spec, bench)
    assert [name for name, one in found.items() if one.shape == found[TABLE].shape] == [TABLE]
    evaluation = TrialSpec("evaluate", spec.model, ("mini-mlm",), ("en",), "d", parent=spec.trial_id, eval_examples=20)
    report = run(evaluation, bench)[-1]
    by_metric = {score.metric: score for score in report.scores}
    assert by_metric["likelihood"].main
    assert not by_metric["perplexity"].main
    assert all(text.split() for one in report.predictions for text in one.predictions)
    again = bench.network(evaluation, [bench.task("mini-mlm")], {"mini-mlm": "mini-mlm"})
    scorer = module.Scorer(again, spec, bench)
    (split, *_) = module.development_split(spec, bench, bench.task("mini-mlm"))
    assert {one.metric: one.value for one in scorer.score(split, []).scores} == pytest.approx(values, rel=1e-5)
    head = again.heads["mini-mlm"]
    assert isinstance(head, TokenHead)
    assert head.layers.weight is None


@pytest.mark.parametrize("kept", ["last", "best"])
@pytest.mark.parametrize("names", [("mini-mlm",), ("mini-nli", "mini-mlm", "mini-ranking")])
def test_a_trial_that_is_stopped_ends_in_the_same_weights(
    names: tuple[str, ...], kept: Literal["last", "best"], small: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"dropout": 0.2, "epochs": 2, "train_examples": 16, "batch_size": 5, "checkpoint": kept}
    spec = dataclasses.replace(MLM, phase="intermediate", model=str(small), tasks=names, **settings)

    def bench() -> Workbench:
        fresh = Workbench(Store(str(tmp_path)), open_source("mini"))
        fresh.save_minutes = 0.0
        return fresh

    undisturbed = result(spec, bench(), run(spec, bench())[-1])
    for stop in (2, 5):
        stopped_at(stop, spec, bench())
    last = run(spec, bench())[-1]
    assert last.resumed == 5
    check_equal(result(spec, bench(), last), undisturbed)


def test_a_worker_that_is_warm_draws_the_same(small: Path, tmp_path: Path) -> None:
    """The heads of the other tasks, after the layers of this one were loaded."""
    spec = dataclasses.replace(MLM, phase="intermediate", model=str(small), tasks=("mini-nli", "mini-mlm"))
    warm = Workbench(Store(str(tmp_path)), open_source("mini"))
    found = []
    for _ in range(2):
        run(spec, warm)
        found.append({name: one.clone() for name, one in weights(spec, warm).items()})
    assert [name for name, one in found[0].items() if not torch.equal(one, found[1][name])] == []


@pytest.mark.parametrize(("dropout", "masks"), [(0.0, "batch"), (0.3, "rows")])
def test_micro_batches_change_no_weight(
    dropout: float, masks: Literal["batch", "rows"], small: Path, tmp_path: Path
) -> None:
    spec = dataclasses.replace(MLM, model=str(small), learning_rate=1e-4, dropout=dropout, dropout_masks=masks)
    found = []
    for tokens in (10_000, 60):
        bench = Workbench(Store(str(tmp_path / f"{tokens}")), open_source("mini"), micro_batch_tokens=tokens)
        run(spec, bench)
        found.append(weights(spec, bench))
    assert difference(*found) < 1e-5


def one_of_two(rank: int, folder: Path, specs: list[TrialSpec]) -> None:
    """What each of two processes does: the whole trials."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    bench = Workbench(Store(str(folder / "store")), open_source("mini"), rank=rank, world_size=2)
    reports = [run(spec, bench)[-1] for spec in specs]
    if rank == 0:
        (folder / "reports").write_bytes(pickle.dumps(reports))
    distributed.destroy_process_group()


def test_two_workers_give_the_weights_of_one(small: Path, tmp_path: Path) -> None:
    """Of a table that is used twice, too; with several tasks, some weights have no part in a step."""
    alone = Workbench(Store(str(tmp_path / "alone")), open_source("mini"), micro_batch_tokens=200)
    one = dataclasses.replace(MLM, model=str(small), batch_size=13, epochs=1, learning_rate=1e-4)
    mixed = dataclasses.replace(one, phase="intermediate", tasks=("mini-nli", "mini-mlm"))
    specs = [one, mixed]
    torch.multiprocessing.spawn(one_of_two, (tmp_path, specs), nprocs=2)
    others: list[Report] = pickle.loads((tmp_path / "reports").read_bytes())
    for spec, other in zip(specs, others, strict=True):
        report = run(spec, alone)[-1]
        found = load_checkpoint(Store(str(tmp_path / "store")), spec.trial_id)
        assert difference(found, weights(spec, alone)) < 1e-5
        assert other.loss == pytest.approx(report.loss, rel=1e-5)
        assert other.objective == pytest.approx(report.objective, rel=1e-5)


def test_precision_bf16_trains_nearly_the_same(small: Path, tmp_path: Path) -> None:
    bench = Workbench(Store(str(tmp_path)), open_source("mini"))
    spec = dataclasses.replace(MLM, model=str(small))
    losses = [run(dataclasses.replace(spec, precision=one), bench)[-1].loss for one in ("fp32", "bf16")]  # type: ignore[arg-type]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
    assert losses[0] != losses[1]
