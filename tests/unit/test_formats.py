"""The readers on every trap that an official file has held, on what a user may get wrong, and on real files."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainables.data.examples import Answer, TaggedSentence, TextPair, Translation
from trainables.data.formats import read_pairs, read_parallel, read_squad, read_tagged
from trainables.errors import Problem, UserError

DATA = (Path(__file__).parents[2] / os.environ.get("SWEEP_TEST_DATA", "../shared/data")).resolve()
needs_data = pytest.mark.skipif(not (DATA / "xnli").is_dir(), reason="no real data under SWEEP_TEST_DATA")

NLI = ["entailment", "neutral", "contradiction"]
UPOS = ["ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"]
UPOS += ["PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"]
IOB2 = ["O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER"]
THREE = {"text_a": 0, "text_b": 1, "label": 2}
MNLI = {"text_a": "sentence1", "text_b": "sentence2", "label": "gold_label", "id": "pairID"}

Save = Callable[[str | bytes], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "dev-de.tsv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def pairs(path: Path, **options: Any) -> list[TextPair]:
    defaults = {"format": "tsv", "columns": THREE, "labels": NLI, "header": False, "label_map": {}, "drop_labels": []}
    return list(read_pairs(path, **{**defaults, **options}))


def tagged(path: Path, **options: Any) -> list[TaggedSentence]:
    return list(read_tagged(path, **{"separator": "\t", "labels": UPOS, **options}))


def problems(read: Callable[..., Iterable[object]], *args: Any, **options: Any) -> list[Problem]:
    with pytest.raises(UserError) as caught:
        read(*args, **options)
    assert all(problem.file for problem in caught.value.problems)
    return caught.value.problems


def problem(read: Callable[..., Iterable[object]], path: Path, *args: Any, **options: Any) -> Problem:
    (only,) = problems(read, path, *args, **options)
    assert only.file == str(path)
    return only


# Any text file


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("read", [pairs, tagged, read_squad, lambda path: read_parallel(path, path)])
def test_empty_file_is_a_problem(save: Save, read: Callable[..., Any], content: bytes) -> None:
    found = problem(read, save(content))
    assert (found.message, found.line) == ("is empty", 1)


@pytest.mark.parametrize("read", [pairs, tagged, read_squad])
def test_undecodable_byte_is_named_with_its_line(save: Save, read: Callable[..., Any]) -> None:
    found = problem(read, save(b"\xef\xbb\xbfa\tb\tneutral\n\xc3\xa9t\xe9\tb\tneutral\n"))
    assert (found.message, found.line) == ("is not UTF-8: byte 0xE9", 2)
    assert found.hint == "convert the file to UTF-8"


def test_missing_file_is_a_problem(tmp_path: Path) -> None:
    assert problem(pairs, tmp_path / "absent.tsv").message == "cannot be read: No such file or directory"


@pytest.mark.parametrize(
    "content", [b"a\tb\tneutral\r\nc\td\tneutral\r\n", b"\xef\xbb\xbfa\tb\tneutral\nc\td\tneutral"]
)
def test_crlf_and_byte_order_mark_are_no_text(save: Save, content: bytes) -> None:
    expected = [TextPair("dev-de-0", "a", "b", "neutral"), TextPair("dev-de-1", "c", "d", "neutral")]
    assert pairs(save(content)) == expected


def test_other_unicode_line_ends_are_text(save: Save) -> None:
    odd = "a\u2028b\x85c\x0bd\x1ce"
    assert pairs(save(f"{odd}\tb\tneutral\n"))[0].text_a == odd


def test_at_most_twenty_problems_come_at_once(save: Save) -> None:
    found = problems(pairs, save("a\tb\twrong\n" * 30))
    assert [each.line for each in found] == list(range(1, 21))


# Pairs


def test_stray_quotes_in_tsv_are_text(save: Save) -> None:
    read = pairs(save('"a\tb "quoted\tneutral\nc\td"\tneutral\n'))
    assert [(pair.text_a, pair.text_b) for pair in read] == [('"a', 'b "quoted'), ("c", 'd"')]


def test_quoting_may_be_turned_on(save: Save) -> None:
    assert pairs(save('"a\tb"\t"say ""c"""\tneutral\n'), quoting=True)[0].text_b == 'say "c"'


