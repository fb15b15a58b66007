"""From a known truth to verdicts: what must come out of a comparison, and what must be said where nothing can."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from sweep.cli import app
from sweep.cli.run import _tell
from sweep.console import Console
from sweep.ledger import Ledger
from sweep.planning import history
from sweep.planning.plan import Study
from sweep.planning.pricing import load_gpus
from sweep.results.comparison import samples
from sweep.results.comparison.comparison import Comparison, Difference, compare
from sweep.results.comparison.detection import detect
from sweep.results.comparison.questions import Question, Seed
from sweep.results.comparison.samples import Answers, Sample
from sweep.results.comparison.subjects import Target
from sweep.results.comparison.verdicts import verdict_table
from sweep.results.query import connected, query
from sweep.statistics.paired import FEW, mcnemar
from tests.conftest import write_experiment
from tests.simulated import End, Simulation, Truth, simulated
from trainables.errors import UserError
from trainables.spec import TrialSpec
from trainables.store import Store

GAINS = {"mini-nli": {"mini-pos": 12.0, "mini-ner": -12.0, "mini-qa": 0.0}}
TARGETS = ["mini-pos", "mini-ner", "mini-qa"]
FEW_TRIALS = {"intermediate": 1, "target": 1}
SURE = Truth(gains=GAINS, seeds=0.7, apart=0.2, intermediate=0.3, seed=2)

Ends = Callable[[Study, TrialSpec], End]


def world(folder: Path, truth: Truth = SURE, examples: int | None = 60, **changes: Any) -> Simulation:
    return simulated(
        folder, truth, examples, **{"seeds": [1, 2, 3], "targets": TARGETS, "trials": FEW_TRIALS, **changes}
    )


def verdicts(found: Comparison) -> dict[str, str]:
    return {f"{row.condition} {row.subject}": row.verdict for row in found.rows}


def ask(store: Store, *arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, ["compare", store.uri, *arguments])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    return world(tmp_path_factory.mktemp("golden"), examples=200)


# --- the golden test


def test_a_known_truth_has_its_verdicts(golden: Simulation) -> None:
    found = compare(golden.store)
    assert verdicts(found) == {
        "mini-nli mini-pos": "better",
        "mini-nli mini-ner": "worse",
        "mini-nli mini-qa": "not decided",
    }
    for row in found.rows:
        truth = golden.truth.gain(row.condition, row.target or "")
        assert row.low is not None and row.high is not None
        assert row.low <= truth <= row.high
        assert (row.seeds, row.planned, row.claim, row.note) == (3, 3, "recipe", "")
        assert row.languages == ("de", "en")
        assert (row.n, row.groups) == (400, 67)


def test_its_differences_are_those_of_the_views(golden: Simulation) -> None:
    sql = "select condition, target, mean, median, mean_without_source from means"
    means = {(row["condition"], row["target"]): row for row in query(golden.store, sql).to_pylist()}
    for row in compare(golden.store).rows:
        own, other = means[row.condition, row.target], means[row.baseline, row.target]
        assert row.score == pytest.approx(own["mean"])
        assert row.difference == pytest.approx(own["mean"] - other["mean"])
        assert row.median_difference == pytest.approx(own["median"] - other["median"])
        assert row.without_source == pytest.approx(own["mean_without_source"] - other["mean_without_source"])


def test_numbers_do_not_depend_on_how_the_files_lie(golden: Simulation, tmp_path: Path) -> None:
    again = world(tmp_path, examples=200)
    single = compare(again.store)
    Ledger(again.store).compact(at_least=1)
    assert any("part-" in name for name in Ledger(again.store).files())
    assert compare(again.store) == single == compare(golden.store)


def test_many_conditions_without_a_gain_are_not_decided(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(6)]
    conditions = [
        {"name": name, "tasks": ["mini-nli"], "budget": {"examples": 100 + place}} for place, name in enumerate(names)
    ]
    truth = Truth(gains={"c0": 20.0})
    found = compare(world(tmp_path, truth, 60, conditions=["none", *conditions]).store)
    assert found.family == 18
    assert {row.verdict for row in found.rows if row.condition == "c0"} == {"better"}
    assert {row.verdict for row in found.rows if row.condition != "c0"} == {"not decided"}
    assert {row.parts.first_conditions for row in found.rows if row.parts} == {7}  # all of them tell the spread


# --- rows


def test_languages_are_a_family_of_their_own(golden: Simulation) -> None:
    found = compare(golden.store, by="language")
    assert {row.correction for row in found.rows} == {"bh"}
    assert [(row.target, row.subject) for row in found.rows][:2] == [("mini-pos", "de"), ("mini-pos", "en")]
    breadth = {one.target: (one.helps, one.hurts, one.languages) for one in found.breadth}
    assert breadth == {"mini-pos": (2, 0, 2), "mini-ner": (0, 2, 2), "mini-qa": (0, 0, 2)}
    assert "mini-pos: mini-nli helps in at least 2 of 2 languages." in found.sentences()


def test_families_and_scripts_group_languages(tmp_path: Path) -> None:
    store = world(tmp_path, languages=["en", "de", "ru", "zh", "tr"], targets=["mini-pos"]).store
    families = {row.subject: row.languages for row in compare(store, by="family").rows}
    assert families == {"IE: Germanic": ("de", "en"), "IE: Slavic": ("ru",), "Sino-Tibetan": ("zh",), "Turkic": ("tr",)}
    scripts = {row.subject: row.languages for row in compare(store, by="script").rows}
    assert scripts["Latin"] == ("de", "en", "tr")
    (row,) = compare(store).rows
    groups = [one.difference for one in compare(store, by="script").rows]
    sizes = [len(one) for one in scripts.values()]
    assert row.difference == pytest.approx(np.average([one or 0.0 for one in groups], weights=sizes))


def test_benchmarks_are_means_of_tasks(tmp_path: Path) -> None:
    store = world(
        tmp_path, Truth(gains={"mnli": 6.0}), 100, data="mock", conditions=["none", "mnli"],
        targets=["xnli", "xquad", "tatoeba", "siqa"], languages=["en", "de", "zh"],
    ).store  # fmt: skip
    rows = {row.subject: row for row in compare(store, by="benchmark").rows}
    assert set(rows) == {"xtreme", "xtreme-r"}
    xtreme = rows["xtreme"]
    assert xtreme.target is None
    assert "3 of 9 tasks: xnli, xquad, tatoeba" in xtreme.note
    assert "xnli: 3 of its 15 languages" in xtreme.note
    assert (xtreme.metric, xtreme.split) == ("score", "dev, test")
    deltas = []
    for target, metrics in (("xnli", ["accuracy"]), ("xquad", ["exact_match", "f1"]), ("tatoeba", ["accuracy"])):
        sql = """
            select condition, avg(value) as value from scores
            where winner and target = $target and list_contains($metrics, metric)
                  and split = (select any_value(split) from scores where main and target = $target)
            group by condition
        """
        found = query(store, sql, {"target": target, "metrics": metrics}).to_pylist()
        of = {row["condition"]: row["value"] for row in found}
        deltas.append(of["mnli"] - of["none"])
    assert xtreme.difference == pytest.approx(np.mean(deltas))
    assert (xtreme.seeds, xtreme.baseline_seeds) == (3, 3)


def test_less_is_better_of_error_rates(tmp_path: Path) -> None:
    truth = Truth(gains={"mini-nli": 20.0}, level=50.0, seeds=0.3, intermediate=0.3)
    (row,) = compare(world(tmp_path, truth, targets=["mini-checklist"]).store).rows
    assert row.metric == "error_rate"
    assert row.score is not None and row.baseline_score is not None and row.difference is not None
    assert row.score < row.baseline_score
    assert row.difference == pytest.approx(row.baseline_score - row.score)
    assert row.low is not None and row.high is not None and row.low < row.difference < row.high
    assert row.verdict == "better"


def test_another_baseline_turns_the_sign_round(golden: Simulation) -> None:
    there, back = compare(golden.store).rows, compare(golden.store, baseline="mini-nli").rows
    assert [row.condition for row in back] == ["none"] * 3
    assert [row.difference for row in there] == pytest.approx([-(row.difference or 0) for row in back])
    assert [row.p for row in there] == pytest.approx([row.p for row in back])


def test_the_untouched_model_knows_no_seed(tmp_path: Path) -> None:
    (row,) = compare(world(tmp_path, targets=["mini-bitext"], languages=["de", "ru"]).store).rows
    assert (row.seeds, row.baseline_seeds, row.baseline_planned) == (3, 1, 1)
    assert row.claim == "recipe"
    assert row.parts is not None and row.parts.second == 0.0 < row.parts.first


# --- seeds


def test_of_one_seed_these_models_are_spoken_of(tmp_path: Path) -> None:
    found = compare(world(tmp_path, seeds=[1]).store)
    assert {row.claim for row in found.rows} == {"models"}
    assert {row.parts.first for row in found.rows if row.parts} == {0.0}
    assert found.sentences()[0].startswith("About these very models, and not about the recipes")
    assert "with fewer than two seeds" in " ".join(found.notes)
    asked = compare(world(tmp_path / "again", seeds=[1]).store, claim="recipe")
    assert {row.claim for row in asked.rows} == {"models"}  # whatever is asked for
    assert all("of these models only" in row.note for row in asked.rows)


def test_models_are_more_sure_of_themselves_than_recipes(golden: Simulation) -> None:
    models, recipes = (compare(golden.store, claim=one).rows for one in ("models", "recipe"))
    for model, recipe in zip(models, recipes, strict=True):
        assert model.difference == recipe.difference
        assert (model.error or 0) <= (recipe.error or 0)
        assert model.dominated_by == "examples"


def test_few_discordant_answers_are_counted_exactly(tmp_path: Path) -> None:
    """Two models of one seed, in a language, right or wrong, each example for itself."""
    truth = Truth(level=93.0, groups=0.3, items=0.5, by_language=0.0, by_condition=0.05, group_size=1, rates=0)
    store = world(tmp_path, truth, 100, seeds=[1], targets=["mini-nli"]).store
    sql = """
        select language, count(*) filter (a.statistics[1] > b.statistics[1]) as first,
               count(*) filter (a.statistics[1] < b.statistics[1]) as second
        from predictions a join predictions b using (language, position, split, target)
        where a.condition = 'mini-nli' and b.condition = 'none' and a.winner and b.winner and split = 'test'
        group by language order by language
    """
    pairs = query(store, sql).to_pylist()
    rows = compare(store, by="language").rows
    for row, pair in zip(rows, pairs, strict=True):
        assert 0 < pair["first"] + pair["second"] < FEW
        known = mcnemar(pair["first"], pair["second"], 100)
        assert (row.p, row.low, row.high) == (known.p, known.low, known.high)


def ends_of(phase: str, seed: int, end: End, condition: str = "mini-nli") -> Ends:
    return lambda study, spec: end if (spec.phase, spec.seed, study.condition) == (phase, seed, condition) else "well"


@pytest.mark.parametrize("end", ["failed", "missing"])
def test_seeds_that_are_not_there_are_said(tmp_path: Path, end: End) -> None:
    found = compare(world(tmp_path, ends=ends_of("target", 3, end)).store)
    for row in found.rows:
        counts = (row.seeds, row.planned, row.failed, row.missing)
        assert counts == (2, 3, int(end == "failed"), int(end == "missing"))
        assert (row.baseline_seeds, row.baseline_failed, row.baseline_missing) == (3, 0, 0)
        assert f"of the 3 seeds of mini-nli 1 {'failed' if end == 'failed' else 'is still to run'}" in row.note
    assert "2 of 3, 3 of 3" in ask(found_store(tmp_path)).stdout


def found_store(folder: Path) -> Store:
    return Store(str(folder / "store"))


def test_collapsed_seeds_are_in_the_mean_and_said(tmp_path: Path) -> None:
    found = compare(world(tmp_path, ends=ends_of("target", 2, "collapsed")).store)
    for row in found.rows:
        assert (row.seeds, row.collapsed, row.baseline_collapsed) == (3, 1, 0)
        assert "1 ended at chance and counts" in row.note
        assert row.parts is not None and row.parts.first > 100 > 20 > row.parts.second  # nobody else's spread
    assert "3 of 3*" in ask(found_store(tmp_path)).stdout


def test_without_any_seed_there_are_no_scores(tmp_path: Path) -> None:
    found = compare(world(tmp_path, ends=ends_of("intermediate", 1, "failed")).store)
    assert {row.verdict for row in found.rows} == {"no scores"}
    assert {(row.seeds, row.failed, row.difference) for row in found.rows} == {(0, 3, None)}
    assert found.sentences() == ["Nothing sure can be said yet of differences to none."]


def test_the_seed_of_the_search_can_be_left_out(golden: Simulation) -> None:
    every, without = compare(golden.store), compare(golden.store, search_seed=False)
    assert "seed 1 chose the winners" in " ".join(every.notes)
    assert "chose the winners" not in " ".join(without.notes)
    assert {(row.seeds, row.planned, row.baseline_seeds) for row in without.rows} == {(2, 2, 2)}
    sql = """
        select avg(value) as value from scores
        where winner and main and seed > 1 and condition = 'mini-nli' and target = 'mini-pos'
    """
    (known,) = query(golden.store, sql).to_pylist()
    assert without.rows[0].score == pytest.approx(known["value"])


# --- what cannot be compared


def test_hidden_labels_are_said(tmp_path: Path) -> None:
    found = compare(world(tmp_path, dataclasses.replace(SURE, hidden=frozenset({"mini-ner"}))).store)
    hidden = next(row for row in found.rows if row.subject == "mini-ner")
    assert (hidden.verdict, hidden.difference, hidden.n) == ("no scores", None, 0)
    assert "their labels are hidden" in hidden.note
    assert found.family == 2  # nothing was tested there


def test_an_unknown_baseline_is_refused(golden: Simulation) -> None:
    output = ask(golden.store, "--baseline", "mini-nlj", code=2).output
    assert "experiment 'small' has no condition 'mini-nlj' to compare with" in output
    assert "did you mean" in output or "mini-nli" in output
    with pytest.raises(UserError, match="no condition 'mnli'"):
        compare(golden.store, baseline="mnli")


def test_the_baseline_alone_is_compared_with_nothing(tmp_path: Path) -> None:
    found = compare(world(tmp_path, conditions=["none"]).store)
    assert found.rows == ()
    assert "experiment 'small' has no condition but none" in found.notes


def test_a_store_of_several_experiments_asks_which(tmp_path: Path) -> None:
    world(tmp_path)
    store = world(tmp_path, name="other").store
    assert "2 experiments" in ask(store, code=2).output
    both = compare(store, experiments=["small", "other"])
    assert [row.experiment for row in both.rows] == ["small"] * 3 + ["other"] * 3
    assert both.family == 6
    assert any(sentence.startswith("small: mini-nli, other: mini-nli:") for sentence in both.sentences())


def test_no_store_and_an_empty_one_are_said(tmp_path: Path) -> None:
    assert "no experiment was run" in ask(Store(str(tmp_path / "nothing")), code=2).output
    simulation = Simulation(world(tmp_path / "model").experiment.model_copy(update={"store": str(tmp_path / "empty")}))
    history.keep(simulation.store, simulation.plan)
    found = compare(simulation.store)
    assert {(row.verdict, row.missing) for row in found.rows} == {("no scores", 3)}


def test_a_benchmark_needs_targets_of_it(golden: Simulation) -> None:
    assert "belongs to a benchmark" in ask(golden.store, "--by", "benchmark", code=2).output


def two_sides(first: dict[str, str], second: dict[str, str], groups: int = 30) -> list[Any]:
    """Rows of two conditions that have these examples by language, made by hand."""
    languages = tuple(sorted({*first, *second}))
    random = np.random.default_rng(1)

    def run(examples: dict[str, str]) -> Answers:
        scores = np.array([70.0 if one in examples else np.nan for one in languages])
        return Answers(scores, {one: random.standard_normal(groups) for one in examples}, examples, None)

    conditions = {
        name: tuple(Seed(seed, "finished", values=dict.fromkeys(examples, 70.0)) for seed in (1, 2))
        for name, examples in (("a", first), ("none", second))
    }
    question = Question("x", "zero-shot", "t", "f1", "test", ("f1",), "en", conditions, frozenset())
    answers = {(name, seed): run(examples) for name, examples in (("a", first), ("none", second)) for seed in (1, 2)}
    numbers = dict.fromkeys([*first.values(), *second.values()], np.arange(groups))
    sample = Sample(languages, numbers, dict.fromkeys(languages, groups), answers)
    return list(Target(question, sample, "none", None).subjects("target", "a"))


def test_means_are_over_the_languages_that_both_sides_have() -> None:
    (row,) = two_sides({"de": "1", "en": "2", "fr": "3"}, {"de": "1", "en": "2", "sw": "4"})
    assert row.languages == ("de", "en")
    assert list(row.notes) == ["without fr: a alone has scores", "without sw: none alone has scores"]


def test_other_examples_are_not_compared() -> None:
    (row,) = two_sides({"de": "1", "en": "2"}, {"de": "1", "en": "other"})
    assert row.languages == ("de",)
    assert list(row.notes) == ["without en: their examples are not the same on both sides"]
    (row,) = two_sides({"de": "1"}, {"de": "2"})
    assert (row.languages, row.first.runs) == ((), None)


def test_examples_that_are_gone_are_said(tmp_path: Path) -> None:
    store = world(tmp_path, targets=["mini-pos"]).store
    sql = "select distinct examples from predictions where language = 'de' and split = 'test'"
    for row in query(store, sql).to_pylist():
        store.delete(f"examples/{row['examples']}.parquet")
    (row,) = compare(store).rows
    assert row.languages == ("en",)
    assert row.note == "without de: their examples are not in the store"


# --- the command line


def test_the_answer_comes_first_then_the_table_then_what_to_know(golden: Simulation) -> None:
    lines = ask(golden.store).stdout.splitlines()
    assert lines[0] == "About the recipes, from 3 seeds each: what is decided would show again in another training."
    assert lines[1].startswith("mini-nli: better than none on mini-pos (+")
    assert "worse than none on mini-ner (-" in lines[1]
    assert lines[1].endswith("not decided on mini-qa.")
    assert "What is not decided may still be there" in lines[2]
    assert any(line.split()[:2] == ["mini-pos", "mini-nli"] and line.rstrip().endswith("better") for line in lines)
    assert lines[-1].startswith("- seed 1 chose the winners")


def test_the_table_fits_a_terminal(golden: Simulation) -> None:
    console = Console(width=80, file=io.StringIO())
    console.print(verdict_table(compare(golden.store)))
    text = console.file.getvalue()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert "not decided" in text


def test_scripts_get_all_that_is_known(golden: Simulation, tmp_path: Path) -> None:
    rows = json.loads(ask(golden.store, "--format", "json").stdout)
    fields = {one.name for one in dataclasses.fields(Difference)} - {"parts"}
    assert all(set(row) == fields for row in rows)
    assert ask(golden.store, "--format", "csv").stdout.splitlines()[0].startswith("experiment,condition,baseline")
    for form in ("markdown", "latex", "html"):
        assert "not decided" in ask(golden.store, "--format", form).stdout
    file = tmp_path / "x.parquet"
    ask(golden.store, "--format", "parquet", "--output", str(file))
    assert file.stat().st_size
    assert "Parquet is not for a terminal" in ask(golden.store, "--format", "parquet", code=2).output


def test_names_give_no_orders(tmp_path: Path) -> None:
    name = "a[red]b"
    output = ask(world(tmp_path, conditions=["none", {"name": name, "tasks": ["mini-nli"]}]).store).stdout
    assert name in output


# --- --detect


def test_detect_says_which_seeds_it_takes_and_what_they_cost(golden: Simulation) -> None:
    output = ask(golden.store, "--detect", "5").stdout
    assert "A difference of 5 points is found 4 times in 5 on" in output
    assert "seeds=[1,2,3,4" in output
    assert "hours of trials, one after the other, on CPUs" in output
    assert ask(golden.store, "--detect", "0", code=2)
    assert "nothing about these models" in ask(golden.store, "--detect", "1", "--claim", "models", code=2).output
    assert "for people to read" in ask(golden.store, "--detect", "1", "--format", "json", code=2).output


def test_the_seeds_that_detect_offers_do_decide(tmp_path: Path) -> None:
    """Where all else is as it was estimated."""
    truth, changes = Truth(seeds=3.0), {"targets": ["mini-pos"]}
    store = world(tmp_path, truth, 100, **changes).store
    (detection,) = detect(store, compare(store), 8.0, load_gpus())
    (need,), (step,) = detection.needs, detection.steps
    assert need.seeds == len(step.seeds) > 3
    assert step.rows == 1
    assert step.override == f"seeds={list(step.seeds)}".replace(" ", "")
    before = query(store, "select count(distinct trial_id) as trials from trials").to_pylist()[0]["trials"]
    more = world(tmp_path, truth, 100, seeds=list(step.seeds), **changes).store
    after = query(more, "select count(distinct trial_id) as trials from trials").to_pylist()[0]["trials"]
    assert after - before == step.price.trials
    assert step.price.hours is not None and step.price.hours.expected > 0


def test_the_seed_that_is_left_out_comes_on_top(golden: Simulation) -> None:
    every, without = (
        detect(golden.store, compare(golden.store, search_seed=one), 5.5, load_gpus())[0] for one in (True, False)
    )
    for found, spare in ((every, 0), (without, 1)):
        needed = sorted({one.seeds for one in found.needs if one.seeds is not None and one.seeds > 3 - spare})
        assert [len(one.seeds) for one in found.steps] == [count + spare for count in needed]


def test_where_examples_are_too_few_no_seeds_help(golden: Simulation) -> None:
    output = ask(golden.store, "--detect", "0.1").stdout
    assert "No number of seeds shows it for mini-nli on mini-pos" in output
    assert "seeds=[" not in output


def test_of_one_seed_nothing_is_known_of_others(tmp_path: Path) -> None:
    output = ask(world(tmp_path, seeds=[1]).store, "--detect", "1").stdout
    assert "one seed tells nothing of others" in output
    assert "seeds=[1,2,3]" in output


def test_a_plan_says_what_more_seeds_would_show(tmp_path: Path) -> None:
    changes = {"targets": ["mini-pos"], "seeds": [1, 2], "trials": FEW_TRIALS, "sampler": "random"}
    file = write_experiment(tmp_path, **changes)
    simulated(tmp_path, Truth(seeds=3.0), 60, **changes)
    done = CliRunner().invoke(app, ["plan", str(file), "--detect", "9"])
    assert done.exit_code == 0, done.output
    assert "nothing is left to run" in done.output
    assert "A difference of 9 points is found 4 times in 5 on 0 of 1 comparison as it is." in done.output
    assert "seeds=[1,2,3" in done.output


# --- regimes


def test_each_regime_is_compared_with_the_baseline_under_it(tmp_path: Path) -> None:
    regimes = ["zero-shot", {"few-shot": {"languages": ["de"], "examples": [10]}}, {"in-language": {"each": True}}]
    store = world(tmp_path, targets=["mini-pos"], languages=["en", "de", "ru"], regimes=regimes).store
    found = compare(store)
    assert [(row.regime, row.languages, row.seeds) for row in found.rows] == [
        ("zero-shot", ("de", "en", "ru"), 3),
        ("few-shot-10", ("de",), 3),
        ("in-language-each", ("de", "ru"), 3),  # a training each
    ]
    assert found.family == 3
    assert any(sentence.startswith("mini-nli (few-shot-10)") for sentence in found.sentences())


def test_a_run_ends_with_what_helped(golden: Simulation) -> None:
    console = Console(file=io.StringIO())
    summary: Any = SimpleNamespace(started=1, failed=[], collapsed=0, blocked=[])
    _tell(console, golden.experiment, summary)
    text = console.file.getvalue()
    assert "\nmini-nli: better than none on mini-pos (+" in text
    assert f"compare {golden.store.uri}" in text.partition("Next:")[2]


def test_what_was_read_is_not_read_again(golden: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = samples.sample

    def counted(connection: Any, question: Question, names: list[str]) -> Sample:
        read.append(question.target)
        return original(connection, question, names)

    monkeypatch.setattr(samples, "sample", counted)
    with connected(golden.store) as connection:
        kept = samples.Samples(connection)
        found = [compare(golden.store, by=by, samples=kept) for by in ("target", "language", "target")]
    assert sorted(read) == sorted(TARGETS)
    assert found[0] == found[2] == compare(golden.store)
