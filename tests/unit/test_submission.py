"""Submission files: what is written is read again, and what is wrong is named with its line."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.scoring.submission import FORMATS, read_questions, write_tags
from sweep.scoring.submitted import MOST_PROBLEMS
from trainables.errors import Problem, UserError

words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=5)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "labels": st.lists(words, min_size=1),
    "tags": st.lists(st.lists(words, min_size=1), min_size=1),
    "pairs": st.lists(st.tuples(words, words), min_size=1),
    "choices": st.lists(st.integers(0, 9).map(str), min_size=1),
    "answers": st.dictionaries(st.text(), st.text(), min_size=1),
    "rankings": st.dictionaries(st.text(), st.lists(st.text(), max_size=4), min_size=1),
}


def problems_of(path: Path, format: str, text: str) -> list[Problem]:
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(UserError) as caught:
        FORMATS[format].read(path)
    assert all(problem.file == str(path) for problem in caught.value.problems)
    return caught.value.problems


@pytest.mark.parametrize("format", FORMATS)
@given(data=st.data())
def test_what_is_written_is_read_again(format: str, data: st.DataObject) -> None:
    values = data.draw(VALUES[format])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "task" / "test-de"  # whose folder is made
        FORMATS[format].write(path, values)
        read = FORMATS[format].read(path)
        assert read.values == values
        assert len(read.lines) == len(values)
        written = path.read_bytes()
        FORMATS[format].write(path, read.values)
        assert path.read_bytes() == written


@pytest.mark.parametrize(
    ("format", "text", "values", "lines"),
    [
        ("labels", "neutral\nentailment\n", ["neutral", "entailment"], [1, 2]),
        ("tags", "DET\nNOUN\n\nVERB\n", [["DET", "NOUN"], ["VERB"]], [1, 4]),
        ("tags", "DET\n\n\nVERB\n\n", [["DET"], ["VERB"]], [1, 4]),
        ("pairs", "de-1\ten-2\nde-3\ten-4\n", [("de-1", "en-2"), ("de-3", "en-4")], [1, 2]),
        ("choices", '{"label": 1}\n{"idx": 7, "label": 0}\n', ["1", "0"], [1, 2]),
        ("answers", '{"a": "\\"b\\": {",\n\n "b": "", "c\\"": "x"}\n', {"a": '"b": {', "b": "", 'c"': "x"}, [1, 3, 3]),
        ("rankings", '{"a": ["Q1", "Q2"],\n "b": []\n}', {"a": ["Q1", "Q2"], "b": []}, [1, 2]),
    ],
)
@pytest.mark.parametrize("change", ["as it is", "CRLF", "no last line end", "more line ends", "byte order mark"])
def test_official_layouts(tmp_path: Path, format: str, text: str, values: Any, lines: list[int], change: str) -> None:
    variants = {
        "CRLF": text.replace("\n", "\r\n"),
        "no last line end": text.rstrip("\n"),
        "more line ends": f"{text}\n\n",
        "byte order mark": f"\ufeff{text}",
    }
    path = tmp_path / "test-de"
    path.write_bytes(variants.get(change, text).encode())
    read = FORMATS[format].read(path)
    assert read.values == values
    assert list(read.lines) == lines


@pytest.mark.parametrize(
    ("format", "text", "lines", "words"),
    [
        pytest.param("labels", "neutral\n\nneutral\n", [2], "blank line", id="a label that is not there"),
        pytest.param("pairs", "de-1\ten-1\nde-2 en-2\n", [2], "not a pair of ids", id="no tab"),
        pytest.param("pairs", "de-1\ten-1\ten-2\n\ten-3\n", [1, 2], "expected: id, tab, English id", id="three, one"),
        pytest.param("choices", '{"label": 1}\n{"lable": 1}\n{"label"\n', [2, 3], '"label": 0', id="no choice"),
        pytest.param("choices", '{"label": "1"}\n{"label": true}\n[1]\n', [1, 2, 3], "is not a choice", id="no number"),
        pytest.param("answers", '{"a": "x",\n "b": }', [2], "is not JSON: Expecting value (column 7)", id="no JSON"),
        pytest.param("answers", '["a"]', [1], "is not a JSON object", id="a list"),
        pytest.param("answers", '{\n"a": {"b": "c"},\n"d": ["e"]}', [2, 3], "is not a text", id="not texts"),
        pytest.param("answers", '{"a": "",\n"b": "",\n"a": ""}', [3], "first in line 1", id="an id twice"),
        pytest.param("answers", '{"a": "", "a": ""}', [1], "'a' stands here again", id="twice in one line"),
        pytest.param("answers", "{}", [1], "is empty", id="no answers"),
        pytest.param("rankings", '{"a": "Q1",\n"b": [1]}', [1, 2], "is not a list of ids", id="not rankings"),
        *(
            pytest.param(format, " \n\n", [1], "is empty", id=f"empty {format}")
            for format in FORMATS
            if format != "pairs"
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, format: str, text: str, lines: list[int], words: str) -> None:
    problems = problems_of(tmp_path / "test-de", format, text)
    assert [problem.line for problem in problems] == lines
    assert all(words in str(problem) for problem in problems)


def test_other_encodings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "test-de.tsv"
    path.write_bytes("Zürich\nKöln\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"test-de\.tsv:1: is not UTF-8"):
        FORMATS["labels"].read(path)


def test_only_line_ends_end_lines(tmp_path: Path) -> None:
    path = tmp_path / "test-de.tsv"
    path.write_text("a\u2028b\nc\x85d\n", encoding="utf-8")
    assert FORMATS["labels"].read(path).values == ["a\u2028b", "c\x85d"]


def test_many_problems_of_a_file_are_counted(tmp_path: Path) -> None:
    problems = problems_of(tmp_path / "test-de.tsv", "pairs", "no tab\n" * (MOST_PROBLEMS + 5))
    assert len(problems) == MOST_PROBLEMS + 1
    assert problems[-1].message == "and 5 more problems"


def test_a_sentence_without_tags_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no tags"):
        write_tags(tmp_path / "test-de.tsv", [["X"], []])


def squad_file(path: Path, *questions: tuple[str, list[str]]) -> Path:
    qas = [
        {"id": own_id, "question": "?", "answers": [{"text": text, "answer_start": 0} for text in texts]}
        for own_id, texts in questions
    ]
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": "a cat", "qas": qas}]}]}), encoding="utf-8")
    return path


def test_gold_answers_are_read_from_squad_files(tmp_path: Path) -> None:
    path = squad_file(tmp_path / "test-de.json", ("1", ["a cat", "cat"]), ("2", ["a"]))
    assert read_questions(path).values == [("1", ["a cat", "cat"]), ("2", ["a"])]


def test_blanked_answers_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no answers to score against"):
        read_questions(squad_file(tmp_path / "test-de.json", ("1", []), ("2", [""])))
    with pytest.raises(UserError, match=r"test-de\.json:1: question '2' has no answer to score against"):
        read_questions(squad_file(tmp_path / "test-de.json", ("1", ["a"]), ("2", [""])))
