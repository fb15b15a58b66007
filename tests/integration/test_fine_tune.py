"""Fine-tuning a real (tiny, untrained) encoder in this process: the maths, the reports, the checkpoint."""

from __future__ import annotations

import dataclasses
import math
import pickle
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import ClassLabel

from tests import hub_mirror
from tests.toy import TABLE
from trainables import tasks
from trainables.data import Source, kept, open_source
from trainables.data.examples import Example
from trainables.errors import Problem, UserError
from trainables.features import Features
from trainables.metrics import METRICS
from trainables.models.base import load_base
from trainables.models.checkpoint import load_checkpoint, save_checkpoint
from trainables.models.network import Network, new_network
from trainables.models.vocabulary import TrimmedVocabulary
from trainables.reports import Predicted, Report, Score, TrialError
from trainables.sealed import SealedFile
from trainables.spec import TrialSpec
from trainables.store import Store
from trainables.training import fine_tune as module
from trainables.training.batching import collate
from trainables.training.best import BestWeights, Verdict
from trainables.training.evaluate import Scorer, load_split
from trainables.training.fine_tune import run_trial
from trainables.training.mixture import Step
from trainables.training.workbench import Workbench

pytestmark = pytest.mark.integration

SPEC = TrialSpec(
    phase="target",
    model="random:tiny",
    tasks=("mini-pos",),
    languages=("en",),
    data="d",
    learning_rate=5e-3,
    epochs=2,
    batch_size=8,
    warmup=0.1,
    weight_decay=0.01,
    dropout=0.0,
    train_examples=40,
    eval_examples=20,
)


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    torch.set_num_threads(1)
    return Workbench(Store(str(tmp_path)), open_source("mini"))


def run(spec: TrialSpec, bench: Workbench) -> list[Report]:
    return list(run_trial(spec, bench, time.time()))


def weights(spec: TrialSpec, bench: Workbench) -> dict[str, torch.Tensor]:
    return load_checkpoint(bench.store, spec.trial_id)


