"""A trial that is stopped anywhere and run again ends as if nothing had been; files that were damaged are noticed."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import logging
import os
import pickle
import re
from collections.abc import Callable, Generator, Iterator
from functools import cache
from pathlib import Path
from typing import cast

import pytest
import torch
import torch.multiprocessing
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save
from torch import distributed

from tests.integration.test_fine_tune import SPEC, lively_parent, run
from tests.toy import TABLE
from trainables.data import open_source
from trainables.models.base import load_base
from trainables.models.checkpoint import (
    DamagedCheckpoint,
    MissingCheckpoint,
    load_checkpoint,
    read_tensors,
    save_checkpoint,
    write_tensors,
)
from trainables.models.vocabulary import TrimmedVocabulary
from trainables.recipe import Budget, Ingredient, Recipe
from trainables.reports import MachineLeaves, Report, TrialError
from trainables.spec import TrialSpec
from trainables.store import Store, checkpoint_name, state_name
from trainables.training.fine_tune import fine_tune
from trainables.training.state import TrialState
from trainables.training.workbench import Workbench

pytestmark = pytest.mark.integration

BASE = dataclasses.replace(
    SPEC, epochs=3, batch_size=5, warmup=0.2, dropout=0.2, train_examples=None, tasks=("qqp",), weight_decay=0.1,
    parent=dataclasses.replace(SPEC, phase="intermediate", seed=99).trial_id,
)  # fmt: skip
SPECS = {
    "one task": BASE,
    "several tasks": dataclasses.replace(BASE, phase="intermediate", tasks=("qqp", "panx", "squad2")),
    "coupled": dataclasses.replace(BASE, tasks=("lareqa",), learning_rate=1e-3),
    "ranking": dataclasses.replace(BASE, tasks=("opus100",), languages=("de",), learning_rate=1e-3),
    "masks of rows": dataclasses.replace(BASE, dropout_masks="rows"),
    "best weights": dataclasses.replace(BASE, checkpoint="best"),
    "best of several tasks": dataclasses.replace(
        BASE, phase="intermediate", tasks=("qqp", "panx", "squad2"), checkpoint="best", seed=6
    ),
}
SPECS["a recipe"] = dataclasses.replace(
    BASE, phase="intermediate", tasks=("qqp", "panx"), languages=("de", "en"),
    recipe=Recipe((Ingredient("panx", batch_size=3, weight=0.5),), 2.0, None, 0.3, Budget("examples", 18)),
)  # fmt: skip
STEPS = {name: 4 * len(spec.tasks) for name, spec in SPECS.items()} | {"a recipe": 6}
"""Optimizer steps of an epoch."""


class Stopped(Exception):  # noqa: N818
    """What ends a run here."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the trial that all others start from."""
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("store")
    assert lively_parent(Store(str(path))) == BASE.parent
    return path


def new_bench(folder: Path, save_minutes: float = 0.0) -> Workbench:
    """That of a new process."""
    bench = Workbench(Store(str(folder)), open_source("mock"))
    bench.save_minutes = save_minutes
    return bench


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> dict[str, tuple[dict[str, torch.Tensor], Report]]:
    found = {}
    for name, spec in SPECS.items():
        bench = new_bench(folder, save_minutes=1e9)
        weights, last = result(spec, bench, run(spec, bench)[-1])
        # What is kept is not the last: else the copies would not be looked at.
        assert spec.checkpoint == "last" or (last.objective or 0) > last.curve[-1], (name, last)
        found[name] = ({key: one.clone() for key, one in weights.items()}, last)
    return found


def stopped_at(step: int, spec: TrialSpec, bench: Workbench) -> list[Report]:
    """The reports until the run's `step`-th optimizer step, in which it is stopped."""
    calls = iter(range(1, step))
    with pytest.MonkeyPatch.context() as patch:

        def record_step(self: TrimmedVocabulary, *rates: float) -> None:
            if next(calls, None) is None:
                raise Stopped
            original(self, *rates)

        original = TrimmedVocabulary.record_step
        patch.setattr(TrimmedVocabulary, "record_step", record_step)
        reports: list[Report] = []
        try:
            for report in fine_tune(spec, bench, 0.0):
                reports.append(report)
        except Stopped:
            return reports
        raise AssertionError("it came to its end")


