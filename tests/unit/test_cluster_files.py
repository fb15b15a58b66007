"""The cluster files and docs/cluster.md: nothing that Ray refuses, that lets strangers in, or that is no command."""

from __future__ import annotations

import copy
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import typer.main
import yaml
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig
from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
from ray.autoscaler.v2.utils import ResourceRequestUtil
from ray.core.generated.autoscaler_pb2 import ResourceRequestByCount
from ray.scripts.scripts import cli as ray_command

from sweep.cli import app
from tests.conftest import ROOT

AWS, LOCAL = ROOT / "cluster.yaml", ROOT / "clusters" / "local.yaml"
KUBERAY, SLURM = ROOT / "clusters" / "kuberay.yaml", ROOT / "clusters" / "slurm.sbatch"
PAGE = ROOT / "docs" / "cluster.md"

COMMENTED = (AWS, LOCAL, KUBERAY, SLURM)
"""Files whose comments say commands."""

BUCKET = {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}


def read(path: Path) -> dict[str, Any]:
    values = yaml.safe_load(path.read_text())
    assert isinstance(values, dict)
    return values


@pytest.fixture(params=[AWS, LOCAL], ids=["aws", "local"])
def cluster(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A file for `ray up`, with what Ray fills in."""
    prepared: dict[str, Any] = prepare_config(read(request.param))
    return prepared


# ------------------------------------------------------------------------------------------------------------ ray up


def test_ray_accepts_the_files(cluster: dict[str, Any]) -> None:
    validate_config(cluster)
    AutoscalingConfig(cluster, skip_content_hash=True)  # as the head reads it


def test_nobody_joins_without_the_token_and_the_dashboard_is_not_for_all(cluster: dict[str, Any]) -> None:
    assert cluster["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    for role in ("head", "worker"):
        (start,) = [line for line in cluster[f"{role}_start_ray_commands"] if "ray start" in line]
        assert "export RAY_AUTH_MODE=token;" in start
        assert "ulimit -n 65536" in start
        assert cluster[f"{role}_setup_commands"] == ["bash ~/sweep/clusters/setup.sh"]
    assert "--dashboard-host=127.0.0.1" in " ".join(cluster["head_start_ray_commands"])
    assert "0.0.0.0" not in json.dumps(cluster)


def test_what_is_copied_is_all_that_runs_and_no_more(cluster: dict[str, Any]) -> None:
    """Ray reads every byte of a mounted folder, excluded or not, on each `ray up`."""
    mounts = {remote: local for remote, local in cluster["file_mounts"].items() if remote.startswith("~/sweep/")}
    assert all(remote == f"~/sweep/{local}" and (ROOT / local).exists() for remote, local in mounts.items())
    copied = set(mounts.values())
    assert "." not in copied
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert {
        name.split("/")[0] for name in tracked if name.startswith(("sweep/", "trainables/", "search_spaces/"))
    } <= copied
    assert {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "experiments", "clusters"} <= copied
    for line in (AWS, LOCAL):
        assert read(line)["rsync_exclude"] == ["__pycache__", "*.egg-info"]


def test_as_many_machines_as_trials_are_asked_for() -> None:
    for path in (AWS, LOCAL):
        asked = {int(count) for count in re.findall(r"resources\.concurrent=(\d+)", path.read_text())}
        assert asked == {read(path)["max_workers"]}
    spot = [
        kind for kind in read(AWS)["available_node_types"].values() if "InstanceMarketOptions" in kind["node_config"]
    ]
    assert [kind["max_workers"] for kind in spot] == [read(AWS)["max_workers"]] * len(spot)
    local = read(LOCAL)
    assert local["max_workers"] == len(local["provider"]["worker_ips"])
    assert local["available_node_types"]["machine"]["max_workers"] == local["max_workers"]


def test_a_trial_has_room_on_every_gpu_machine() -> None:
    (cpus,) = {int(count) for count in re.findall(r"resources\.cpus_per_worker=(\d+)", AWS.read_text())}
    head, *gpus = read(AWS)["available_node_types"].values()
    assert head["resources"] == {"CPU": 0}
    for kind in gpus:
        assert kind["resources"]["CPU"] >= cpus
        assert kind["resources"]["GPU"] == 1
        assert kind["min_workers"] == 0


# --------------------------------------------------------------------------------------------------------------- AWS


def test_no_machine_starts_from_rays_own_image_or_in_its_open_security_group() -> None:
    """Ray's image of 2021 has Ubuntu 18.04; its security group has port 22 open to the world."""
    for name, kind in read(AWS)["available_node_types"].items():
        node = kind["node_config"]
        assert node["ImageId"].startswith("resolve:ssm:/aws/service/")
        assert "24.04" in node["ImageId"]
        assert ("nvidia-driver" in node["ImageId"]) == (kind["resources"].get("GPU", 0) > 0)
        assert node["SecurityGroupIds"] == ["sg-REPLACE"]  # which AWS refuses: it cannot be forgotten
        assert node["MetadataOptions"] == {"HttpTokens": "required"}
        assert node["IamInstanceProfile"] == {"Name": "sweep-head" if name == "head" else "sweep-worker"}


def test_several_zones_and_kinds_of_machines_are_tried_spot_first() -> None:
    assert len(read(AWS)["provider"]["availability_zone"].split(",")) == 3
    assert launched(1) == {"l4-spot": 1}
    assert launched(8) == {"l4-spot": 8}
    assert launched(20) == {"l4-spot": 8}  # max_workers
    assert launched(8, "l4-spot") == {"a10g-spot": 8}
    assert launched(8, "l4-spot", "a10g-spot").items() >= {"l4": 2}.items()


def launched(trials: int, *failing: str) -> dict[str, int]:
    """Which machines Ray's autoscaler starts for so many trials at once.

    Args:
        failing: kinds of machines that could not be had a moment ago.
    """
    config = AutoscalingConfig(prepare_config(read(AWS)), skip_content_hash=True)
    demand = ResourceRequestUtil.make({"CPU": 4, "GPU": 1})
    request = SchedulingRequest(
        disable_launch_config_check=True,
        node_type_configs=config.get_node_type_configs(),
        max_num_nodes=config.get_max_num_worker_nodes(),
        resource_requests=[ResourceRequestByCount(request=demand, count=trials)],
        cloud_resource_availabilities=dict.fromkeys(failing, 0.0),
        recoverable_resource_availabilities=dict.fromkeys(failing, 0.0),
    )
    reply = ResourceDemandScheduler().schedule(request)
    return {launch.instance_type: launch.count for launch in reply.to_launch}


def permissions(name: str) -> dict[str, set[str]]:
    """What each action is allowed on."""
    policy = json.loads((ROOT / "clusters" / "aws" / f"{name}.json").read_text())
    allowed: dict[str, set[str]] = {}
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        for action in actions:
            allowed.setdefault(action, set()).add(statement.get("Resource", ""))
    return allowed


def test_the_profiles_may_do_what_is_needed_and_no_more() -> None:
    worker, head = permissions("worker"), permissions("head")
    assert worker.keys() == BUCKET
    assert head.keys() == BUCKET | {
        "ec2:DescribeInstances", "ec2:RunInstances", "ec2:TerminateInstances", "ec2:CreateTags",
        "iam:PassRole", "ssm:GetParameters",
    }  # fmt: skip
    assert head["iam:PassRole"] == {"arn:aws:iam::ACCOUNT:role/sweep-worker"}
    for role in (worker, head):
        assert {place for action in BUCKET for place in role[action]} == {
            "arn:aws:s3:::BUCKET",
            "arn:aws:s3:::BUCKET/*",
        }
    assert permissions("trust") == {"sts:AssumeRole": {""}}
    policy = json.loads((ROOT / "clusters" / "aws" / "head.json").read_text())
    (ends,) = [rule for rule in policy["Statement"] if "ec2:TerminateInstances" in rule["Action"]]
    assert ends["Condition"] == {"StringEquals": {"ec2:ResourceTag/ray-cluster-name": read(AWS)["cluster_name"]}}


# -------------------------------------------------------------------------------------------------- Kubernetes, SLURM


def test_rays_autoscaler_reads_the_kubernetes_file() -> None:
    job, cluster = yaml.safe_load_all(KUBERAY.read_text())
    assert (job["kind"], cluster["kind"]) == ("RayJob", "RayCluster")
    assert job["spec"]["rayClusterSpec"] == cluster["spec"]
    config = _derive_autoscaling_config_from_ray_cr(
        copy.deepcopy(cluster) | {"metadata": {"name": "sweep", "namespace": "default"}}
    )
    assert config["available_node_types"]["headgroup"]["resources"].items() >= {"CPU": 0, "GPU": 0}.items()
    workers = config["available_node_types"]["gpu"]
    assert (workers["min_workers"], workers["max_workers"]) == (0, 8)
    assert workers["resources"].items() >= {"CPU": 8, "GPU": 1}.items()
    assert "resources.concurrent=8" in job["spec"]["entrypoint"]


def test_pods_have_the_token_shared_memory_and_time_to_go() -> None:
    job, cluster = yaml.safe_load_all(KUBERAY.read_text())
    spec = cluster["spec"]
    assert spec["authOptions"] == {"mode": "token"}
    assert spec["enableInTreeAutoscaling"]
    assert spec["rayVersion"] == pinned("ray")
    assert job["spec"]["shutdownAfterJobFinishes"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] > 30  # what Ray takes for itself
        assert pod["restartPolicy"] == "Never"
        (container,) = pod["containers"]
        assert container["resources"]["limits"] == container["resources"]["requests"]
        assert {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]} == {"/dev/shm": "shm"}
        assert pod["volumes"] == [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}}]


