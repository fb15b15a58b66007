"""The table at the end of a run: numbers that say what they are."""

from __future__ import annotations

import io
from pathlib import Path

from sweep.console import Console
from sweep.results.summary import result_table
from tests.unit.test_driver import Rig
from tests.unit.test_views import ONE_TARGET, collapsing, failing, play


def lines(rig: Rig) -> list[str]:
    """What is printed on 80 columns, less blank lines."""
    conditions = [condition.name for condition in rig.experiment.conditions]
    targets = [target.name for target in rig.experiment.target_tasks]
    table = result_table(rig.store, rig.experiment.name, conditions, targets)
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines() if line.strip()]


def test_each_mean_stands_with_its_split_languages_and_chance(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, seeds=[1, 2, 3], **ONE_TARGET))
    assert lines(rig) == [
        "mean over languages and 3 seeds",
        "target languages none mini-nli chance",
        "─" * len(lines(rig)[2]),
        "mini-pos 2 71.0 76.0 10.0",
        "f1, test 1 without en 61.0 66.0 10.0",
    ]


def test_of_error_rates_it_is_said_that_less_is_better(tmp_path: Path) -> None:
    assert lines(play(Rig(tmp_path, **ONE_TARGET), metric="error_rate"))[3:] == [
        "mini-pos 2 70.0 75.0 10.0",
        "error_rate, test 1 without en 60.0 65.0 10.0",
        "less is better",
    ]


def test_one_seed_is_said_to_be_that_of_the_search(tmp_path: Path) -> None:
    assert lines(play(Rig(tmp_path, **ONE_TARGET)))[0] == "mean over languages, one seed: that of the search"


def test_seeds_that_are_missing_or_collapsed_are_marked(tmp_path: Path) -> None:
    failed = lines(play(Rig(tmp_path / "failed", seeds=[1, 2, 3], **ONE_TARGET), ends=failing("target", seed=2)))
    assert failed[3:] == ["mini-pos 2 71.0 76.0 10.0", "f1, test 1 without en 61.0 66.0 10.0", "2 of 3"]
    fallen = lines(play(Rig(tmp_path / "fallen", seeds=[1, 2, 3], **ONE_TARGET), ends=collapsing(seed=3)))
    assert fallen[3:] == [
        "mini-pos 2 71.0 76.0* 10.0",
        "f1, test 1 without en 61.0 66.0* 10.0",
        "* with seeds that ended at chance",
    ]


def test_a_condition_without_any_result_has_its_column(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, seeds=[1, 2], **ONE_TARGET), ends=failing("intermediate", seed=1))
    assert lines(rig)[3:] == ["mini-pos 2 70.5 0 of 2 10.0", "f1, test 1 without en 60.5 10.0"]


def test_hidden_labels_are_called_hidden(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, **ONE_TARGET), lambda study, spec, language, split: None)
    assert lines(rig)[3:] == ["mini-pos 2 hidden hidden 10.0", "f1, test"]


def test_without_scores_there_is_no_table(tmp_path: Path) -> None:
    everything = lambda study, spec: {"error": "the gradient is nan"}  # noqa: E731
    rig = play(Rig(tmp_path, **ONE_TARGET), ends=everything)
    conditions = ["none", "mini-nli"]
    assert result_table(rig.store, rig.experiment.name, conditions, ["mini-pos"]) is None