def noticed_at(step: int, spec: TrialSpec, bench: Workbench) -> None:
    """A run whose machine is given notice in its `step`-th optimizer step: it ends with its state saved."""
    calls = iter(range(1, step))
    with pytest.MonkeyPatch.context() as patch:

        def record_step(self: TrimmedVocabulary, *rates: float) -> None:
            if next(calls, None) is None:
                bench.noticed.set()
            original(self, *rates)

        original = TrimmedVocabulary.record_step
        patch.setattr(TrimmedVocabulary, "record_step", record_step)
        with pytest.raises(MachineLeaves):
            run(spec, bench)


def result(spec: TrialSpec, bench: Workbench, last: Report) -> tuple[dict[str, torch.Tensor], Report]:
    """What a trial leaves: the weights, and its last report without what differs from run to run. Removes it."""
    plain = dataclasses.replace(last, startup_seconds=None, examples_per_second=None, resumed=0, peak_memory=None)
    weights = load_checkpoint(bench.store, spec.trial_id)
    bench.store.delete(checkpoint_name(spec.trial_id))  # the mapping stays
    return weights, plain


def check_equal(one: tuple[dict[str, torch.Tensor], Report], two: tuple[dict[str, torch.Tensor], Report]) -> None:
    assert one[0].keys() == two[0].keys()
    assert [name for name, value in one[0].items() if not torch.equal(value, two[0][name])] == []
    assert one[1] == two[1]


Expected = dict[str, tuple[dict[str, torch.Tensor], Report]]


@pytest.mark.parametrize("name", SPECS)
def test_after_every_epoch(name: str, folder: Path, undisturbed: Expected) -> None:
    """The driver loses interest, as when the machine goes: the generator is closed at each report."""
    spec, told = SPECS[name], []
    for _ in range(3):
        bench = new_bench(folder, save_minutes=15.0)
        with contextlib.closing(cast(Generator[Report], fine_tune(spec, bench, 0.0))) as reports:
            told.append(next(reports))
    assert [(report.epoch, report.resumed) for report in told] == [(n + 1, n * STEPS[name]) for n in range(3)]
    assert [len(report.curve) for report in told] == [1, 2, 3]
    check_equal(result(spec, bench, told[-1]), undisturbed[name])
    assert bench.store.list("states") == []