def pinned(package: str) -> str:
    (version,) = re.findall(rf"^{package}==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    return str(version)


def test_the_image_has_what_is_copied_and_the_pinned_versions() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("FROM ")] == ["FROM python:3.11-slim-bookworm"]
    copied = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1] if "=" not in name]
    assert all((ROOT / name).exists() for name in copied)
    not_ignored = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) == not_ignored
    assert "--constraint constraints.txt" in "\n".join(lines)


@pytest.mark.parametrize("script", [SLURM, ROOT / "clusters" / "setup.sh"], ids=lambda path: path.name)
def test_the_scripts_are_bash(script: Path) -> None:
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0


def test_slurm_tells_the_script_in_time_and_may_queue_it_again() -> None:
    options = re.findall(r"^#SBATCH (--\S+)$", SLURM.read_text(), re.MULTILINE)
    assert {"--requeue", "--signal=B:TERM@120", "--exclusive", "--open-mode=append"} <= set(options)


# ---------------------------------------------------------------------------------------------------------- commands


def commands(path: Path) -> list[str]:
    """The `sweep`, `ray` and `sbatch` commands of a page's code blocks or of a file's comments, one line each."""
    text = path.read_text()
    if path.suffix == ".md":
        text = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    else:
        text = "\n".join(line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))
    lines = [re.split(r"\s{2,}", line.strip())[0] for line in re.sub(r"\s*\\\n\s*", " ", text).splitlines()]
    said = [*lines, *(line.partition(" -- ")[2] for line in lines)]  # `ray job submit ... -- sweep run ...`
    return [line for line in said if re.match(r"(sweep|ray) [a-z]", line)]


def parse(line: str) -> None:
    """As the program itself would, short of doing it."""
    program, *words = shlex.split(line, comments=True)
    command: Any = ray_command if program == "ray" else typer.main.get_command(app)
    name = program
    while hasattr(command, "commands"):
        name = words.pop(0)
        if name not in command.commands:
            raise click.UsageError(f"{program} has no command '{name}'")
        command = command.commands[name]
    command.make_context(name, words)


SAID = [(path.name, line) for path in (*COMMENTED, PAGE) for line in commands(path)]


def test_the_files_say_commands() -> None:
    assert {name for name, _ in SAID} == {path.name for path in (AWS, LOCAL, PAGE)}


@pytest.mark.parametrize(("name", "line"), SAID, ids=[f"{name}: {line}" for name, line in SAID])
def test_a_command_that_is_said_can_be_given(name: str, line: str) -> None:
    parse(line)


@pytest.mark.parametrize(
    "wrong", ["ray up", "ray up F --never", "sweep run", "sweep run demo --never", "sweep fly demo"]
)
def test_the_check_of_commands_finds_a_wrong_one(wrong: str) -> None:
    with pytest.raises((click.UsageError, typer.BadParameter.__bases__[0])):  # typer brings a click of its own
        parse(wrong)
