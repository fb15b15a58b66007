"""The worked example of docs/tasks.md: a named-entity task of one's own, from its YAML alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sweep.results.query import query
from tests.conftest import ROOT
from tests.integration.test_run import sweep
from trainables.store import Store

pytestmark = pytest.mark.integration


def test_the_worked_example_runs(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    example = page[: page.index("## Keys")]
    task, data, experiment = re.findall(r"^```\w+\n(.*?)^```$", example, re.MULTILINE | re.DOTALL)
    (tmp_path / "my_ner.yaml").write_text(task)
    (tmp_path / "my_experiment.yaml").write_text(experiment)
    header, sentence = data.split("\n\n", 1)
    for split, languages in {"train": ["en"], "dev": ["en"], "test": ["sw", "yo"]}.items():
        for language in languages:
            path = tmp_path / "my_ner" / language / f"{split}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n\n".join([header, *[sentence.strip()] * 12]) + "\n")
    done = sweep("run", "my_experiment.yaml", "model=random:tiny", "resources.concurrent=1", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = query(Store(str(tmp_path / "runs/my-experiment")), "select * from best where main").to_pylist()
    assert {(row["target"], row["language"], row["metric"], row["n"]) for row in rows} == {
        ("my_ner", "sw", "f1", 12),
        ("my_ner", "yo", "f1", 12),
    }
    tags = query(
        Store(str(tmp_path / "runs/my-experiment")), "select distinct unnest(gold) as tag from predictions"
    ).to_pylist()
    assert {row["tag"] for row in tags} == {"O", "B-PER", "B-ORG", "I-ORG", "B-DATE", "I-DATE"}
    listed = sweep("tasks", "--task", "my_ner.yaml", "--files", ".", cwd=tmp_path).stdout
    assert "my_ner" in listed
