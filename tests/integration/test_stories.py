"""What happens to a store over time: several experiments, other names, other numbers of things. Tiny real runs."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import XLMRobertaModel

from sweep.experiment import file as experiment_file
from sweep.ledger import Ledger
from sweep.planning.planner import make_plan
from sweep.search import Search
from tests.conftest import ONE_GROUP, write_experiment
from tests.integration.test_run import sweep
from trainables.models.base import load_base
from trainables.store import Store, checkpoint_name

pytestmark = [pytest.mark.integration, pytest.mark.slow]

Rows = list[dict[str, str]]


def save_model(folder: Path, seed: int) -> None:
    """A tiny model of its own, as `save_pretrained` leaves it."""
    base = load_base("random:tiny")
    torch.manual_seed(seed)
    XLMRobertaModel(base.encoder.config, add_pooling_layer=False).save_pretrained(folder)
    base.tokenizer.save_pretrained(folder)


def told(first: Path) -> dict[str, Any]:
    """What the experiment says."""
    return {"seeds": [1, 2], "model": str(first / "model"), "resources": ONE_GROUP}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an experiment of two seeds, run to its end: `experiment.yaml` and `store`."""
    folder = tmp_path_factory.mktemp("first")
    save_model(folder / "model", seed=1)
    done = sweep("run", write_experiment(folder, **told(folder)))
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def folder(first: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(first / "store", tmp_path / "store")
    write_experiment(tmp_path, **told(first))
    return tmp_path


def run(folder: Path, *overrides: str, code: int = 0) -> str:
    """What `sweep run` prints."""
    done = sweep("run", folder / "experiment.yaml", *overrides)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def ask(folder: Path, sql: str, *options: str) -> Rows:
    done = sweep("query", folder / "store", sql, *options, "--format", "csv")
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def trials(folder: Path) -> int:
    """How many trials are in the ledger, whatever they are for."""
    return len(list(Ledger(Store(str(folder / "store"))).outcomes()))


SCORES = "select trial_id, language, metric, value from scores where winner order by all"
MEANS = "select condition, target, mean, seeds, collapsed from means order by all"


def test_a_renamed_condition_and_its_twin_show_the_trials_that_are_there(folder: Path) -> None:
    before, count = ask(folder, MEANS), trials(folder)
    recipes = "conditions=[none, {name: entailment, tasks: [mini-nli]}, {name: twin, tasks: [mini-nli]}]"
    said = run(folder, recipes)
    assert "Nothing was left to run." in said
    assert trials(folder) == count
    assert "entailment" in said
    after = ask(folder, MEANS)
    assert [row for row in after if row["condition"] == "none"] == [row for row in before if row["condition"] == "none"]
    old = [{**row, "condition": ""} for row in before if row["condition"] == "mini-nli"]
    for name in ("entailment", "twin"):
        assert [{**row, "condition": ""} for row in after if row["condition"] == name] == old
    assert {row["condition"] for row in ask(folder, "from transfer")} == {"entailment", "twin"}
    assert "earlier plans" in sweep("status", folder / "store").stdout


def test_fewer_trials_and_seeds_leave_the_others_out(folder: Path) -> None:
    before, count = ask(folder, MEANS), trials(folder)
    said = run(folder, "trials.target=1", "trials.intermediate=1", "seeds=[1]")
    assert "Another plan than before" in said
    assert {row["seeds"] for row in ask(folder, MEANS)} == {"1 of 1"}
    (row,) = ask(folder, "select count(*) n, max(seed) seed from trials where phase <> 'evaluate'")
    assert row == {"n": "3", "seed": "1"}
    assert trials(folder) >= count  # another winner may have been scored; nothing is gone
    assert "Nothing was left to run." in run(folder)
    assert ask(folder, MEANS) == before


def test_two_experiments_in_one_store_do_not_mix(folder: Path) -> None:
    """The second one has other limits, which are other trials."""
    before, count = ask(folder, MEANS), trials(folder)
    run(folder, "name=rehearsal", "limits.train_examples=24", "limits.eval_examples=12", "seeds=[1]")
    assert trials(folder) == count + 10
    assert ask(folder, MEANS, "--experiment", "small") == before
    assert ask(folder, MEANS, "--experiment", "rehearsal") != before
    sizes = ask(
        folder,
        "select distinct experiment, n from best order by 1",
        "--experiment",
        "small",
        "--experiment",
        "rehearsal",
    )
    assert sizes == [{"experiment": "rehearsal", "n": "12"}, {"experiment": "small", "n": "16"}]
    for command in (["query", folder / "store", MEANS], ["status", folder / "store"]):
        done = sweep(*command)
        assert done.returncode == 2
        assert "--experiment rehearsal or --experiment small" in done.stderr
    assert "rehearsal: 10 of 10 trials done" in sweep("status", folder / "store", "--experiment", "rehearsal").stdout


def test_changed_limits_are_planned_as_other_trials(folder: Path) -> None:
    planned = sweep("plan", folder / "experiment.yaml", "limits.train_examples=24").stdout
    assert "16 trials in 7 studies: 15 to run, 1 in the store already" in planned  # the untouched model is as it was


def test_a_seed_that_failed_is_said_with_every_mean(folder: Path) -> None:
    """The store takes no weights of the pair's third seed: something stands in their place."""
    overrides = ["seeds=[1,2,3]", "retries=0"]
    plan = make_plan(experiment_file.load(str(folder / "experiment.yaml"), overrides))
    store = Store(str(folder / "store"))
    found = Search(plan, Ledger(store).outcomes())
    hit = None
    while hit is None and (next_one := found.next()) is not None:
        hit = next_one[1] if next_one[0].name == "target/none/mini-pos" else None
    assert hit is not None
    assert hit.seed == 3
    (Path(store.path(checkpoint_name(hit.trial_id))) / "in the way").mkdir(parents=True)
    said = run(folder, *overrides, code=1)
    assert "2 of 3" in said
    (row,) = ask(folder, f"from ({MEANS}) where condition = 'none' and target = 'mini-pos'")
    assert row["seeds"] == "2 of 3"
    rows = ask(folder, "select distinct seeds, baseline_seeds from transfer where target = 'mini-pos'")
    assert rows == [{"seeds": "3 of 3", "baseline_seeds": "2 of 3"}]
    assert "1 failed" in sweep("status", folder / "store").stdout


def test_a_collapsed_trial_is_said_beside_the_mean_of_what_starts_from_it(folder: Path) -> None:
    """32 examples teach an untrained encoder nothing of inference."""
    rows = ask(folder, MEANS)
    (row,) = [row for row in rows if (row["condition"], row["target"]) == ("mini-nli", "mini-bitext")]
    assert row["collapsed"] == "2"
    (line,) = [line for line in run(folder).splitlines() if line.startswith(" mini-bitext")]
    assert [cell.endswith("*") for cell in line.split()[2:]] == [False, True, False]  # none, mini-nli, chance


def test_the_table_says_split_languages_and_what_chose(folder: Path) -> None:
    lines = run(folder).splitlines()
    assert any("mean over languages and 2 seeds" in line for line in lines)
    (place,) = [place for place, line in enumerate(lines) if line.startswith(" mini-pos")]
    assert lines[place].split()[:2] == ["mini-pos", "2"]
    assert lines[place + 1].split()[:5] == ["f1,", "test", "1", "without", "en"]


def test_another_model_in_the_same_folder_is_another_model(first: Path, folder: Path) -> None:
    before, count = ask(folder, SCORES), trials(folder)
    assert "Nothing was left to run." in run(folder)
    one_pair = ["conditions=[none]", "targets=[mini-pos]", "trials.target=1", "seeds=[1]"]
    save_model(first / "model", seed=2)
    try:
        planned = sweep("plan", folder / "experiment.yaml", *one_pair).stdout
        assert "2 to run" in planned
        assert "in the store already" not in planned
        run(folder, *one_pair)
        assert trials(folder) == count + 2
        after = ask(folder, SCORES)
        assert after
        assert all(row not in before for row in after)
    finally:
        save_model(first / "model", seed=1)
    assert "Nothing was left to run." in run(folder)
    assert ask(folder, SCORES) == before
