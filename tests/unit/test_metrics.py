"""The scores against the official scorer's own mock data, against cases counted by hand, and by their properties."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.metrics import (
    METRICS,
    Metric,
    accuracy,
    accuracy_f1,
    entity_f1,
    error_rate,
    map_at_20,
    mining_f1,
    mlqa,
    pos_f1,
    squad,
    squad2,
    tag_accuracy,
)
from trainables.metrics.checklist import Expected, cases

UPOS = ["ADJ", "CCONJ", "DET", "INTJ", "NOUN", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"]
IOB2 = ["O", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split()


def sentences_of(path: Path) -> list[list[str]]:
    return [block.split("\n") for block in path.read_text(encoding="utf-8").strip("\n").split("\n\n")]


def questions_of(path: Path) -> dict[str, list[str]]:
    document = json.loads(path.read_text(encoding="utf-8"))
    questions = [qa for item in document["data"] for paragraph in item["paragraphs"] for qa in paragraph["qas"]]
    return {qa["id"]: [answer["text"] for answer in qa["answers"]] for qa in questions}


def by_position(read: Callable[[Path], Any]) -> Callable[[Path, Path], tuple[Any, Any]]:
    return lambda gold, predicted: (read(gold), read(predicted))


def by_id(read_gold: Callable[[Path], Any]) -> Callable[[Path, Path], tuple[Any, Any]]:
    def read(gold_path: Path, predicted_path: Path) -> tuple[Any, Any]:
        gold, predicted = read_gold(gold_path), json.loads(predicted_path.read_text(encoding="utf-8"))
        return list(gold.values()), [predicted[own_id] for own_id in gold]

    return read


def by_source(gold_path: Path, predicted_path: Path) -> tuple[Any, Any]:
    gold, predicted = (
        [line.split("\t") for line in path.read_text().splitlines()] for path in (gold_path, predicted_path)
    )
    sources = {source for source, _ in (*gold, *predicted)}

    def ids(pairs: list[list[str]]) -> list[set[str]]:
        return [{target for own, target in pairs if own == source} for source in sources]

    return ids(gold), ids(predicted)


# Expected values: the averages over languages that XTREME's evaluate_test.py asserts.
@pytest.mark.parametrize(
    ("task", "metric", "read", "expected"),
    [
        ("pawsx", "accuracy", by_position(lines_of), {"accuracy": 51.42857142857143}),
        ("xnli", "accuracy", by_position(lines_of), {"accuracy": 30.666666666666668}),
        ("tatoeba", "accuracy", by_position(lines_of), {"accuracy": 53.611111111111114}),
        (
            "panx",
            "entity_f1",
            by_position(sentences_of),
            {"f1": 57.50793650793652, "precision": 54.729166666666664, "recall": 62.750000000000014},
        ),
        (
            "udpos",
            "pos_f1",
            by_position(sentences_of),
            {"f1": 70.21746048354693, "precision": 71.02232625883823, "recall": 69.54982073976082},
        ),
        ("xquad", "squad", by_id(questions_of), {"exact_match": 77.27272727272727, "f1": 79.9586776859504}),
        ("tydiqa", "squad", by_id(questions_of), {"exact_match": 88.88888888888889, "f1": 97.22222222222223}),
        ("mlqa", "mlqa", by_id(questions_of), {"exact_match": 57.142857142857146, "f1": 81.76870748299321}),
        ("bucc2018", "mining_f1", by_source, {"f1": 55.0}),
        ("mewslix", "map_at_20", by_id(lambda path: json.loads(path.read_text())), {"map@20": 14.39025156130419}),
    ],
)
def test_averages_match_the_official_scorer(
    shared_data: Path,
    task: str,
    metric: str,
    read: Callable[[Path, Path], tuple[Any, Any]],
    expected: dict[str, float],
) -> None:
    mock = shared_data / "xtreme_mock_test_data"
    scores = []
    for gold in sorted((mock / "labels" / task).iterdir()):
        language = gold.stem.removeprefix("test-")
        scores.append(METRICS[metric](*read(gold, mock / "predictions" / task / gold.name), language))
    assert len(scores) > 3
    found = {name: mean(score[name] for score in scores) for name in scores[0]}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)


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


@pytest.mark.parametrize(
    ("gold", "predicted", "language", "f1", "exact_match"),
    [
        pytest.param(["北京"], "北京市", "zh", 80, 0, id="Han characters are tokens"),
        pytest.param(["iPhone 7 手机"], "iphone 7", "zh", 200 / 3, 0, id="between them words are"),
        pytest.param(["北京。"], "北京", "zh", 100, 100, id="Chinese punctuation does not count"),
        pytest.param(["«été»"], "été", "es", 100, 100, id="nor does any other"),
        pytest.param(["$5 + 3"], "5 3", "en", 100, 100, id="nor do ASCII's symbols"),
        pytest.param(["5 €"], "5", "en", 200 / 3, 0, id="other symbols do"),
        pytest.param(["the Cat"], "a cat", "en", 100, 100, id="English articles"),
        pytest.param(["des Hundes"], "einem Hundes", "de", 100, 100, id="German articles"),
        pytest.param(["the Hund"], "Hund", "de", 200 / 3, 0, id="only those of the language"),
        pytest.param(["los gatos"], "unas gatos", "es", 100, 100, id="Spanish articles"),
        pytest.param(["những con mèo"], "con mèo", "vi", 100, 100, id="Vietnamese articles"),
        pytest.param(["البيت"], "بيت", "ar", 100, 100, id="the Arabic article"),
        pytest.param(["the साल"], "साल", "hi", 200 / 3, 0, id="none in Hindi"),
        pytest.param(["the"], "a", "en", 0, 100, id="nothing against nothing, as in SQuAD 1.1"),
    ],
)
def test_mlqa_single_question(gold: list[str], predicted: str, language: str, f1: float, exact_match: float) -> None:
    assert mlqa([gold], [predicted], language) == pytest.approx({"f1": f1, "exact_match": exact_match})


def test_mlqa_has_seven_languages() -> None:
    with pytest.raises(ValueError, match="no rules for the language 'fr'"):
        mlqa([["chat"]], ["chat"], "fr")


@pytest.mark.parametrize(
    ("gold", "predicted", "f1", "exact_match"),
    [
        pytest.param([], "", 100, 100, id="unanswerable and not answered"),
        pytest.param([], "cat", 0, 0, id="unanswerable, but answered"),
        pytest.param([], "the", 100, 100, id="an answer that normalises to nothing is none"),
        pytest.param(["cat"], "", 0, 0, id="answerable, but not answered"),
        pytest.param(["the", "black cat"], "", 0, 0, id="gold texts that normalise to nothing do not count"),
        pytest.param(["the", "..."], "", 100, 100, id="and if all do, there is no answer"),
        pytest.param(["x", "black cat"], "the black cats", 50, 0, id="else as in SQuAD 1.1"),
    ],
)
def test_squad2_single_question(gold: list[str], predicted: str, f1: float, exact_match: float) -> None:
    assert squad2([gold], [predicted]) == pytest.approx({"f1": f1, "exact_match": exact_match})


@pytest.mark.parametrize(
    ("gold", "predicted", "accuracy", "f1"),
    [
        pytest.param("1100", "1010", 50, 50, id="one hit, one miss, one false alarm"),
        pytest.param("1110", "1000", 50, 50, id="precision 1, recall 1/3"),
        pytest.param("0000", "0000", 100, 0, id="nothing positive"),
        pytest.param("0001", "0010", 50, 0, id="no hit"),
    ],
)
def test_accuracy_f1_counts(gold: str, predicted: str, accuracy: float, f1: float) -> None:
    assert accuracy_f1(list(gold), list(predicted)) == pytest.approx({"accuracy": accuracy, "f1": f1})


@pytest.mark.parametrize(
    ("gold", "predicted", "right", "in_gold", "in_predicted"),
    [
        pytest.param([{"a"}, {"b"}, set()], [{"a"}, {"c"}, {"d"}], 1, 2, 3, id="by sentence"),
        pytest.param([{"a", "b"}], [("b", "b")], 1, 2, 1, id="pairs are a set"),
        pytest.param([{"a"}, set()], [set(), {"a"}], 0, 1, 1, id="an id belongs to its sentence"),
        pytest.param([set()], [set()], 0, 0, 0, id="no pairs at all score 0"),
    ],
)
def test_mining_f1_counts(gold: list[Any], predicted: list[Any], right: int, in_gold: int, in_predicted: int) -> None:
    assert_counts(mining_f1(gold, predicted), right, in_gold, in_predicted)


@pytest.mark.parametrize(
    ("gold", "ranking", "score"),
    [
        pytest.param("a", "a", 1, id="first"),
        pytest.param("a", "xya", 1 / 3, id="one right passage: the reciprocal rank"),
        pytest.param("ab", "axb", (1 + 2 / 3) / 2, id="precision at each hit"),
        pytest.param("ab", "a", 1 / 2, id="what is not found counts 0"),
        pytest.param("ab", "aab", (1 + 2 / 3) / 2, id="a passage counts once"),
        pytest.param("a", "bcdefghijklmnopqrstua", 0, id="place 21 is too deep"),
        pytest.param("a", "bcdefghijklmnopqrsta", 1 / 20, id="place 20 is not"),
        pytest.param("abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz", 1, id="more right ones than places"),
        pytest.param("a", "", 0, id="an empty ranking"),
    ],
)
def test_map_at_20_single_query(gold: str, ranking: str, score: float) -> None:
    assert map_at_20([list(gold)], [list(ranking)]) == pytest.approx({"map@20": 100 * score})


def test_map_at_20_averages_over_queries() -> None:
    assert map_at_20([["a"], ["a"]], [["a"], ["b", "a"]]) == {"map@20": 75}


@pytest.mark.parametrize("gold", [[], "a"])
def test_map_at_20_needs_right_passages(gold: list[str] | str) -> None:
    with pytest.raises(ValueError, match="query 0: a non-empty collection"):
        map_at_20([gold], [["a"]])


@pytest.mark.parametrize("name", METRICS)
def test_different_lengths_and_nothing_to_score_are_errors(name: str) -> None:
    with pytest.raises(ValueError, match=r"2 gold .* but 1 predicted"):
        METRICS[name](["O", "O"], ["O"], "en")
    with pytest.raises(ValueError, match=r"no .* to score"):
        METRICS[name]([], [], "en")


def test_tag_accuracy_counts_tags_over_all_sentences() -> None:
    assert tag_accuracy([["N"], ["N", "S/NP", "N"]], [["N"], ["N", "S", "NP"]]) == {"accuracy": 50}
    with pytest.raises(ValueError, match="2 gold words but 1 predicted"):
        tag_accuracy([["N", "N"]], [["N"]])


@pytest.mark.parametrize("metric", [entity_f1, pos_f1])
def test_different_numbers_of_tags_are_an_error(metric: Callable[..., dict[str, float]]) -> None:
    with pytest.raises(ValueError, match="sentence 1: 2 gold tags but 1 predicted"):
        metric([["O"], ["O", "O"]], [["O"], ["O"]])


@pytest.mark.parametrize("tag", ["NOUN", "U-LOC", "B-", "S-", ""])
def test_entity_f1_takes_tags_of_names_only(tag: str) -> None:
    with pytest.raises(ValueError, match="not a tag of a name"):
        entity_f1([["O"]], [[tag]])


@pytest.mark.parametrize(
    ("iobes", "iob2"),
    [
        ("S-PER O S-LOC S-LOC", "B-PER O B-LOC B-LOC"),
        ("B-PER I-PER E-PER E-PER", "B-PER I-PER I-PER B-PER"),
        ("E-PER I-PER S-PER I-PER", "B-PER B-PER B-PER B-PER"),
        ("B-PER E-LOC E-LOC O", "B-PER B-LOC B-LOC O"),
    ],
)
def test_tags_of_iobes_find_the_names_that_conlleval_finds(iobes: str, iob2: str) -> None:
    for predicted in (iob2.split(), ["B-PER", "I-PER", "O", "B-LOC"]):
        assert entity_f1([iobes.split()], [predicted]) == entity_f1([iob2.split()], [predicted])


@pytest.mark.parametrize("gold", [[], "cat"])
def test_squad_and_mlqa_need_a_list_of_gold_texts(gold: list[str] | str) -> None:
    for metric in ("squad", "mlqa"):
        with pytest.raises(ValueError, match="question 0: a non-empty list"):
            METRICS[metric]([gold], ["cat"], "en")


def test_squad2_needs_a_list_of_gold_texts() -> None:
    with pytest.raises(ValueError, match="question 0: a list of gold texts"):
        squad2(["cat"], ["cat"])


PERFECT: dict[str, tuple[list[Any], list[Any]]] = {
    "accuracy": (["a"], ["a"]),
    "accuracy_f1": (["1"], ["1"]),
    "entity_f1": ([["B-LOC"]], [["B-LOC"]]),
    "pos_f1": ([["X"]], [["X"]]),
    "tag_accuracy": ([["X"]], [["X"]]),
    "squad": ([["a cat"]], ["cat"]),
    "squad2": ([["a cat"], []], ["cat", ""]),
    "mlqa": ([["a cat"]], ["cat"]),
    "error_rate": ([Expected(("a cat",), "cats", "0")], ["cat"]),
    "mining_f1": ([{"en-1"}, set()], [{"en-1"}, set()]),
    "map_at_20": ([["Q1"]], [["Q1", "Q2"]]),
    "perplexity": ([("0",)], [("0", "0")]),
}
BEST = {"perplexity": 1, "error_rate": 0, "error_rate/cats": 0}
"""Where that is not 100."""


def test_every_metric_names_its_scores_and_has_100_as_its_best_but_for_that_of_errors() -> None:
    assert METRICS.keys() == PERFECT.keys()
    for name, (gold, predicted) in PERFECT.items():
        found = METRICS[name](gold, predicted, "en")
        assert found == {one: BEST.get(one, 100) for one in found}
        assert tuple(found)[: len(METRICS[name].names)] == METRICS[name].names
        assert METRICS[name].main == METRICS[name].names[0]


def test_a_case_fails_as_soon_as_one_of_its_questions_does() -> None:
    """Two cases of one test, of which one fails by one of three questions; the other test's only case is passed."""
    asked = [
        ("Ann", "comp", "0"),
        ("Bob", "comp", "0"),
        ("Ann", "comp", "0"),
        ("Bob", "comp", "1"),
        ("cat", "pets", "0"),
    ]
    gold = [Expected((text,), test, case) for text, test, case in asked]
    assert error_rate(gold, ["Ann", "Ann", "Ann", "Bob", "cat"], "en") == {
        "error_rate": 25, "error_rate/comp": 50, "error_rate/pets": 0,
    }  # fmt: skip
    assert cases(gold) == {"error_rate": 3, "error_rate/comp": 2, "error_rate/pets": 1}


