"""What a launch sends where, what it refuses, and how its job is called: nothing here starts anything."""

from __future__ import annotations

import io
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from sweep.console import Console
from sweep.experiment import Places
from sweep.experiment.file import SHIPPED, find, load
from sweep.planning.pricing import load_gpus
from sweep.running.launch import bill
from sweep.running.launch.cluster_file import ClusterFile
from sweep.running.launch.environment import chosen, script
from sweep.running.launch.follow import Screen
from sweep.running.launch.job import attempts, entrypoint, exit_code, job_name, next_attempt
from sweep.running.launch.machines import reason
from sweep.running.launch.shipment import Folder, Shipment, is_here, shipment
from tests.conftest import ROOT, experiment_values
from trainables.errors import UserError
from trainables.yaml_file import YamlFile

AWS: dict[str, Any] = {"cluster_name": "c", "provider": {"type": "aws"}}
OWN: dict[str, Any] = {"cluster_name": "c", "provider": {"type": "local", "head_ip": "h", "worker_ips": []}}
BUCKET = "s3://bucket/sweep"


def cluster(values: Mapping[str, Any], **more: Any) -> ClusterFile:
    return ClusterFile(Path("cluster.yaml"), YamlFile("cluster.yaml", {**values, **more}, {}))


def sent(folder: Path, on: ClusterFile, *overrides: str, **changes: Any) -> Shipment:
    path = folder / "my.yaml"
    path.write_text(yaml.safe_dump({**experiment_values(folder), "store": BUCKET, **changes}))
    return shipment(load(str(path), overrides), path, overrides, on)


def refused(folder: Path, on: ClusterFile, *overrides: str, **changes: Any) -> str:
    with pytest.raises(UserError) as caught:
        sent(folder, on, *overrides, **changes)
    return str(caught.value)


# What goes where


def test_a_file_goes_along_and_a_shipped_experiment_is_there(tmp_path: Path) -> None:
    mine = sent(tmp_path, cluster(AWS), "trials.target=3")
    assert mine.files == {"my.yaml": tmp_path / "my.yaml"}
    assert mine.arguments({}) == ["my.yaml", "trials.target=3"]
    shipped = shipment(load("demo", [f"store={BUCKET}"]), find("demo"), [f"store={BUCKET}"], cluster(AWS))
    assert (SHIPPED / "demo.yaml").is_file()
    assert (shipped.files, shipped.arguments({})) == ({}, ["demo", f"store={BUCKET}"])