def test_csv_by_header_with_a_line_end_in_a_text(save: Save) -> None:
    path = save('id,s1,s2,y\n7,"a, b","c\nd",1\n8,e,f,maybe\n')
    options: dict[str, Any] = {"format": "csv", "header": True, "labels": ["0", "1", "2"]}
    columns = {"text_a": "s1", "text_b": "s2", "label": "y", "id": "id"}
    found = problem(pairs, path, columns=columns, **options)
    assert (found.message, found.line, found.hint) == ("unknown label 'maybe'", 4, "known: 0, 1, 2")
    read = pairs(path, columns=columns, label_map={"maybe": "2"}, **options)
    assert read == [TextPair("7", "a, b", "c\nd", "1"), TextPair("8", "e", "f", "2")]


def test_open_quote_is_named_with_the_line_it_opens_on(save: Save) -> None:
    found = problem(pairs, save('a,b,neutral\n"c,d,neutral\ne,f,neutral\n'), format="csv")
    assert (found.line, found.hint) == (2, "a quote within a quoted text is doubled")


def test_labels_hidden_in_the_whole_file_are_none(save: Save) -> None:
    assert pairs(save("a\tb\nc\td\n")) == [TextPair("dev-de-0", "a", "b", None), TextPair("dev-de-1", "c", "d", None)]
    assert pairs(save("a\tb\t\nc\td\t\n"))[1].label is None


@pytest.mark.parametrize("line", ["c\td", "c\td\tneutral\te", "", "c"])
def test_ragged_line_is_a_problem(save: Save, line: str) -> None:
    found = problem(pairs, save(f"a\tb\tneutral\n{line}\ne\tf\tneutral\n"))
    assert (found.message, found.line) == (f"columns: {len(line.split(chr(9)))}, where the file has 3", 2)


def test_ragged_first_line_is_the_problem_not_the_others(save: Save) -> None:
    assert problem(pairs, save("a\tb\nc\td\tneutral\ne\tf\tneutral\n")).line == 1


def test_blank_label_among_others_is_a_problem(save: Save) -> None:
    found = problem(pairs, save("a\tb\tneutral\nc\td\t\n"))
    assert (found.message, found.line) == ("no label", 2)


def test_unknown_label_names_the_nearest(save: Save) -> None:
    found = problem(pairs, save("a\tb\tneutral\nc\td\tcontradictory\n"))
    assert (found.message, found.line) == ("unknown label 'contradictory'", 2)
    assert found.hint == "did you mean 'contradiction'?"


def test_label_map_and_drop_labels_apply_to_raw_labels(save: Save) -> None:
    path = save("a\tb\tcontradictory\nc\td\t-\ne\tf\tneutral \n")
    read = pairs(path, label_map={"contradictory": "contradiction"}, drop_labels=["-"])
    assert [(pair.id, pair.label) for pair in read] == [("dev-de-0", "contradiction"), ("dev-de-2", "neutral")]


@pytest.mark.parametrize(("content", "header"), [("a\tb\ty\n", True), ("a\tb\t-\n", False)])
def test_file_without_examples_is_a_problem(save: Save, content: str, header: bool) -> None:
    assert problem(pairs, save(content), header=header, drop_labels=["-"]).message == "has no examples"


