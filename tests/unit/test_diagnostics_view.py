"""Diagnostics of whole stores: simulated ones, whose predictions are drawn, and whose scores are the metrics' own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from sweep.results.comparison.questions import Question, Seed, questions
from sweep.results.diagnostics import diagnose as module
from sweep.results.diagnostics.diagnose import Diagnostics, diagnose
from sweep.results.diagnostics.reading import read
from sweep.results.diagnostics.scores import BucketScore
from sweep.results.query import connected, query
from tests.simulated import Simulation, Truth, simulated
from trainables import sealed
from trainables.data import kept, mini
from trainables.data.examples import LabelledText
from trainables.data.examples import Question as AskedQuestion
from trainables.data.items import places
from trainables.errors import UserError
from trainables.metrics import METRICS
from trainables.metrics.checklist import Expected
from trainables.store import Store
from trainables.tasks import load

TARGETS = ["mini-bitext", "mini-checklist", "mini-ner", "mini-nli", "mini-pos", "mini-qa", "mini-ranking"]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    truth = Truth(gains={"mini-nli": 5.0}, hidden=frozenset({"mini-ranking"}))
    return simulated(tmp_path_factory.mktemp("played"), truth, examples=90, seeds=[1, 2], targets=TARGETS)


def diagnosed(store: Store, **asked: Any) -> dict[str, Diagnostics]:
    with connected(store) as connection:
        return {one.target: diagnose(connection, store, one, **asked) for one in questions(connection)}


@pytest.fixture(scope="module")
def found(played: Simulation) -> dict[str, Diagnostics]:
    return diagnosed(played.store)


def compared(metric: str, row: dict[str, Any]) -> tuple[Any, Any]:
    """Gold and predicted of a row of the view `predictions`, as the metric takes them."""
    gold, predicted = row["gold"], row["prediction"]
    if metric in ("entity_f1", "pos_f1", "map_at_20", "mining_f1"):
        return gold, predicted.split()
    return (gold if metric in ("squad", "squad2") else gold[0]), predicted


def official(store: Store, target: str, which: str, **parameters: Any) -> float:
    """The mean over the baseline's seeds of the official score of some examples, `which` in SQL."""
    metric = load(target).metric
    sql = f"from predictions where winner and split = 'test' and target = $target and condition = 'none' and {which}"
    scores: dict[int, list[tuple[Any, Any]]] = {}
    rows = query(store, sql, {"target": target, **parameters}).to_pylist()
    for row in rows:
        scores.setdefault(row["seed"], []).append(compared(metric, row))
    values = [
        METRICS[metric](*map(list, zip(*pairs, strict=True)), rows[0]["language"])[METRICS[metric].main]
        for pairs in scores.values()
    ]
    return sum(values) / len(values)


def of(found: Diagnostics, attribute: str, language: str | None = "de", condition: str = "none") -> list[BucketScore]:
    key = (attribute, language, condition)
    return [row for row in found.rows if (row.attribute, row.language, row.condition) == key]


@pytest.mark.parametrize(
    ("target", "attribute", "which"),
    [
        ("mini-nli", "label", "language = 'de' and gold[1] = $bucket"),
        ("mini-pos", "length", "language = 'de' and len(texts) between $lower and $upper"),
        ("mini-ner", "length", "language = 'de' and len(texts) between $lower and $upper"),
    ],
)
def test_buckets_have_the_official_score_of_their_examples(
    played: Simulation, found: dict[str, Diagnostics], target: str, attribute: str, which: str
) -> None:
    rows = of(found[target], attribute)
    assert len(rows) > 1
    for row in rows:
        names = ("bucket",) if "$bucket" in which else ("lower", "upper")
        score = official(played.store, target, which, **{name: getattr(row, name) for name in names})
        assert row.score == pytest.approx(score, abs=1e-9)


def test_a_tag_has_the_official_score_of_sentences_without_the_others(
    played: Simulation, found: dict[str, Diagnostics]
) -> None:
    sql = "from predictions where winner and target = 'mini-pos' and split = 'test' and language = 'de'"
    seeds = [query(played.store, f"{sql} and condition = 'none' and seed = {seed}").to_pylist() for seed in (1, 2)]
    told = of(found["mini-pos"], "tag")
    assert {row.bucket for row in told} == {tag for row in seeds[0] for tag in row["gold"]}
    for row in told:
        scores = []
        for of_seed in seeds:
            pairs = [compared("pos_f1", one) for one in of_seed]
            only = [[["O" if tag != row.bucket else tag for tag in side] for side in pair] for pair in pairs]
            scores.append(METRICS["pos_f1"]([one[0] for one in only], [one[1] for one in only])["f1"])
        assert row.score == pytest.approx(sum(scores) / 2, abs=1e-9)
        assert row.n == sum(tags.count(row.bucket) for tags in (one["gold"] for one in seeds[0]))