@pytest.mark.parametrize(
    ("language", "right", "said", "is_right"),
    [
        ("en", "journalist", "a journalist.", True),
        ("en", "Gary", "gary", False),  # capitals count
        ("en", "green", "green table", False),
        ("en", "house red", "house the red", False),  # two blanks are left, as in the script
        ("de", "Leguan", "einen Leguan", True),
        ("de", "Leguan", "eines Leguan", False),
        ("es", "perro", "un perro,", True),
        ("ar", "سيارة", "السيارة", True),
        ("hi", "कार", "एक कार", True),
        ("bn", "গাড়ি", "একটি গাড়ি৷", True),
        ("pl", "zielony", "„zielony”", True),
        ("af", "motor", "’n motor", True),
        ("zh", "绿色", "绿色。", False),  # the script has no rule for it
        ("sw", "Ana", "Ana. ", True),
        ("sw", "a b", "ab", False),
        ("sw", "an apple", "apple", False),
    ],
)
def test_an_answer_of_a_test_is_compared_by_the_rules_of_its_language(
    language: str, right: str, said: str, is_right: bool
) -> None:
    found = error_rate([Expected((right,), "t", "0")], [said], language)
    assert found["error_rate"] == (0 if is_right else 100)


def test_any_of_several_texts_is_right() -> None:
    assert error_rate([Expected(("cat", "dog"), "t", "0")], ["a dog"], "en")["error_rate"] == 0


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


