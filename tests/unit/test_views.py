"""What SQL answers: which trials speak for an experiment, and numbers that say what they are.

The search and the driver are the real ones; how trials end is made up.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from sweep.planning import history
from sweep.planning.plan import Study
from sweep.results.export import export
from sweep.results.query import VIEWS, query
from tests.unit.test_driver import Rig
from trainables import sealed
from trainables.data import kept
from trainables.errors import UserError
from trainables.reports import Predicted, Report, Score, Trained
from trainables.spec import TrialSpec

Value = Callable[[Study, TrialSpec, str, str], float | None]
"""From study, evaluation, language and split to a score."""

EXAMPLE = {
    "position": 0, "example": "0", "item": "0", "group": "0", "gold": ["NOUN"], "texts": ["Haus"],
    "tokens": 3, "words": 1,
}  # fmt: skip

ONE_TARGET = {"targets": ["mini-pos"], "trials": {"intermediate": 1, "target": 2}}


def value(study: Study, spec: TrialSpec, language: str, split: str) -> float | None:
    """80 in English and 60 in German on the first seed, one more on each further seed, 5 more after training on NLI."""
    start = {"en": 80.0, "de": 60.0}[language] + spec.seed - 1 + 5 * (study.condition != "none")
    return start if split == "test" else start - 40


def play(
    rig: Rig,
    value: Value = value,
    ends: Callable[[Study, TrialSpec], dict[str, Any]] = lambda study, spec: {},
    metric: str = "f1",
) -> Rig:
    """Runs a rig to its end. `ends` says how a trial ends other than well, `metric` is the main one."""
    rig.store.write("examples/feed.parquet", sealed.write(pa.Table.from_pylist([EXAMPLE], schema=kept.SCHEMA)))
    while (found := rig.start()) is not None:
        spec = found[0]
        study = rig.driver.search.running[spec.trial_id][0]
        said = ends(study, spec)
        if not said and spec.phase == "evaluate":
            said = {"report": Report(1.0, scores=_scores(study, spec, value, metric), predictions=_predictions(spec))}
        rig.end(spec, **said)
    return rig


def _scores(study: Study, spec: TrialSpec, value: Value, main: str = "f1") -> tuple[Score, ...]:
    return tuple(
        Score(target, target, language, split, metric, (split, metric) == ("test", main), score, 10.0, 100)
        for target in spec.tasks
        for language in spec.languages
        for split in ("dev", "test")
        for metric in (main, "precision")
        for score in [value(study, spec, language, split)]
    )


def _predictions(spec: TrialSpec) -> tuple[Predicted, ...]:
    return tuple(Predicted(task, "de", "test", "feed", ("NOUN",), ((1.0, 1.0, 1.0),), (0.75,)) for task in spec.tasks)


def failing(phase: str, seed: int, condition: str = "mini-nli") -> Callable[[Study, TrialSpec], dict[str, Any]]:
    """Trials of a phase and seed of a condition fail."""

    def ends(study: Study, spec: TrialSpec) -> dict[str, Any]:
        hit = (spec.phase, spec.seed, study.condition) == (phase, seed, condition)
        return {"error": "the gradient is nan"} if hit else {}

    return ends


def collapsing(seed: int) -> Callable[[Study, TrialSpec], dict[str, Any]]:
    """Trials of mini-nli's pair on a seed end at chance."""

    def ends(study: Study, spec: TrialSpec) -> dict[str, Any]:
        hit = (spec.phase, spec.seed, study.condition) == ("target", seed, "mini-nli")
        return {"report": Report(1.0, objective=5.0, curve=(5.0,), collapsed=True)} if hit else {}

    return ends


def rows(rig: Rig, sql: str, *experiments: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in query(rig.store, sql, experiments=experiments).to_pylist()]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return play(Rig(tmp_path, seeds=[1, 2, 3], **ONE_TARGET))


