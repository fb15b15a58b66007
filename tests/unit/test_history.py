"""The plans that a store keeps."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from sweep.planning import history
from sweep.planning.plan import Plan
from tests.unit.test_search import plan_of
from trainables.errors import UserError
from trainables.store import Store

PLAN = plan_of()
OTHER = plan_of(seeds=[1, 2])
WARM = plan_of(warm_start=True, strategy="joint", search_space="wide")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def file_of(plan: Plan) -> str:
    return f"plans/{plan.experiment}@{plan.hash}.json"


@pytest.mark.parametrize("plan", [PLAN, OTHER, WARM])
def test_a_plan_comes_back_as_it_was_kept(store: Store, plan: Plan) -> None:
    assert history.keep(store, plan) is None
    (kept,) = history.current(store)
    assert (kept.plan, kept.hash, kept.number) == (plan, plan.hash, 1)
    assert kept.at is not None


def test_the_plan_that_was_run_last_is_the_current_one(store: Store) -> None:
    history.keep(store, PLAN)
    before = history.keep(store, OTHER)
    assert before is not None
    assert before.plan == PLAN
    assert [kept.plan for kept in history.current(store)] == [OTHER]
    history.keep(store, PLAN)  # once more
    assert [kept.plan for kept in history.history(store, "small")] == [OTHER, PLAN]
    assert [kept.plan for kept in history.current(store, [f"small@{OTHER.hash[:5]}"])] == [OTHER]


def test_a_plan_that_is_current_already_is_not_written_again(store: Store) -> None:
    history.keep(store, PLAN)
    content = store.read(file_of(PLAN))
    assert history.keep(store, PLAN) is None
    assert store.read(file_of(PLAN)) == content


def test_a_clock_that_goes_back_changes_nothing(store: Store) -> None:
    history.keep(store, PLAN)
    values = json.loads(store.read(file_of(PLAN)))
    store.write(file_of(PLAN), json.dumps({**values, "at": "2199-01-01T00:00:00+00:00"}).encode())
    history.keep(store, OTHER)
    assert [kept.plan for kept in history.current(store)] == [OTHER]


def test_several_experiments_are_named_where_one_must_be_asked_for(store: Store) -> None:
    for name in ("mnli-large", "mnli-base"):
        history.keep(store, dataclasses.replace(PLAN, experiment=name))
    with pytest.raises(UserError, match=r"has 2 experiments\n.*--experiment mnli-base or --experiment mnli-large"):
        history.current(store)
    with pytest.raises(UserError, match=r"no experiment 'mnli-larg' .*\n.*did you mean 'mnli-large'"):
        history.current(store, ["mnli-larg", "mnli-base"])
    assert len(history.current(store, ["mnli-base", "mnli-large", "mnli-base"])) == 2
    with pytest.raises(UserError, match=rf"no plan 'zz\.\.\.'\n.*known: {PLAN.hash}"):
        history.current(store, ["mnli-base@zz"])


def test_a_store_without_a_plan_says_so(store: Store) -> None:
    with pytest.raises(UserError, match="no experiment was run in"):
        history.current(store)


def test_a_plan_of_before_is_read_and_followed_by_one_of_today(store: Store) -> None:
    """One file an experiment, without a version, and studies that did not know their source language."""
    values = json.loads(PLAN.to_json())
    for study in values["studies"]:
        del study["source_language"]
    store.write("plans/small.json", json.dumps(values).encode())
    (kept,) = history.current(store)
    assert [study.name for study in kept.plan.studies] == [study.name for study in PLAN.studies]
    history.keep(store, PLAN)
    assert history.current(store)[0].number == 1
    assert len(history.history(store, "small")) == 2


def broken(**changes: Any) -> bytes:
    """PLAN's file with other values, and the checksum of what it says."""
    plan = {**json.loads(PLAN.to_json()), **changes}
    values = {"version": 1, "number": 1, "at": "2026-01-01T00:00:00+00:00", "plan": plan}
    return json.dumps({**values, "checksum": history.content_hash(plan)}).encode()


STUDIES = json.loads(PLAN.to_json())["studies"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is not a plan: "),
        (b"[1]", "is not a plan: "),
        (b"null", "is not a plan: "),
        (b'{"version": 1}', "is not a plan: it has no 'plan'"),
        (b'{"version": 9}', "is a plan of version 9, and this package knows up to 1\n    update this package"),
        (broken(studies=STUDIES[1:]), "starts from 'intermediate/mini-nli', which does not stand before it"),
        (broken(studies=[*STUDIES, STUDIES[0]]), "'intermediate/mini-nli' stands there twice"),
        (broken(studies=[{**STUDIES[0], "seeds": [1, 1]}]), "has the seeds [1, 1]"),
        (broken(studies=[{**STUDIES[0], "prior": "target/none/nothing"}]), "which is not in the plan"),
        (broken().replace(b'"trials": 2', b'"trials": 3'), "its checksum is another"),
        (broken(studies=[{**STUDIES[0], "question": {}}]), "is not a plan: "),
    ],
)
def test_what_is_no_plan_is_named_with_its_file(store: Store, content: bytes, words: str) -> None:
    name = "plans/small@0123.json"
    store.write(name, content)
    with pytest.raises(UserError, match=re.escape(words)) as caught:
        history.current(store)
    assert caught.value.problems[0].file == store.path(name)
    history.keep(store, dataclasses.replace(PLAN, experiment="other"))  # whose answers do not depend on it
    assert [kept.plan.experiment for kept in history.current(store, ["other"])] == ["other"]