@given(st.lists(st.tuples(st.lists(answer_text, max_size=3), answer_text), min_size=1, max_size=8))
def test_squad2_properties(questions: list[tuple[list[str], str]]) -> None:
    gold, predicted = [texts for texts, _ in questions], [guess for _, guess in questions]
    scores = squad2(gold, predicted)
    assert 0 <= scores["exact_match"] <= scores["f1"] + 1e-9 <= 100 + 1e-6
    answerable = [(texts, guess) for texts, guess in questions if squad2([texts], [""])["f1"] == 0]
    if answerable:  # where every question has an answer, the two versions differ in empty texts alone
        sides = [texts for texts, _ in answerable], [guess for _, guess in answerable]
        assert squad2(*sides)["f1"] == pytest.approx(squad(*sides)["f1"])


@given(st.lists(st.tuples(st.lists(answer_text, min_size=1, max_size=3), answer_text), min_size=1, max_size=8))
def test_mlqa_equals_squad_in_english_where_punctuation_is_ascii(questions: list[tuple[list[str], str]]) -> None:
    gold, predicted = [texts for texts, _ in questions], [guess for _, guess in questions]
    assert mlqa(gold, predicted, "en") == squad(gold, predicted)


id_sets = st.sets(st.sampled_from("abcd"))


