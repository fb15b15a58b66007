"""The cluster files in use: `ray up` over ssh to machines of one's own, and to an imitation of EC2; a job on SLURM."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import machines, namespace
from tests.cluster.machines import raylets
from tests.conftest import ROOT, write_experiment


@pytest.mark.cluster
@namespace.needs(*machines.PROGRAMS)
def test_machines_of_ones_own_come_when_trials_ask_and_go_when_they_are_done(tmp_path: Path) -> None:
    experiment = write_experiment(tmp_path, resources={"concurrent": 2})
    with machines.Machines(tmp_path, 3) as office:
        file = office.cluster_file(ROOT / "clusters" / "local.yaml")
        assert office.run("mkdir ~/.ray; ray get-auth-token --generate").returncode == 0
        up = office.run(f"cd {ROOT} && ray up --yes {file}")
        assert up.returncode == 0, up.stdout
        assert raylets(office) == [1]
        sweep = office.popen(f"sweep run {experiment} --address auto", on=1)
        seen = set()
        while sweep.poll() is None:
            seen.add(len(raylets(office)))
            time.sleep(1)
        assert sweep.stdout is not None
        assert sweep.returncode == 0, sweep.stdout.read()
        assert 3 in seen
        deadline = time.monotonic() + 90
        while raylets(office) != [1]:
            assert time.monotonic() < deadline, office.run("ray status", on=1).stdout
            time.sleep(1)
        down = office.run(f"cd {ROOT} && ray down --yes {file}")
        assert down.returncode == 0, down.stdout
        assert raylets(office) == []


# A stand-in for SLURM's srun: so many machines, by ssh, with this one's variables; it ends as the worst of them did.
SRUN = """#!/bin/bash
nodes=1 only=
while [[ $1 = --* ]]; do
    case $1 in --nodes=*) nodes=${1#*=};; --nodelist=*) only=${1#*=};; esac
    shift
done
for machine in $(echo "${only:-machine1 machine2}" | tr ' ' '\\n' | head -n $nodes); do
    ssh -i KEY -o StrictHostKeyChecking=no -o LogLevel=ERROR $machine "
        $(export -p | grep -v ' \\(HOME\\|PWD\\|OLDPWD\\|SSH_[A-Z]*\\)='); $(printf '%q ' "$@")" </dev/null &
    started="$started $!"
done
worst=0
for one in $started; do wait $one || { code=$?; [ $code -gt $worst ] && worst=$code; }; done
exit $worst
"""

SCONTROL = """#!/bin/bash
[ "$1" = show ] && echo "$3" | tr , '\\n'
[ "$1" = requeue ] && echo "requeued $2" >>SCONTROL_LOG
exit 0
"""


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[tuple[machines.Machines, str, Path]]:
    """Two machines, the command of a job on both as SLURM gives it, and where it is noted that it queues again."""
    experiment, noted = write_experiment(tmp_path, resources={"concurrent": 2}), tmp_path / "requeued"
    with machines.Machines(tmp_path, 2) as office:
        programs = tmp_path / "slurm"
        programs.mkdir()
        for name, text in (("srun", SRUN.replace("KEY", str(office.key))), ("scontrol", SCONTROL)):
            (programs / name).write_text(text.replace("SCONTROL_LOG", str(noted)))
            (programs / name).chmod(0o755)
        own = "mkdir -p ~/.ray /tmp/ray-7; mount -t tmpfs tmpfs /tmp/ray-7; echo 0123456789abcdef >~/.ray/auth_token"
        for number in (1, 2):
            assert office.run(own, on=number).returncode == 0
        job = (
            f"export PATH={programs}:$PATH SLURM_JOB_ID=7 SLURM_JOB_NODELIST=machine1,machine2 SLURM_JOB_NUM_NODES=2"
            f" SLURM_CPUS_PER_TASK=1; exec bash {ROOT}/clusters/slurm.sbatch {experiment}"
        )
        yield office, job, noted


@pytest.mark.cluster
@namespace.needs(*machines.PROGRAMS)
def test_a_slurm_job_runs_a_sweep_on_all_its_machines(slurm: tuple[machines.Machines, str, Path]) -> None:
    office, job, noted = slurm
    done = office.run(job, on=1, seconds=230)
    assert done.returncode == 0, done.stdout
    assert "2 trials at a time" in done.stdout
    assert "10/10" in done.stdout
    assert not noted.exists()
    assert raylets(office) == []
    assert office.run("ls /tmp/ray-7", on=1).stdout == ""


@pytest.mark.cluster
@namespace.needs(*machines.PROGRAMS)
def test_a_slurm_job_that_is_told_to_end_saves_and_queues_itself_again(
    slurm: tuple[machines.Machines, str, Path], tmp_path: Path
) -> None:
    office, job, noted = slurm
    told = office.popen(job, on=1)
    wait_for(tmp_path / "store" / "ledger")
    begun = time.monotonic()
    assert office.run("pkill -TERM --full '^bash .*[s]lurm.sbatch'", on=1).returncode == 0
    output, _ = told.communicate(timeout=120)  # what --signal leaves it
    assert "Stopped. Everything finished is in the store" in output, (
        f"after {time.monotonic() - begun:.0f} s:\n{output}"
    )
    assert noted.read_text() == "requeued 7\n"
    assert raylets(office) == []


def wait_for(folder: Path) -> None:
    """Until there is something in it."""
    deadline = time.monotonic() + 120
    while not (folder.is_dir() and any(folder.iterdir())):
        assert time.monotonic() < deadline, f"nothing in {folder}"
        time.sleep(0.2)


@pytest.mark.integration
def test_ec2_is_asked_for_the_machines_that_the_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's own way to the machines' start, against an imitation of EC2; ssh to them is where it ends here."""
    boto3, moto = pytest.importorskip("boto3"), pytest.importorskip("moto")
    from ray.autoscaler._private import commands
    from ray.autoscaler._private.providers import _get_node_provider
    from ray.autoscaler.tags import TAG_RAY_NODE_KIND, TAG_RAY_USER_NODE_TYPE

    for name, value in {"HOME": tmp_path, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(name, str(value))  # Ray writes the ssh key that EC2 makes
    with moto.mock_aws():
        text = (ROOT / "cluster.yaml").read_text()
        ec2, iam = boto3.client("ec2", "us-east-1"), boto3.client("iam", "us-east-1")
        network = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        group = ec2.create_security_group(GroupName="sweep", Description="sweep", VpcId=network)["GroupId"]
        for profile in ("sweep-head", "sweep-worker"):
            iam.create_instance_profile(InstanceProfileName=profile)
        config = commands._bootstrap_config(yaml.safe_load(text.replace("sg-REPLACE", group)), no_config_cache=True)
        provider = _get_node_provider(config["provider"], config["cluster_name"])
        for kind, values in config["available_node_types"].items():
            tags = {TAG_RAY_NODE_KIND: "worker", TAG_RAY_USER_NODE_TYPE: kind}
            provider.create_node(values["node_config"], tags, 1)
        started = [machine for some in ec2.describe_instances()["Reservations"] for machine in some["Instances"]]
        zones = {net["SubnetId"]: net["AvailabilityZone"] for net in ec2.describe_subnets()["Subnets"]}
        assert let_in(ec2, group) == []  # its rules are left alone
    assert len(started) == len(config["available_node_types"])
    for machine in started:
        kind = {tag["Key"]: tag["Value"] for tag in machine["Tags"]}[TAG_RAY_USER_NODE_TYPE]
        wanted = yaml.safe_load(text)["available_node_types"][kind]["node_config"]
        assert machine["ImageId"] == wanted["ImageId"]
        assert machine["InstanceType"] == wanted["InstanceType"]
        assert machine["IamInstanceProfile"]["Arn"].endswith("/" + wanted["IamInstanceProfile"]["Name"])
        assert machine.get("InstanceLifecycle") == ("spot" if kind.endswith("-spot") else None)
        assert [one["GroupId"] for one in machine["SecurityGroups"]] == [group]
        assert {tag["Key"]: tag["Value"] for tag in machine["Tags"]}["ray-cluster-name"] == "sweep"
        subnets = config["available_node_types"][kind]["node_config"]["SubnetIds"]
        assert [zones[subnet] for subnet in subnets] == ["us-east-1a", "us-east-1b", "us-east-1c"]
        assert machine["SubnetId"] in subnets


def let_in(ec2: Any, group: str) -> list[Any]:
    """What a security group lets in."""
    rules: list[Any] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    return rules