@pytest.mark.parametrize(
    ("columns", "header", "message", "hint"),
    [
        ({"text_a": "sentence_1", "text_b": 1}, True, "text_a column 'sentence_1'", "did you mean 'sentence1'?"),
        ({"text_a": 0, "text_b": 1, "label": "lable"}, True, "label column 'lable'", "did you mean 'label'?"),
        ({"text_a": "sentence1", "text_b": 1}, False, "text_a column 'sentence1'", None),
        ({"text_a": 0, "text_b": 5}, False, "text_b column 5", None),
        ({"text_a": 0, "text_b": 1, "label": 3}, False, "label column 3", None),
        ({"text_a": -1, "text_b": 1}, False, "text_a column -1", None),
    ],
)
def test_wrong_column_is_a_problem(
    save: Save, columns: dict[str, str | int], header: bool, message: str, hint: str | None
) -> None:
    path = save("sentence1\tsentence2\tlabel\na\tb\tneutral\n")
    found = problem(pairs, path, columns=columns, header=header)
    expected = hint or "it has 3 columns, counted from 0, and no header"
    assert (found.message, found.line, found.hint) == (f"has no {message}", 1, expected)


def test_header_without_label_hides_labels(save: Save) -> None:
    columns = {"text_a": "s1", "text_b": "s2", "label": "gold"}
    assert pairs(save("s1\ts2\na\tb\n"), columns=columns, header=True)[0].label is None


def json_lines(*rows: object) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def test_jsonl_reads_numbers_as_labels_and_ids(save: Save) -> None:
    path = save(json_lines({"sentence1": "a", "sentence2": "", "gold_label": 1, "pairID": 9, "other": [1]}))
    assert pairs(path, format="jsonl", columns=MNLI, labels=["0", "1"]) == [TextPair("9", "a", "", "1")]


def test_jsonl_hides_labels_only_in_all_rows(save: Save) -> None:
    bare = {"sentence1": "a", "sentence2": "b"}
    assert pairs(save(json_lines(bare, bare)), format="jsonl", columns=MNLI)[1].label is None
    assert pairs(save(json_lines({**bare, "gold_label": None})), format="jsonl", columns=MNLI)[0].label is None
    found = problem(pairs, save(json_lines({**bare, "gold_label": "neutral"}, bare)), format="jsonl", columns=MNLI)
    assert (found.message, found.line) == ("no label", 2)
    found = problem(pairs, save(json_lines({**bare, "gold_labels": "neutral"})), format="jsonl", columns=MNLI)
    assert (found.message, found.hint) == ("has no label column 'gold_label'", "did you mean 'gold_labels'?")


def test_jsonl_problems_name_their_lines(save: Save) -> None:
    good = json.dumps({"sentence1": "a", "sentence2": "b"})
    found = problems(pairs, save(f'{good}\n{{"sentence1": "a",}}\n[1]\n\n{good}\n'), format="jsonl", columns=MNLI)
    assert [each.line for each in found] == [2, 3, 4]
    assert found[0].message.startswith("is not JSON: ")
    assert found[1].message == "is not a JSON object"


@pytest.mark.parametrize("value", [None, ["a"], 1.5, {}])
def test_jsonl_text_must_be_text(save: Save, value: object) -> None:
    path = save(json_lines({"sentence1": "a", "sentence2": "b"}, {"sentence1": "a", "sentence2": value}))
    found = problem(pairs, path, format="jsonl", columns=MNLI)
    assert (found.message, found.line) == ("has no text 'sentence2'", 2)


def test_jsonl_missing_key_names_the_nearest(save: Save) -> None:
    path = save(json_lines({"sentence1": "a", "sentence2": "b"}, {"sentence1": "a", "sentence_2": "b"}))
    found = problem(pairs, path, format="jsonl", columns=MNLI)
    assert (found.message, found.line, found.hint) == ("has no text 'sentence2'", 2, "did you mean 'sentence_2'?")


# Tagged sentences


def test_blank_lines_separate_sentences(save: Save) -> None:
    read = tagged(save("\nEin\tDET\nHund\tNOUN\n\n \n\nJa\tINTJ\n"))
    assert read == [
        TaggedSentence("dev-de-0", ("Ein", "Hund"), ("DET", "NOUN")),
        TaggedSentence("dev-de-1", ("Ja",), ("INTJ",)),
    ]