@given(st.lists(st.tuples(id_sets, id_sets), min_size=1))
def test_mining_f1_is_that_of_one_set_of_pairs(sentences: list[tuple[set[str], set[str]]]) -> None:
    gold = {(number, one) for number, (ids, _) in enumerate(sentences) for one in ids}
    predicted = {(number, one) for number, (_, ids) in enumerate(sentences) for one in ids}
    scores = mining_f1([ids for ids, _ in sentences], [ids for _, ids in sentences])
    assert_counts(scores, len(gold & predicted), len(gold), len(predicted))


@given(st.sets(st.integers(0, 40), min_size=1), st.permutations(range(41)))
def test_map_at_20_properties(gold: set[int], ranking: list[int]) -> None:
    right, ranked = [str(one) for one in gold], [str(one) for one in ranking]
    score = map_at_20([right], [ranked])["map@20"]
    assert 0 <= score <= 100 + 1e-9
    assert map_at_20([right], [ranked[:20]])["map@20"] == score
    best = sorted(ranked, key=lambda one: one not in right)
    assert map_at_20([right], [best])["map@20"] == pytest.approx(100)


tags_of_names, tags_of_words = st.sampled_from(IOB2), st.sampled_from(UPOS)
short_id = st.sampled_from("abcd")
digits = st.sampled_from("01")


