"""Tables: every trap that an official tsv, csv or jsonl file has held, and what a user may get wrong."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.conftest import Save
from tests.unit.reading import json_lines, problem, problems
from trainables.data.findings import Findings
from trainables.data.tables import Record, read_table


def table(path: Path, format: str = "tsv", **options: Any) -> list[Record]:
    return list(read_table(path, format, options, Findings(path)))


def rows(path: Path, format: str = "tsv", **options: Any) -> list[list[Any]]:
    return [list(record.values.values()) for record in table(path, format, **options)]


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_empty_file_is_a_problem(save: Save, content: bytes) -> None:
    path = save(content)
    found = problem(lambda: table(path))
    assert (found.message, found.line, found.file) == ("is empty", 1, str(path))


def test_undecodable_byte_is_named_with_its_line(save: Save) -> None:
    path = save(b"\xef\xbb\xbfa\tb\tneutral\n\xc3\xa9t\xe9\tb\tneutral\n")
    found = problem(lambda: table(path))
    assert (found.message, found.line) == ("is not UTF-8: byte 0xE9", 2)
    assert found.hint is not None
    assert found.hint.startswith("convert the file to UTF-8")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "cp1252"])
def test_encoding_may_be_chosen(save: Save, encoding: str) -> None:
    assert rows(save("été\tb\n".encode(encoding)), encoding=encoding) == [["été", "b"]]


def test_unknown_encoding_is_a_problem(save: Save) -> None:
    path = save("a")
    assert problem(lambda: table(path, encoding="utf-9")).message == "has an unknown encoding 'utf-9'"


def test_missing_file_is_a_problem(tmp_path: Path) -> None:
    found = problem(lambda: table(tmp_path / "absent.tsv"))
    assert found.message == "cannot be read: No such file or directory"


@pytest.mark.parametrize("content", [b"a\tb\r\nc\td\r\n", b"\xef\xbb\xbfa\tb\nc\td"])
def test_crlf_and_byte_order_mark_are_no_text(save: Save, content: bytes) -> None:
    assert rows(save(content)) == [["a", "b"], ["c", "d"]]


def test_other_unicode_line_ends_are_text(save: Save) -> None:
    odd = "a\u2028b\x85c\x0bd\x1ce"
    assert rows(save(f"{odd}\tb\n")) == [[odd, "b"]]


def test_at_most_twenty_problems_come_at_once(save: Save) -> None:
    path = save("not json\n" * 30)
    assert [each.line for each in problems(lambda: table(path, "jsonl"))] == list(range(1, 21))


def test_cells_go_by_number_or_by_name(save: Save) -> None:
    path = save("id\ttext\n7\ta\n")
    assert table(path) == [Record(1, {0: "id", 1: "text"}), Record(2, {0: "7", 1: "a"})]
    assert table(path, header=True) == [Record(2, {"id": "7", "text": "a"})]


def test_stray_quotes_in_tsv_are_text(save: Save) -> None:
    assert rows(save('"a\tb "quoted\nc\td"\n')) == [['"a', 'b "quoted'], ["c", 'd"']]


def test_quoting_may_be_turned_on(save: Save) -> None:
    assert rows(save('"a\tb"\t"say ""c"""\n'), quoting=True) == [["a\tb", 'say "c"']]


def test_csv_with_a_line_end_in_a_text(save: Save) -> None:
    path = save('id,s1,s2\n7,"a, b","c\nd"\n8,e,f\n')
    assert table(path, "csv", header=True) == [
        Record(2, {"id": "7", "s1": "a, b", "s2": "c\nd"}),
        Record(4, {"id": "8", "s1": "e", "s2": "f"}),
    ]


def test_open_quote_is_named_with_the_line_it_opens_on(save: Save) -> None:
    path = save('a,b\n"c,d\ne,f\n')
    found = problem(lambda: table(path, "csv"))
    assert (found.line, found.hint) == (2, "a quote within a quoted text is doubled")


@pytest.mark.parametrize("line", ["c\td", "c\td\te\tf", "", "c"])
def test_ragged_line_is_a_problem(save: Save, line: str) -> None:
    path = save(f"a\tb\tx\n{line}\ne\tf\tx\n")
    found = problem(lambda: table(path))
    assert (found.message, found.line) == (f"columns: {len(line.split(chr(9)))}, where the file has 3", 2)
    assert rows(path, drop_ragged=True) == [["a", "b", "x"], ["e", "f", "x"]]


