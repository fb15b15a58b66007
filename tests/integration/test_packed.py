"""Rows without padding: the gradients of the same modules over padded rows, as transformers computes them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from tests import families
from tests.integration.test_fine_tune import SPEC, lively_parent
from trainables.data import open_source
from trainables.features import Features
from trainables.kinds import kind_of
from trainables.models.dropout import KIN
from trainables.models.network import Network, new_network
from trainables.models.noise import Noise
from trainables.models.packed_rows import PackedRows, attention
from trainables.models.vocabulary import TrimmedVocabulary
from trainables.spec import TrialSpec
from trainables.store import Store
from trainables.tasks import Task
from trainables.training.adamw import AdamW
from trainables.training.batching import collate
from trainables.training.fine_tune import training_features
from trainables.training.gradient import StepGradient
from trainables.training.graphs import WIDTHS, padded
from trainables.training.mixture import Step
from trainables.training.workbench import Workbench

pytestmark = pytest.mark.integration

KINDS = {
    "pair_classification": "qqp", "multiple_choice": "siqa", "tagging": "panx", "span_qa": "squad",
    "retrieval": "lareqa", "text_classification": "sib200", "bitext_ranking": "opus100",
}  # fmt: skip


def lively(spec: TrialSpec, bench: Workbench, tmp_path: Path) -> tuple[Network, Task, list, TrimmedVocabulary]:
    """A network that tells rows apart, and a step for it."""
    spec = dataclasses.replace(spec, parent=lively_parent(bench.store))
    task = bench.task(spec.tasks[0])
    rows = [*Features.joined([*training_features(spec, bench, task).values()])][:12]
    torch.manual_seed(1)
    network = bench.network(spec, [task], {}).train()
    met = sorted({int(token) for feature in rows for row in feature.rows for token in row})
    vocabulary = TrimmedVocabulary(network.encoder, torch.tensor(met).numpy(), 1)
    return network, task, rows, vocabulary


def gradients(network: Network) -> dict[str, torch.Tensor]:
    found = {name: one.grad.clone() for name, one in network.named_parameters() if one.grad is not None}
    network.zero_grad()
    return found


def textbook(network: Network, task: Task, rows: list, vocabulary: TrimmedVocabulary) -> dict[str, torch.Tensor]:
    """Of the mean loss over one padded batch, by transformers' own layers."""
    batch = collate(rows, 1)
    head = network.heads[task.name]
    states = network.encoder(
        input_ids=vocabulary.translate(batch.input_ids), attention_mask=batch.mask, output_hidden_states=True
    )
    hidden = states.last_hidden_state if head.layer is None else states.hidden_states[head.layer]
    loss = kind_of(task).loss(task, head(hidden, batch.mask).float(), batch.targets)
    (loss / sum(one.weight for one in rows)).backward()
    return gradients(network)


