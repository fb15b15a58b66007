"""The worked example of docs/tasks.md: a named-entity task of one's own, from its YAML alone.

Here its data and its store lie in a bucket, whose keys no log shows.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep.results.query import query
from tests.conftest import ROOT
from tests.integration.test_run import sweep
from tests.s3_server import HOST, Proxy, ask, proxy, s3_server
from tests.watch import watch
from trainables.store import Store

pytestmark = pytest.mark.integration

SECRETS = {"AWS_ACCESS_KEY_ID": "k3yid", "AWS_SECRET_ACCESS_KEY": "s3cretkey", "AWS_SESSION_TOKEN": "s3cretsession"}
SECRETS |= {"HF_TOKEN": "s3crettoken", "MY_OWN_KEY": "s3cretofmine"}


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy before an S3 server with one bucket, and the environment that leads there."""
    with s3_server(tmp_path / "s3.log") as port, proxy(port) as running:
        ask(port, "PUT", "/bucket")
        places = {
            "AWS_ENDPOINT_URL": f"http://{HOST}:{running.server_port}",
            "AWS_EC2_METADATA_DISABLED": "true",
            "SWEEP_CACHE": str(tmp_path / "cache"),
        }
        for name, value in {**places, **SECRETS}.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.mark.slow
def test_the_worked_example_runs_from_a_bucket_and_tells_no_secret(
    tmp_path: Path, front: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    example = page[: page.index("## Keys")]
    task, data, experiment = re.findall(r"^```\w+\n(.*?)^```$", example, re.MULTILINE | re.DOTALL)
    (tmp_path / "my_ner.yaml").write_text(task)
    (tmp_path / "my_experiment.yaml").write_text(experiment)
    header, sentence = data.split("\n\n", 1)
    bucket = Store("s3://bucket/data")
    for split, languages in {"train": ["en"], "dev": ["en"], "test": ["sw", "yo"]}.items():
        for language in languages:
            content = "\n\n".join([header, *[sentence.strip()] * 12]) + "\n"
            bucket.write(f"my_ner/{language}/{split}.txt", content.encode())
    places = ["data.files=s3://bucket/data", "store=s3://bucket/store"]
    with tempfile.TemporaryDirectory(prefix="s-", dir="/tmp") as short:
        ray, kept = Path(short) / "r", Path(short) / "k"
        ray.mkdir()
        kept.mkdir()
        monkeypatch.setenv("RAY_TMPDIR", str(ray))
        with watch(ray, kept) as watched:
            done = sweep(
                "run", "my_experiment.yaml", "model=random:tiny", "resources.concurrent=1", *places,
                "environment=[MY_OWN_KEY]", cwd=tmp_path,
            )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        logged = watched.named("runtime_env")
        assert "runtime_env_agent" in logged and "env_vars" not in logged  # where Ray would log an environment
        for name, secret in SECRETS.items():
            assert watched.holding(secret) == [], name
    assert any(one.startswith("k3yid PUT /bucket/store/checkpoints/") for one in front.signed)  # that was a worker
    store = Store("s3://bucket/store")
    lasting = {name: store.read(name) for folder in ("logs", "ledger", "plans") for name in store.list(folder)}
    assert any(name.startswith("logs/") for name in lasting)
    for secret in SECRETS.values():
        assert secret not in done.stdout + done.stderr
        assert [name for name, content in lasting.items() if secret.encode() in content] == []

    rows = query(store, "select * from best where main").to_pylist()
    assert {(row["target"], row["language"], row["metric"], row["n"]) for row in rows} == {
        ("my_ner", "sw", "f1", 12),
        ("my_ner", "yo", "f1", 12),
    }
    tags = query(store, "select distinct unnest(gold) as tag from predictions").to_pylist()
    assert {row["tag"] for row in tags} == {"O", "B-PER", "B-ORG", "I-ORG", "B-DATE", "I-DATE"}
    listed = sweep("tasks", "--task", "my_ner.yaml", "--files", "s3://bucket/data", cwd=tmp_path).stdout
    assert "my_ner" in listed
