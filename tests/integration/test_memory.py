"""Memory that runs out: the trial goes on as one that had the smaller micro-batches before."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.integration.test_fine_tune import SPEC, difference, lively_parent, run
from trainables.data import open_source
from trainables.features import Feature, Features
from trainables.models.checkpoint import load_checkpoint
from trainables.models.network import Network, new_network
from trainables.models.vocabulary import TrimmedVocabulary
from trainables.reports import Report, TrialError
from trainables.spec import TrialSpec
from trainables.store import Store, checkpoint_name
from trainables.training.fine_tune import training_features
from trainables.training.gradient import StepGradient
from trainables.training.memory import in_pieces_that_fit, is_out_of_memory
from trainables.training.mixture import Step
from trainables.training.workbench import Workbench

pytestmark = pytest.mark.integration

BASE = dataclasses.replace(
    SPEC, batch_size=8, learning_rate=1e-3, train_examples=None, tasks=("qqp",),
    parent=dataclasses.replace(SPEC, phase="intermediate", seed=99).trial_id,
)  # fmt: skip
TASKS = ("qqp", "copa", "lareqa")
"""Independent features of one row and of several, and coupled ones."""

LIMIT = 64
"""Tokens that fit. No row of these tasks is longer."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the trial that all others start from."""
    path = tmp_path_factory.mktemp("store")
    assert lively_parent(Store(str(path))) == BASE.parent
    return path


