"""Scores by what the examples themselves give: the same buckets for all, and in them the official scores."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.results.diagnostics.attributes import MEASURED, OF_KIND, Examples, overlap, question_type
from sweep.results.diagnostics.buckets import MOST_VALUES, NONE, cut
from sweep.results.diagnostics.diagnose import PRETRAINING, adjusted, assess, attributes
from sweep.results.diagnostics.parts import Tagged, of_examples
from sweep.results.diagnostics.reading import Answered
from sweep.results.diagnostics.scores import FEWEST, BucketScore, Run, Scoring
from trainables.metrics import METRICS
from trainables.metrics.tagging import CHUNKS
from trainables.tasks import KINDS

SCHEMA = pa.schema(
    [
        ("position", pa.int32()), ("example", pa.string()), ("item", pa.string()), ("group", pa.string()),
        ("gold", pa.list_(pa.string())), ("texts", pa.list_(pa.string())), ("tokens", pa.int32()),
        ("words", pa.int32()),
    ]
)  # fmt: skip


def table(
    texts: Sequence[Sequence[str]],
    gold: Sequence[Sequence[str] | None] | None = None,
    items: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    tokens: Sequence[int] | None = None,
    words: Sequence[int] | None = None,
) -> pa.Table:
    """Examples as the store has them; what is not said is made up."""
    n = len(texts)
    names = [str(place) for place in range(n)]
    columns: list[Any] = [
        [*range(n)], names, items or names, groups or items or names, gold or [["x"]] * n, texts,
        tokens or [1] * n, words or [sum(len(text.split()) for text in own) for own in texts],
    ]  # fmt: skip
    return pa.table(columns, schema=SCHEMA)


def measured(attribute: str, own: pa.Table, english: pa.Table | None = None) -> list[Any]:
    return MEASURED[attribute](Examples("de", own, english)).to_pylist()


# What examples give


def test_lengths_are_those_of_each_side() -> None:
    pairs = table([["a b c", "d"], ["a b c", ""], ["我很好", "one more"]])
    assert measured("first_length", pairs) == [3, 3, 3]
    assert measured("second_length", pairs) == [1, 0, 2]


def test_a_text_that_is_not_there_has_no_length() -> None:
    assert measured("second_length", table([["a"], ["a", "b c"]])) == [None, 2]


def test_overlap_is_the_share_of_the_second_texts_words() -> None:
    assert overlap("The dog, sleeps", "the dog barks") == pytest.approx(2 / 3)
    assert overlap("", "a") == 0.0
    assert overlap("a", "...") is None
    assert measured("overlap", table([["a b", "a"], ["a", "a b"]])) == [1.0, 0.5]
    assert measured("question_overlap", table([["a b", "a"], ["a", "a b"]])) == [0.5, 1.0]


def test_tokens_per_word_needs_words() -> None:
    assert measured("tokens_per_word", table([["a b"], [""]], tokens=[3, 2])) == [1.5, None]


def test_answers_are_measured_by_the_first_one_and_none_is_nothing() -> None:
    gold = [["in 1066", "1066"], [], None]
    assert measured("answer_length", table([["?", "."]] * 3, gold)) == [2, 0, None]


def test_the_right_choice_is_the_one_of_the_label() -> None:
    choices = [["why", "a b", "c"], ["why", "a b", "c"], ["why", "a"]]
    assert measured("choice_length", table(choices, [["0"], ["1"], None])) == [2, 1, None]
    assert measured("choice_length", table([["why", "a"]] * 2, [["7"], ["-1"]])) == [None, None]


def test_right_passages_are_counted() -> None:
    assert measured("right_passages", table([["q"]] * 2, [["p1", "p2"], ["p3"]])) == [2, 1]


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who wrote what?", "who"),
        ("To whom did it belong?", "who"),
        ("In what year did it end, and how?", "what"),
        ("How many dogs are there?", "how many"),
        ("Under what and how much?", "what"),
        ("How does it end?", "how"),
        ("What's that?", "what"),
        ("Is it late?", "other"),
        ("The showhow whatever", "other"),
    ],
)
def test_the_first_question_word_tells_the_type(question: str, kind: str) -> None:
    assert question_type(question) == kind


def test_the_type_of_a_question_is_that_of_the_english_one_of_its_item() -> None:
    english = table([["Who?", "p"], ["When?", "p"]], items=["a", "b"])
    german = table([["Wann?", "p"], ["Wer?", "p"], ["Wo?", "p"]], items=["b", "a", "c"])
    assert measured("question_type", german, english) == ["when", "who", None]
    assert measured("question_type", german) == [None, None, None]


def test_all_kinds_of_tasks_have_attributes_that_there_are() -> None:
    assert OF_KIND.keys() == KINDS.keys()
    for kind, metrics in KINDS.items():
        for metric in metrics:
            assert attributes(kind, metric)[-1] == PRETRAINING
        assert {*OF_KIND[kind]} <= MEASURED.keys()


# Buckets


numbers = st.lists(st.one_of(st.none(), st.integers(0, 30)), min_size=1, max_size=60)
texts = st.lists(st.one_of(st.none(), st.sampled_from("abcdefghijklmnopqrstuvwxyz")), min_size=1, max_size=60)


def test_numbers_are_cut_at_the_quartiles_and_nothing_is_apart() -> None:
    found = cut([pa.array([0, 1, 2, 3, 4]), pa.array([5, 6, 7, 8, None])])
    assert [one.name for one in found.buckets] == ["0", "1 to 2", "3 to 4", "5 to 6", "7 to 8"]
    assert [one.tolist() for one in found.places] == [[0, 1, 1, 2, 2], [3, 3, 4, 4, NONE]]


def test_few_numbers_have_a_bucket_each() -> None:
    found = cut([pa.array([0.5, 1.0, 1.0, 1.0])])
    assert [(one.name, one.lower, one.upper) for one in found.buckets] == [("0.5", 0.5, 0.5), ("1", 1.0, 1.0)]


def test_rare_values_are_together_and_a_single_one_is_not() -> None:
    common = ["a"] * 500 + ["b"] * 400
    found = cut([pa.array([*common, "z", "y"])])
    assert [one.name for one in found.buckets] == ["a", "b", "2 others"]
    assert [one.name for one in cut([pa.array([*common, "z"])]).buckets] == ["a", "b", "z"]
    assert len(cut([pa.array([*map(str, range(100))])]).buckets) == MOST_VALUES + 1


def test_where_no_example_says_anything_there_is_no_bucket() -> None:
    for kind in (pa.int64(), pa.float64(), pa.string()):
        found = cut([pa.nulls(3, kind)])
        assert found.buckets == ()
        assert found.places[0].tolist() == [NONE] * 3


@given(st.lists(st.one_of(numbers), min_size=1, max_size=4), st.randoms())
def test_buckets_part_all_numbers_whatever_their_order(values: list[list[int | None]], random: Any) -> None:
    found = cut([pa.array(one, pa.int64()) for one in values])
    for one, places in zip(values, found.places, strict=True):
        for value, place in zip(one, places.tolist(), strict=True):
            inside = [at for at, bucket in enumerate(found.buckets) if value is not None
                      and (bucket.lower or 0) <= value <= (bucket.upper or 0)]  # fmt: skip
            assert inside == ([] if value is None else [place])
    assert len({one.name for one in found.buckets}) == len(found.buckets)
    shuffled = [random.sample(one, len(one)) for one in random.sample(values, len(values))]
    assert cut([pa.array(one, pa.int64()) for one in shuffled]).buckets == found.buckets


@given(st.lists(texts, min_size=1, max_size=4), st.randoms())
def test_values_are_the_same_whatever_their_order(values: list[list[str | None]], random: Any) -> None:
    found = cut([pa.array(one, pa.string()) for one in values])
    shuffled = [random.sample(one, len(one)) for one in random.sample(values, len(values))]
    assert cut([pa.array(one, pa.string()) for one in shuffled]).buckets == found.buckets
    for one, places in zip(values, found.places, strict=True):
        assert [place == NONE for place in places.tolist()] == [value is None for value in one]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_ranges_of_fractions_have_names_of_their_own(values: list[float]) -> None:
    names = [one.name for one in cut([pa.array(values)]).buckets]
    assert len({*names}) == len(names)


# Scores

ACCURACY = Scoring("t", "test", "accuracy", lambda sums: METRICS["accuracy"].formula(sums)["accuracy"])
F1 = Scoring("t", "test", "f1", lambda sums: METRICS["entity_f1"].formula(sums)["f1"])


def runs(*conditions: str, seeds: int = 1, trained: bool = True) -> list[Run]:
    return [Run("e", name, "zero-shot", seed, trained) for name in conditions for seed in range(1, seeds + 1)]


def right(*answers: Sequence[int]) -> np.ndarray:
    """Statistics of an accuracy (runs, n, 2)."""
    found = np.array(answers, float)
    return np.stack([found, np.ones_like(found)], axis=-1)


def answered_by(
    language: str, own: pa.Table, statistics: np.ndarray, predicted: np.ndarray | None = None, texts: Sequence[str] = ()
) -> Answered:
    """What runs answered; what they predict is asked for kinds of tags alone."""
    none = np.zeros(statistics.shape[:2], np.int64)
    return Answered(Examples(language, own), statistics, none if predicted is None else predicted, texts)


def found(rows: Sequence[BucketScore], *columns: str, **which: Any) -> list[Any]:
    chosen = [row for row in rows if all(getattr(row, name) == value for name, value in which.items())]
    told = [tuple(getattr(row, column) for column in columns) for row in chosen]
    return [one[0] if len(columns) == 1 else one for one in told]


def test_a_score_of_all_languages_is_the_mean_of_those_that_have_the_bucket() -> None:
    answered = {
        "de": answered_by("de", table([["a b"]] * 3 + [["a"]]), right([1, 0, 1, 1])),
        "en": answered_by("en", table([["a b"], ["a b"]]), right([0, 0])),
    }
    rows = assess(ACCURACY, "accuracy", ["length"], runs("none"), answered)
    assert found(rows, "bucket", "language", "score", "n", "languages") == [
        ("1", None, 100.0, 1, 1),
        ("1", "de", 100.0, 1, 1),
        ("2", None, pytest.approx(100 / 3), 5, 2),
        ("2", "de", pytest.approx(200 / 3), 3, 1),
        ("2", "en", 0.0, 2, 1),
    ]


def test_seeds_are_averaged_and_conditions_compared_with_the_baseline() -> None:
    answered = {"en": answered_by("en", table([["a"]] * 2), right([0, 0], [1, 0], [1, 1], [1, 1]))}
    rows = assess(ACCURACY, "accuracy", ["length"], runs("none", "nli", seeds=2), answered)
    told = found(rows, "condition", "score", "seeds", "baseline", "baseline_score", "difference", language=None)
    assert told == [("none", 25.0, 2, None, None, None), ("nli", 100.0, 2, "none", 25.0, 75.0)]


def test_less_is_better_of_error_rates() -> None:
    scoring = Scoring("t", "test", "error_rate", lambda sums: METRICS["error_rate"].formula(sums)["error_rate"], True)
    statistics = np.array([[[1, 1.0]] * 30, [[0, 1.0]] * 15 + [[1, 1.0]] * 15])
    answered = {"en": answered_by("en", table([["a"]] * 30), statistics)}
    (row,) = [one for one in assess(scoring, "accuracy", ["length"], runs("none", "nli"), answered)
              if one.condition == "nli" and one.language is None]  # fmt: skip
    assert (row.score, row.baseline_score, row.difference) == (50.0, 100.0, 50.0)
    assert row.difference_low is not None
    assert row.difference_high is not None
    assert row.difference_low < 50.0 < row.difference_high


@pytest.mark.parametrize("groups", [FEWEST - 1, FEWEST])
def test_few_groups_have_no_interval_and_say_so(groups: int) -> None:
    names = [f"p{place % groups}" for place in range(100)]
    answers = [place % 3 == 0 for place in range(100)]
    answered = {"en": answered_by("en", table([["a"]] * 100, groups=names), right(answers))}
    (row,) = found(assess(ACCURACY, "accuracy", ["length"], runs("none"), answered), "low", "high", "groups", "note",
                   language=None)  # fmt: skip
    assert row[2] == groups
    assert (row[0] is None) == (row[1] is None) == (groups < FEWEST) == ("fewer than 20 groups" in row[3])


def test_where_all_is_right_no_interval_is_made_up() -> None:
    answered = {"en": answered_by("en", table([["a"]] * 50), right([1] * 50))}
    (row,) = found(assess(ACCURACY, "accuracy", ["length"], runs("none"), answered), "score", "low", "note",
                   language=None)  # fmt: skip
    assert row == (100.0, None, "no interval: all groups of examples have the same score")


def test_an_interval_of_one_run_is_that_of_a_proportion() -> None:
    answered = {"en": answered_by("en", table([["a"]] * 100), right([1] * 60 + [0] * 40))}
    (row,) = [one for one in assess(ACCURACY, "accuracy", ["length"], runs("none"), answered) if one.language is None]
    half = 1.984217 * 100 * np.sqrt(0.6 * 0.4 / 99)
    assert row.low == pytest.approx(60 - half, abs=1e-4)
    assert row.high == pytest.approx(60 + half, abs=1e-4)
    assert row.claim == "models"


def test_translations_are_drawn_once_for_all_languages() -> None:
    """The same answers in four languages are no more evidence than in one."""
    answers = right([place % 4 != 0 for place in range(80)])
    alone = {"en": answered_by("en", table([["a"]] * 80), answers)}
    joint = {code: answered_by(code, table([["a"]] * 80), answers) for code in ("de", "en", "es", "fr")}
    apart = {
        code: answered_by(code, table([["a"]] * 80, groups=[f"{code}{at}" for at in range(80)]), answers)
        for code in ("de", "en", "es", "fr")
    }
    width = [
        row.high - row.low
        for answered in (alone, joint, apart)
        for row in assess(ACCURACY, "accuracy", ["length"], runs("none"), answered)
        if row.language is None and row.low is not None and row.high is not None
    ]
    assert width[1] == pytest.approx(width[0])
    assert width[2] == pytest.approx(width[0] / 2, rel=0.01)


def test_with_two_seeds_intervals_are_of_the_recipe() -> None:
    random = np.random.default_rng(1)
    answers = [random.random(100) < share for share in (0.5, 0.52, 0.7, 0.69)]
    answered = {"en": answered_by("en", table([["a"]] * 100), right(*answers))}
    rows = assess(ACCURACY, "accuracy", ["length"], runs("none", "nli", seeds=2), answered)
    assert {row.claim for row in rows} == {"recipe"}
    alone = adjusted(rows)  # in a family of one, and another of the single language
    assert all(row.p is not None and row.p_adjusted == row.p for row in alone if row.condition == "nli")


def test_conditions_of_other_regimes_are_not_compared() -> None:
    own = [Run("e", "none", "zero-shot", 1), Run("e", "nli", "translate-train", 1)]
    answered = {"en": answered_by("en", table([["a"]] * 2), right([0, 0], [1, 0]))}
    rows = assess(ACCURACY, "accuracy", ["length"], own, answered)
    assert found(rows, "condition", "difference", language=None) == [("none", None), ("nli", None)]


def test_languages_are_put_together_by_their_pre_training() -> None:
    answered = {
        code: answered_by(code, table([["a"]] * 2), right([value, 0]))
        for code, value in {"en": 1, "sw": 0, "qu": 1, "yo": 0}.items()
    }
    rows = assess(ACCURACY, "accuracy", [PRETRAINING], runs("none"), answered)
    assert found(rows, "bucket", "language", "languages", "score", "n")[0] == ("0", None, 2, 25.0, 4)
    assert {row.language for row in rows} == {None}
    assert sum(row.languages for row in rows) == 4


# Properties that any score of a bucket has

LABELS = ("a", "b")


@st.composite
def classified(draw: st.DrawFn) -> tuple[list[str], list[str], list[str]]:
    n = draw(st.integers(1, 25))
    some = st.lists(st.sampled_from(LABELS), min_size=n, max_size=n)
    sentences = st.lists(st.sampled_from(["x", "x y", "x y z", "x y z w v", "q r s t u v w"]), min_size=n, max_size=n)
    return draw(some), draw(some), draw(sentences)


@given(st.lists(classified(), min_size=1, max_size=3))
@settings(max_examples=50)
def test_a_bucket_has_the_official_score_of_its_examples(data: list[tuple[list[str], list[str], list[str]]]) -> None:
    answered, languages = {}, [f"l{place}" for place in range(len(data))]
    for code, (gold, guesses, sentences) in zip(languages, data, strict=True):
        own = table([[text] for text in sentences], [[label] for label in gold])
        answered[code] = answered_by(code, own, METRICS["accuracy"].statistics(gold, guesses, code)[None])
    rows = assess(ACCURACY, "accuracy", ["length", "label"], runs("none"), answered)
    for row in rows:
        if row.language is None:
            continue
        gold, guesses, sentences = data[languages.index(row.language)]
        kept = [
            at for at, (label, text) in enumerate(zip(gold, sentences, strict=True))
            if (label == row.bucket if row.attribute == "label"
                else (row.lower or 0) <= len(text.split()) <= (row.upper or 0))
        ]  # fmt: skip
        official = METRICS["accuracy"]([gold[at] for at in kept], [guesses[at] for at in kept], row.language)
        assert row.score == pytest.approx(official["accuracy"])
        assert row.n == len(kept)
    for attribute in ("length", "label"):
        for code, (gold, _, _) in zip(languages, data, strict=True):
            assert sum(found(rows, "n", attribute=attribute, language=code)) == len(gold)
    backwards = dict(reversed([*answered.items()]))
    assert assess(ACCURACY, "accuracy", ["length", "label"], runs("none"), backwards) == rows


@given(st.data())
@settings(max_examples=50)
def test_the_sums_of_all_buckets_are_those_of_the_whole(data: st.DataObject) -> None:
    n, number = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 3))
    whole = st.lists(st.integers(0, 4), min_size=n, max_size=n)
    places, groups = np.array(data.draw(whole)), np.array(data.draw(whole))
    statistics = np.array(data.draw(st.lists(whole, min_size=2 * number, max_size=2 * number)), float)
    statistics = statistics.reshape(number, 2, n).transpose(0, 2, 1)
    parts = [of_examples(np.flatnonzero(places == bucket), groups, statistics) for bucket in range(5)]
    assert np.allclose(sum(part.sums.sum(axis=1) for part in parts), statistics.sum(axis=1))
    assert sum(part.n for part in parts) == n
    for part in parts:
        assert part.groups.tolist() == sorted({*part.groups.tolist()})
        assert part.sums.shape == (number, len(part.groups), 2)


TAGS = {
    "entity_f1": ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-ORG"),
    "pos_f1": ("NOUN", "VERB", "SYM", "SCONJ", "X"),
    "tag_accuracy": ("N", "NP/N"),
}


@st.composite
def tagged(draw: st.DrawFn, metric: str) -> tuple[list[list[str]], list[list[list[str]]]]:
    """Gold sentences, and what some runs predict."""
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=6))
    tag = st.sampled_from(TAGS[metric])
    sentences = st.tuples(*(st.lists(tag, min_size=length, max_size=length) for length in lengths)).map(list)
    return draw(sentences), draw(st.lists(sentences, min_size=1, max_size=3))


def in_kinds(metric: str, gold: Sequence[Sequence[str]], predicted: np.ndarray, texts: Sequence[str]) -> Tagged:
    chunks = CHUNKS[metric]
    width = 2 if metric == "tag_accuracy" else 3
    return Tagged([*map(" ".join, gold)], predicted, texts, lambda text: [*chunks(text.split(" "))], width)


def only(kind: str, metric: str, gold: list[str], guesses: list[str]) -> tuple[list[str], list[str]]:
    """A sentence in which nothing is of another kind."""
    if metric == "tag_accuracy":
        kept = [pair for pair in zip(gold, guesses, strict=True) if pair[0] == kind]
        return [pair[0] for pair in kept], [pair[1] for pair in kept]
    return tuple([tag if tag.rpartition("-")[2] == kind else "O" for tag in tags] for tags in (gold, guesses))  # type: ignore[return-value]


@pytest.mark.parametrize("metric", [*TAGS])
@given(data=st.data())
@settings(max_examples=40)
def test_a_kind_of_entity_has_the_official_score_of_the_sentences_without_the_others(
    metric: str, data: st.DataObject
) -> None:
    gold, predicted = data.draw(tagged(metric))
    texts: list[str] = sorted({" ".join(tags) for run in predicted for tags in run})
    codes = np.array([[texts.index(" ".join(tags)) for tags in run] for run in predicted])
    found = in_kinds(metric, gold, codes, texts)
    groups = np.arange(len(gold))
    whole = found.of_kinds(found.in_gold, groups).sums.sum(axis=1)
    for place, run in enumerate(predicted):
        assert np.allclose(whole[place], METRICS[metric].statistics(gold, run, "en").sum(axis=0))
        for kind in found.in_gold:
            pairs = [pair for pair in (only(kind, metric, *pair) for pair in zip(gold, run, strict=True)) if pair[0]]
            official = METRICS[metric]([one for one, _ in pairs], [one for _, one in pairs], "en") if pairs else None
            scores = METRICS[metric].formula(found.of_kinds([kind], groups).sums.sum(axis=1)[place])
            assert official is None or {name: float(value) for name, value in scores.items()} == pytest.approx(official)
    parts = [found.of_kinds([kind], groups) for kind in found.in_gold]
    assert np.allclose(sum(part.sums.sum(axis=1) for part in parts), whole)
    assert sum(part.n for part in parts) == found.in_gold.total()


def test_entities_are_told_apart_by_their_type() -> None:
    gold = [["B-PER", "I-PER", "O"], ["B-LOC"], ["O"]]
    texts = ["B-PER I-PER O", "B-LOC", "B-PER", "B-ORG O O", "O"]
    predicted = np.array([[0, 2, 4], [3, 1, 4]])
    own = table([["w"] * len(tags) for tags in gold], gold)
    answered = {"en": answered_by("en", own, np.zeros((2, 3, 3)), predicted, texts)}
    rows = assess(F1, "entity_f1", ["entity_type"], runs("none", "nli"), answered)
    told = {(row.bucket, row.condition): (row.score, row.n) for row in rows if row.language is None}
    assert told == {
        ("LOC", "none"): (0.0, 1),
        ("LOC", "nli"): (100.0, 1),
        ("PER", "none"): (pytest.approx(200 / 3), 1),
        ("PER", "nli"): (0.0, 1),
    }


def test_kinds_that_nobody_labelled_are_in_no_row_but_in_the_sums() -> None:
    found = in_kinds("entity_f1", [["O"]], np.array([[0]]), ["B-ORG"])
    part = found.of_kinds(["ORG"], np.arange(1))
    assert part.n == 0
    assert part.sums.tolist() == [[[0.0, 0.0, 1.0]]]


def test_any_order_of_conditions_gives_the_same_rows() -> None:
    random = np.random.default_rng(2)
    answers = random.random((3, 60)) < 0.5
    own = table([["a"]] * 60)
    orders = itertools.permutations(range(3))
    names = ["none", "nli", "pos"]
    told: list[Mapping[str, BucketScore]] = []
    for order in orders:
        answered = {"en": answered_by("en", own, right(*answers[[*order]]))}
        rows = assess(ACCURACY, "accuracy", ["length"], runs(*(names[at] for at in order)), answered)
        told.append({row.condition: row for row in rows if row.language is None})
    assert all(one == told[0] for one in told)