def test_no_break_space_is_a_token(save: Save) -> None:
    assert tagged(save("a\n\u3000\n\u00a0\n"))[0].tokens == ("a", "\u3000", "\u00a0")


def test_one_column_hides_tags(save: Save) -> None:
    assert tagged(save("Ein\nHund\n\nJa\n")) == [
        TaggedSentence("dev-de-0", ("Ein", "Hund"), None),
        TaggedSentence("dev-de-1", ("Ja",), None),
    ]


def test_columns_and_separator_may_be_chosen(save: Save) -> None:
    path = save("1 Ein DET _\n2 Hund NOUN _\n")
    assert tagged(path, separator=" ", token_column=1, tag_column=2)[0].tags == ("DET", "NOUN")


def test_wrong_separator_is_not_taken_for_hidden_tags(save: Save) -> None:
    found = problem(tagged, save("Ein DET\nHund NOUN\n"))
    assert (found.message, found.line) == (r"has no '\t' to split at", 1)


def test_unknown_tag_names_the_nearest(save: Save) -> None:
    found = problem(tagged, save("Ein\tDET\n\nHund\tNOUNS\n"))
    assert (found.message, found.line, found.hint) == ("unknown tag 'NOUNS'", 3, "did you mean 'NOUN'?")


@pytest.mark.parametrize(
    ("line", "message"),
    [("Hund", "columns: 1, where the file has 2"), ("\tNOUN", "empty token"), ("Hund\t", "unknown tag ''")],
)
def test_incomplete_token_line_is_a_problem(save: Save, line: str, message: str) -> None:
    found = problem(tagged, save(f"Ein\tDET\n{line}\nJa\tINTJ\n"))
    assert (found.message, found.line) == (message, 2)


@pytest.mark.parametrize("options", [{"token_column": 2}, {"tag_column": 2}, {"tag_column": -3}])
def test_column_beyond_the_file_is_a_problem(save: Save, options: dict[str, int]) -> None:
    found = problem(tagged, save("Ein\tDET\n"), **options)
    assert found.message.startswith("columns: 2; wanted: ")
    assert (found.line, found.hint) == (1, "columns count from 0")


# Questions


def qa(*answers: tuple[str, int], **more: object) -> dict[str, object]:
    return {"question": "Wo?", "answers": [{"text": text, "answer_start": start} for text, start in answers], **more}


def squad_file(*qas: object, context: str = "In Ulm, in Ulm.") -> str:
    return json.dumps({"data": [{"title": "t", "paragraphs": [{"context": context, "qas": qas}]}]})


def answers_of(path: Path) -> list[tuple[Answer, ...] | None]:
    return [question.answers for question in read_squad(path)]


def test_squad_questions_keep_all_answers(save: Save) -> None:
    first, second = read_squad(save(squad_file(qa(("Ulm", 3), ("in Ulm", 8), id="x"), qa(("Ulm", 11)))))
    assert (first.id, first.question, first.context) == ("x", "Wo?", "In Ulm, in Ulm.")
    assert first.answers == (Answer("Ulm", 3), Answer("in Ulm", 8))
    assert second.id == "dev-de-1"


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        pytest.param("Ulm", 4, Answer("Ulm", 3), id="nearest of two, before"),
        pytest.param("Ulm", 9, Answer("Ulm", 11), id="nearest of two, behind"),
        pytest.param("Ulm", 90, Answer("Ulm", -1), id="too far to choose between two"),
        pytest.param("in Ulm", 90, Answer("in Ulm", 8), id="far, but the only one"),
        pytest.param(" in Ulm.\n", 8, Answer("in Ulm.", 8), id="space around"),
        pytest.param("Ulm", -5, Answer("Ulm", 3), id="a negative offset is not one from the end"),
        pytest.param("Bonn", 3, Answer("Bonn", -1), id="does not occur"),
        pytest.param("", 3, Answer("", -1), id="empty among others"),
    ],
)
def test_misplaced_answer_is_moved_or_marked(save: Save, text: str, start: int, expected: Answer) -> None:
    path = save(squad_file(qa((text, start)), qa(("Ulm", 3))))
    assert answers_of(path)[0] == (expected,)