def test_a_test_of_a_suite_has_the_error_rate_of_the_ledger(played: Simulation, found: dict[str, Diagnostics]) -> None:
    rows = of(found["mini-checklist"], "test")
    assert len(rows) > 1
    for row in rows:
        sql = (
            "select avg(value) from scores where winner and condition = 'none' and language = 'de' and metric = $metric"
        )
        table = query(played.store, f"{sql} and target = 'mini-checklist'", {"metric": f"error_rate/{row.bucket}"})
        assert row.score == pytest.approx(table[0][0].as_py(), abs=1e-9)
    assert {row.attribute for row in found["mini-checklist"].rows} == {"test", "pretraining_gib"}


def test_examples_are_in_one_bucket_each(played: Simulation, found: dict[str, Diagnostics]) -> None:
    of_whole = {"mini-nli": "label", "mini-pos": "length", "mini-qa": "question_overlap"}
    for target, attribute in of_whole.items():
        assert sum(row.n for row in of(found[target], attribute)) == 90
        assert sum(row.n for row in of(found[target], attribute, None)) == 180


def test_a_gain_is_found_and_its_sign_is_right(found: dict[str, Diagnostics]) -> None:
    """Less is better of error rates: whoever has fewer is ahead all the same."""
    for target in ("mini-nli", "mini-checklist"):
        rows = [row for row in found[target].rows if row.difference is not None]
        assert sum(row.difference > 0 for row in rows if row.difference is not None) > len(rows) / 2
        for row in rows:
            assert row.baseline_score is not None
            sign = -1 if target == "mini-checklist" else 1
            assert row.difference == pytest.approx(sign * (row.score - row.baseline_score))


def test_the_view_says_what_the_function_says(played: Simulation, found: dict[str, Diagnostics]) -> None:
    rows = query(played.store, "from diagnostics where target = 'mini-ner'").to_pylist()
    named = [{name: getattr(one, name) for name in rows[0]} for one in found["mini-ner"].rows]
    assert sorted(map(str, rows)) == sorted(map(str, named))