def test_what_the_search_reads_lies_beside_the_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its places there stand in overrides, in place of those that were typed."""
    task, space = tmp_path / "own.yaml", tmp_path / "my space.yaml"
    task.write_text((ROOT / "trainables/tasks/mini-pos.yaml").read_text().replace("name: mini-pos", "name: own"))
    space.write_text((ROOT / "search_spaces/quick.yaml").read_text())
    made = sent(tmp_path, cluster(AWS), f"tasks=[{task}]", f"search_space={space}", targets=["own"])
    assert made.files == {"my.yaml": tmp_path / "my.yaml", "tasks/own.yaml": task, "spaces/my space.yaml": space}
    assert made.arguments({}) == ["my.yaml", 'tasks=["tasks/own.yaml"]', "search_space=spaces/my space.yaml"]
    there = tmp_path / "head"
    for name, path in made.files.items():
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_bytes(path.read_bytes())
    monkeypatch.chdir(there)
    here = load(str(tmp_path / "my.yaml"), [f"tasks=[{task}]", f"search_space={space}"])
    name, *overrides = made.arguments({})
    again = load(name, overrides)
    assert again.space == replace(here.space, name=again.space.name)
    assert again.catalogue.own == here.catalogue.own


def test_folders_that_every_node_needs_go_into_the_store_by_their_content(tmp_path: Path, shared_data: Path) -> None:
    made = sent(tmp_path, cluster(AWS), data={"files": str(shared_data)}, targets=["xnli"], conditions=["none"])
    (data,) = made.folders
    assert (data.key, data.here) == ("data.files", shared_data)
    assert made.arguments({"data.files": f"{BUCKET}/x"})[-1] == f"data.files={BUCKET}/x"
    assert not any("data.files" in one for one in made.overrides)


def test_a_folder_s_name_in_the_store_changes_with_what_is_in_it(tmp_path: Path) -> None:
    here = tmp_path / "data"
    (here / ".cache").mkdir(parents=True)
    (here / "a.tsv").write_text("one")
    (here / ".cache" / "b").write_text("hidden")
    first = Folder("data.files", here)
    assert [*first.files] == ["a.tsv"]
    assert first.kept.startswith("inputs/data-")
    (here / ".cache" / "b").write_text("another")
    assert Folder("data.files", here).kept == first.kept
    (here / "a.tsv").write_text("two")
    assert Folder("data.files", here).kept != first.kept


def model(folder: Path) -> Path:
    place = folder / "models" / "mine"
    place.mkdir(parents=True)
    (place / "config.json").write_text('{"model_type": "xlm-roberta"}')
    return place


def test_a_folder_that_the_cluster_file_copies_is_where_that_says(tmp_path: Path) -> None:
    here = model(tmp_path)
    on = cluster(AWS, file_mounts={"/home/ubuntu/mine": str(here)}, rsync_exclude=["runs"])
    assert sent(tmp_path, on, model=str(here)).overrides == ("model=/home/ubuntu/mine",)
    whole = cluster(AWS, file_mounts={"/all": str(here.parent)})
    assert sent(tmp_path, whole, model=str(here)).overrides == ("model=/all/mine",)
    in_part = cluster(AWS, file_mounts={"/all": str(here.parent)}, rsync_filter=[".gitignore"])
    assert "is on this machine alone" in refused(tmp_path, in_part, model=str(here))


def test_own_machines_get_a_model_through_the_disk_that_they_share(tmp_path: Path) -> None:
    here = model(tmp_path)
    (folder,) = sent(tmp_path, cluster(OWN), "store=/disk/x", model=str(here)).folders
    assert (folder.key, folder.here) == ("model", here)


@pytest.mark.parametrize(
    ("data", "here"),
    [
        ("mini", True),
        ("hub", False),
        (Places(files="/x"), True),
        (Places(files="/x", hub=True), False),
        (Places(files="/x", hub="/mirror"), True),
        (Places(files="s3://bucket/x"), False),
    ],
)
def test_data_that_lie_elsewhere_are_the_cluster_s_to_fetch(data: str | Places, here: bool) -> None:
    assert is_here(data) == here


# What cannot work


@pytest.mark.parametrize("store", ["runs/x", "~/x"])
@pytest.mark.parametrize("values", [AWS, OWN])
def test_a_store_on_one_machine_is_refused(tmp_path: Path, values: dict[str, Any], store: str) -> None:
    told = refused(tmp_path, cluster(values), store=store)
    assert f"the store '{store}' is a folder of one machine" in told
    assert "s3://BUCKET/NAME, or the full path" in told


def test_a_full_path_is_for_machines_that_share_a_disk(tmp_path: Path) -> None:
    assert "is on no disk that the machines of aws share" in refused(tmp_path, cluster(AWS), store="/efs/sweeps/x")
    mounting = cluster(AWS, setup_commands=["sudo mount -t nfs4 fs-1:/ /efs"])
    assert sent(tmp_path, mounting, store="/efs/sweeps/x").folders == ()
    assert "is on no disk" in refused(tmp_path, mounting, store="/efs2/x")
    assert sent(tmp_path, cluster(OWN), store="/shared/x").folders == ()


def test_all_that_cannot_work_is_said_at_once(tmp_path: Path) -> None:
    told = refused(tmp_path, cluster(AWS), "store=runs/x", model=str(model(tmp_path)), data="mini")
    assert "a folder of one machine" in told
    told = refused(tmp_path, cluster(AWS), store="s3://b/x", model=str(tmp_path / "models" / "mine"))
    assert "under file_mounts of cluster.yaml" in told


# Variables and secrets

HERE = {
    "HF_TOKEN": "hf_secret",
    "HF_HOME": "/here/hf",
    "AWS_SECRET_ACCESS_KEY": "aws 'secret'",
    "AWS_REGION": "eu-1",
    "MINE": "$x",
    "OTHER": "stays",
}


def test_which_variables_go_along() -> None:
    assert {*chosen(HERE, "gcp", [])} == {"HF_TOKEN", "AWS_REGION", "AWS_SECRET_ACCESS_KEY"}
    assert {*chosen(HERE, "aws", ["MINE", "ABSENT"])} == {"HF_TOKEN", "AWS_REGION", "MINE"}
    assert "AWS_SECRET_ACCESS_KEY" in chosen({**HERE, "AWS_ENDPOINT_URL": "http://x"}, "aws", [])
    assert "HF_HOME" in chosen(HERE, "local", [])


def test_a_shell_reads_what_was_written() -> None:
    values = chosen(HERE, "local", ["MINE"])
    done = subprocess.run(["sh", "-c", f"{script(values)}\nenv"], capture_output=True, text=True, env={})
    assert {f"{name}={value}" for name, value in values.items()} <= {*done.stdout.splitlines()}


# The job


def test_the_same_command_finds_its_jobs() -> None:
    name = job_name("a.b+c", BUCKET)
    assert name != job_name("a.b+c", "s3://other/sweep")
    assert name.startswith("sweep-a-b-c-")
    known = [f"{name}-2", f"{name}-10", f"{name}-1", f"{name}x-3", None, "raysubmit_1", f"{name}-1-1"]
    assert attempts(name, known) == [f"{name}-1", f"{name}-2", f"{name}-10"]
    assert next_attempt(name, attempts(name, known)) == f"{name}-11"
    assert next_attempt(name, []) == f"{name}-1"


def test_the_job_s_command_reads_the_variables_and_leaves_no_trace_of_them(tmp_path: Path) -> None:
    """As Ray runs it: by sh, with its output in a file."""
    home = tmp_path / "home"
    place = home / ".sweep" / "launches" / "n"
    place.mkdir(parents=True)
    (place / "environment").write_text("export SECRET='a b'\n")
    program = home / "sweep"
    program.write_text('#!/bin/sh\necho "$SECRET|$SWEEP_VIEW|$PWD|$*"; exit 7\n')
    program.chmod(0o755)
    command = entrypoint("n", ["my.yaml", "seeds=[1, 2]"])
    with (tmp_path / "log").open("w") as log:
        done = subprocess.run(
            ["sh", "-c", command], stdout=log, env={"HOME": str(home), "PATH": f"{home}:/usr/bin:/bin"}
        )
    assert done.returncode == 7
    assert (tmp_path / "log").read_text().splitlines() == [
        f"a b|{tmp_path}/log.view|{place}|run my.yaml seeds=[1, 2] --address auto"
    ]
    assert not (place / "environment").exists()
    assert shlex.split(command)[-2:] == ["--address", "auto"]


@pytest.mark.parametrize(
    ("status", "process", "code"),
    [("SUCCEEDED", 0, 0), ("FAILED", 75, 75), ("FAILED", -9, 137), ("STOPPED", None, 143), ("FAILED", None, None)],
)
def test_a_job_ends_as_its_run_did(status: str, process: int | None, code: int | None) -> None:
    assert exit_code(status, process) == code


# What is shown


def shown(screen: Screen) -> str:
    return str(screen.console.file.getvalue())  # type: ignore[attr-defined]


def terminal(is_one: bool) -> Screen:
    return Screen(Console(file=io.StringIO(), force_terminal=is_one, width=80))


LOG = "Running entrypoint for job x: cd y\nsmall: 9 trials\n12:00:01 1/9 target/none/x lr 1 in 2 s\nfailed x\n"


def test_lines_are_shown_once_and_whole_and_ray_s_own_are_not() -> None:
    screen = terminal(False)
    for end in (5, 40, 60, 61, len(LOG), len(LOG)):
        screen.say(LOG[:end])
    screen.end(LOG)
    assert shown(screen) == "".join(LOG.splitlines(keepends=True)[1:])


def test_a_last_line_without_an_end_is_shown() -> None:
    screen = terminal(False)
    screen.say("one\ntw")
    screen.end("one\ntwo")
    assert shown(screen) == "one\ntwo\n"


def test_a_line_that_was_written_over_is_shown_as_it_ended_and_as_text() -> None:
    screen = terminal(False)
    screen.say("10 %\r100 % [/x] \x1b[2J\r\nend\r\n")
    assert shown(screen) == "100 % [/x] \\x1b[2J\nend\n"


def test_on_a_terminal_the_view_stands_for_the_trials() -> None:
    screen = terminal(True)
    screen.say(LOG)
    assert "1/9" not in shown(screen)
    assert "failed x" in shown(screen)


def test_who_comes_back_sees_the_end_and_what_is_new() -> None:
    screen = Screen(Console(file=io.StringIO()), comes_back=True)
    log = "".join(f"line {number}\n" for number in range(1000))
    screen.say(log)
    screen.say(log[:500])  # the line broke, and the log comes again
    screen.say(log + "new\n")
    assert shown(screen).splitlines() == [*(f"line {number}" for number in range(980, 1000)), "new"]


# Why it did not come up

RAYS = """
  [6/7] Running setup commands
    (0/1) false