def test_ragged_first_line_is_the_problem_not_the_others(save: Save) -> None:
    path = save("a\tb\nc\td\tx\ne\tf\tx\n")
    assert problem(lambda: table(path)).line == 1


def test_jsonl_problems_name_their_lines(save: Save) -> None:
    good = json.dumps({"sentence1": "a"})
    path = save(f'{good}\n{{"sentence1": "a",}}\n[1]\n\n{good}\n')
    found = problems(lambda: table(path, "jsonl"))
    assert [each.line for each in found] == [2, 3, 4]
    assert found[0].message.startswith("is not JSON: ")
    assert found[1].message == "is not a JSON object"


def test_a_key_that_stands_twice_and_half_a_character_are_named_with_their_lines(save: Save) -> None:
    path = save('{"a": 1}\n{"a": 1, "b": 2, "a": 3}\n{"a": "gut \\ud83d"}\n')
    found = problems(lambda: table(path, "jsonl"))
    assert [(one.line, one.message) for one in found] == [
        (2, 'has the key "a" twice in one object (column 18)'),
        (3, r"has half a character, \ud83d without its other half (column 12)"),
    ]
    assert [one.hint for one in found] == [
        "give each key once",
        "write both halves, or leave it out: no tokenizer takes one",
    ]


def test_one_json_array_is_read(save: Save) -> None:
    path = save('[\n {\n  "a": {"b": 1}\n },\n {"a": 2}, {"a": 3}\n]')
    assert table(path, "jsonl") == [Record(2, {"a": {"b": 1}}), Record(5, {"a": 2}), Record(5, {"a": 3})]
    assert table(save('[{"a": 1}]'), "jsonl") == [Record(1, {"a": 1})]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ('[\n{"a": 1},\n{"a": 2}', 3, "is not JSON: Expecting ',' delimiter (column 9)"),
        ('[{"a": 1}]\n[{"a": 2}]\n', 2, "is not JSON: Extra data (column 1)"),
        ('[{"a": 1},\n2]', 1, "member 1 of its array is not a JSON object"),
        ("[ ]", 1, "has no examples"),
        ('{\n "a": 1\n}\n', 1, "has one JSON object over several lines"),
        ('[\n{"a": 1,\n"a": 2}]', 3, 'has the key "a" twice in one object (column 1)'),
    ],
)
def test_what_is_neither_lines_nor_an_array_is_one_problem(save: Save, content: str, line: int, message: str) -> None:
    path = save(content)
    found = problem(lambda: table(path, "jsonl"))
    assert (found.message, found.line) == (message, line)


def test_a_name_that_the_header_has_twice_is_a_problem(save: Save) -> None:
    path = save("a,b,a,,\n1,2,3,4,5\n")
    found = problem(lambda: table(path, "csv", header=True))
    assert (found.message, found.line) == ("the header has 'a' 2 times", 1)
    assert rows(save("a,b,,\n1,2,3,4\n"), "csv", header=True) == [["1", "2", "4"]]  # a spreadsheet's empty columns


def test_a_long_cell_is_read(save: Save) -> None:
    text = "a, b " * 40_000
    assert rows(save(f'"{text}",b\n'), "csv") == [[text, "b"]]


def test_a_table_is_read_anew_whenever_it_is_gone_through(save: Save) -> None:
    found = read_table(save("a\n1\n"), "tsv", {"header": True}, Findings(""))
    assert list(found) == list(found) == [Record(2, {"a": "1"})]


cell = st.text(st.characters(codec="utf-8", exclude_characters="\t\r\n"), min_size=1)
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@same_folder
@given(cells=st.lists(st.tuples(cell, cell, st.just("x")), min_size=1), end=st.sampled_from(["\n", "\r\n"]))
def test_tsv_round_trip(save: Save, cells: list[tuple[str, str, str]], end: str) -> None:
    # A file's first mark is no text, so a text that begins with one needs another before it.
    content = "\ufeff" + "".join("\t".join(row) + end for row in cells)
    assert rows(save(content)) == [list(row) for row in cells]


@same_folder
@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")), cell), min_size=1))
def test_quoted_round_trip(save: Save, cells: list[tuple[str, str]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(cells)
    assert rows(save("\ufeff" + buffer.getvalue()), "csv") == [list(row) for row in cells]


@same_folder
@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), min_size=1), min_size=1))
def test_jsonl_round_trip(save: Save, values: list[dict[str, Any]]) -> None:
    assert [record.values for record in table(save(json_lines(*values)), "jsonl")] == values