def tagged(tag: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[list[str], list[str]]]:
    return st.lists(st.tuples(tag, tag), min_size=1, max_size=6).map(
        lambda pairs: ([gold for gold, _ in pairs], [guess for _, guess in pairs])
    )


EXAMPLES: dict[str, st.SearchStrategy[tuple[Any, Any]]] = {
    "accuracy": st.tuples(short_id, short_id),
    "accuracy_f1": st.tuples(digits, digits),
    "entity_f1": tagged(tags_of_names),
    "pos_f1": tagged(tags_of_words),
    "tag_accuracy": tagged(tags_of_words),
    "squad": st.tuples(st.lists(answer_text, min_size=1, max_size=3), answer_text),
    "squad2": st.tuples(st.lists(answer_text, max_size=3), answer_text),
    "mlqa": st.tuples(st.lists(answer_text, min_size=1, max_size=3), answer_text),
    "error_rate": st.tuples(st.builds(Expected, st.tuples(short_id), short_id, short_id), short_id),
    "mining_f1": st.tuples(id_sets, id_sets),
    "map_at_20": st.tuples(st.sets(short_id, min_size=1), st.permutations("abcdefg")),
    "perplexity": st.tuples(st.just(("0",)), st.lists(st.floats(0, 50).map(repr), min_size=1, max_size=4)),
}
"""Gold and predicted of an example."""

splits = st.deferred(
    lambda: st.sampled_from(sorted(EXAMPLES)).flatmap(
        lambda name: st.tuples(st.just(METRICS[name]), st.lists(EXAMPLES[name], min_size=1, max_size=8))
    )
)


