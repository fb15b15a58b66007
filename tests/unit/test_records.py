"""Records to examples: columns, templates, labels that are named otherwise, dropped or hidden."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.conftest import Save
from tests.unit.reading import json_lines, problem, problems, task
from trainables.data.examples import (
    Answer,
    Example,
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


QA = {"question": "question", "context": "context", "answers": "answers", "id": "id"}


def test_questions_hold_answers_and_their_offsets() -> None:
    row = {"id": "x", "question": "Wo?", "context": " In Ulm", "answers": {"text": ["Ulm"], "answer_start": [3]}}
    none = {**row, "id": "y", "answers": {"text": [], "answer_start": []}}
    assert made("squad2", row, none, columns=QA) == [
        Question("x", "Wo?", " In Ulm", (Answer("Ulm", 4),)),
        Question("y", "Wo?", " In Ulm", ()),
    ]
    assert made("squad2", none, columns=QA) == [Question("y", "Wo?", " In Ulm", None)]


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