bash: uv: command not found
Shared connection to 10.9.0.1 closed.
  New status: update-failed
  !!!
  Full traceback: Traceback (most recent call last):
  Error message: SSH command failed.
  !!!

  Failed to setup head node.
"""


def test_the_reason_is_what_the_command_said() -> None:
    assert reason(RAYS, "Failed to setup head node.") == "bash: uv: command not found"
    assert (
        reason("2026-11-25 19:46:40 INFO x\n\x1b[31mNo key\x1b[0m\n", "Exiting due to cli_logger.abort()") == "No key"
    )
    assert reason("anything", "No default VPC\nmore") == "No default VPC"
    assert reason("", "") == "it does not say why"


# The bill


def node(start: float, end: float, head: bool = False, **resources: float) -> dict[str, Any]:
    times = {"start_time_ms": int(start * bill.HOUR), "end_time_ms": int(end * bill.HOUR)}
    return {
        **times,
        "is_head_node": head,
        "resources_total": {name.replace("__", ":"): n for name, n in resources.items()},
    }


NODES = [
    node(0, 0, head=True, CPU=0),
    node(1, 3, CPU=8, GPU=1, accelerator_type__L4=1),
    node(2, 0, CPU=48, GPU=4, accelerator_type__L4=1),
    node(0, 0.5, CPU=8, GPU=1, accelerator_type__L4=1),
]


def test_hours_are_those_in_which_the_nodes_were_there() -> None:
    found = bill.stays(NODES, since=bill.HOUR, now=5 * bill.HOUR)
    assert [(stay.kind, stay.gpus, stay.hours) for stay in found] == [("head", 0, 4), ("L4", 1, 2), ("L4", 4, 3)]


def test_what_is_known_of_the_price_is_said_and_what_is_not() -> None:
    found = bill.stays(NODES, since=bill.HOUR, now=5 * bill.HOUR)
    spot = {"node_config": {"InstanceMarketOptions": {"MarketType": "spot"}}}
    types = {"head": {"node_config": {}}, "gpu": spot}
    lines = bill.told(found, cluster(AWS, available_node_types=types, head_node_type="head"), load_gpus())
    assert lines[0].startswith("Machines: 1 head 4.00 h, 2 with L4s 5.00 h")
    price = load_gpus().gpus["L4"].spot
    assert price is not None
    assert lines[1:] == [
        "head: the price of an hour is not known",
        f"with L4s: ${14 * price:.2f} on spot machines (${price:.3g} an hour of {load_gpus().gpus['L4'].priced})",
    ]
    assert len(bill.told(found, cluster(OWN), load_gpus())) == 1


def test_a_disk_is_known_by_the_command_that_mounts_it() -> None:
    on = cluster(AWS, setup_commands=["mkdir -p /data", "sudo mount -t efs fs-1 /efs/"])
    assert on.mounts_disk(PurePosixPath("/efs/a/b"))
    assert not on.mounts_disk(PurePosixPath("/data/a"))