def error(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    """Of the whole gradient, relative to its norm."""
    assert found.keys() == expected.keys()
    both = (torch.cat([one[name].flatten() for name in expected]) for one in (found, expected))
    own, right = both
    return float((own - right).norm() / right.norm())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tokens", [10_000, 40])
def test_a_step_s_gradient_is_the_textbook_s(kind: str, tokens: int, tmp_path: Path) -> None:
    bench = Workbench(Store(str(tmp_path)), open_source("mock"), micro_batch_tokens=tokens)
    language = ("de",) if kind == "bitext_ranking" else ("en",)
    spec = dataclasses.replace(SPEC, tasks=(KINDS[kind],), languages=language, train_examples=None)
    network, task, rows, vocabulary = lively(spec, bench, tmp_path)
    assert network.is_packed
    expected = textbook(network, task, rows, vocabulary)
    StepGradient(network, network, [task], spec, bench, vocabulary).add(Step(task.name, rows))
    assert error(gradients(network), expected) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_errs_as_autocast_does(kind: str, tmp_path: Path) -> None:
    """A tenth of a gradient at most, and no more than twice what autocast does, which adds up layers in float32."""
    bench = Workbench(Store(str(tmp_path)), open_source("mock"))
    language = ("de",) if kind == "bitext_ranking" else ("en",)
    spec = dataclasses.replace(SPEC, tasks=(KINDS[kind],), languages=language, train_examples=None, precision="bf16")
    network, task, rows, vocabulary = lively(spec, bench, tmp_path)
    expected = textbook(network, task, rows, vocabulary)
    with torch.autocast("cpu", torch.bfloat16):
        usual = error(textbook(network, task, rows, vocabulary), expected)
    StepGradient(network, network, [task], spec, bench, vocabulary).add(Step(task.name, rows))
    found = error(gradients(network), expected)
    assert 0 < found < 0.1
    assert found < usual * 2


@pytest.mark.parametrize("family", KIN)
@pytest.mark.parametrize("layer", [None, 1])
def test_each_of_kin_computes_what_transformers_does(family: str, layer: int | None, tmp_path: Path) -> None:
    """Of each layer, and with what tells two texts apart; a padding token within a text is one like any other."""
    families.save(family, tmp_path / family)
    base = Workbench(Store(str(tmp_path)), open_source("mini")).model(str(tmp_path / family), None)
    task = dataclasses.replace(Workbench(Store(str(tmp_path)), open_source("mini")).task("mini-bitext"), pooling="cls")
    network = new_network(base, [task], 0.0, types=base.separator is not None).eval()
    network.heads[task.name].layer = layer
    given = base.tokenizer([("Ulm is", "a longer text"), ("a", "b")], padding=True, return_tensors="pt")
    input_ids, mask = given["input_ids"], given["attention_mask"]
    input_ids[0, 2] = base.tokenizer.pad_token_id
    if base.separator is None:
        given.pop("token_type_ids", None)
    with torch.inference_mode():
        states = base.encoder(**given, output_hidden_states=True).hidden_states[-1 if layer is None else layer]
        assert torch.allclose(network(task.name, input_ids, mask), states[:, 0], atol=1e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_layers_computed_again_drop_the_same(precision: str, tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, tasks=("qqp",), dropout=0.3, precision=precision, train_examples=None)  # type: ignore[arg-type]
    bench = Workbench(Store(str(tmp_path)), open_source("mock"))
    network, task, rows, vocabulary = lively(spec, bench, tmp_path)
    found = []
    for is_again in (False, True):
        if is_again:
            network.compute_layers_again()
        torch.manual_seed(3)
        StepGradient(network, network, [task], spec, bench, vocabulary).add(Step(task.name, rows))
        found.append(gradients(network))
    assert error(*found) < 1e-6
    StepGradient(network, network, [task], spec, bench, vocabulary).add(Step(task.name, rows))
    assert error(gradients(network), found[0]) > 0.1  # another pass draws others


@pytest.mark.parametrize("lengths", [[5], [7, 7, 7], [40, 39, 38, 12, 3], [1, 1, 300, 2]])
@pytest.mark.parametrize("p", [0.0, 0.4])
def test_attention_has_the_gradient_of_its_definition(lengths: list[int], p: float) -> None:
    """Of a softmax row by row, whose masks are the ones that were drawn; in double precision, by autograd."""
    heads, size = 2, 4
    torch.manual_seed(0)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    rows = PackedRows(mask, torch.device("cpu"))
    qkv = torch.randn(sum(lengths), 3, heads, size, dtype=torch.float64, requires_grad=True)
    found = attention(qkv, rows, p, Noise(5) if p else None)
    weight = torch.randn_like(found)
    (own,) = torch.autograd.grad((found * weight).sum(), qkv)
    noise, parts = Noise(5), []
    for group in rows.groups(heads):
        shape = (group.rows * heads, group.width, group.width)
        kept = noise.kept(shape, p, torch.float64) if p else torch.ones(shape, dtype=torch.float64)
        kept = kept.view(group.rows, heads, group.width, group.width)
        start = group.start
        for row in range(group.rows):
            length = int(mask.sum(dim=1)[len(parts)])
            query, key, value = qkv[start : start + length].permute(1, 2, 0, 3)
            weights = (query @ key.transpose(1, 2) * size**-0.5).softmax(-1) * kept[row, :, :length, :length] / (1 - p)
            parts.append((weights @ value).transpose(0, 1).flatten(1))
            start += length
    expected = torch.cat(parts)
    assert torch.allclose(found, expected)
    assert torch.allclose(own, torch.autograd.grad((expected * weight).sum(), qkv)[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_masks_keep_what_they_should(dtype: torch.dtype) -> None:
    kept = Noise(1, 2).kept((1000, 1001), 0.1, dtype).float()
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    assert float(kept.mean()) == pytest.approx(0.9, abs=4 * (0.09 / kept.numel()) ** 0.5)
    assert torch.equal(kept, Noise(1, 2).kept((1000, 1001), 0.1, dtype).float())
    assert not torch.equal(kept, Noise(1, 3).kept((1000, 1001), 0.1, dtype).float())


def test_a_clipped_step_is_the_textbook_s(tmp_path: Path) -> None:
    bench = Workbench(Store(str(tmp_path)), open_source("mock"))
    found = []
    for is_ours in (True, False):
        torch.manual_seed(1)
        network = bench.network(SPEC, [bench.task("qqp")], {})
        network.encoder.get_input_embeddings().weight.requires_grad_(False)  # the base's own
        optimizer = AdamW(network, 1e-3, 0.01)
        for scale in (1e-3, 1.0, 10.0):
            torch.manual_seed(2)
            for one in network.parameters():
                if one.requires_grad:
                    one.grad = torch.randn_like(one) * scale
            if is_ours:
                optimizer.clipped_step()
            else:
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                torch.optim.AdamW.step(optimizer)
        found.append(torch.cat([one.detach().flatten() for one in network.parameters() if one.requires_grad]))
    assert torch.allclose(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_changes_nothing(value: float, tmp_path: Path) -> None:
    bench = Workbench(Store(str(tmp_path)), open_source("mock"))
    network = bench.network(SPEC, [bench.task("qqp")], {})
    optimizer = AdamW(network, 1e-3, 0.01)
    before = {name: one.clone() for name, one in network.state_dict().items()}
    for one in network.parameters():
        if one.requires_grad:
            one.grad = torch.ones_like(one)
    network.heads["qqp"].out.bias.grad[0] = value
    assert not optimizer.clipped_step().isfinite()
    assert all(torch.equal(one, before[name]) for name, one in network.state_dict().items())


def test_the_shapes_that_are_recorded_are_few_and_count_the_same(tmp_path: Path) -> None:
    """What a recording is given, and how it computes a gradient, on a CPU: only the recording itself needs a GPU."""
    bench = Workbench(Store(str(tmp_path)), open_source("mock"))
    spec = dataclasses.replace(SPEC, tasks=("panx",), train_examples=None, precision="bf16")
    network, task, rows, vocabulary = lively(spec, bench, tmp_path)
    weight = sum(one.weight for one in rows)
    StepGradient(network, network, [task], spec, bench, vocabulary).add(Step(task.name, rows))
    expected = gradients(network)
    shapes = {padded(rows[:count], 1).input_ids.shape[1] for count in range(1, len(rows) + 1)}
    assert len(shapes) <= 2
    sizes = {int(padded(rows[:count], 1).mask.sum()) for count in range(1, len(rows) + 1)}
    assert all(size % WIDTHS == 0 for size in sizes)
    for one in network.parameters():
        one.grad = torch.full_like(one, 7.0)  # of the step before
    batch = padded(rows, 1)
    others = {*network.parameters()} - {*network.packed_encoder.parameters_apart()}
    for one in others:
        one.grad = None
    with network.packed_encoder.apart(torch.bfloat16):
        with torch.autocast("cpu", torch.bfloat16):
            rows_of = PackedRows(batch.mask, torch.device("cpu"))
            outputs = network(task.name, vocabulary.translate(batch.input_ids), rows_of)
        (kind_of(task).loss(task, outputs.float(), batch.targets) / weight).backward()
    assert error(gradients(network), expected) < 0.02
