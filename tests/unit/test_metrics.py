"""The scores against the official scorer's own mock data, against cases counted by hand, and by their properties."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.metrics import MAIN, METRICS, accuracy, entity_f1, pos_f1, squad

ROOT = Path(__file__).parents[2]
MOCK = (ROOT / os.environ.get("SWEEP_TEST_DATA", "../shared/data") / "xtreme_mock_test_data").resolve()
needs_mock = pytest.mark.skipif(not MOCK.is_dir(), reason="no xtreme_mock_test_data under SWEEP_TEST_DATA")

UPOS = ["ADJ", "CCONJ", "DET", "INTJ", "NOUN", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"]
IOB2 = ["O", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split()


def sentences_of(path: Path) -> list[list[str]]:
    return [block.split("\n") for block in path.read_text(encoding="utf-8").strip("\n").split("\n\n")]


def languages(task: str) -> Iterator[tuple[Path, Path]]:
    for gold in sorted((MOCK / "labels" / task).iterdir()):
        yield gold, MOCK / "predictions" / task / gold.name


def averages(task: str, metric: Callable[..., dict[str, float]], read: Callable[[Path], object]) -> dict[str, float]:
    scores = [metric(read(gold), read(predicted)) for gold, predicted in languages(task)]
    return {key: mean(score[key] for score in scores) for key in scores[0]}


# Expected values: the averages over languages that XTREME's evaluate_test.py asserts.
@needs_mock
@pytest.mark.parametrize(
    ("task", "expected"),
    [("pawsx", 51.42857142857143), ("xnli", 30.666666666666668), ("tatoeba", 53.611111111111114)],
)
def test_accuracy_matches_official_scorer(task: str, expected: float) -> None:
    assert averages(task, accuracy, lines_of) == pytest.approx({"accuracy": expected}, abs=1e-9)


@needs_mock
def test_entity_f1_matches_official_scorer() -> None:
    expected = {"f1": 57.50793650793652, "precision": 54.729166666666664, "recall": 62.750000000000014}
    assert averages("panx", entity_f1, sentences_of) == pytest.approx(expected, abs=1e-9)


@needs_mock
def test_pos_f1_matches_official_scorer() -> None:
    expected = {"f1": 70.21746048354693, "precision": 71.02232625883823, "recall": 69.54982073976082}
    assert averages("udpos", pos_f1, sentences_of) == pytest.approx(expected, abs=1e-9)


@needs_mock
@pytest.mark.parametrize(
    ("task", "exact_match", "f1"),
    [("xquad", 77.27272727272727, 79.9586776859504), ("tydiqa", 88.88888888888889, 97.22222222222223)],
)
def test_squad_matches_official_scorer(task: str, exact_match: float, f1: float) -> None:
    scores = []
    for gold_path, predicted_path in languages(task):
        document = json.loads(gold_path.read_text(encoding="utf-8"))
        predicted = json.loads(predicted_path.read_text(encoding="utf-8"))
        questions = [qa for item in document["data"] for paragraph in item["paragraphs"] for qa in paragraph["qas"]]
        gold = [[answer["text"] for answer in qa["answers"]] for qa in questions]
        scores.append(squad(gold, [predicted[qa["id"]] for qa in questions]))
    assert mean(score["exact_match"] for score in scores) == pytest.approx(exact_match, abs=1e-9)
    assert mean(score["f1"] for score in scores) == pytest.approx(f1, abs=1e-9)


def test_accuracy_compares_whole_labels() -> None:
    assert accuracy(["1", "0", "neutral"], ["1", "1", "neutral "]) == {"accuracy": pytest.approx(100 / 3)}


@pytest.mark.parametrize(
    ("gold", "predicted", "right", "in_gold", "in_predicted"),
    [
        pytest.param("B-PER I-PER O", "I-PER I-PER O", 1, 1, 1, id="an I- alone begins an entity"),
        pytest.param("B-PER I-PER", "B-PER B-PER", 0, 1, 2, id="a B- always begins one"),
        pytest.param("B-PER I-LOC", "B-PER B-LOC", 2, 2, 2, id="another kind begins one"),
        pytest.param("B-LOC I-LOC O", "B-LOC O O", 0, 1, 1, id="half an entity is none"),
        pytest.param("O O", "O B-LOC", 0, 0, 1, id="nothing to find"),
        pytest.param("O O", "O O", 0, 0, 0, id="no entities at all score 0, as in seqeval"),
    ],
)
def test_entity_f1_counts(gold: str, predicted: str, right: int, in_gold: int, in_predicted: int) -> None:
    assert_counts(entity_f1([gold.split()], [predicted.split()]), right, in_gold, in_predicted)


@pytest.mark.parametrize(
    ("gold", "predicted", "right", "in_gold", "in_predicted"),
    [
        pytest.param("NOUN NOUN VERB", "NOUN NOUN VERB", 2, 2, 2, id="a run is one chunk"),
        pytest.param("NOUN NOUN VERB", "NOUN VERB VERB", 0, 2, 2, id="a shorter run is another chunk"),
        pytest.param("SYM SYM X", "SYM NOUN X", 2, 3, 3, id="SYM never joins"),
        pytest.param("SCONJ SCONJ", "SCONJ SCONJ", 2, 2, 2, id="SCONJ never joins"),
        pytest.param("INTJ INTJ", "INTJ INTJ", 1, 1, 1, id="INTJ joins: its I reads as inside"),
        pytest.param("SYM INTJ INTJ", "SYM X INTJ", 1, 2, 3, id="INTJ after a single token"),
        pytest.param("CCONJ", "SCONJ", 0, 1, 1, id="the first letter counts, unlike in later seqeval"),
        pytest.param("X X", "X NOUN", 0, 1, 2, id="X is a kind like any other"),
    ],
)
def test_pos_f1_counts(gold: str, predicted: str, right: int, in_gold: int, in_predicted: int) -> None:
    assert_counts(pos_f1([gold.split()], [predicted.split()]), right, in_gold, in_predicted)


def assert_counts(scores: dict[str, float], right: int, in_gold: int, in_predicted: int) -> None:
    precision = right / in_predicted if in_predicted else 0.0
    recall = right / in_gold if in_gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    assert scores == pytest.approx({"f1": 100 * f1, "precision": 100 * precision, "recall": 100 * recall})


@pytest.mark.parametrize("metric", [entity_f1, pos_f1])
def test_chunks_end_with_their_sentence(metric: Callable[..., dict[str, float]]) -> None:
    tags = {entity_f1: ("B-LOC", "I-LOC"), pos_f1: ("NOUN", "NOUN")}[metric]
    apart = [[tags[0]], [tags[1]]]
    assert metric(apart, [[tags[0]], ["O" if metric is entity_f1 else "X"]])["recall"] == 50


@pytest.mark.parametrize(
    ("gold", "predicted", "f1", "exact_match"),
    [
        pytest.param(["北京"], "北京市", 0, 0, id="no spaces, no overlap"),
        pytest.param(["the Cat."], "a cat", 100, 100, id="case, articles and punctuation do not count"),
        pytest.param(["black cat"], "black dog", 50, 0, id="half of the tokens"),
        pytest.param(["x", "black cat"], "black cat sat", 80, 0, id="the best of the gold texts"),
        pytest.param(["a a b"], "b b", 200 / 3, 0, id="a shared token counts as often as both have it"),
        pytest.param(["the"], "...", 0, 100, id="empty against empty matches exactly, with F1 0"),
        pytest.param(["cat"], "", 0, 0, id="unanswered"),
        pytest.param(["l'été"], "lété", 100, 100, id="ASCII punctuation joins what it stood between"),
        pytest.param(["«été»"], "été", 0, 0, id="other punctuation stays"),
        pytest.param(["theatre"], "atre", 0, 0, id="articles are whole words"),
        pytest.param(["an-other"], "another", 100, 100, id="punctuation goes before articles do"),
    ],
)
def test_squad_single_question(gold: list[str], predicted: str, f1: float, exact_match: float) -> None:
    assert squad([gold], [predicted]) == pytest.approx({"f1": f1, "exact_match": exact_match})


def test_squad_averages_over_questions() -> None:
    assert squad([["cat"], ["dog"]], ["cat", "cow"]) == {"f1": 50, "exact_match": 50}


@pytest.mark.parametrize("name", METRICS)
def test_different_lengths_and_nothing_to_score_are_errors(name: str) -> None:
    with pytest.raises(ValueError, match=r"2 gold .* but 1 predicted"):
        METRICS[name](["O", "O"], ["O"])
    with pytest.raises(ValueError, match=r"no .* to score"):
        METRICS[name]([], [])


@pytest.mark.parametrize("metric", [entity_f1, pos_f1])
def test_different_numbers_of_tags_are_an_error(metric: Callable[..., dict[str, float]]) -> None:
    with pytest.raises(ValueError, match="sentence 1: 2 gold tags but 1 predicted"):
        metric([["O"], ["O", "O"]], [["O"], ["O"]])


@pytest.mark.parametrize("tag", ["NOUN", "S-LOC", "B-", ""])
def test_entity_f1_takes_iob2_only(tag: str) -> None:
    with pytest.raises(ValueError, match="not an IOB2 tag"):
        entity_f1([["O"]], [[tag]])


@pytest.mark.parametrize("gold", [[], "cat"])
def test_squad_needs_a_list_of_gold_texts(gold: list[str] | str) -> None:
    with pytest.raises(ValueError, match="question 0: a non-empty list"):
        squad([gold], ["cat"])


def test_main_score_is_among_each_metrics_scores() -> None:
    one_each = {"accuracy": ["a"], "entity_f1": [["B-LOC"]], "pos_f1": [["X"]]}
    assert MAIN.keys() == METRICS.keys() == {*one_each, "squad"}
    for name, gold in one_each.items():
        assert METRICS[name](gold, gold)[MAIN[name]] == 100
    assert METRICS["squad"]([["a cat"]], ["cat"])[MAIN["squad"]] == 100


def tag_pairs(tags: list[str]) -> st.SearchStrategy[list[list[tuple[str, str]]]]:
    """Sentences of (gold, predicted) tags."""
    return st.lists(st.lists(st.tuples(st.sampled_from(tags), st.sampled_from(tags)), min_size=1), min_size=1)


def sides(sentences: list[list[tuple[str, str]]]) -> tuple[list[list[str]], list[list[str]]]:
    return [[gold for gold, _ in pairs] for pairs in sentences], [[guess for _, guess in pairs] for pairs in sentences]


@pytest.mark.parametrize(("metric", "tags"), [(entity_f1, IOB2), (pos_f1, UPOS)])
@given(data=st.data())
def test_tagging_properties(metric: Callable[..., dict[str, float]], tags: list[str], data: st.DataObject) -> None:
    sentences = data.draw(tag_pairs(tags))
    gold, predicted = sides(sentences)
    scores = metric(gold, predicted)
    assert all(0 <= score <= 100 for score in scores.values())
    assert min(scores["precision"], scores["recall"]) - 1e-9 <= scores["f1"]
    assert scores["f1"] <= max(scores["precision"], scores["recall"]) + 1e-9
    swapped = metric(predicted, gold)
    assert (swapped["precision"], swapped["recall"]) == (scores["recall"], scores["precision"])
    assert metric(*sides(data.draw(st.permutations(sentences)))) == scores
    found_any = any(tag != "O" for tags in gold for tag in tags)
    assert set(metric(gold, gold).values()) == {100.0 if found_any else 0.0}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1))
def test_accuracy_properties(pairs: list[tuple[str, str]]) -> None:
    gold, predicted = [right for right, _ in pairs], [guess for _, guess in pairs]
    assert accuracy(gold, gold) == {"accuracy": 100}
    assert 0 <= accuracy(gold, predicted)["accuracy"] <= 100
    assert accuracy(gold[::-1], predicted[::-1]) == accuracy(gold, predicted)


answer_text = st.text(alphabet="abt hen.北京'", max_size=12)


@given(st.lists(st.tuples(st.lists(answer_text, min_size=1, max_size=3), answer_text), min_size=1, max_size=8))
def test_squad_properties(questions: list[tuple[list[str], str]]) -> None:
    gold, predicted = [texts for texts, _ in questions], [guess for _, guess in questions]
    scores = squad(gold, predicted)
    assert all(0 <= score <= 100 for score in scores.values())
    assert squad(gold[::-1], predicted[::-1]) == pytest.approx(scores)
    assert squad([texts[::-1] for texts in gold], predicted) == pytest.approx(scores)
    assert squad(gold, [texts[0] for texts in gold])["exact_match"] == 100
    more = squad([[*texts, "another"] for texts in gold], predicted)
    assert all(more[key] >= scores[key] - 1e-9 for key in scores)
