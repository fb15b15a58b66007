"""Trials that are scored beside the winner, with weights and answers of real trials, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sweep.results import audit
from sweep.results.query import connected, query
from tests.unit.test_driver import Rig
from trainables.data import open_source
from trainables.training.fine_tune import run_trial
from trainables.training.workbench import Workbench

pytestmark = pytest.mark.integration

LORA = {"tuning": {"target": {"lora": {"rank": 2}}}, "strategy": "joint"}


@pytest.mark.parametrize("changes", [{}, LORA], ids=["full", "lora"])
def test_the_best_trials_are_scored_from_their_weights_and_audited(tmp_path: Path, changes: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    both = {"name": "both", "tasks": ["mini-nli", "mini-pos"]}
    of = {"conditions": ["none", both], "targets": ["mini-qa", "mini-bitext"], "seeds": [1, 2], **changes}
    rig = Rig(tmp_path, trials={"intermediate": 2, "target": 3}, evaluate={"top": 2}, **of)
    bench = Workbench(rig.store, open_source("mini"))
    while (found := rig.start()) is not None:
        rig.end(found[0], report=[*run_trial(found[0], bench, 0.0)][-1])
    assert query(rig.store, "select error from trials where status <> 'finished'").to_pylist() == []
    counts = "select rank, winner, count(*) from trials where phase = 'evaluate' group by all order by all"
    assert [tuple(row.values()) for row in query(rig.store, counts).to_pylist()] == [
        (1, True, 3),  # two pairs, and the condition for what needs no training
        (2, False, 3),
        (None, True, 4),  # the second seed, and the untouched model
    ]
    condition = rig.plan.study("intermediate/both")
    assert rig.weights() == {one.spec.trial_id for one in rig.driver.search.winners(condition)}
    with connected(rig.store) as connection:
        rows = audit.selections(connection, samples=200)
    assert {(one.condition, one.target) for one in rows} == {
        ("none", "mini-qa"),
        ("both", "mini-qa"),
        ("both", "mini-bitext"),
    }
    for one in rows:
        assert one.kept is not None, one.note  # what it was chosen by comes out of its answers
        assert (one.scored, one.examples) == (2, 32 if one.target == "mini-bitext" else 16)
        assert one.cost is not None and one.cost >= 0
