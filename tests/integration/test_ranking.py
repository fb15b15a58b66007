"""Training by translation ranking: the gradient of a step, in pieces and by several workers, and what comes of it."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing
from torch import Tensor, distributed
from torch.nn import functional

from tests.integration.test_fine_tune import SPEC, difference, lively_parent, run, weights
from trainables.data import open_source
from trainables.features import Features
from trainables.spec import TrialSpec
from trainables.store import Store
from trainables.training import fine_tune as module
from trainables.training.batching import collate
from trainables.training.mixture import Step
from trainables.training.workbench import Workbench

pytestmark = pytest.mark.integration

RANKING = dataclasses.replace(SPEC, tasks=("mini-ranking",), languages=("de", "zh"), learning_rate=1e-4)


def textbook(english: Tensor, others: Tensor, pairs: list[tuple[str, str]], margin: float, scale: float) -> Tensor:
    """The mean over the pairs of both directions' losses, pair by pair."""
    total = english.new_zeros(())
    for queries, answers in ((english, others), (others, english)):
        for i, pair in enumerate(pairs):
            wrong = [j for j, other in enumerate(pairs) if other[0] != pair[0] and other[1] != pair[1]]
            cosines = functional.cosine_similarity(queries[i], answers)
            own = scale * (cosines[i] - margin)
            total = total - own + torch.cat([own[None], scale * cosines[wrong]]).logsumexp(dim=0)
    return total / len(pairs)


@pytest.mark.parametrize("learned", [False, True])
def test_a_step_has_the_textbook_gradient_in_pieces_too(learned: bool, tmp_path: Path) -> None:
    """With texts that stand twice, each encoded on its own."""
    bench = Workbench(Store(str(tmp_path)), open_source("mini"), micro_batch_tokens=40)
    spec = dataclasses.replace(RANKING, parent=lively_parent(bench.store))
    task = dataclasses.replace(bench.task("mini-ranking"), learned_scale=learned)
    features = Features.joined([*module.training_features(spec, bench, task).values()])
    chosen = [*features[:9], *features[3:5], *features[25:30]]
    examples = [*bench.examples(task, "train", "de")[::2][:20], *bench.examples(task, "train", "zh")[1::2][:20]]
    examples = [examples[place] for place in (*range(9), 3, 4, *range(25, 30))]
    torch.manual_seed(0)
    network = bench.network(spec, [task], {}).train()
    vocabulary = module.TrimmedVocabulary(network.encoder, features.token_ids(), 1)
    loss = module.StepGradient(network, network, [task], spec, bench, vocabulary).add(Step(task.name, chosen))
    found = {name: one.grad.clone() for name, one in network.named_parameters() if one.grad is not None}
    network.zero_grad()
    batch = collate(chosen, 1)
    states = network.encoder(
        input_ids=vocabulary.translate(batch.input_ids), attention_mask=batch.mask, output_hidden_states=True
    )
    means = torch.stack(
        [row[mask.bool()].mean(dim=0) for row, mask in zip(states.hidden_states[1], batch.mask, strict=True)]
    )
    scale: Any = network.heads[task.name].log_scale
    pairs = [(one.english, one.text) for one in examples]  # type: ignore[union-attr]
    expected = textbook(means[0::2], means[1::2], pairs, task.margin, scale.exp() if learned else task.scale)
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    wanted = {name: one.grad for name, one in network.named_parameters() if one.grad is not None}
    assert len(wanted) > 10
    assert ("heads.mini-ranking.log_scale" in wanted) == learned
    assert difference(found, wanted) < 1e-5


def test_micro_batches_change_no_weight_nor_masks_of_rows(tmp_path: Path) -> None:
    for dropout, masks in ((0.0, "batch"), (0.3, "rows")):
        benches = [
            Workbench(Store(str(tmp_path / f"{masks}-{tokens}")), open_source("mini"), micro_batch_tokens=tokens)
            for tokens in (10_000, 30)
        ]
        for bench in benches:
            spec = dataclasses.replace(
                RANKING, epochs=1, dropout=dropout, dropout_masks=masks, parent=lively_parent(bench.store)  # type: ignore[arg-type]
            )  # fmt: skip
            run(spec, bench)
        assert difference(weights(spec, benches[0]), weights(spec, benches[1])) < 1e-4


def one_of_two(rank: int, folder: Path, spec: TrialSpec) -> None:
    """What each of two processes does: the whole trial."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    report = run(spec, Workbench(Store(str(folder / "store")), open_source("mini"), rank=rank, world_size=2))[-1]
    if rank == 0:
        (folder / "report").write_bytes(pickle.dumps(report))
    distributed.destroy_process_group()


def test_two_workers_give_the_weights_of_one(tmp_path: Path) -> None:
    """Batches of 13 cannot be shared evenly; of the last one's single pair a worker has none. The masks are of rows."""
    alone = Workbench(Store(str(tmp_path / "alone")), open_source("mini"))
    spec = dataclasses.replace(
        RANKING, batch_size=13, epochs=1, dropout=0.2, dropout_masks="rows", parent=lively_parent(alone.store)
    )
    lively_parent(Store(str(tmp_path / "store")))
    torch.multiprocessing.spawn(one_of_two, (tmp_path, spec), nprocs=2)
    report = run(spec, alone)[-1]
    together = Workbench(Store(str(tmp_path / "store")), open_source("mini"))
    assert difference(weights(spec, together), weights(spec, alone)) < 1e-4
    other = pickle.loads((tmp_path / "report").read_bytes())
    assert other.loss == pytest.approx(report.loss, rel=1e-4)
    assert other.objective == report.objective


def test_precision_bf16_trains_nearly_the_same(tmp_path: Path) -> None:
    bench = Workbench(Store(str(tmp_path)), open_source("mini"))
    spec = dataclasses.replace(RANKING, parent=lively_parent(bench.store))
    losses = [run(dataclasses.replace(spec, precision=one), bench)[-1].loss for one in ("fp32", "bf16")]  # type: ignore[arg-type]
    assert losses[0] == pytest.approx(losses[1], rel=0.1)
    assert losses[0] != losses[1]


def test_an_untrained_encoder_learns_to_find_translations(shared_data: Path, tmp_path: Path) -> None:
    """Random weights, 1,800 pairs of news, and other sentences of another release are found more often than before."""
    torch.set_num_threads(1)
    bench = Workbench(Store(str(tmp_path)), open_source({"files": str(shared_data)}))
    spec = dataclasses.replace(
        SPEC, tasks=("ntrex-ranking",), languages=("de", "fr"), learning_rate=1e-2, epochs=6, batch_size=128,
        train_examples=None, eval_examples=None, max_length=64,
    )  # fmt: skip
    reports = run(spec, bench)
    assert reports[-1].curve[-1] > reports[-1].curve[0]

    def accuracy(parent: str | None) -> dict[str, float]:
        asked = TrialSpec("evaluate", SPEC.model, ("tatoeba",), ("de", "fr"), "d", parent, max_length=64)
        return {one.language: one.value or 0.0 for one in run(asked, bench)[-1].scores}

    before, after = accuracy(None), accuracy(spec.trial_id)
    assert all(after[language] > 3 * before[language] for language in before), (before, after)