def statistics(metric: Metric, examples: list[tuple[Any, Any]]) -> np.ndarray:
    return metric.statistics([gold for gold, _ in examples], [guess for _, guess in examples], "en")


@given(splits, st.data())
def test_a_score_is_its_formula_of_sums_over_any_parts(
    found: tuple[Metric, list[tuple[Any, Any]]], data: st.DataObject
) -> None:
    metric, examples = found
    parts = data.draw(st.lists(st.integers(0, 2), min_size=len(examples), max_size=len(examples)))
    rows = statistics(metric, examples)
    assert rows.dtype == np.float64
    assert len(rows) == len(examples)
    sums = sum(rows[np.array(parts) == part].sum(axis=0) for part in range(3))
    scores = metric([gold for gold, _ in examples], [guess for _, guess in examples], "en")
    assert {name: float(value) for name, value in metric.formula(np.asarray(sums)).items()} == pytest.approx(
        {name: scores[name] for name in metric.names}, rel=1e-12, abs=1e-9
    )


@given(splits)
def test_what_is_summed_of_an_example_is_that_of_the_example_alone(
    found: tuple[Metric, list[tuple[Any, Any]]],
) -> None:
    """But for cases of several questions, which fail as one."""
    metric, examples = found
    if metric is not error_rate:
        alone = np.vstack([statistics(metric, [one]) for one in examples])
        np.testing.assert_allclose(statistics(metric, examples), alone, rtol=1e-12)


@given(splits, st.data())
def test_a_formula_takes_samples_of_any_shape_and_any_weight(
    found: tuple[Metric, list[tuple[Any, Any]]], data: st.DataObject
) -> None:
    metric, examples = found
    rows = statistics(metric, examples)
    drawn = st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows))
    counts = np.array(data.draw(st.lists(drawn, min_size=6, max_size=6)), float).reshape(2, 3, -1)
    sums = counts @ rows
    together, tenfold = metric.formula(sums), metric.formula(10 * sums)
    assert tuple(together) == metric.names
    for name, values in together.items():
        assert values.shape == (2, 3)
        assert np.isfinite(values).all()
        np.testing.assert_allclose(values, tenfold[name], rtol=1e-9, atol=1e-9)
        for place in np.ndindex(2, 3):
            assert values[place] == pytest.approx(float(metric.formula(sums[place])[name]), rel=1e-12, abs=1e-12)


@given(st.lists(EXAMPLES["error_rate"], min_size=1, max_size=8))
def test_what_is_true_of_a_case_stands_at_the_first_of_its_questions(examples: list[tuple[Expected, str]]) -> None:
    gold, predicted = [one for one, _ in examples], [guess for _, guess in examples]
    rows = statistics(error_rate, examples)
    tests = list(dict.fromkeys(one.test for one in gold))
    scores = error_rate(gold, predicted, "en")
    assert [*scores] == ["error_rate", *(f"error_rate/{test}" for test in tests)]
    counts = cases(gold)
    for number, test in enumerate(tests):
        failed, asked = rows[:, 2 * number].sum(), rows[:, 2 * number + 1].sum()
        assert asked == counts[f"error_rate/{test}"]
        assert 100 * failed / asked == pytest.approx(scores[f"error_rate/{test}"])
    first = [
        (one.test, one.case) not in {(other.test, other.case) for other in gold[:at]} for at, one in enumerate(gold)
    ]
    assert (rows.sum(axis=1) > 0).tolist() == first


def test_metrics_with_the_same_scores_share_their_formula() -> None:
    """Whoever has a ledger alone finds the formula by the names of the scores."""
    of_names: dict[tuple[str, ...], list[str]] = {}
    for name, metric in METRICS.items():
        of_names.setdefault(metric.names, []).append(name)
    assert sorted(map(len, of_names.values())) == [1, 1, 1, 1, 2, 3, 3]
    for names in of_names.values():
        (width,) = {statistics(METRICS[name], [*zip(*PERFECT[name], strict=True)]).shape[1] for name in names}
        sums = np.random.default_rng(0).uniform(1, 9, (5, width))
        first, *others = ([*map(np.ndarray.tolist, METRICS[name].formula(sums).values())] for name in names)
        assert all(other == first for other in others)