def test_views_have_the_promised_columns(rig: Rig) -> None:
    promised = {
        "trials": "trial_id study phase condition training_set status objective learning_rate epochs batch_size seed "
        "started_at finished_at seconds examples_per_second error startup_seconds plan role winner chosen rank",
        "scores": "trial_id condition target training_set language split metric value n seed winner chosen rank seen",
        "counts": "condition target planned finished failed collapsed seeds",
        "best": "condition target language split metric mean median std seeds planned finished failed collapsed seen",
        "means": "condition target split metric languages mean median std mean_without_source mean_unseen "
        "seeds failed collapsed",
        "transfer": "condition target language split value baseline delta gain seeds baseline_seeds seen baseline_seen",
        "predictions": "trial_id target language split example prediction gold position confidence statistics item "
        "group texts",
        "examples": "examples position example item group gold texts tokens words",
        "runs": "run git_commit git_dirty command file python torch cuda ray transformers datasets",
        "trained": "trial_id study condition task language steps examples tokens winner seed",
        "budgets": "condition languages steps examples tokens seconds trials",
        "leaderboard": "condition regime benchmark task_group score std tasks of_tasks missing seeds failed collapsed",
        "diagnostics": "condition regime target language split metric attribute bucket lower upper "
        "score low high n groups seeds",
    }
    for view in {*VIEWS} - {"languages"}:  # which are the same for all experiments
        names = query(rig.store, f"from {view}").column_names
        assert {*promised[view].split(), *([] if view == "examples" else ["experiment"])} <= set(names)


def test_best_summarises_over_the_winners_seeds(rig: Rig) -> None:
    sql = "select mean, median, std, seeds, chance, n from best where language = 'de' and main order by mean"
    assert rows(rig, sql) == [(61.0, 61.0, 1.0, "3 of 3", 10.0, 100), (66.0, 66.0, 1.0, "3 of 3", 10.0, 100)]


def test_transfer_compares_the_same_split_and_metric_once(rig: Rig) -> None:
    """Every row of the view: one a language, though both splits and two metrics were scored."""
    sql = "select language, split, metric, value, baseline, delta, seeds, baseline_seeds from transfer order by 1"
    assert rows(rig, sql) == [
        ("de", "test", "f1", 66.0, 61.0, 5.0, "3 of 3", "3 of 3"),
        ("en", "test", "f1", 86.0, 81.0, 5.0, "3 of 3", "3 of 3"),
    ]


def test_a_gain_of_error_rates_is_what_they_lose(tmp_path: Path) -> None:
    for metric, sign in (("f1", 1), ("error_rate", -1)):
        played = play(Rig(tmp_path / metric, **ONE_TARGET), metric=metric)
        assert rows(played, "select distinct metric, delta, gain from transfer") == [(metric, 5.0, sign * 5.0)]


def test_means_are_given_with_and_without_the_language_that_chose(rig: Rig) -> None:
    sql = "select condition, split, languages, mean, languages_without_source, mean_without_source, source_language"
    assert rows(rig, f"{sql} from means order by 1") == [
        ("mini-nli", "test", 2, 76.0, 1, 66.0, "en"),
        ("none", "test", 2, 71.0, 1, 61.0, "en"),
    ]
    assert rows(rig, "select median, round(std, 6) from means where condition = 'none'") == [(71.0, 1.0)]


def test_the_seed_of_the_search_is_marked(rig: Rig) -> None:
    sql = "select distinct seed, chosen, role from trials where phase = 'target' order by all"
    assert rows(rig, sql) == [(1, True, "search"), (2, False, "seed"), (3, False, "seed")]
    assert rows(rig, "select count(*) from trials where phase = 'target' and winner") == [(6,)]
    assert rows(rig, "select distinct seed from scores where winner and chosen") == [(1,)]


def test_hidden_labels_are_null_and_never_zero(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, **ONE_TARGET), lambda study, spec, language, split: None)
    assert rows(rig, "select distinct mean from best") == [(None,)]
    assert rows(rig, "select distinct mean, languages, hidden from means") == [(None, 0, 2)]