def test_answer_inside_a_run_of_itself_stays(save: Save) -> None:
    assert answers_of(save(squad_file(qa(("aa", 1)), context="aaaa"))) == [(Answer("aa", 1),)]


def test_offsets_count_code_points(save: Save) -> None:
    context = "🐈 in 北京"
    assert answers_of(save(squad_file(qa(("北京", 5)), context=context))) == [(Answer("北京", 5),)]


@pytest.mark.parametrize("blank", [qa(("", 0)), qa(("", 0), (" ", 0)), qa()])
def test_blanked_answers_of_a_whole_file_are_none(save: Save, blank: object) -> None:
    assert answers_of(save(squad_file(blank, blank))) == [None, None]


def test_impossible_question_has_no_answers_but_not_hidden_ones(save: Save) -> None:
    assert answers_of(save(squad_file(qa(is_impossible=True)))) == [()]


def test_squad_json_error_names_the_line(save: Save) -> None:
    found = problem(read_squad, save('{\n"data": [\n}'))
    assert (found.line, found.hint) == (3, "is the download complete?")
    assert found.message.startswith("is not JSON: ")


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        ("[]", "is not a JSON object", 'SQuAD files begin {"data": [...'),
        ('{"Data": []}', "the file has no list 'data'", "did you mean 'Data'?"),
        ('{"data": [3]}', "data[0] is not an object", None),
        ('{"data": []}', "has no questions", None),
        (squad_file({"question": "{", "answers": []}, {"question": "?"}), "data[0].paragraphs[0].qas[1] has", None),
        (squad_file(qa(), {"question": 3, "answers": []}), "data[0].paragraphs[0].qas[1] has no str 'question'", None),
        (
            squad_file(qa(), {"question": "?", "answers": [{"text": "a", "answer_start": "3"}]}),
            "data[0].paragraphs[0].qas[1].answers[0] has no int 'answer_start'",
            None,
        ),
    ],
)
def test_squad_structure_error_names_the_path(save: Save, content: str, message: str, hint: str | None) -> None:
    found = problems(read_squad, save(content))[0]
    assert found.message.startswith(message)
    assert found.line == 1
    if hint:
        assert found.hint == hint


def test_squad_structure_error_names_the_line_of_its_object(save: Save) -> None:
    document = json.loads(
        squad_file(qa(("Ulm", 3)), {"question": '\\"{', "answers": []}, {"quesiton": "?", "answers": []})
    )
    content = json.dumps(document, indent=1)
    found = problem(read_squad, save(content))
    lines = content.splitlines()
    assert found.message == "data[0].paragraphs[0].qas[2] has no str 'question'"
    assert found.hint == "did you mean 'quesiton'?"
    assert found.line == next(n for n, line in enumerate(lines, 1) if "quesiton" in line) - 1


# Translations


def test_parallel_files_are_read_side_by_side(tmp_path: Path) -> None:
    text, english = tmp_path / "tatoeba.deu-eng.deu", tmp_path / "tatoeba.deu-eng.eng"
    text.write_bytes("Ja.\r\nNein.\u2028Doch.\r\n".encode())
    english.write_bytes(b"Yes.\nNo. Yes.\n")
    assert list(read_parallel(text, english)) == [
        Translation("tatoeba.deu-eng-0", "Ja.", "Yes."),
        Translation("tatoeba.deu-eng-1", "Nein.\u2028Doch.", "No. Yes."),
    ]


