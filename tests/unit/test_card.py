"""A model card says what a winner is, in numbers that the ledger has, or is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from sweep.results.query import query
from sweep.results.winner import find_winner, intervals
from sweep.sharing.card import card
from tests.simulated import simulated
from tests.unit.test_driver import Rig
from tests.unit.test_views import ONE_TARGET, play
from trainables.errors import UserError
from trainables.tasks import Catalogue

WHOLE: dict[str, Any] = {**ONE_TARGET, "limits": {}, "seeds": [1, 2]}


def made(rig: Rig, condition: str = "mini-nli", **which: Any) -> str:
    winner = find_winner(rig.store, condition, **which)
    return card(rig.store, winner, winner.targets, Catalogue())


def test_the_hub_reads_the_scores_of_this_very_model(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, **WHOLE))
    for seed, german in ((None, 65.0), (2, 66.0)):
        data = ModelCard(made(rig, seed=seed), ignore_metadata_errors=False).data
        assert data.language == ["de", "en"]
        assert data.eval_results is not None
        found = {(one.dataset_type, one.dataset_config, one.metric_type): one for one in data.eval_results}
        assert found["mini-pos", "de", "f1"].metric_value == german
        assert found["mini-pos", "de", "f1"].task_type == "token-classification"
        assert {one.dataset_split for one in data.eval_results} == {"test"}
        assert data.base_model is None  # random weights are no model of the hub


def test_it_says_how_the_model_was_made(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, **WHOLE))
    text = made(rig)
    for spec in find_winner(rig.store, "mini-nli").trained:
        assert spec.trial_id in text
        assert spec.data in text
        assert f"| {spec.learning_rate:.6g} |" in text
    assert "`target/mini-nli/mini-pos`: 2 trials" in text
    assert "It was not trained in de" in text
    assert "Its seed is that of the search" in text
    assert "Its seed is that of the search" not in made(rig, seed=2)
    assert re.search(r"\| mini-pos \| 75\.50? \|", text)  # over both seeds


def test_one_seed_says_nothing_of_the_recipe(tmp_path: Path) -> None:
    text = made(play(Rig(tmp_path, **{**WHOLE, "seeds": [1]})))
    assert "One seed only: what training again would give is not known." in text


@pytest.mark.parametrize("limit", ["train_examples", "eval_examples"])
def test_a_part_of_the_data_has_no_card(tmp_path: Path, limit: str) -> None:
    rig = play(Rig(tmp_path, **{**WHOLE, "limits": {limit: 10}}))
    with pytest.raises(UserError, match=f"limits.{limit} cut the data") as raised:
        made(rig)
    assert "without limits" in str(raised.value)


def test_hidden_labels_have_no_card(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, **WHOLE), lambda study, spec, language, split: None if language == "de" else 50.0)
    with pytest.raises(UserError, match="hides labels of 'mini-pos'") as raised:
        made(rig)
    assert "sweep export" in str(raised.value)


def test_names_are_no_markup(tmp_path: Path) -> None:
    name = "*<b>[a](b)`|#"
    conditions = ["none", {"name": name, "tasks": ["mini-nli"], "languages": ["en"]}]
    text = made(play(Rig(tmp_path, **{**WHOLE, "conditions": conditions})), name)
    assert "condition `*<b>[a](b)'|#`" in text
    assert "# random:tiny after \\*\\<b\\>\\[a\\](b)\\`\\|\\#, trained on mini-pos" in text
    assert ModelCard(text).data.eval_results


def test_scores_have_intervals_where_the_store_has_examples(tmp_path: Path) -> None:
    """Wider for fewer examples: of a share p of n the textbook's p (1 - p) / n is the order of the variance."""
    wide, narrow = (
        simulated(tmp_path / str(size), examples=size, limits={}, targets=["mini-pos"], conditions=["none"])
        for size in (40, 400)
    )
    widths = []
    for one in (wide, narrow):
        winner = find_winner(one.store, "none")
        found = intervals(one.store, winner, winner.targets)
        values = query(one.store, "select language, value from scores where winner and main").to_pylist()
        assert {language for _, language in found} == {row["language"] for row in values} == {"de", "en"}
        for row in values:
            low, high = found["mini-pos", row["language"]]
            assert 0 <= low < row["value"] < high <= 100
        widths.append(found["mini-pos", "de"][1] - found["mini-pos", "de"][0])
        assert f"| {low:.2f} | {high:.2f} |" in card(one.store, winner, winner.targets, Catalogue())
    assert 2 < widths[0] / widths[1] < 5  # the root of 10 is 3.2


def test_which_winner_is_meant_is_asked(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, **{**WHOLE, "targets": ["mini-pos", "mini-nli"]}))
    with pytest.raises(UserError, match="has 2 winners") as raised:
        find_winner(rig.store, "none")
    assert "--target mini-nli or --target mini-pos" in str(raised.value)
    assert find_winner(rig.store, "none", target="mini-nli").training_set == "mini-nli"
    assert find_winner(rig.store, "none", training_set="mini-pos").targets == ("mini-pos",)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"condition": "mini-nil"}, "did you mean 'mini-nli'"),
        ({"condition": "none", "target": "mini-pso"}, "did you mean 'mini-pos'"),
        ({"condition": "none", "training_set": "mini-nil"}, "did you mean 'mini-nli'"),
        ({"condition": "none", "target": "mini-pos", "seed": 7}, "known: 1, 2"),
        ({"condition": "none", "regime": "translated"}, "zero-shot"),
    ]
    for given, hint in wrong:
        with pytest.raises(UserError) as raised:
            find_winner(rig.store, **given)
        assert hint in str(raised.value)


def test_what_nothing_was_trained_for_has_no_stages(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, **{**WHOLE, "targets": ["mini-bitext"], "conditions": ["none"]}))
    winner = find_winner(rig.store, "none")
    assert (winner.trained, winner.training_set, winner.is_chosen) == ((), None, False)
    text = made(rig, "none")
    assert "# random:tiny\n\n`random:tiny`" in text
    assert "without intermediate training" in text
    assert "Nothing was trained." in text
    assert "No hyper-parameters were searched." in text