@pytest.mark.parametrize("phase", ["intermediate", "target", "evaluate"])
def test_a_seed_that_failed_is_told_wherever_its_mean_stands(tmp_path: Path, phase: str) -> None:
    rig = play(Rig(tmp_path, seeds=[1, 2, 3], **ONE_TARGET), ends=failing(phase, seed=3))
    assert rows(rig, "select planned, finished, failed from counts where condition = 'mini-nli'") == [(3, 2, 1)]
    for view in ("best", "means", "transfer"):
        assert rows(rig, f"select distinct seeds from {view} where condition = 'mini-nli'") == [("2 of 3",)]
    assert rows(rig, "select distinct seeds from best where condition = 'none'") == [("3 of 3",)]
    assert rows(rig, "select distinct baseline_seeds from transfer") == [("3 of 3",)]
    assert rig.driver.search.is_over
    assert all(rig.driver.search.left(study) == 0 for study in rig.plan.studies)


def test_a_target_that_cannot_be_scored_takes_no_other_target_with_it(tmp_path: Path) -> None:
    """mnli and xnli share a training set, so they are scored by one trial."""

    def ends(study: Study, spec: TrialSpec) -> dict[str, Any]:
        if spec.phase != "evaluate" or spec.seed != 2:
            return {}
        scores = tuple(one for one in _scores(study, spec, value) if one.target == "mnli")
        rows = tuple(one for one in _predictions(spec) if one.target == "mnli")
        return {"report": Report(1.0, scores=scores, predictions=rows), "error": "xnli (test, de): a bad line"}

    changes = {"data": "mock", "conditions": ["none"], "targets": ["mnli", "xnli"], "seeds": [1, 2]}
    rig = play(Rig(tmp_path, **changes), ends=ends)
    main = "language = 'en' and split = 'test' and metric = 'f1'"
    sql = f"select target, mean, seeds, failed from best where {main} order by all"
    assert rows(rig, sql) == [("mnli", 80.5, "2 of 2", 0), ("xnli", 80.0, "1 of 2", 1)]
    assert rows(rig, "select count(*) from predictions where seed = 2 and winner") == [(1,)]
    assert rows(rig, "select error from trials where status = 'failed'") == [("xnli (test, de): a bad line",)]


def test_a_condition_whose_seeds_all_failed_has_its_rows_without_a_number(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, seeds=[1, 2], **ONE_TARGET), ends=failing("intermediate", seed=1))
    of_it = "where condition = 'mini-nli' order by all"
    assert rows(rig, f"select language, mean, seeds, failed from best {of_it} limit 1") == [("de", None, "0 of 2", 2)]
    assert rows(rig, f"select mean, seeds, languages from means {of_it}") == [(None, "0 of 2", 2)]
    assert rows(rig, f"select language, value, baseline, delta, seeds from transfer {of_it}") == [
        ("de", None, 60.5, None, "0 of 2"),
        ("en", None, 80.5, None, "0 of 2"),
    ]


def test_seeds_that_are_still_to_run_are_missing_and_not_failed(tmp_path: Path) -> None:
    rig = Rig(tmp_path, seeds=[1, 2], **ONE_TARGET)
    while (found := rig.start()) is not None and not (found[0].phase == "evaluate" and found[0].seed == 2):
        scored = {"report": Report(1.0, scores=_scores(rig.plan.studies[-1], found[0], value))}
        rig.end(found[0], **(scored if found[0].phase == "evaluate" else {}))
    told = rows(rig, "select distinct seeds, failed from counts order by all")
    assert ("1 of 2", 0) in told
    assert all(failed == 0 for _, failed in told)


def test_a_collapsed_seed_is_in_the_mean_and_told(tmp_path: Path) -> None:
    def fallen(study: Study, spec: TrialSpec, language: str, split: str) -> float | None:
        return 0.1 if study.condition != "none" and spec.seed == 3 else value(study, spec, language, split)

    rig = play(Rig(tmp_path, seeds=[1, 2, 3], **ONE_TARGET), fallen, ends=collapsing(seed=3))
    told = rows(rig, "select finished, collapsed, seeds, round(mean, 1) from means where condition = 'mini-nli'")
    assert told == [(3, 1, "3 of 3", 50.4)]
    assert rows(rig, "select distinct collapsed, baseline_collapsed from transfer") == [(1, 0)]


