"""A node that is another machine: it has neither the environment of the command nor its folders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.cluster import namespace

pytestmark = [pytest.mark.cluster, namespace.needs("curl")]

KEYS = """
import sys, boto3
iam = boto3.client("iam", endpoint_url=sys.argv[1], region_name="us-east-1")
iam.create_user(UserName="lab")
everything = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
iam.put_user_policy(UserName="lab", PolicyName="all", PolicyDocument=everything)
made = iam.create_access_key(UserName="lab")["AccessKey"]
print(f"export AWS_ACCESS_KEY_ID={made['AccessKeyId']} AWS_SECRET_ACCESS_KEY={made['SecretAccessKey']}")
"""

SCRIPT = r"""
export RAY_AUTH_MODE=disabled AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE=/none
ray start --head --node-ip-address=10.9.0.1 --num-cpus=0 --include-dashboard=false > head.log 2>&1
mkdir -p mine node
unshare --mount bash -c "mount -t tmpfs none $PWD/mine && HOME=$PWD/node \
    ray start --address=10.9.0.1:6379 --node-ip-address=10.9.0.2 --num-cpus=1" > node.log 2>&1

URL=http://127.0.0.1:5000
moto_server -H 127.0.0.1 -p 5000 > moto.log 2>&1 &
until curl -sf $URL/moto-api/ > /dev/null; do sleep 0.2; done
curl -s -X PUT $URL/bucket > /dev/null
for path in $(cd release && find . -type f); do curl -s -X PUT -T release/$path $URL/bucket/data/${path#./}; done
cp -r release mine/data
eval "$(AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x python keys.py $URL)"
curl -s -X POST -d 0 $URL/moto-api/reset-auth > /dev/null  # from now on every request must be signed with that key

export AWS_ENDPOINT_URL=$URL HF_TOKEN=s3crettoken MY_OWN_KEY=s3cretofmine
run() { sweep run experiment.yaml --address 10.9.0.1:6379 "$@" 2>&1 || echo "exit $?"; }
echo "== keys in the environment"
run data.files=s3://bucket/data store=s3://bucket/store 'environment=[MY_OWN_KEY]'
ls node/.cache/sweep/mirrors/*/my_ner/en

echo "== keys in a file that the experiment names; a folder that the node has not got"
SECRET=$AWS_SECRET_ACCESS_KEY
printf '[default]\naws_access_key_id=%s\naws_secret_access_key=%s\n' $AWS_ACCESS_KEY_ID $SECRET > credentials
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
export AWS_SHARED_CREDENTIALS_FILE=$PWD/credentials
date +%s
run data.files=mine/data store=s3://bucket/other 'environment=[AWS_SHARED_CREDENTIALS_FILE]'
date +%s

echo "== logs"
grep -rlE "$SECRET|$HF_TOKEN|$MY_OWN_KEY" /tmp/ray 2> /dev/null || echo "none of them"
grep -rl env_vars /tmp/ray --include='runtime_env*' || echo "no environment"
find /tmp/ray -name 'runtime_env*' -size +0 | wc -l
"""


def test_a_node_gets_keys_and_data_and_says_what_it_lacks(tmp_path: Path) -> None:
    release = tmp_path / "release" / "my_ner"
    for split, language in (("train", "en"), ("dev", "en"), ("test", "sw")):
        path = release / language / f"{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("Amina B-PER\njoined O\n\n" * 12)
    task = {
        "name": "my_ner",
        "kind": "tagging",
        "title": "Names",
        "metric": "entity_f1",
        "languages": ["en", "sw"],
        "training_set": "my_ner",
        "files": [
            {"format": "conll", "separator": " "}
            | {split: [f"my_ner/{{lang}}/{split}.txt"] for split in ("train", "dev", "test")}
        ],
    }
    experiment = {
        "name": "nodes",
        "model": "random:tiny",
        "tasks": ["my_ner.yaml"],
        "data": {"files": "release"},
        "store": "nowhere",
        "search_space": "quick",
        "trials": {"target": 1},
        "conditions": ["none"],
        "targets": ["my_ner"],
        "resources": {"concurrent": 1},
    }
    (tmp_path / "my_ner.yaml").write_text(yaml.safe_dump(task))
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(experiment))
    (tmp_path / "keys.py").write_text(KEYS)
    done = namespace.run(SCRIPT, tmp_path, ("10.9.0.1", "10.9.0.2"), seconds=220)
    _, keys, folder, logs = re.split(r"^== .*\n", done.stdout, flags=re.MULTILINE)
    assert "2/2" in keys, done.stdout
    assert "exit" not in keys
    assert keys.endswith("dev.txt\ntrain.txt\n")  # in the node's own cache
    began, *told, ended = folder.splitlines()
    assert "exit 2" in told
    assert re.search(
        rf"error: 10\.9\.0\.2: data: there is no '{tmp_path}/mine/data'\n    mount or copy it there", folder
    )
    assert "starts again" not in folder
    assert int(ended) - int(began) < 60
    with_keys, environments, looked_at = logs.splitlines()
    assert with_keys == "none of them", logs
    assert environments == "no environment", logs  # of Ray's, which it would log
    assert int(looked_at) >= 1, logs  # of the logs that would have them