def test_different_line_counts_are_a_problem(tmp_path: Path) -> None:
    text, english = tmp_path / "a.deu", tmp_path / "a.eng"
    text.write_text("Ja.\nNein.\nDoch.\n", encoding="utf-8")
    english.write_text("Yes.\nNo.\n", encoding="utf-8")
    found = problem(read_parallel, text, english)
    assert (found.message, found.line) == ("has 3 lines but a.eng has 2: they are not line-aligned", 3)


def test_empty_line_is_a_problem_of_its_own_file(tmp_path: Path) -> None:
    text, english = tmp_path / "a.deu", tmp_path / "a.eng"
    text.write_text("Ja.\nNein.\nDoch.\n", encoding="utf-8")
    english.write_text("Yes.\n \nYes.\n", encoding="utf-8")
    (found,) = problems(read_parallel, text, english)
    assert (found.message, found.file, found.line) == ("empty line", str(english), 2)


# Round trips

cell = st.text(st.characters(codec="utf-8", exclude_characters="\t\r\n"), min_size=1)
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@same_folder
@given(rows=st.lists(st.tuples(cell, cell, st.sampled_from(NLI)), min_size=1), end=st.sampled_from(["\n", "\r\n"]))
def test_tsv_round_trip(save: Save, rows: list[tuple[str, str, str]], end: str) -> None:
    path = save("".join("\t".join(row) + end for row in rows).encode())
    if rows[0][0].startswith("\ufeff"):
        path = save("\ufeff" + path.read_text(encoding="utf-8"))  # a file's first mark is no text
    assert [(pair.text_a, pair.text_b, pair.label) for pair in pairs(path)] == rows