def test_two_experiments_in_a_store_answer_for_themselves(tmp_path: Path) -> None:
    first = play(Rig(tmp_path, **ONE_TARGET))
    before = rows(first, "from means order by all")
    rehearsal = Rig(tmp_path, name="rehearsal", model="random:xlm-roberta-base", **ONE_TARGET)
    play(rehearsal, lambda *of: 45 + (value(*of) or 0))
    with pytest.raises(UserError, match=r"has 2 experiments\n.*--experiment rehearsal or --experiment small"):
        rows(first, "from best")
    assert rows(first, "from means order by all", "small") == before
    deltas = "select distinct experiment, delta from transfer order by all"
    assert rows(first, deltas, "small", "rehearsal") == [("rehearsal", 5.0), ("small", 5.0)]
    with pytest.raises(UserError, match=r"no experiment 'smal' .*\n.*did you mean 'small'"):
        rows(first, "from best", "smal")


def test_trials_that_two_experiments_share_speak_for_both(tmp_path: Path) -> None:
    play(Rig(tmp_path, **ONE_TARGET))
    renamed = {"name": "renamed", "conditions": ["none", {"name": "entailment", "tasks": ["mini-nli"]}]}
    other = Rig(tmp_path, **{**ONE_TARGET, **renamed})
    assert other.run() is None
    assert other.driver.started == 0
    assert rows(other, "select condition, mean from means order by 1", "renamed") == [
        ("entailment", 75.0),
        ("none", 70.0),
    ]
    assert rows(other, "select distinct condition from transfer", "renamed") == [("entailment",)]
    assert rows(other, "select distinct study from trials where phase = 'intermediate'", "renamed") == [
        ("intermediate/entailment",)
    ]


def test_two_names_of_one_recipe_have_the_same_numbers(tmp_path: Path) -> None:
    twins = ["none", "mini-nli", {"name": "again", "tasks": ["mini-nli"]}]
    rig = play(Rig(tmp_path, conditions=twins, **ONE_TARGET))
    assert rows(rig, "select condition, mean, seeds from means where condition <> 'none' order by 1") == [
        ("again", 75.0, "1 of 1"),
        ("mini-nli", 75.0, "1 of 1"),
    ]
    assert rows(rig, "select count(*), count(distinct trial_id) from trials where condition <> 'none'") == [(8, 4)]


def test_fewer_seeds_and_trials_leave_the_others_out(tmp_path: Path) -> None:
    many = {**ONE_TARGET, "trials": {"intermediate": 2, "target": 3}}
    play(Rig(tmp_path, seeds=[1, 2, 3], **many))
    fewer = Rig(tmp_path, seeds=[2], **{**ONE_TARGET, "trials": {"intermediate": 1, "target": 1}})
    play(fewer)
    assert rows(fewer, "select distinct seeds from means") == [("1 of 1",)]
    assert rows(fewer, "select distinct seed from trials") == [(2,)]
    assert rows(fewer, "select count(*) from trials where phase = 'target'") == [(2,)]
    (earlier,) = {kept.hash for kept in history.history(fewer.store, "small")} - {fewer.plan.hash}
    assert rows(fewer, "select distinct seeds from means", f"small@{earlier[:6]}") == [("3 of 3",)]


def test_a_new_winner_is_not_averaged_with_the_old_one(tmp_path: Path) -> None:
    """More trials find another winner; the seeds of the old one are in the store, and speak no more."""
    of = {**ONE_TARGET, "conditions": ["none"], "seeds": [1, 2]}
    first = play(Rig(tmp_path, **{**of, "trials": {"target": 1}}))
    old = {one for (one,) in rows(first, "select trial_id from trials where phase = 'evaluate'")}
    more = play(Rig(tmp_path, **{**of, "trials": {"target": 6}}))
    new = {one for (one,) in rows(more, "select trial_id from trials where phase = 'evaluate'")}
    assert len(new) == 2
    assert not old & new
    assert rows(more, "select seeds, planned from means") == [("2 of 2", 2)]