def test_only_the_targets_that_are_asked_for_are_read(played: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    own = module.diagnose

    def spy(connection: Any, store: Any, question: Any, *rest: Any) -> Diagnostics:
        read.append(question.target)
        return own(connection, store, question, *rest)

    monkeypatch.setattr(module, "diagnose", spy)
    query(played.store, "select score from diagnostics where target = 'mini-nli' and attribute = 'label'")
    assert read == ["mini-nli"]
    query(
        played.store, "select score from diagnostics where target in ('mini-pos', 'mini-ner') and experiment = 'small'"
    )
    assert sorted(read) == ["mini-ner", "mini-nli", "mini-pos"]
    read.clear()
    for sql in ("from best", "describe diagnostics", "with d as (from diagnostics) select 1"):
        query(played.store, sql)
    assert read == []


def test_hidden_labels_have_no_diagnostics(found: dict[str, Diagnostics]) -> None:
    assert found["mini-ranking"].rows == ()
    assert found["mini-ranking"].notes == ("no winner has answered examples whose labels are known",)


def test_only_some_attributes_and_no_single_languages(played: Simulation) -> None:
    rows = diagnosed(played.store, asked=["label"], by_language=False)["mini-nli"].rows
    assert {(row.attribute, row.language) for row in rows} == {("label", None)}


def test_another_baseline_is_compared_with(played: Simulation) -> None:
    rows = diagnosed(played.store, asked=["label"], baseline="mini-nli")["mini-nli"].rows
    assert {(row.condition, row.baseline) for row in rows} == {("none", "mini-nli"), ("mini-nli", None)}


def small(folder: Path, **changes: Any) -> Store:
    changes = {"targets": ["mini-nli"], "trials": {"intermediate": 1, "target": 1}, **changes}
    return simulated(folder, Truth(), 30, **changes).store


def fingerprint(store: Store, language: str) -> str:
    sql = "select any_value(examples) from predictions where winner and split = 'test' and language = $language"
    return str(query(store, sql, {"language": language})[0][0].as_py())


def test_a_language_without_its_examples_is_left_out_and_said(tmp_path: Path) -> None:
    store = small(tmp_path)
    store.delete(kept.name(fingerprint(store, "de")))
    found = diagnosed(store)["mini-nli"]
    assert found.notes == ("de is left out: its examples are not in the store",)
    assert {row.language for row in found.rows} == {None, "en"}
    store.delete(kept.name(fingerprint(store, "en")))
    assert diagnosed(store)["mini-nli"].rows == ()


def test_damaged_examples_are_refused_by_name(tmp_path: Path) -> None:
    store = small(tmp_path)
    name = kept.name(fingerprint(store, "de"))
    content = bytearray(store.read(name))
    content[len(content) // 3] ^= 1
    store.write(name, bytes(content))
    with pytest.raises(UserError, match=name):
        query(store, "from diagnostics")


def test_a_seed_that_is_missing_takes_nothing_with_it(tmp_path: Path) -> None:
    ends = lambda study, spec: "failed" if (spec.seed, spec.phase) == (2, "target") else "well"  # noqa: E731
    store = small(tmp_path, seeds=[1, 2], ends=ends)
    rows = diagnosed(store)["mini-nli"].rows
    assert {(row.seeds, row.claim) for row in rows} == {(1, "models")}


def test_regimes_answer_for_themselves(tmp_path: Path) -> None:
    regimes = ["zero-shot", {"few-shot": {"languages": ["de"], "examples": [5]}}]
    store = small(tmp_path, regimes=regimes, targets=["mini-pos"])
    table = query(store, "select regime, condition, count(*) as n from diagnostics group by all order by all")
    assert len(set(table["regime"].to_pylist())) == len(table) / 2 == 2
    sql = "select count(*) from diagnostics where baseline_score is not null and condition = 'none'"
    assert query(store, sql)[0][0].as_py() == 0


def test_the_tests_of_a_suite_are_kept_in_the_order_of_their_statistics() -> None:
    task = load("mini-checklist")
    examples = [one for one in mini.examples("checklist", "test", "de") if isinstance(one, AskedQuestion)]
    table = kept.table(task, "test", "de", examples, places(examples), None, np.ones(len(examples)))
    told = json.loads(table.schema.metadata[b"parts"])
    assert told == METRICS[task.metric].parts([Expected((), one.test or "", one.case or "") for one in examples])
    other = kept.table(load("mini-qa"), "test", "de", examples, places(examples), None, np.ones(len(examples)))
    assert other.schema.metadata[b"parts"] == b"[]"


def asked_of(folder: Path, rows: list[tuple[str, str, str, int]], conditions: dict[str, dict[str, str]]) -> Any:
    """What is read of predictions that are given: trial, language, fingerprint, how many, the last first.

    Args:
        conditions: by name, by language, the trial that scored it.
    """
    store, connection = Store(str(folder)), duckdb.connect()
    for language, name in {(language, name) for _, language, name, _ in rows}:
        examples = [LabelledText(str(number), f"a {number}", "x") for number in range(30)]
        table = kept.table(load("sib200"), "test", language, examples, places(examples), ["x"] * 30, np.ones(30))
        store.write(kept.name(name), sealed.write(table))
    predicted = [
        {"trial_id": trial, "target": "sib200", "language": language, "split": "test", "examples": name,
         "position": place, "prediction": "x", "statistics": [place % 3 / 2, 1.0]}
        for trial, language, name, number in rows for place in reversed(range(number))
    ]  # fmt: skip
    connection.execute("create schema internal")
    connection.register("part", pa.Table.from_pylist(predicted))
    connection.execute("create table internal.predicted as from part")
    seeds = {name: (Seed(1, "finished", trials=trials),) for name, trials in conditions.items()}
    question = Question("e", "zero-shot", "sib200", "accuracy", "test", ("accuracy",), "en", seeds, frozenset())
    return read(connection, store, question, with_predictions=False)


def test_whoever_answered_other_examples_is_left_out_and_said(tmp_path: Path) -> None:
    rows = [("a", "en", "one", 30), ("b", "en", "one", 30), ("c", "en", "two", 30)]
    found = asked_of(tmp_path, rows, {"none": {"en": "a"}, "nli": {"en": "b"}, "pos": {"en": "c"}})
    assert [run.condition for run in found.runs] == ["none", "nli"]
    assert found.notes == ("pos on seed 1 is left out: it has answered other languages or examples",)
    assert found.answered["en"].statistics[..., 0].tolist() == [[place % 3 / 2 for place in range(30)]] * 2


def test_whoever_lacks_a_language_is_left_out_and_said(tmp_path: Path) -> None:
    rows = [("a", "en", "one", 30), ("a", "de", "two", 30), ("b", "en", "one", 30)]
    found = asked_of(tmp_path, rows, {"none": {"en": "a", "de": "a"}, "nli": {"en": "b", "de": "b"}})
    assert [run.condition for run in found.runs] == ["none"]
    assert found.notes == ("nli on seed 1 is left out: it has answered other languages or examples",)


def test_a_language_with_fewer_predictions_than_examples_is_left_out_and_said(tmp_path: Path) -> None:
    rows = [("a", "en", "one", 30), ("a", "de", "two", 29)]
    found = asked_of(tmp_path, rows, {"none": {"en": "a", "de": "a"}})
    assert [*found.answered] == ["en"]
    assert found.notes == ("de is left out: there are not as many predictions as examples",)
