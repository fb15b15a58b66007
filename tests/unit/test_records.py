"""Records to examples: columns, templates, labels that are named otherwise, dropped or hidden."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.conftest import Save
from tests.unit.reading import json_lines, problem, problems, task
from trainables.data.examples import (
    Answer,
    Example,
    LabelledText,
    MultipleChoice,
    Question,
    TaggedSentence,
    TextPair,
    Translation,
)
from trainables.data.findings import Findings
from trainables.data.records import to_examples
from trainables.data.tables import Record, read_table
from trainables.tasks import Task

THREE = {"text_a": 0, "text_b": 1, "label": 2}
MNLI = {"text_a": "sentence1", "text_b": "sentence2", "label": "gold_label", "id": "pairID"}
BARE = {"sentence1": "a", "sentence2": "b"}


def made(of: Task | str, *values: dict[Any, Any], language: str = "en", **options: Any) -> list[Example]:
    """Examples of rows that begin on lines 1, 2, 3 ..."""
    records = [Record(line, one) for line, one in enumerate(values, 1)]
    own = task(of) if isinstance(of, str) else of
    return to_examples(own, records, options, language, Findings("dev-de.tsv"), "dev-de")


def pairs(*rows: str, columns: Any = THREE, **options: Any) -> list[Example]:
    """Pairs of rows without header, cells separated by |."""
    return made("xnli", *(dict(enumerate(row.split("|"))) for row in rows), columns=columns, **options)


def labels(examples: list[Example]) -> list[str | None]:
    return [one.label for one in examples if isinstance(one, TextPair | MultipleChoice)]


def test_pairs_are_numbered_where_they_have_no_id() -> None:
    assert pairs("a|b|neutral", "c|d|entailment") == [
        TextPair("dev-de-0", "a", "b", "neutral"),
        TextPair("dev-de-1", "c", "d", "entailment"),
    ]


@pytest.mark.parametrize("rows", [("a|b", "c|d"), ("a|b|", "c|d| "), ("a|b|-1", "c|d|-1"), ("a|b|-1", "c|d|")])
def test_labels_hidden_in_the_whole_table_are_none(rows: tuple[str, ...]) -> None:
    assert labels(pairs(*rows)) == [None, None]


@pytest.mark.parametrize(("raw", "message"), [("", "no label"), ("-1", "unknown label '-1'")])
def test_hidden_label_among_others_is_a_problem_unless_dropped(raw: str, message: str) -> None:
    found = problem(lambda: pairs("a|b|neutral", f"c|d|{raw}"))
    assert (found.message, found.line) == (message, 2)
    assert labels(pairs("a|b|neutral", f"c|d|{raw}", drop_labels=[raw])) == ["neutral"]


def test_unknown_label_names_the_nearest() -> None:
    found = problem(lambda: pairs("a|b|neutral", "c|d|contradictory"))
    assert (found.message, found.line) == ("unknown label 'contradictory'", 2)
    assert found.hint == "did you mean 'contradiction'?"


def test_label_map_and_drop_labels_apply_to_raw_labels() -> None:
    options: dict[str, Any] = {"label_map": {"contradictory": "contradiction"}, "drop_labels": ["-"]}
    read = pairs("a|b|contradictory", "c|d|-", "e|f|neutral ", **options)
    assert labels(read) == ["contradiction", "neutral"]
    assert [one.id for one in read] == ["dev-de-0", "dev-de-2"]


def test_a_task_without_labels_takes_any() -> None:
    assert labels(made(task("xnli", labels=()), {0: "a", 1: "b", 2: "new"}, columns=THREE)) == ["new"]


def test_a_header_is_no_example_where_any_label_will_do() -> None:
    own = task("xnli", labels=())

    def read(*rows: str) -> list[Example]:
        return made(own, *(dict(enumerate(row.split("|"))) for row in rows), columns=THREE)

    found = problem(lambda: read("premise|hypothesis|Label", "a|b|pos"))
    assert (found.message, found.line) == ("begins with a header: its label is 'Label'", 1)
    assert labels(read("a|b|target", "a|b|source", "c|d|target")) == ["target", "source", "target"]


def test_table_without_examples_is_a_problem() -> None:
    assert problem(lambda: pairs("a|b|-", drop_labels=["-"])).hint == "every row has a dropped label"
    assert problem(pairs).message == "has no examples"


@pytest.mark.parametrize(
    ("columns", "message", "hint"),
    [
        ({"text_a": "sentence_1", "text_b": "sentence2"}, "text_a column 'sentence_1'", "did you mean 'sentence1'?"),
        ({"text_a": "{sentense1}!", "text_b": "sentence2"}, "text_a column 'sentense1'", "did you mean 'sentence1'?"),
        ({**MNLI, "label": "lable", "id": "sentence1"}, "label column 'lable'", "did you mean 'label'?"),
        ({"text_a": 0, "text_b": "sentence2"}, "text_a column 0", "known: sentence1, sentence2, label"),
    ],
)
def test_unknown_column_names_the_nearest(columns: dict[str, Any], message: str, hint: str) -> None:
    found = problem(lambda: made("xnli", {**BARE, "label": "neutral"}, columns=columns))
    assert (found.message, found.line, found.hint) == (f"has no {message}", 1, hint)


@pytest.mark.parametrize("columns", [{**THREE, "text_b": 5}, {**THREE, "label": 4}, {"text_a": -1, "text_b": 1}])
def test_a_number_beyond_the_table_is_a_problem(columns: dict[str, int]) -> None:
    found = problem(lambda: pairs("a|b|neutral", columns=columns))
    assert found.hint == "it has 3 columns, counted from 0, and no header"


def test_texts_and_their_labels() -> None:
    row = {"category": "Sports", "text": "She won."}
    topics = task("sib200", labels=())
    found = made(topics, row, {**row, "category": "travel"}, columns={"text": "text", "label": "category"})
    assert found == [LabelledText("dev-de-0", "She won.", "Sports"), LabelledText("dev-de-1", "She won.", "travel")]
    wrong = problem(lambda: made("sib200", row, columns={"text": "text", "label": "category"}))
    assert (wrong.message, wrong.hint) == ("unknown label 'Sports'", "did you mean 'sports'?")
    dropped = made(
        topics, row, {**row, "category": "-"}, columns={"text": "text", "label": "category"}, drop_labels=["-"]
    )
    assert len(dropped) == 1
    header = problem(
        lambda: made(topics, {0: "text", 1: "category"}, {0: "a", 1: "b"}, columns={"text": 0, "label": 1})
    )
    assert header.message == "begins with a header: its label is 'category'"


def test_a_cell_may_be_named_by_the_language() -> None:
    columns = {"text": "{translation[{lang}]}", "english": "{translation[en]}"}
    row = {"translation": {"de": "Ja {lang}.", "en": "Yes."}}
    assert made("tatoeba", row, columns=columns, language="de") == [Translation("0", "Ja {lang}.", "Yes.")]
    found = problem(lambda: made("tatoeba", row, columns=columns, language="sw"))
    assert found.message == "does not fill '{translation[sw]}': KeyError 'sw'"
    template = {"text": "{lang}: {text}", "english": "text"}  # a column of that name
    row = {"lang": "x", "text": "a"}
    assert made("tatoeba", row, columns=template) == [Translation("0", "x: a", "a")]


def test_a_label_column_that_is_not_there_hides_labels() -> None:
    assert labels(made("xnli", BARE, columns={**MNLI, "label": "gold"})) == [None]


def test_jsonl_reads_numbers_as_labels_and_ids() -> None:
    row = {**BARE, "gold_label": 1, "pairID": 9, "other": [1]}
    assert made("pawsx", row, columns=MNLI) == [TextPair("9", "a", "b", "1")]


def test_jsonl_hides_labels_only_in_all_rows() -> None:
    assert labels(made("xnli", BARE, BARE, columns=MNLI)) == [None, None]
    assert labels(made("xnli", {**BARE, "gold_label": None}, columns=MNLI)) == [None]
    found = problem(lambda: made("xnli", {**BARE, "gold_label": "neutral"}, BARE, columns=MNLI))
    assert (found.message, found.line) == ("no label", 2)
    found = problem(lambda: made("xnli", {**BARE, "gold_labels": "neutral"}, columns=MNLI))
    assert (found.message, found.hint) == ("has no label column 'gold_label'", "did you mean 'gold_labels'?")


@pytest.mark.parametrize("value", [None, ["a"], 1.5, {}])
def test_text_must_be_text(value: object) -> None:
    found = problem(lambda: made("xnli", BARE, {**BARE, "sentence2": value}, columns=MNLI))
    assert (found.message, found.line) == ("has no text 'sentence2'", 2)


def test_a_key_missing_from_one_row_names_the_nearest() -> None:
    found = problem(lambda: made("xnli", BARE, {"sentence1": "a", "sentence_2": "b"}, columns=MNLI))
    assert (found.message, found.line, found.hint) == ("has no text 'sentence2'", 2, "did you mean 'sentence_2'?")


@pytest.mark.parametrize("known", [("0", "1"), ("0.0", "1.0")])
def test_whole_numbers_that_pandas_wrote_as_fractions_are_labels(known: tuple[str, ...]) -> None:
    own = task("pawsx", labels=known)
    typed = [{**BARE, "gold_label": value} for value in (1.0, "1.0", 1, "1", "0.00")]
    assert labels(made(own, *typed, columns=MNLI)) == [known[1]] * 4 + [known[0]]
    mapped = made("pawsx", *typed, columns=MNLI, label_map={"1": "0", "0": "1"})
    assert labels(mapped) == ["0"] * 4 + ["1"]
    assert labels(made(task("pawsx", labels=()), typed[0], columns=MNLI)) == ["1"]
    assert labels(made(own, *typed, columns=MNLI, drop_labels=["1"])) == [known[0]]


@pytest.mark.parametrize("known", [("true", "false"), ("True", "False")])
def test_truths_are_labels_in_any_spelling(known: tuple[str, ...]) -> None:
    own = task("pawsx", labels=known)
    typed = [{**BARE, "gold_label": value} for value in (True, "true", "True", "TRUE", False)]
    assert labels(made(own, *typed, columns=MNLI)) == [known[0]] * 4 + [known[1]]
    assert labels(made(task("pawsx", labels=()), typed[0], columns=MNLI)) == ["true"]


def test_a_label_that_is_spelt_as_it_should_be_is_not_taken_for_another() -> None:
    own = task("pawsx", labels=("1", "1.0", "x"))
    typed = [{**BARE, "gold_label": value} for value in ("1", "1.0")]
    assert labels(made(own, *typed, columns=MNLI)) == ["1", "1.0"]
    assert labels(made(own, *typed, columns=MNLI, label_map={"1": "x"})) == ["x", "1.0"]


def test_nan_is_a_missing_label_and_id() -> None:
    row = {**BARE, "gold_label": float("nan"), "pairID": float("nan")}
    assert made("pawsx", row, columns=MNLI) == [TextPair("dev-de-0", "a", "b", None)]
    assert labels(made("pawsx", {**BARE, "gold_label": -1.0}, row, columns=MNLI)) == [None, None]
    found = problem(lambda: made("pawsx", {**BARE, "gold_label": 1.0}, row, columns=MNLI))
    assert (found.message, found.line) == ("no label", 2)
    assert problem(lambda: made("pawsx", {**BARE, "sentence1": float("nan")}, columns=MNLI)).line == 1


@pytest.mark.parametrize("value", [0.5, ["1"], {"label": 1}])
def test_a_label_must_be_one(value: object) -> None:
    found = problem(lambda: made(task("pawsx", labels=()), {**BARE, "gold_label": value}, columns=MNLI))
    assert (found.message, found.line) == ("has no text 'gold_label'", 1)


def test_what_models_are_trained_and_chosen_on_must_have_the_column_of_its_labels() -> None:
    def read(name: str, split: str) -> list[Example]:
        options = {"columns": {**MNLI, "label": "gold"}}
        return to_examples(task(name), [Record(1, BARE)], options, "en", Findings("f"), "f", split)

    for name, split in (("mnli", "test"), ("xnli", "test"), ("xnli", "dev")):
        assert labels(read(name, split)) == [None]
    for name, split in (("mnli", "train"), ("mnli", "dev"), ("xnli", "train")):
        found = problem(lambda name=name, split=split: read(name, split))
        assert (found.message, found.hint) == ("has no label column 'gold'", "known: sentence1, sentence2")


def test_only_rows_of_the_language_count() -> None:
    columns = {"language": 0, "text_a": 1, "text_b": 2, "label": 3}
    rows = ("de|a|b|neutral", "sw|c|d|", "de|e|f|entailment")
    assert labels(pairs(*rows, columns=columns, language="de")) == ["neutral", "entailment"]
    assert labels(pairs(*rows, columns=columns, language="sw")) == [None]
    found = problem(lambda: pairs(*rows, columns=columns, language="fr"))
    assert found.message == "has no rows whose language is 'fr'"


CHOICES = {"context": "{question[stem]}", "choices": ["{question[choices][0]}", "plain"], "label": "key"}


def test_templates_reach_into_rows() -> None:
    row = {"question": {"stem": "Why?", "choices": ["so"]}, "plain": "because", "key": "B"}
    read = made("copa", row, columns=CHOICES, label_map={"A": "0", "B": "1"})
    assert read == [MultipleChoice("dev-de-0", "Why?", ("so", "because"), "1")]


def test_space_of_an_empty_part_of_a_template_goes() -> None:
    columns = {"context": "a", "choices": ["{b} {c[0]}", "{b} {c[1]}"], "label": "y"}
    (read,) = made("copa", {"a": "x", "b": "", "c": ["yes", "no"], "y": 0}, columns=columns)
    assert isinstance(read, MultipleChoice)
    assert read.choices == ("yes", "no")


def test_a_template_that_a_row_does_not_fill_names_its_line() -> None:
    good = {"question": {"stem": "Why?", "choices": ["so"]}, "plain": "because", "key": "0"}
    bad = {**good, "question": {"stem": "Why?", "choices": []}}
    found = problem(lambda: made("copa", good, bad, columns=CHOICES))
    assert found.line == 2
    assert found.message.startswith("does not fill '{question[choices][0]}': IndexError")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "'title' has no value"),
        (float("nan"), "'title' has no value"),
        (["a"], "'title' is a list, not a text"),
        ({"a": "b"}, "'title' is an object, not a text"),
    ],
)
def test_a_template_prints_nothing_but_texts_and_numbers(value: object, message: str) -> None:
    columns = {"text_a": "{title}: {sentence1}", "text_b": "sentence2"}
    found = problem(lambda: made("xnli", {**BARE, "title": "t"}, {**BARE, "title": value}, columns=columns))
    assert (found.message, found.line) == (f"does not fill '{{title}}: {{sentence1}}': {message}", 2)
    (pair,) = made("xnli", {**BARE, "title": 2.5}, columns=columns)
    assert isinstance(pair, TextPair)
    assert pair.text_a == "2.5: a"


@pytest.mark.parametrize("template", ["{title", "title}{a}", "{a!}"])
def test_a_template_that_is_none_is_said(template: str) -> None:
    found = problem(lambda: made("xnli", BARE, columns={"text_a": template, "text_b": "sentence2"}))
    assert found.message.startswith(f"does not fill '{template}': ")


def test_a_choice_may_be_a_number() -> None:
    columns = {"context": "q", "choices": ["a", "b"], "label": "y"}
    (read,) = made("copa", {"q": "?", "a": 3, "b": 2.5, "y": 1.0}, columns=columns)
    assert read == MultipleChoice("dev-de-0", "?", ("3", "2.5"), "1")


TAGGED = {"tokens": "words", "tags": "ner"}


def test_tagged_sentences_hold_lists() -> None:
    rows = ({"words": ["Ulm", "ist"], "ner": [5, 0]}, {"words": ["da"], "ner": [0]})
    assert made("panx", *rows, columns=TAGGED, label_map={"0": "O", "5": "B-LOC"}) == [
        TaggedSentence("dev-de-0", ("Ulm", "ist"), ("B-LOC", "O")),
        TaggedSentence("dev-de-1", ("da",), ("O",)),
    ]
    assert made("panx", {"words": ["Ulm"], "ner": [-1]}, columns=TAGGED) == [TaggedSentence("dev-de-0", ("Ulm",), None)]
    assert made("panx", {"words": ["Ulm"]}, columns=TAGGED) == [TaggedSentence("dev-de-0", ("Ulm",), None)]


def test_uneven_or_unknown_tags_are_problems() -> None:
    row = {"words": ["Ulm"], "ner": ["B-LOCK", "O"]}
    found = problems(lambda: made("panx", row, columns=TAGGED))
    assert [one.message for one in found] == ["tokens: 1, tags: 2", "unknown tag 'B-LOCK'"]
    assert problem(lambda: made("panx", {"words": "Ulm", "ner": []}, columns=TAGGED)).message == "has no list of tokens"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"words": [], "ner": []}, "has no tokens"),
        ({"words": ["Ulm", None], "ner": ["O", "O"]}, "token 1 is no text, but None"),
        ({"words": [["Ulm"], "a"], "ner": ["O", "O"]}, "token 0 is no text, but ['Ulm']"),
        ({"words": ["Ulm", ""], "ner": ["O", "O"]}, "token 1 is empty"),
        ({"words": ["Ulm", " "], "ner": ["O", "O"]}, "token 1 is empty"),
        ({"words": ["Ulm", "a"], "ner": ["O", None]}, "no tag"),
        ({"words": ["Ulm", "a"], "ner": ["O", ["O"]]}, "tag 1 is no text, but ['O']"),
    ],
)
def test_words_and_tags_are_texts(row: dict[str, Any], message: str) -> None:
    found = problem(lambda: made("panx", {"words": ["\u00a0", 7], "ner": ["O", "O"]}, row, columns=TAGGED))
    assert (found.message, found.line) == (message, 2)


def test_tags_may_be_numbers_with_fractions() -> None:
    (read,) = made("panx", {"words": ["Ulm"], "ner": [5.0]}, columns=TAGGED, label_map={"5": "B-LOC"})
    assert read == TaggedSentence("dev-de-0", ("Ulm",), ("B-LOC",))


QA = {"question": "question", "context": "context", "answers": "answers", "id": "id"}


def test_questions_hold_answers_and_their_offsets() -> None:
    row = {"id": "x", "question": "Wo?", "context": " In Ulm", "answers": {"text": ["Ulm"], "answer_start": [3]}}
    none = {**row, "id": "y", "answers": {"text": [], "answer_start": []}}
    assert made("squad2", row, none, columns=QA) == [
        Question("x", "Wo?", " In Ulm", (Answer("Ulm", 4),)),
        Question("y", "Wo?", " In Ulm", ()),
    ]
    assert made("squad2", none, columns=QA) == [Question("y", "Wo?", " In Ulm", None)]


ULM = {"question": "Wo?", "context": "In Ulm"}


def test_answers_may_be_squad_s_own_list() -> None:
    row = {**ULM, "answers": [{"text": "Ulm", "answer_start": 3}, {"text": "In Ulm", "answer_start": 0}]}
    assert made("squad", row, columns=QA) == [
        Question("dev-de-0", "Wo?", "In Ulm", (Answer("Ulm", 3), Answer("In Ulm", 0)))
    ]


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ("Ulm", "answers is no list"),
        (3, "answers is no list"),
        (["Ulm"], "answers[0] is not an object"),
        ({"text": "Ulm", "answer_start": 3}, "answers has no list 'text'"),
        ({"text": "Ulm", "answer_start": [3]}, "answers has no list 'text'"),
        ({"text": ["Ulm"]}, "answers has no list 'answer_start'"),
        ({"texts": ["Ulm"], "answer_start": [3]}, "answers has no list 'text'"),
        ({"text": ["Ulm"], "answer_start": []}, "answers has 1 in 'text', but 0 in 'answer_start'"),
        ({"text": ["Ulm"], "answer_start": [3.0]}, "answers[0] has no int 'answer_start'"),
        ({"text": ["Ulm"], "answer_start": ["3"]}, "answers[0] has no int 'answer_start'"),
        ({"text": ["Ulm"], "answer_start": [None]}, "answers[0] has no int 'answer_start'"),
        ({"text": ["Ulm"], "answer_start": [True]}, "answers[0] has no int 'answer_start'"),
        ({"text": [None], "answer_start": [3]}, "answers[0] has no str 'text'"),
        ([{"text": "Ulm"}], "answers[0] has no int 'answer_start'"),
        (None, "has no answers"),
    ],
)
def test_odd_answers_are_problems_of_their_lines(answers: object, message: str) -> None:
    good = {**ULM, "answers": {"text": ["Ulm"], "answer_start": [3]}}
    found = problem(lambda: made("squad", good, {**ULM, "answers": answers}, columns=QA))
    assert (found.message, found.line) == (message, 2)


def test_answers_are_hidden_in_all_rows_or_in_none() -> None:
    for answers in ({}, {"answers": None}, {"answers": []}, {"answers": {"text": [""], "answer_start": [0]}}):
        row = {**ULM, **answers}
        assert [one.answers for one in made("squad", row, row, columns=QA) if isinstance(one, Question)] == [None, None]
    found = problem(lambda: made("squad", {**ULM, "answers": []}, ULM, columns=QA))
    assert (found.message, found.line) == ("has no answers", 2)


def test_translations_are_in_the_order_of_a_submission() -> None:
    columns = {"text": "target", "english": "source"}
    rows = ({"source": "b", "target": "B"}, {"source": " a", "target": "A"})
    assert made("tatoeba", *rows, columns=columns) == [Translation("1", "A", " a"), Translation("0", "B", "b")]


def test_a_real_table_tells_its_own_lines(save: Save) -> None:
    path = save(json_lines({"a": "x", "b": "y", "l": "neutral"}, {"a": "x", "b": "y", "l": "Neutral"}))
    findings = Findings(path)
    records = read_table(path, "jsonl", {}, findings)
    options = {"columns": {"text_a": "a", "text_b": "b", "label": "l"}}
    found = problem(lambda: to_examples(task("xnli"), records, options, "en", findings, "dev"))
    assert (found.file, found.line, found.hint) == (str(path), 2, "did you mean 'neutral'?")