def test_trials_that_are_scored_beside_the_winner_are_seen_and_count_nowhere(tmp_path: Path) -> None:
    """The others have better scores than any winner, as it may be: the English development set chose."""

    of = {**ONE_TARGET, "trials": {"intermediate": 1, "target": 3}, "seeds": [1, 2]}
    alone = play(Rig(tmp_path / "alone", **of))
    many = Rig(tmp_path / "many", **of, evaluate={"top": 3})

    def ranked(study: Study, spec: TrialSpec, language: str, split: str) -> float | None:
        tried = many.driver.search.ended(many.plan.study(str(study.parent)))
        order = sorted((one for one in tried if one.spec.seed == 1), key=lambda one: -(one.objective or 0))
        ranks = [one.spec.trial_id for one in order]
        return (value(study, spec, language, split) or 0) + 10 * (
            ranks.index(str(spec.parent)) if spec.seed == 1 else 0
        )

    play(many, ranked)
    for view in ("best", "means", "transfer", "counts"):
        assert rows(many, f"from {view} order by all") == rows(alone, f"from {view} order by all")
    sql = "select seed, rank, winner, chosen from trials where phase = 'evaluate' and condition = 'none' order by all"
    told = [(1, 1, True, True), (1, 2, False, True), (1, 3, False, True), (2, None, True, False)]
    assert rows(many, sql) == told
    sql = """
        select rank, winner, value from scores
        where main and seed = 1 and condition = 'none' and language = 'de' order by all
    """
    assert rows(many, sql) == [(1, True, 60.0), (2, False, 70.0), (3, False, 80.0)]
    assert rows(many, "select count(*), count(*) filter (winner) from predictions where condition = 'none'") == [(4, 2)]
    assert rows(many, "select distinct rank from trials where phase <> 'evaluate'") == [(None,)]


def test_a_trial_that_collapsed_and_is_scored_beside_the_winner_is_no_collapsed_seed(tmp_path: Path) -> None:
    fallen: list[str] = []

    def ends(study: Study, spec: TrialSpec) -> dict[str, Any]:
        if study.name != "target/none/mini-pos" or len(fallen) > 1:
            return {}
        fallen.append(spec.trial_id)
        return {"report": Report(1.0, objective=0.0, curve=(0.0,), collapsed=True)}

    of = {**ONE_TARGET, "trials": {"intermediate": 1, "target": 3}}
    rig = play(Rig(tmp_path, **of, evaluate={"top": 3}), ends=ends)
    assert len(fallen) == 2
    assert rows(rig, "select count(*) from trials where phase = 'evaluate' and condition = 'none'") == [(3,)]
    assert rows(rig, "select finished, collapsed from counts where condition = 'none'") == [(1, 0)]


MULTILINGUAL = {
    "conditions": ["none", {"name": "multi", "tasks": ["mini-nli"], "languages": ["en", "de"]}],
    "targets": ["mini-pos"],
    "languages": ["de", "en"],
    "trials": {"intermediate": 1, "target": 1},
}


def test_what_was_trained_in_is_seen(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, **MULTILINGUAL))
    sql = "select condition, language, seen from best where main order by all"
    assert rows(rig, sql) == [("multi", "de", True), ("multi", "en", True), ("none", "de", False), ("none", "en", True)]
    sql = "select language, seen, baseline_seen from transfer order by all"
    assert rows(rig, sql) == [("de", True, False), ("en", True, True)]
    assert rows(rig, "select distinct seen from scores where phase = 'target'") == []  # which are not made up here