@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=8)
@example(stops=[2, 2, 2])
@example(stops=[5, 1])
@given(stops=st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_anywhere_and_again(name: str, folder: Path, undisturbed: Expected, stops: list[int]) -> None:
    """Saved after every step, a run that is stopped in its n-th step has n - 1 behind it."""
    spec, steps, done, told = SPECS[name], STEPS[name], 0, []
    for stop in stops:
        if done + stop <= 3 * steps:
            told += stopped_at(stop, spec, new_bench(folder))
            done += stop - 1
    bench = new_bench(folder)
    reports = run(spec, bench)
    assert {report.resumed for report in reports} == {done}
    assert [report.epoch for report in [*told, *reports]] == [1, 2, 3]  # each epoch is told of once
    check_equal(result(spec, bench, reports[-1]), undisturbed[name])
    assert bench.store.list("states") == []


def test_within_the_minutes_an_epoch_begins_anew(folder: Path, undisturbed: Expected) -> None:
    stopped_at(7, BASE, new_bench(folder, save_minutes=15.0))
    bench = new_bench(folder, save_minutes=15.0)
    reports = run(BASE, bench)
    assert [(report.epoch, report.resumed) for report in reports] == [(2, 4), (3, 4)]
    check_equal(result(BASE, bench, reports[-1]), undisturbed["one task"])


@pytest.mark.parametrize("step", [1, 4, 6, 11])
def test_on_a_notice_the_state_is_saved_at_once(step: int, folder: Path, undisturbed: Expected) -> None:
    """However long ago it was saved; the trial goes on with the next step, on another machine."""
    noticed_at(step, BASE, new_bench(folder, save_minutes=15.0))
    bench = new_bench(folder, save_minutes=15.0)
    reports = run(BASE, bench)
    assert {report.resumed for report in reports} == {step}
    check_equal(result(BASE, bench, reports[-1]), undisturbed["one task"])


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    place = len(content) * 2 // 3
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


@pytest.mark.parametrize("damage", [cut, flipped, lambda content: b""], ids=["cut", "flipped", "empty"])
def test_a_damaged_state_is_none(
    damage: Callable[[bytes], bytes], folder: Path, undisturbed: Expected, caplog: pytest.LogCaptureFixture
) -> None:
    bench = new_bench(folder)
    stopped_at(7, BASE, bench)
    name = state_name(BASE.trial_id)
    bench.store.write(name, damage(bench.store.read(name)))
    with caplog.at_level(logging.WARNING, logger="sweep"):
        reports = run(BASE, new_bench(folder))
    assert [(report.epoch, report.resumed) for report in reports] == [(1, 0), (2, 0), (3, 0)]
    assert f"trial {BASE.trial_id} starts from its beginning" in caplog.text
    check_equal(result(BASE, bench, reports[-1]), undisturbed["one task"])
    assert bench.store.list("states") == []


@pytest.mark.parametrize("what", ["format", "code", "workers", "vocabulary"])
def test_a_state_of_another_setup_is_none(what: str, folder: Path, undisturbed: Expected) -> None:
    bench = new_bench(folder)
    stopped_at(7, BASE, bench)
    name = state_name(BASE.trial_id)
    tensors, metadata = read_tensors(bench.store, name)
    header = json.loads(metadata["state"])
    header["fits"][what] += 1
    write_tensors(bench.store, name, tensors, {"state": json.dumps(header)})
    reports = run(BASE, new_bench(folder))
    assert reports[0].resumed == 0
    check_equal(result(BASE, bench, reports[-1]), undisturbed["one task"])


@pytest.mark.parametrize("name", ["network.encoder.embeddings.LayerNorm.bias", "optimizer.0.exp_avg", "random.0.0"])
@pytest.mark.parametrize("fault", ["missing", "another shape", "too much"])
def test_a_state_that_does_not_fit_is_none(
    name: str, fault: str, folder: Path, undisturbed: Expected, caplog: pytest.LogCaptureFixture
) -> None:
    bench = new_bench(folder)
    stopped_at(7, BASE, bench)
    tensors, metadata = read_tensors(bench.store, state_name(BASE.trial_id))
    if fault == "missing":
        del tensors[name]
    else:
        tensors[name if fault == "another shape" else f"{name}.more"] = torch.ones(3)
    write_tensors(bench.store, state_name(BASE.trial_id), tensors, metadata)
    with caplog.at_level(logging.WARNING, logger="sweep"):
        reports = run(BASE, new_bench(folder))
    assert reports[0].resumed == 0
    assert f"trial {BASE.trial_id} starts from its beginning: its state does not fit: {name}" in caplog.text
    check_equal(result(BASE, bench, reports[-1]), undisturbed["one task"])


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no space"), OSError("no answer")], ids=["full", "flaky"])
def test_a_state_that_cannot_be_written_ends_no_trial(
    error: OSError,
    folder: Path,
    undisturbed: Expected,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().parent.name == "states":
            raise error
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    bench = new_bench(folder)
    with caplog.at_level(logging.WARNING, logger="sweep"):
        reports = run(BASE, bench)
    assert f"trial {BASE.trial_id} goes on, but its state could not be saved" in caplog.text
    check_equal(result(BASE, bench, reports[-1]), undisturbed["one task"])
    assert list((folder / "states").iterdir()) == []


def leaves(step: int, spec: TrialSpec, bench: Workbench) -> None:
    """The run of a worker whose own machine stays, as another one's goes."""
    with pytest.raises(MachineLeaves):
        run(spec, bench)


def two_workers(rank: int, folder: Path) -> None:
    """What each of two processes does: a calm run, one that is stopped and goes on, one that a machine leaves, and one
    that cannot go on.
    """
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    spec = dataclasses.replace(SPECS["best of several tasks"], parent=None)

    def bench(name: str) -> Workbench:
        made = Workbench(Store(str(folder / name)), open_source("mock"), rank=rank, world_size=2)
        made.save_minutes = 1e-9 if rank else 1e9  # only this one's clock says that it is time
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainables.training.workbench.load_base", cache(load_base))
        calm = run(spec, bench("calm"))[-1]
        for name in ("stopped", "one cannot read"):
            assert stopped_at(12, spec, bench(name)) == []
        one_leaves = bench("one leaves")
        one_leaves.save_minutes = 1e9
        (noticed_at if rank == 1 else leaves)(7, spec, one_leaves)
        distributed.barrier()  # a new run comes after the old one's last write
        last = run(spec, bench("stopped"))[-1]
        left = run(spec, bench("one leaves"))[-1]
        if rank == 1:
            patch.setattr(TrialState, "_load", lambda self: None)
        anew = run(spec, bench("one cannot read"))[-1]
    distributed.barrier()
    assert (last.resumed, left.resumed, anew.resumed) == (10, 10, 0)
    expected = result(spec, bench("calm"), calm) if rank == 0 else None
    for name, report in (("stopped", last), ("one leaves", left), ("one cannot read", anew)):
        if expected:
            check_equal(result(spec, bench(name), report), expected)
            assert bench(name).store.list("states") == []
    distributed.destroy_process_group()


def test_two_workers_go_on_together(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(two_workers, (tmp_path,), nprocs=2)


def test_a_trial_that_diverges_leaves_no_state(folder: Path) -> None:
    bench = new_bench(folder)
    with pytest.raises(TrialError):
        run(dataclasses.replace(BASE, learning_rate=1e30, warmup=0.0), bench)
    assert bench.store.list("states") == []


WEIGHTS = {
    "encoder.a": torch.arange(6.0).reshape(2, 3),
    "encoder.b": torch.ones(3, dtype=torch.bfloat16),
    "encoder.c": torch.tensor(7.0),
    "heads.x.d": torch.zeros(0, 4),
    "heads.x.e": torch.arange(5, dtype=torch.uint8),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, bytes]:
    store = Store(str(tmp_path_factory.mktemp("store")))
    save_checkpoint(store, SPEC, WEIGHTS)
    return store, store.read(checkpoint_name(SPEC.trial_id))


def test_a_checkpoint_is_a_safetensors_file(saved: tuple[Store, bytes]) -> None:
    store, _ = saved
    for loaded in (load_checkpoint(store, SPEC.trial_id), load_file(store.path(checkpoint_name(SPEC.trial_id)))):
        assert loaded.keys() == WEIGHTS.keys()
        assert all(torch.equal(loaded[name], one) and loaded[name].dtype == one.dtype for name, one in WEIGHTS.items())


def test_every_bit_and_every_byte_counts(saved: tuple[Store, bytes]) -> None:
    """Each bit of the file flipped, each part of it alone: the weights are noticed to be damaged, or they are equal."""
    store, content = saved
    name = checkpoint_name(SPEC.trial_id)
    header = 8 + int.from_bytes(content[:8], "little")

    def damaged() -> Iterator[tuple[bool, bytes]]:
        for place in range(len(content)):
            for bit in range(8):
                flipped = bytes([content[place] ^ 1 << bit])
                yield place >= header, content[:place] + flipped + content[place + 1 :]
        yield from ((True, content[:size]) for size in range(len(content)))

    for surely, one in damaged():
        Path(store.path(name)).write_bytes(one)  # the fsync of 5,000 writes would take its time
        try:
            loaded = load_checkpoint(store, SPEC.trial_id)
        except DamagedCheckpoint as error:
            assert SPEC.trial_id in str(error)  # noqa: PT017 - equal weights are fine, too
        else:
            assert not surely
            assert all(torch.equal(loaded[key], value) for key, value in WEIGHTS.items())


def test_what_is_wrong_with_a_checkpoint_travels_between_processes(tmp_path: Path) -> None:
    with pytest.raises(MissingCheckpoint) as caught:
        load_checkpoint(Store(str(tmp_path)), "f" * 16)
    for error in (caught.value, DamagedCheckpoint("f" * 16, "cut")):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), copy.trial_id, str(copy)) == (type(error), "f" * 16, str(error))


def test_weights_without_a_checksum_are_not_loaded(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write(checkpoint_name(SPEC.trial_id), save(WEIGHTS, {"format": "pt", "spec": "{}"}))
    with pytest.raises(DamagedCheckpoint, match="there is no checksum"):
        load_checkpoint(store, SPEC.trial_id)


LAYER = "encoder.encoder.layer.0.output.dense.bias"
HEAD = "heads.siqa.dense.weight"
MISFITS: dict[str, tuple[Callable[[dict[str, torch.Tensor]], object], str]] = {
    "a weight is missing": (lambda weights: weights.pop(LAYER), f"{LAYER} missing"),
    "all of them are": (lambda weights: weights.clear(), "encoder.* and .* more missing"),
    "one is too much": (
        lambda weights: weights.update({"encoder.more": torch.ones(2)}),
        "encoder.more too much",
    ),
    "a shape is another": (
        lambda weights: weights.update({LAYER: torch.ones(1)}),
        re.escape(f"{LAYER} [1] instead of [32]"),
    ),
    "other words": (
        lambda weights: weights.update({TABLE: weights[TABLE][:-1]}),
        re.escape(f"{TABLE} [250001, 32] instead of [250002, 32]"),
    ),
    "half a head": (lambda weights: weights.pop(HEAD), "heads.copa.dense.weight missing"),
    "no head": (
        lambda weights: [weights.pop(name) for name in [*weights] if name.startswith("heads.")],
        "heads.copa.* missing",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_checkpoint_that_does_not_fit_the_network_is_not_loaded(name: str, folder: Path, tmp_path: Path) -> None:
    """copa goes on with siqa's encoder and head: neither with half of them, nor with those of another network."""
    change, words = MISFITS[name]
    siqa = dataclasses.replace(BASE, tasks=("siqa",), epochs=1)
    run(siqa, new_bench(folder))
    weights = load_checkpoint(Store(str(folder)), siqa.trial_id)
    weights["heads.other.out.weight"] = torch.ones(3)  # another head is dropped on purpose
    copa = dataclasses.replace(BASE, tasks=("copa",), parent=siqa.trial_id, epochs=1)
    bench = new_bench(tmp_path)
    change(weights)
    save_checkpoint(bench.store, siqa, weights)
    with pytest.raises(DamagedCheckpoint, match=words) as caught:
        run(copa, bench)
    assert caught.value.trial_id == siqa.trial_id
    whole = load_checkpoint(Store(str(folder)), siqa.trial_id)
    save_checkpoint(bench.store, siqa, whole)  # as the trial that is run again does
    assert run(copa, bench)[-1].progress == 1


def test_an_evaluation_needs_the_head_that_was_trained(folder: Path) -> None:
    evaluation = TrialSpec("evaluate", BASE.model, ("xnli",), ("de",), "d", parent=BASE.parent)
    with pytest.raises(DamagedCheckpoint, match=r"heads\.mnli\.\S+, heads\.mnli.* missing"):
        run(evaluation, new_bench(folder))
    assert run(dataclasses.replace(evaluation, tasks=("tatoeba",)), new_bench(folder))[-1].progress == 1  # has none


def test_a_checkpoint_that_does_not_fit_on_the_disk_is_told_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        save_checkpoint(Store(str(tmp_path)), SPEC, WEIGHTS)
    assert caught.value.errno == errno.ENOSPC
    assert list((tmp_path / "checkpoints").iterdir()) == []