Forward = Callable[[Network, str, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
Replace = Callable[[Callable[[int, int], bool]], None]


@pytest.fixture
def fails_if(monkeypatch: pytest.MonkeyPatch) -> Replace:
    """Lets the network's forward passes run out of memory: `fails(which one it is, its tokens)` says which."""
    forward: Forward = Network.forward

    def set_condition(fails: Callable[[int, int], bool]) -> None:
        calls = iter(range(1, 1_000_000))

        def checked(
            self: Network, task: str, input_ids: torch.Tensor, mask: torch.Tensor, targets: torch.Tensor
        ) -> torch.Tensor:
            outputs = forward(self, task, input_ids, mask, targets)  # random numbers have been drawn
            if fails(next(calls), int(mask.sum())):
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return outputs

        monkeypatch.setattr(Network, "forward", checked)

    return set_condition


def finished(spec: TrialSpec, bench: Workbench) -> tuple[dict[str, torch.Tensor], Report]:
    """The weights and the last report of a trial; what it leaves is removed."""
    last = run(spec, bench)[-1]
    weights = load_checkpoint(bench.store, spec.trial_id)
    bench.store.delete(checkpoint_name(spec.trial_id))
    return weights, last


def new_bench(folder: Path, micro_batch_tokens: int = 512) -> Workbench:
    return Workbench(Store(str(folder)), open_source("mock"), micro_batch_tokens=micro_batch_tokens)


@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("task", TASKS)
def test_the_weights_are_those_of_the_smaller_micro_batch(
    task: str, dropout: float, folder: Path, fails_if: Replace
) -> None:
    """Of a trial that had it from the start: the first step ran out of memory, and began again as it had begun."""
    spec = dataclasses.replace(BASE, tasks=(task,), dropout=dropout)
    small = finished(spec, new_bench(folder, LIMIT))
    fails_if(lambda call, tokens: tokens > LIMIT)
    bench = new_bench(folder, LIMIT * 8)
    weights, last = finished(spec, bench)
    assert (bench.micro_batch_tokens, bench.halvings, last.halvings, last.progress) == (LIMIT, 3, 3, 1.0)
    assert difference(weights, small[0]) == 0
    assert last.micro_batch_tokens == small[1].micro_batch_tokens == LIMIT
    assert (last.loss, last.curve, last.tokens) == (small[1].loss, small[1].curve, small[1].tokens)


@pytest.mark.parametrize("call", [1, 2, 3, 4, 5, 6, 9])
@pytest.mark.parametrize("task", TASKS)
def test_half_a_step_leaves_no_trace(task: str, call: int, folder: Path, fails_if: Replace) -> None:
    """Any forward pass runs out of memory, once: that of a first micro-batch, a later one, a second time."""
    spec = dataclasses.replace(BASE, tasks=(task,))
    undisturbed, _ = finished(spec, new_bench(folder, LIMIT))
    fails_if(lambda number, tokens: number == call)
    weights, last = finished(spec, new_bench(folder, LIMIT))
    assert last.halvings == 1
    assert difference(weights, undisturbed) < 1e-4


def test_a_report_counts_its_own_trials_halvings(folder: Path, fails_if: Replace) -> None:
    fails_if(lambda call, tokens: tokens > LIMIT)
    bench = new_bench(folder)
    assert finished(BASE, bench)[1].halvings == 3
    assert finished(BASE, bench)[1].halvings == 0


@pytest.mark.parametrize("task", ["xnli", "lareqa", "mlqa"])
def test_scoring_goes_on_in_smaller_pieces(task: str, folder: Path, fails_if: Replace) -> None:
    trained = dataclasses.replace(BASE, phase="intermediate", tasks=("mnli", "lareqa", "squad"), epochs=1)
    run(trained, new_bench(folder))
    spec = TrialSpec("evaluate", BASE.model, (task,), ("de", "en"), "d", parent=trained.trial_id)
    expected = run(spec, new_bench(folder))[-1]
    fails_if(lambda call, tokens: tokens > LIMIT * 5 // 4)
    found = run(spec, new_bench(folder))[-1]
    assert found.halvings > 0
    assert found.micro_batch_tokens == 512 >> found.halvings
    assert (found.features, found.tokens) == (expected.features, expected.tokens)
    assert [(one.language, one.metric, one.value) for one in found.scores] == [
        (one.language, one.metric, pytest.approx(one.value)) for one in expected.scores
    ]


@pytest.mark.parametrize("task", TASKS)
def test_a_feature_that_does_not_fit_alone_is_told(task: str, folder: Path, fails_if: Replace) -> None:
    fails_if(lambda call, tokens: True)
    bench = new_bench(folder)
    with pytest.raises(TrialError, match=r"an example of \d+ tokens does not fit .* cpu .* max_length"):
        run(dataclasses.replace(BASE, tasks=(task,)), bench)
    assert bench.micro_batch_tokens == 512  # the next trial's examples may be shorter
    assert bench.halvings > 0


def test_several_workers_do_not_try_again_alone(folder: Path, fails_if: Replace) -> None:
    fails_if(lambda call, tokens: True)
    bench = new_bench(folder)
    bench.world_size = 2
    base, task = bench.base(BASE), bench.task("qqp")
    features = Features.joined([*training_features(BASE, bench, task).values()])
    network = new_network(base, [task], 0.0)
    vocabulary = TrimmedVocabulary(network.encoder, features.token_ids(), 1)
    gradient = StepGradient(network, network, [task], BASE, bench, vocabulary)
    with pytest.raises(torch.OutOfMemoryError):
        gradient.add(Step("qqp", features[:8]))
    assert bench.halvings == 0


def test_what_broke_off_is_gone_before_the_next_attempt(folder: Path) -> None:
    """Else the second attempt would have less memory than the first."""
    held: list[weakref.ref[torch.Tensor]] = []

    def compute() -> int:
        assert all(one() is None for one in held)
        activations = torch.ones(10)
        held.append(weakref.ref(activations))
        if len(held) < 3:
            raise torch.OutOfMemoryError
        return len(held)

    assert in_pieces_that_fit(new_bench(folder), [Feature([[1, 2]], 0)], compute) == 3


def test_the_cpus_allocator_is_understood() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize("error", [RuntimeError("sizes do not match"), ValueError("out of memory")])
def test_other_errors_are_left_alone(error: Exception, folder: Path) -> None:
    def compute() -> None:
        raise error

    with pytest.raises(type(error)):
        in_pieces_that_fit(new_bench(folder), [Feature([[1]], 0)], compute)
    assert not is_out_of_memory(error)