def difference(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> float:
    """The largest relative difference of a tensor.

    Less the bias of the attention's keys and of the scores of choices: they cancel in the softmax, so their gradients
    are rounding noise, of which Adam makes steps all the same. (Span heads have more such weights: their own bias, and
    the last LayerNorm's.)
    """
    assert one.keys() == two.keys()
    names = [name for name in one if not name.endswith(("key.bias", "heads.copa.out.bias"))]
    return max(float((one[name] - two[name]).norm() / two[name].norm().clamp_min(1e-6)) for name in names)


def test_training_learns_and_reports_every_epoch(bench: Workbench) -> None:
    spec = dataclasses.replace(SPEC, epochs=6, train_examples=200)
    reports = run(spec, bench)
    assert [report.epoch for report in reports] == [1, 2, 3, 4, 5, 6]
    assert reports[-1].progress == 1
    losses = [report.loss for report in reports if report.loss is not None]
    assert losses[-1] < losses[0] / 3
    (score,) = [one for one in reports[-1].scores if one.metric == "f1"]
    assert (score.target, score.language, score.split, score.n) == ("mini-pos", "en", "dev", 20)
    assert score.value == reports[-1].objective
    assert score.value is not None
    assert score.chance is not None
    assert score.value > score.chance + 40


def test_the_last_report_says_what_it_took_and_whether_it_came_to_anything(bench: Workbench) -> None:
    spec = dataclasses.replace(SPEC, epochs=6, train_examples=200)
    first, *_, last = reports = run(spec, bench)
    assert last.curve == tuple(report.objective for report in reports)
    rows = Features.joined([*module.training_features(spec, bench, bench.task("mini-pos")).values()])
    assert (last.features, last.tokens) == (200, sum(len(row) for one in rows for row in one.rows))
    assert (last.device, last.resumed, last.halvings) == ("cpu", 0, 0)
    assert not last.collapsed
    assert not first.collapsed  # said at the end alone
    asleep = run(dataclasses.replace(SPEC, tasks=("mini-nli",), learning_rate=1e-12), bench)
    assert [report.collapsed for report in asleep] == [False, True]
    both = dataclasses.replace(SPEC, phase="intermediate", tasks=("mini-nli", "mini-pos"), epochs=6, train_examples=200)
    assert not run(both, bench)[-1].collapsed  # one of them has learnt something


@pytest.mark.parametrize(
    ("value", "chance", "n", "expected"),
    [
        (30, 33.3, 100, True),
        (41, 33.3, 100, True),
        (41.2, 33.3, 100, False),
        (41, 33.3, 1000, False),
        (0, 0, 50, True),
        (0.1, 0, 50, False),
        (None, None, 50, False),
    ],
)
def test_chance_has_its_sampling_error(value: float, chance: float, n: int, expected: bool) -> None:
    """33.3% of 100 examples: a standard error of 4.7 points, 7.8 to the one-sided bound at the 5% level."""
    assert Score("t", "t", "en", "dev", "accuracy", True, value, chance, n).is_at_chance == expected


def test_the_same_spec_gives_the_same_weights_and_another_seed_does_not(bench: Workbench, tmp_path: Path) -> None:
    run(SPEC, bench)
    fresh = Workbench(Store(str(tmp_path / "fresh")), open_source("mini"))
    run(SPEC, fresh)
    assert difference(weights(SPEC, bench), weights(SPEC, fresh)) == 0
    other = dataclasses.replace(SPEC, seed=2)
    run(other, bench)
    assert difference(weights(SPEC, bench), weights(other, bench)) > 0.01


def lively_parent(store: Store) -> str:
    """A trial whose encoder tells rows apart, as a trained one does, with a head of siqa that copa may go on with.

    An untrained one gives nearly the same output for every row, so that the gradient of a loss which compares rows is
    the difference of nearly equal numbers: rounding noise.
    """
    parent = dataclasses.replace(SPEC, phase="intermediate", seed=99)
    torch.manual_seed(parent.seed)
    network = new_network(load_base(SPEC.model), [tasks.load("siqa")], 0.0)
    lively = {
        name: value * (8 if value.ndim > 1 and name.startswith("encoder.") else 1)
        for name, value in network.state_dict().items()
    }
    save_checkpoint(store, parent, lively)
    return parent.trial_id


@pytest.mark.parametrize(
    ("data", "task", "tolerance"), [("mini", "mini-pos", 1e-5), ("mock", "copa", 2e-4), ("mock", "lareqa", 1e-4)]
)
def test_micro_batches_change_no_weight(data: str, task: str, tolerance: float, tmp_path: Path) -> None:
    bench = Workbench(Store(str(tmp_path)), open_source(data))
    spec = dataclasses.replace(SPEC, tasks=(task,), learning_rate=1e-4, parent=lively_parent(bench.store))
    found = []
    for tokens in (10_000, 30):
        bench.micro_batch_tokens = tokens
        run(spec, bench)
        found.append(weights(spec, bench))
    assert difference(*found) < tolerance


@pytest.mark.parametrize(("data", "task"), [("mini", "mini-pos"), ("mock", "copa"), ("mock", "lareqa")])
def test_masks_of_rows_do_not_depend_on_micro_batches(data: str, task: str, tmp_path: Path) -> None:
    """PyTorch's own do: other weights under one id."""
    found: dict[tuple[str, int], dict[str, torch.Tensor]] = {}
    bench = Workbench(Store(str(tmp_path)), open_source(data))
    parent = lively_parent(bench.store)
    for masks in ("batch", "rows"):
        spec = dataclasses.replace(
            SPEC, tasks=(task,), dropout=0.3, dropout_masks=masks, learning_rate=1e-4, epochs=1, parent=parent  # type: ignore[arg-type]
        )  # fmt: skip
        for tokens in (10_000, 30):
            bench.micro_batch_tokens = tokens
            run(spec, bench)
            found[masks, tokens] = weights(spec, bench)
    of_rows, of_batches = (difference(found[one, 10_000], found[one, 30]) for one in ("rows", "batch"))
    assert of_rows < 1e-4
    assert of_batches > 1e-3


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_an_in_batch_softmax_has_the_textbook_gradient_in_pieces_too(dropout: float, tmp_path: Path) -> None:
    """Queries and passages of a whole step against each other, though each is encoded on its own, twice."""
    bench = Workbench(Store(str(tmp_path)), open_source("mock"))
    spec = dataclasses.replace(SPEC, tasks=("lareqa",), dropout=dropout, parent=lively_parent(bench.store))
    bench.micro_batch_tokens = 60
    task = bench.task("lareqa")
    features = Features.joined([*module.training_features(spec, bench, task).values()])
    torch.manual_seed(0)
    network = bench.network(spec, [task], {}).train()
    vocabulary = TrimmedVocabulary(network.encoder, features.token_ids(), 1)
    seen: list[torch.Tensor] = []
    handle = network.register_forward_hook(lambda module, inputs, output: seen.append(output.detach()))
    loss = module.StepGradient(network, network, [task], spec, bench, vocabulary).add(Step("lareqa", features[:9]))
    handle.remove()
    half = len(seen) // 2
    assert half > 2
    for first, again in zip(seen[:half], seen[half:], strict=True):
        assert torch.equal(first, again), "dropout must drop the same units the second time"
    if dropout:
        return
    found = {name: one.grad for name, one in network.named_parameters() if one.grad is not None}
    assert found.keys() >= {"heads.lareqa.scale", "heads.lareqa.dense.weight"}
    found = {name: value.clone() for name, value in found.items()}
    network.zero_grad()
    batch = collate(features[:9], 1)
    states = network.encoder(input_ids=vocabulary.translate(batch.input_ids), attention_mask=batch.mask)
    outputs = network.heads["lareqa"](states.last_hidden_state, batch.mask)
    textbook = -(outputs[0::2] @ outputs[1::2].T).log_softmax(dim=1).diagonal().mean()
    textbook.backward()
    assert loss == pytest.approx(textbook.item(), rel=1e-4)
    expected = {name: one.grad for name, one in network.named_parameters() if one.grad is not None}
    assert difference(found, expected) < 1e-4


def test_multiple_choice_and_retrieval_learn(tmp_path: Path) -> None:
    for name in ("copa", "lareqa"):
        bench = Workbench(Store(str(tmp_path / name)), open_source("mock"))
        losses = [one.loss for one in run(dataclasses.replace(SPEC, tasks=(name,), epochs=12, warmup=0.0), bench)]
        assert losses[-1] < losses[0] / 2


def test_a_step_is_the_textbook_step(bench: Workbench) -> None:
    """One epoch of one full batch equals AdamW on the mean loss over the padded batch, with all embeddings trained."""
    spec = dataclasses.replace(SPEC, epochs=1, batch_size=64, train_examples=16, warmup=0.0)
    run(spec, bench)
    base = load_base(spec.model)
    (task,) = (bench.task(name) for name in spec.tasks)
    rows = Features.joined([*module.training_features(spec, bench, task).values()])
    torch.manual_seed(spec.seed)
    network = new_network(base, [task], 0.0)
    network.encoder = base.encoder.train()
    network.encoder.get_input_embeddings().weight.requires_grad_(True)
    batch = collate(rows, 1)
    of_matrices, others = (
        [one for one in network.parameters() if (one.ndim > 1) == is_matrix] for is_matrix in (True, False)
    )
    groups = [{"params": of_matrices, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=5e-3, eps=1e-8)
    for layer in network.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    hidden = network.encoder(input_ids=batch.input_ids, attention_mask=batch.mask).last_hidden_state
    logits = network.heads["mini-pos"](hidden, batch.mask)
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten()).backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    expected = {name: value.detach() for name, value in network.state_dict().items()}
    found = weights(spec, bench)
    assert difference(found, expected) < 1e-5
    assert found[TABLE].shape == expected[TABLE].shape


def test_a_target_starts_from_its_parents_encoder_and_a_new_head(bench: Workbench) -> None:
    parent = dataclasses.replace(SPEC, phase="intermediate", tasks=("mini-nli",))
    run(parent, bench)
    # A learning rate of nearly nothing leaves the weights where they started.
    child = dataclasses.replace(SPEC, parent=parent.trial_id, learning_rate=1e-12, epochs=1)
    run(child, bench)
    before, after = weights(parent, bench), weights(child, bench)
    encoder = {name for name in before if name.startswith("encoder.")}
    assert difference({name: after[name] for name in encoder}, {name: before[name] for name in encoder}) < 1e-6
    assert not any(name.startswith("heads.mini-nli") for name in after)


def test_copa_goes_on_with_the_head_of_siqa(tmp_path: Path) -> None:
    bench = Workbench(Store(str(tmp_path)), open_source("mock"))
    siqa = dataclasses.replace(SPEC, tasks=("siqa",))
    run(siqa, bench)
    copa = dataclasses.replace(SPEC, tasks=("copa",), parent=siqa.trial_id, learning_rate=1e-12, epochs=1)
    run(copa, bench)
    heads = [
        {name.split(".", 2)[2]: value for name, value in weights(spec, bench).items() if name.startswith("heads.")}
        for spec in (siqa, copa)
    ]
    assert difference(*heads) < 1e-6
    assert {name.split(".")[1] for name in weights(copa, bench) if name.startswith("heads.")} == {"copa"}


def test_the_spec_says_how_much_the_encoder_sees(bench: Workbench) -> None:
    """In training and in evaluation, also where the worker has seen the task with another length before."""
    widths: list[int] = []

    def watch(module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        if isinstance(module, Network):
            widths.append(inputs[1].shape[1])

    spec = dataclasses.replace(SPEC, epochs=1, tasks=("mini-nli",))
    handle = torch.nn.modules.module.register_module_forward_pre_hook(watch)
    try:
        for length in (None, 12, 20, None):
            one = dataclasses.replace(spec, max_length=length)
            evaluation = TrialSpec(
                "evaluate", SPEC.model, ("mini-nli",), ("de",), "d", one.trial_id, eval_examples=9, max_length=length
            )
            for asked in (one, evaluation):
                widths.clear()
                run(asked, bench)
                assert max(widths) == (length or max(widths))
                assert length or max(widths) > 20
    finally:
        handle.remove()


def test_the_best_weights_are_kept_with_their_scores(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The learning rate grows until it ruins what has been learnt: the last weights are worse than earlier ones."""
    seen: list[tuple[float, torch.Tensor]] = []
    offer = BestWeights.offer

    def watched(self: BestWeights, verdict: Verdict) -> None:
        seen.append((verdict.objective, self._vocabulary.whole_table()))
        offer(self, verdict)

    monkeypatch.setattr(BestWeights, "offer", watched)
    last_weights = dataclasses.replace(SPEC, epochs=7, train_examples=80, learning_rate=0.5, warmup=1.0)
    spec = dataclasses.replace(last_weights, checkpoint="best")
    *_, last = run(spec, bench)
    plain = run(last_weights, bench)
    assert len(seen) == 24  # of 70 steps
    assert last.curve == plain[-1].curve  # pruning looks at the same scores
    best = max(objective for objective, _ in seen)
    assert last.objective == best > last.curve[-1] + 20
    assert (last.collapsed, plain[-1].collapsed) == (False, True)
    (first,) = [table for objective, table in seen if objective == best][:1]
    kept = weights(spec, bench)
    assert torch.equal(kept[TABLE], first)
    assert difference(kept, weights(last_weights, bench)) > 0.01
    (score,) = [one for one in last.scores if one.metric == "f1"]
    assert score.value == best
    task = bench.task("mini-pos")
    network = new_network(bench.base(spec), [task], 0.0, kept, {task.name: task.name})
    again = Scorer(network, spec, bench).score(module.development_split(spec, bench, task)[0], [])
    assert again.scores == list(last.scores)
    assert (again.predicted,) == last.predictions


def test_several_tasks_share_an_encoder(bench: Workbench) -> None:
    spec = dataclasses.replace(SPEC, phase="intermediate", tasks=("mini-nli", "mini-qa"), languages=("de", "en"))
    last = run(spec, bench)[-1]
    assert {score.target for score in last.scores} == {"mini-nli", "mini-qa"}
    main = {"mini-nli": "accuracy", "mini-qa": "f1"}
    values = [score.value for score in last.scores if score.metric == main[score.target] and score.value is not None]
    assert last.objective == pytest.approx(sum(values) / 2)
    assert {name.split(".")[1] for name in weights(spec, bench) if name.startswith("heads.")} == {"mini-nli", "mini-qa"}


@pytest.mark.parametrize(("task", "chosen_by"), [("squad", ("f1", "exact_match")), ("qqp", ("accuracy", "f1"))])
def test_the_objective_is_the_mean_of_the_scores_that_the_task_names(
    task: str, chosen_by: tuple[str, ...], tmp_path: Path
) -> None:
    bench = Workbench(Store(str(tmp_path)), open_source("mock"))
    spec = dataclasses.replace(SPEC, tasks=(task,), epochs=8, train_examples=None, parent=lively_parent(bench.store))
    last = run(spec, bench)[-1]
    values = {one.metric: one.value for one in last.scores}
    assert last.objective == sum(values[name] or 0 for name in chosen_by) / 2
    assert len(set(values.values())) > 1  # else any of them would do


def test_evaluation_scores_every_language_it_was_asked_for(bench: Workbench) -> None:
    run(SPEC, bench)
    spec = TrialSpec(
        "evaluate", "random:tiny", ("mini-pos",), ("de", "en", "zh"), "d", parent=SPEC.trial_id, eval_examples=10
    )
    reports = run(spec, bench)
    assert len(reports) == 3
    main = [score for score in reports[-1].scores if score.main]
    assert [(score.language, score.split, score.n) for score in main] == [
        (one, "test", 10) for one in ("en", "de", "zh")
    ]
    assert [len(one.predictions) for one in reports[-1].predictions] == [10] * 3
    assert len(reports[-1].predictions[0].predictions[0].split()) > 3  # a tag for every word


def test_a_suite_of_tests_is_answered_by_the_head_of_what_it_tests(bench: Workbench) -> None:
    spec = dataclasses.replace(SPEC, tasks=("mini-qa",))
    run(spec, bench)
    last = run(TrialSpec("evaluate", SPEC.model, ("mini-checklist",), ("de", "zh"), "d", parent=spec.trial_id), bench)[
        -1
    ]
    for language in ("de", "zh"):
        found = {one.metric: one for one in last.scores if one.language == language and one.split == "test"}
        tests = ["comparison", "negation", "property", "role", "time"]
        assert [*found] == ["error_rate", *(f"error_rate/{test}" for test in tests)]
        assert {name: one.n for name, one in found.items()} == dict.fromkeys(found, 10) | {"error_rate": 50}
        assert [name for name, one in found.items() if one.main] == ["error_rate"]
        (predicted,) = (one for one in last.predictions if one.language == language and one.split == "test")
        rows = zip(kept_examples(bench, predicted), predicted.predictions, strict=True)
        # No right answer ends with punctuation.
        failed = {one["group"] for one, text in rows if text.strip(",. ") != one["gold"][0]}
        assert found["error_rate"].value == 100 * len(failed) / 50
        assert all(one.training_set == "mini-qa" and one.chance is not None for one in found.values())


def kept_examples(bench: Workbench, predicted: Predicted) -> list[dict[str, Any]]:
    """The examples that predictions are of, from the store."""
    return SealedFile(bench.store, kept.name(predicted.examples)).table(kept.SCHEMA.names, kept.SCHEMA).to_pylist()


@pytest.mark.parametrize("task", ["mini-pos", "mini-nli", "mini-qa", "copa", "lareqa"])
def test_what_is_kept_of_a_split_gives_its_scores_again(task: str, tmp_path: Path) -> None:
    """Development predictions of the weights that a trial keeps: without model and without the task's files."""
    bench = Workbench(Store(str(tmp_path)), open_source("mini" if task.startswith("mini") else "mock"))
    last = run(dataclasses.replace(SPEC, tasks=(task,), checkpoint="best"), bench)[-1]
    assert (len(last.losses), last.workers, last.host) == (2, 1, socket.gethostname())
    assert last.peak_memory is not None
    assert 10**7 < last.peak_memory < 10**11
    (predicted,) = last.predictions
    assert (predicted.target, predicted.language, predicted.split) == (task, "en", "dev")
    examples = kept_examples(bench, predicted)
    assert [one["position"] for one in examples] == [*range(len(predicted.predictions))]
    assert [one["example"] for one in examples] == [one.id for one in bench.examples(bench.task(task), "dev", "en")][
        :20
    ]
    assert all(one["item"] and one["group"] and one["gold"] and one["texts"] for one in examples)
    assert all(one["words"] > 0 for one in examples)
    assert sum(one["tokens"] for one in examples) == sum(
        len(row) for one in module.development_split(SPEC, bench, bench.task(task))[0].features for row in one.rows
    )
    metric = METRICS[bench.task(task).metric]
    scores = {name: float(value) for name, value in metric.formula(np.sum(predicted.statistics, axis=0)).items()}
    assert scores == pytest.approx({one.metric: one.value for one in last.scores}, abs=1e-9)
    gold = [one["gold"] if task in ("mini-pos", "mini-qa", "lareqa") else one["gold"][0] for one in examples]
    texts = [one.split() if task in ("mini-pos", "lareqa") else one for one in predicted.predictions]
    assert metric(gold, texts, "en") == pytest.approx(scores)
    if task == "lareqa":
        assert predicted.confidences == ()
    else:
        assert len(predicted.confidences) == len(examples)
        assert all(0 < one <= 1 for one in predicted.confidences)


def test_examples_are_kept_once_under_the_name_of_what_they_are(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(SPEC, bench)
    (first,) = bench.store.list(kept.FOLDER, ".parquet")
    fresh = Workbench(bench.store, bench.source)
    written: list[str] = []
    original = Store.write

    def write(store: Store, name: str, content: bytes) -> None:
        written.append(name)
        original(store, name, content)

    monkeypatch.setattr(Store, "write", write)
    run(dataclasses.replace(SPEC, seed=2), fresh)
    assert not [name for name in written if name.startswith(kept.FOLDER)]
    run(dataclasses.replace(SPEC, eval_examples=10), fresh)
    run(dataclasses.replace(SPEC, max_length=64), fresh)  # other tokens of the same
    assert len(set(bench.store.list(kept.FOLDER, ".parquet")) - {first}) == 2


def test_translations_are_kept_as_the_same_item_whatever_the_limit(tmp_path: Path) -> None:
    """Also where only one language is scored; where the other one cannot be read, nothing is shared."""
    (tmp_path / "xnli").mkdir()
    for language, premise in (("en", "It rains"), ("de", "Es regnet")):
        rows = (f"{premise} {row // 3}\t{row}\tneutral\n" for row in range(6))
        (tmp_path / "xnli" / f"dev-{language}.tsv").write_text("".join(rows))
    bench = Workbench(Store(str(tmp_path)), open_source({"files": str(tmp_path)}))
    found = []
    for limit in (5, 2):
        spec = dataclasses.replace(SPEC, eval_examples=limit)
        split = load_split(spec, bench, bench.task("xnli"), "dev", "de")
        place = split.task, "dev", "de", split.part, bench.base(spec).tokenizer_hash, split.features
        fingerprint = bench.kept.keep(*place, lambda: ["neutral"] * limit)  # noqa: B023 - called at once
        file = SealedFile(bench.store, kept.name(fingerprint))
        found.append(file.table(["example", "item", "group", "tokens"], kept.SCHEMA).to_pylist())
    assert [one["example"] for one in found[0]] == [f"dev-de-{row}" for row in range(5)]
    assert [one["item"] for one in found[0]] == [f"dev-en-{row}" for row in range(5)]
    assert [one["group"] for one in found[0]] == ["dev-en-0"] * 3 + ["dev-en-3"] * 2
    assert found[1] == found[0][:2]
    (tmp_path / "xnli" / "dev-en.tsv").write_text("broken\n")
    fresh = Workbench(bench.store, open_source({"files": str(tmp_path)}))
    fingerprint = fresh.kept.keep(*place, lambda: ["neutral"] * 2)
    file = SealedFile(bench.store, kept.name(fingerprint))
    assert [one["item"] for one in file.table(["item"], kept.SCHEMA).to_pylist()] == ["de/dev-de-0", "de/dev-de-1"]


def test_a_target_that_cannot_be_scored_leaves_the_scores_of_the_others(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(SPEC, bench)
    alone = TrialSpec("evaluate", SPEC.model, ("mini-bitext",), ("de", "ru"), "d", SPEC.trial_id, eval_examples=9)
    expected = run(alone, bench)[-1]
    original = type(bench.source).examples

    def examples(source: Source, task: tasks.Task, split: str, language: str) -> list[Example]:
        if (task.name, language) == ("mini-pos", "ru"):
            raise UserError(Problem("a bad line", "ru.tsv", 3))
        return original(source, task, split, language)

    monkeypatch.setattr(type(bench.source), "examples", examples)
    with pytest.raises(TrialError, match=r"^mini-pos \(test, ru\): ru\.tsv:3: a bad line$") as caught:
        run(dataclasses.replace(alone, tasks=("mini-pos", "mini-bitext")), bench)
    report = caught.value.report
    assert report is not None
    assert (report.scores, report.predictions) == (expected.scores, expected.predictions)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.report) == (str(caught.value), report)


def test_the_spec_says_which_layer_is_pooled(bench: Workbench) -> None:
    def scores(**changes: str) -> list[float | None]:
        spec = TrialSpec("evaluate", SPEC.model, ("mini-bitext",), ("de", "ru", "zh"), "d", **changes)  # type: ignore[arg-type]
        return [score.value for score in run(spec, bench)[-1].scores]

    found = [scores(), scores(layer="14/24"), scores(layer="1"), scores(pooling="cls")]
    assert found[0] == found[1]
    assert len(set(map(tuple, found[1:]))) == 3


def test_a_mirror_of_the_hub_is_trained_on_and_scored(tmp_path: Path) -> None:
    """MultiNLI and XNLI in the hub's Parquet layout and columns, through `datasets`, from training to scores."""
    relations = ["entailment", "neutral", "contradiction"] * 8
    texts = [f"{relation} number {number}" for number, relation in enumerate(relations)]
    glue = {"premise": texts, "hypothesis": texts, "label": [0, 1, 2] * 8, "idx": list(range(24))}
    for split in ("train", "validation_matched"):
        hub_mirror.write(tmp_path, "nyu-mll/glue", "mnli", split, glue, label=ClassLabel(names=list(hub_mirror.NLI)))
    xnli = {"language": ["sw", "de"] * 12, "sentence1": texts, "sentence2": texts}
    for split, labels in {"validation": relations, "test": [""] * 24}.items():
        hub_mirror.write(tmp_path, "google/xtreme", "XNLI", split, {**xnli, "gold_label": labels})
    bench = Workbench(Store(str(tmp_path / "store")), open_source({"hub": str(tmp_path)}))
    spec = dataclasses.replace(SPEC, tasks=("mnli",), epochs=6)
    assert run(spec, bench)[-1].objective == 100
    evaluation = TrialSpec("evaluate", SPEC.model, ("xnli",), ("de", "sw"), "d", parent=spec.trial_id)
    scores = run(evaluation, bench)[-1].scores
    assert [(one.language, one.split, one.value, one.n) for one in scores] == [
        ("de", "dev", 100, 12),
        ("sw", "dev", 100, 12),
        ("de", "test", None, 12),
        ("sw", "test", None, 12),
    ]


def test_a_limit_is_spread_over_the_languages(bench: Workbench) -> None:
    task = bench.task("mini-nli")
    spec = dataclasses.replace(SPEC, languages=("de", "en", "ru"), train_examples=10)
    rows = Features.joined([*module.training_features(spec, bench, task).values()])
    assert len(rows) == 10
    everything = dataclasses.replace(spec, train_examples=None)
    assert len(Features.joined([*module.training_features(everything, bench, task).values()])) == 3000


def test_a_diverging_trial_says_so(bench: Workbench) -> None:
    with pytest.raises(TrialError, match=r"the gradient is (nan|inf) in epoch \d+, learning rate 1e\+30"):
        run(dataclasses.replace(SPEC, learning_rate=1e30), bench)


def test_precision_bf16_trains_nearly_the_same(bench: Workbench) -> None:
    run(SPEC, bench)
    half = dataclasses.replace(SPEC, precision="bf16")
    last = run(half, bench)[-1]
    assert last.loss is not None
    assert math.isfinite(last.loss)
    assert difference(weights(SPEC, bench), weights(half, bench)) > 0


def test_a_head_goes_on_where_the_spec_says_so(bench: Workbench) -> None:
    """Few-shot training starts from what was learnt in English; of a translation's head the targets are answered."""
    run(SPEC, bench)
    asleep = {"learning_rate": 1e-12, "epochs": 1, "weight_decay": 0.0}
    sequel = dataclasses.replace(SPEC, parent=SPEC.trial_id, languages=("de",), train_examples=5, **asleep)
    last = run(dataclasses.replace(sequel, head="mini-pos"), bench)[-1]
    trained = weights(SPEC, bench)

    def moved(spec: TrialSpec) -> float:
        name = "heads.mini-pos.out.weight"
        return difference({name: weights(spec, bench)[name]}, {name: trained[name]})

    assert moved(dataclasses.replace(sequel, head="mini-pos")) < 1e-6
    assert last.features == 5
    run(sequel, bench)
    assert moved(sequel) > 0.1
    scored = TrialSpec(
        "evaluate", SPEC.model, ("mini-pos",), ("de",), SPEC.data, parent=SPEC.trial_id, eval_examples=20
    )
    translated = {name.replace("heads.mini-pos", "heads.pos-mt"): one for name, one in trained.items()}
    other = dataclasses.replace(SPEC, seed=77)
    save_checkpoint(bench.store, other, translated)
    by_other = dataclasses.replace(scored, parent=other.trial_id, head="pos-mt")
    assert run(by_other, bench)[-1].scores == run(scored, bench)[-1].scores