def test_unseen_means_are_over_languages_that_no_condition_has_seen(tmp_path: Path) -> None:
    sql = "select condition, languages_without_source, mean_without_source, languages_unseen, mean_unseen from means"
    both = play(Rig(tmp_path / "both", **MULTILINGUAL))
    assert rows(both, f"{sql} order by 1") == [("multi", 1, 65.0, 0, None), ("none", 1, 60.0, 0, None)]
    english = play(Rig(tmp_path / "english", **ONE_TARGET))
    assert rows(english, f"{sql} order by 1") == [("mini-nli", 1, 65.0, 1, 65.0), ("none", 1, 60.0, 1, 60.0)]


def test_a_budget_is_what_the_winner_saw(tmp_path: Path) -> None:
    def ends(study: Study, spec: TrialSpec) -> dict[str, Any]:
        if spec.phase == "evaluate":
            return {}
        trained = [Trained("mini-nli", one, 30, 100 * spec.seed, 1000) for one in spec.languages]
        return {"report": Report(1.0, objective=50.0, curve=(50.0,), steps=40, trained=tuple(trained))}

    rig = play(Rig(tmp_path, seeds=[1, 2], **MULTILINGUAL), ends=ends)
    sql = "select condition, languages, steps, examples, tokens, trials from budgets"
    assert rows(rig, sql) == [("multi", ["de", "en"], 40.0, 300.0, 2000.0, 2)]
    sql = "select language, steps, examples from trained where phase = 'intermediate' and seed = 2 order by 1"
    assert rows(rig, sql) == [("de", 30, 200), ("en", 30, 200)]


def test_transfer_takes_any_baseline(tmp_path: Path) -> None:
    three = ["none", "mini-nli", {"name": "again", "tasks": [{"task": "mini-nli", "examples": 8}]}]
    rig = play(Rig(tmp_path, conditions=three, **ONE_TARGET))
    sql = "select condition, language, value, baseline, gain from transfer_from('{}') order by all"
    assert rows(rig, sql.format("mini-nli")) == [
        ("again", "de", 65.0, 65.0, 0.0), ("again", "en", 85.0, 85.0, 0.0),
        ("none", "de", 60.0, 65.0, -5.0), ("none", "en", 80.0, 85.0, -5.0),
    ]  # fmt: skip
    assert rows(rig, sql.format("none")) == rows(
        rig, "select condition, language, value, baseline, gain from transfer order by all"
    )
    with pytest.raises(UserError, match="there is no condition 'mnli', only again, mini-nli, none"):
        rows(rig, "from transfer_from('mnli')")


def test_an_experiment_without_the_baseline_has_no_transfer(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, **{**ONE_TARGET, "conditions": ["mini-nli"]}))
    assert rows(rig, "from transfer") == []


def test_predictions_stand_beside_their_examples(rig: Rig) -> None:
    sql = """
    select distinct target, language, split, position, example, item, "group", prediction, gold, texts, confidence,
           statistics
    from predictions where winner
    """
    (row,) = query(rig.store, sql).to_pylist()
    assert row == {
        "target": "mini-pos", "language": "de", "split": "test", "position": 0, "example": "0", "item": "0",
        "group": "0", "prediction": "NOUN", "gold": ["NOUN"], "texts": ["Haus"], "confidence": 0.75,
        "statistics": [1.0, 1.0, 1.0],
    }  # fmt: skip


def test_predictions_whose_examples_are_lost_are_there_without_them(rig: Rig) -> None:
    before = rows(rig, "select count(*) from predictions")
    rig.store.delete("examples/feed.parquet")
    assert rows(rig, "select count(*) from predictions") == before
    assert rows(rig, "select distinct example, gold, prediction from predictions") == [(None, None, "NOUN")]
    assert rows(rig, "from examples") == []


def test_predictions_without_their_examples_are_no_submission(rig: Rig, tmp_path: Path) -> None:
    rig.store.delete("examples/feed.parquet")
    with pytest.raises(UserError, match=r"examples/feed\.parquet: is not there, and predictions are of its examples"):
        export(rig.store, "none", tmp_path / "submission")
    assert not (tmp_path / "submission").exists()