@same_folder
@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")), cell), min_size=1))
def test_quoted_round_trip(save: Save, rows: list[tuple[str, str]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows((*row, "neutral") for row in rows)
    read = pairs(save(buffer.getvalue()), format="csv")
    assert [(pair.text_a, pair.text_b) for pair in read] == rows


@same_folder
@given(st.lists(st.tuples(st.text(), st.text()), min_size=1))
def test_jsonl_round_trip(save: Save, rows: list[tuple[str, str]]) -> None:
    path = save(json_lines(*({"a": a, "b": b, "y": "neutral"} for a, b in rows)))
    read = pairs(path, format="jsonl", columns={"text_a": "a", "text_b": "b", "label": "y"})
    assert [(pair.text_a, pair.text_b) for pair in read] == rows


tokens = st.text(st.characters(codec="utf-8", exclude_characters="\t\r\n \ufeff"), min_size=1)
sentence = st.lists(st.tuples(tokens, st.sampled_from(UPOS)), min_size=1)


@same_folder
@given(sentences=st.lists(sentence, min_size=1), separator=st.sampled_from(["\t", " "]))
def test_tagged_round_trip(save: Save, sentences: list[list[tuple[str, str]]], separator: str) -> None:
    path = save("\n\n".join("\n".join(separator.join(row) for row in rows) for rows in sentences))
    read = tagged(path, separator=separator)
    assert [list(zip(each.tokens, each.tags or (), strict=True)) for each in read] == sentences


# Real files, with the counts of their README


@needs_data
@pytest.mark.parametrize("language", ["ar", "de", "en", "es", "fr", "hi", "sw", "zh"])
def test_real_xnli(language: str) -> None:
    dev = pairs(DATA / f"xnli/dev-{language}.tsv")
    assert [sum(pair.label == label for pair in dev) for label in NLI] == [333, 334, 333]
    test = pairs(DATA / f"xnli/test-{language}.tsv")
    assert len(test) == 1000
    assert {pair.label for pair in test} == {None}


@needs_data
def test_real_paws_x_with_and_without_header() -> None:
    bare = pairs(DATA / "pawsx/test-de.tsv", labels=["0", "1"])
    columns = {"text_a": "sentence1", "text_b": "sentence2", "label": "label", "id": "id"}
    gold = pairs(DATA / "pawsx/x-final/de/test_2k.tsv", columns=columns, header=True, labels=["0", "1"])
    assert (len(bare), len(gold)) == (500, 1000)
    assert {pair.label for pair in bare} == {None}
    assert {pair.label for pair in gold} == {"0", "1"}


@needs_data
@pytest.mark.parametrize(("name", "count"), [("train", 2344), ("dev_matched", 1000), ("dev_mismatched", 1000)])
def test_real_mnli(name: str, count: int) -> None:
    read = pairs(DATA / f"mnli/multinli_1.0_{name}.jsonl", format="jsonl", columns=MNLI, drop_labels=["-"])
    assert len(read) == count
    assert {pair.label for pair in read} == set(NLI)
    assert not any(pair.id.startswith("multinli") for pair in read)


@needs_data
@pytest.mark.parametrize(("name", "count"), [("dev-ar", 909), ("dev-ja", 511), ("test-th", 500), ("train-en", 3000)])
def test_real_udpos(name: str, count: int) -> None:
    read = tagged(DATA / f"udpos/{name}.tsv")
    assert len(read) == count
    assert all(each.tags and len(each.tags) == len(each.tokens) for each in read)


@needs_data
@pytest.mark.parametrize("language", ["ar", "de", "en", "es", "fi", "hi", "ja", "sw", "zh"])
def test_real_panx(language: str) -> None:
    dev = tagged(DATA / f"panx/dev-{language}.tsv", labels=IOB2)
    test = tagged(DATA / f"panx/test-{language}.tsv", labels=IOB2)
    assert (len(dev), len(test)) == (1000, 500)
    assert all(each.tags for each in dev)
    assert {each.tags for each in test} == {None}


@needs_data
@pytest.mark.parametrize(
    ("name", "count"),
    [
        *((f"xquad/xquad.{language}", 996) for language in ["ar", "de", "en", "es", "hi", "zh"]),
        ("squad_v1.1/dev-v1.1", 1000),
        ("squad_v1.1/train-v1.1", 6000),
        ("tydiqa/tydiqa.goldp.en.train", 3000),
        ("mlqa/MLQA_V1/dev/dev-context-zh-question-zh", 504),
    ],
)
def test_real_squad_answers_are_where_they_say(name: str, count: int) -> None:
    read = list(read_squad(DATA / f"{name}.json"))
    assert len(read) == count
    for question in read:
        assert question.answers
        assert all(question.context.startswith(answer.text, answer.start) for answer in question.answers)
        assert all(answer.start >= 0 for answer in question.answers)


@needs_data
@pytest.mark.parametrize("language", ["en", "fi", "sw"])
def test_real_tydiqa_dev_hides_its_answers(language: str) -> None:
    read = list(read_squad(DATA / f"tydiqa/tydiqa.goldp.{language}.dev.json"))
    assert [question.answers for question in read] == [None] * 200


@needs_data
def test_real_squad_with_impossible_questions_and_with_blank_answers() -> None:
    read = list(read_squad(DATA / "squad_v2.0/dev-v2.0.json"))
    assert (len(read), sum(question.answers == () for question in read)) == (1000, 494)
    spanish = list(read_squad(DATA / "multilingual_train/squad-es/dev-v1.1-es_small.json"))
    blank = sum(answer == Answer("", -1) for question in spanish for answer in question.answers or ())
    assert (len(spanish), blank) == (1998, 1058)


@needs_data
@pytest.mark.parametrize(
    ("language", "count"), [("deu", 1000), ("cmn", 1000), ("kat", 746), ("swh", 390), ("tha", 548)]
)
def test_real_tatoeba(language: str, count: int) -> None:
    stem = DATA / f"tatoeba/tatoeba.{language}-eng"
    read = list(read_parallel(Path(f"{stem}.{language}"), Path(f"{stem}.eng")))
    assert len(read) == count
    assert read[-1].id == f"tatoeba.{language}-eng-{count - 1}"
