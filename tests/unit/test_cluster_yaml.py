"""The cluster file is one that `ray up` accepts."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import jsonschema
import yaml

from tests.conftest import ROOT


def test_the_cluster_file_follows_rays_schema() -> None:
    cluster = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    package = importlib.util.find_spec("ray")
    assert package is not None
    assert package.origin is not None
    schema = json.loads((Path(package.origin).parent / "autoscaler" / "ray-schema.json").read_text())
    jsonschema.validate(cluster, schema)
    kinds = cluster["available_node_types"]
    assert cluster["head_node_type"] in kinds
    assert sum(kind.get("max_workers", 0) for kind in kinds.values()) == cluster["max_workers"]
    assert (ROOT / "constraints.txt").is_file()  # what the set-up command reads
