"""What `precision: auto` stands for, on made-up machines, and that a store keeps to it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from sweep.cli import app
from sweep.experiment import Experiment
from sweep.planning import precision
from sweep.planning.planner import make_plan
from sweep.planning.precision import choose, gpus_here, record
from tests.conftest import experiment_values, write_experiment
from trainables.data import open_source
from trainables.errors import UserError
from trainables.precision import cpu_has_bf16
from trainables.store import Store
from trainables.training.workbench import Workbench
from trainables.workers import node
from trainables.workers.group import GroupConfig

GPU = {"workers": 1, "gpus_per_worker": 1}


def experiment(folder: Path, **changes: object) -> Experiment:
    return Experiment.model_validate(experiment_values(folder / "store", **{"precision": "auto", **changes}))


def cpu(monkeypatch: pytest.MonkeyPatch, has_bf16: bool) -> None:
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: has_bf16)


def gpus(folder: Path, *names: str) -> Path:
    """What NVIDIA's driver says of GPUs."""
    for number, name in enumerate(names):
        (folder / f"0000:0{number}:00.0").mkdir(parents=True)
        text = f"Model: \t\t {name}\nIRQ:   \t\t 0\nGPU UUID: \t GPU-1\nBus Location: \t 0000:0{number}:00.0\n"
        (folder / f"0000:0{number}:00.0" / "information").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("flags", "has_it"),
    [
        ("flags\t\t: fpu sse2 avx512f avx512_bf16 avx512_vnni", True),
        ("flags\t\t: fpu avx2 amx_bf16 amx_tile amx_int8", True),
        ("flags\t\t: fpu sse2 avx2 avx512f avx512_vnni amx_tile", False),
        ("flags\t\t: fpu sse2\nvmx flags\t: avx512_bf16", False),
        ("model name\t: a CPU with avx512_bf16\nflags\t\t: fpu", False),
        ("BogoMIPS\t: 2100.00\nFeatures\t: fp asimd", False),
        ("", False),
    ],
)
def test_a_cpu_has_bf16_where_its_flags_say_so(tmp_path: Path, flags: str, has_it: bool) -> None:
    path = tmp_path / "cpuinfo"
    one = f"processor\t: 0\nvendor_id\t: AMD\n{flags}\nbugs\t\t: spectre_v1\n\n"
    path.write_text(one + one.replace(": 0", ": 1"))
    assert cpu_has_bf16(path) is has_it
    assert not cpu_has_bf16(tmp_path / "nowhere")


def test_without_gpus_the_machine_of_the_command_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu(monkeypatch, True)
    assert str(choose(experiment(tmp_path))) == "precision: bf16, which this machine's CPU has"
    assert choose(experiment(tmp_path, precision="fp32")).precision == "fp32"
    cpu(monkeypatch, False)
    assert str(choose(experiment(tmp_path))) == "precision: fp32, as this machine's CPU has no bf16"
    assert choose(experiment(tmp_path, precision="bf16")).precision == "bf16"
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ([], "precision: bf16, as trials run on GPUs"),
        (["NVIDIA L4"], "precision: bf16, as trials run on GPUs"),
        (["NVIDIA Unheard-of"], "precision: bf16, as trials run on GPUs"),
        (["NVIDIA L4", "Tesla T4"], "precision: fp32, as Tesla T4 has no bf16"),
    ],
)
def test_on_gpus_it_is_bf16_but_where_one_is_known_to_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], chosen: str
) -> None:
    cpu(monkeypatch, False)
    found = gpus_here(gpus(tmp_path / "driver", *names))
    assert found == names
    monkeypatch.setattr(precision, "gpus_here", lambda: found)
    assert str(choose(experiment(tmp_path, resources=GPU))) == chosen


def test_a_worker_refuses_where_its_gpu_has_no_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla P100")

    def missing(precision: str, device: str) -> list[str]:
        config = GroupConfig("s", "mini", (), 1, 1, 1, 1, "random:tiny", precision=precision)  # type: ignore[arg-type]
        return [str(one) for one in node._missing_bf16(config, torch.device(device))]

    (told,) = missing("bf16", "cuda")
    assert "Tesla P100 has no bf16" in told and "precision=fp32" in told
    assert missing("fp32", "cuda") == missing("bf16", "cpu") == []


def test_fp32_is_no_tf32(tmp_path: Path) -> None:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    Workbench(Store(str(tmp_path)), open_source("mini"))
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32


def test_a_run_that_goes_on_elsewhere_has_the_same_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu(monkeypatch, True)
    asked = experiment(tmp_path)
    before = make_plan(asked)
    record(asked, before.studies[0].question.precision)
    cpu(monkeypatch, False)
    assert make_plan(asked) == before
    assert {study.question.precision for study in before.studies} == {"bf16"}
    assert str(choose(asked)) == "precision: bf16, with which the store's trials of random:tiny began"
    assert choose(experiment(tmp_path, name="another", resources=GPU)).precision == "bf16"
    assert choose(experiment(tmp_path, model="minilm")).precision == "fp32"
    assert choose(experiment(tmp_path / "elsewhere")).precision == "fp32"


def test_what_is_said_is_taken_and_kept_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu(monkeypatch, True)
    record(experiment(tmp_path), "bf16")
    said = experiment(tmp_path, precision="fp32")
    record(said, "fp32")
    assert choose(experiment(tmp_path)).precision == "bf16"
    assert all("precision" not in study.question.to_dict() for study in make_plan(said).studies)  # as ids of before


def test_two_runs_that_choose_at_the_same_time_do_not_differ(tmp_path: Path) -> None:
    asked = experiment(tmp_path)
    record(asked, "bf16")
    record(asked, "bf16")
    with pytest.raises(UserError, match="the store has precision bf16 of 'random:tiny' since a moment ago"):
        record(asked, "fp32")


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"random:tiny": "fp16"}'])
def test_a_damaged_record_is_named(tmp_path: Path, content: bytes) -> None:
    asked = experiment(tmp_path)
    Store(asked.store).write("precision.json", content)
    with pytest.raises(UserError, match=r"precision\.json: is not the record of precisions"):
        make_plan(asked)
    make_plan(experiment(tmp_path, precision="fp32"))  # which asks it for nothing


def test_a_plan_says_what_it_stands_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu(monkeypatch, True)
    planned = CliRunner().invoke(app, ["plan", str(write_experiment(tmp_path, precision="auto"))])
    assert "precision: bf16, which this machine's CPU has" in planned.output
    planned = CliRunner().invoke(app, ["plan", str(write_experiment(tmp_path)), "--json"])
    assert '"precision": "fp32"' in planned.output
