"""Formats of results: exact for scripts, rounded for people, and no text in them is ever markup or an order."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from sweep.console import ORDERS, visible
from sweep.results.tables import FORMATS, as_csv, as_html, as_json, as_latex, as_markdown, as_text, to_json

ODD = pa.table(
    {
        "text": ["[a] 50%", "a|b\\c\r\nd\n", "\x1b[2J", "~ ^ & $ # _ { }"],
        "value": [1.5, float("nan"), float("inf"), None],
        "nested": [[{"x": float("nan")}], [], None, [{"x": 1.0}]],
        "count": pa.array([1, 2, 3, 4], pa.decimal128(38, 0)),
    }
)

CRUEL = [
    "", " ", "|", "\\|", "\\", "a\\", "`", "``", "*a*", "**", "_a_", "__", "<script>alert(1)</script>", "<!--", "&lt;",
    "&#124;", "&", "[x](javascript:alert(1))", "![x](y)", "~~a~~", "$x$", "$$", "\n", "a\n\nb", "a\r\nb", "# a", "- a",
    "1. a", "> a", "---", "|---|", "{", "}", "\\input{/etc/passwd}", "\\end{tabular}", "\\\\[1cm]", "[1cm]", "*", "%",
    "#1", "^^5c", "~", '"', "'", "?`", "--", "<<", "\x1b[2J", "\x9b2J", "\x07", "\x00", "\u202e", "\u2028", "\ud800",
    "漢字",
    "a\tb", "</td></table>", "\"><img src=x onerror=alert(1)>", "<br>", "http://x.y", "www.x.y",
]  # fmt: skip
text = st.one_of(st.sampled_from(CRUEL), st.text(max_size=8), st.lists(st.sampled_from(CRUEL)).map("".join))
rows = st.integers(1, 3).flatmap(
    lambda columns: st.lists(st.lists(text, min_size=columns, max_size=columns), min_size=2, max_size=4)
)
"""The first row is that of the names."""


def table(lines: list[list[str]]) -> pa.Table:
    """Texts in a table; the names of its columns may be as odd as its cells."""
    columns = [pa.array([row[place] for row in lines[1:]], pa.string()) for place in range(len(lines[0]))]
    return pa.Table.from_arrays(columns, names=lines[0])


def storable(one: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in one)


lines_of_text = rows.filter(lambda lines: all(storable(one) for row in lines for one in row))


def shown(one: str) -> str:
    """A cell's text as a person sees it: one kind of line end, and orders spelt out."""
    return visible(one.replace("\r\n", "\n").replace("\r", "\n"))


class Cells(HTMLParser):
    """The texts of a page's cells, and all elements that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.elements: set[str] = set()
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.elements |= {name for name, _ in attrs}
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.inside = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] += data

    def handle_comment(self, data: str) -> None:
        self.elements.add("comment")


@given(lines_of_text)
def test_html_says_the_same_text_and_nothing_of_it_is_an_element(lines: list[list[str]]) -> None:
    page = Cells()
    page.feed(as_html(table(lines)))
    page.close()
    assert page.rows == [[shown(one) for one in row] for row in lines]
    assert page.elements <= {
        "html", "lang", "head", "meta", "charset", "http-equiv", "content", "name", "title", "style", "body", "table",
        "thead", "tbody", "tr", "th", "scope", "td",
    }  # fmt: skip


@given(lines_of_text)
def test_markdown_has_the_cells_of_the_table_and_their_text(lines: list[list[str]]) -> None:
    parsed = (
        MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(as_markdown(table(lines)))
    )
    assert sum(one.type == "tr_open" for one in parsed) == len(lines)
    found = [one for one in parsed if one.type == "inline"]
    assert len(found) == len(lines) * len(lines[0])
    expected = [shown(one) for row in lines for one in row]
    for cell, said in zip(found, expected, strict=True):
        assert "".join(map(_plain, cell.children or [])).strip() == said.replace("\t", " ").strip()


def _plain(token: Token) -> str:
    """The text of a part of a cell. Whatever is no text, but the breaks that stand for line ends, is markup."""
    if token.type == "html_inline":
        assert token.content == "<br>"
        return "\n"
    assert token.type in ("text", "text_special"), token
    return token.content


@given(lines_of_text)
def test_latex_has_no_orders_but_its_own(lines: list[list[str]]) -> None:
    written = as_latex(table(lines)).splitlines()
    assert len(written) == len(lines) + 5
    body = [written[2], *written[4:-2]]
    orders = (
        r"\\textbackslash\{\}|\\textasciicircum\{\}|\\textasciitilde\{\}|\\textless\{\}|\\textgreater\{\}|\\textbar\{\}"
        r"|\\textasciigrave\{\}|\\textquotedbl\{\}|\\[&%$#_{}]|(?<=[-',])\{\}|^\{[\[*]\}"
    )
    for line in body:
        assert line.endswith(r" \\")
        assert not line.startswith(("[", "*"))
        left = re.sub(orders, "", line.removesuffix(r" \\"))
        assert left.count("&") == len(lines[0]) - 1
        assert not re.search(r"[\\{}$#%_^~<>|`\"]", left), left
        assert not any(twice in line for twice in ("--", "''", ",,"))
        assert not ORDERS.search(line)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(tmp_path: Path) -> None:
    cruel = [one for one in CRUEL if storable(one) and one.isascii()]
    body = as_latex(pa.table({"a": cruel, "b": [*range(len(cruel))]}))
    head = "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{booktabs}\\begin{document}\n"
    (tmp_path / "x.tex").write_text(f"{head}{body}\\end{{document}}\n", encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=batchmode", "x.tex"]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0


@given(lines_of_text)
def test_csv_and_json_are_exact(lines: list[list[str]]) -> None:
    given_table = table(lines)
    read = [*csv.reader(io.StringIO(as_csv(given_table), newline=""))]
    if len(lines[0]) > 1:  # a line of one empty cell is an empty line
        assert read == lines
    assert [[*one.values()] for one in json.loads(as_json(given_table))] == [
        [*dict(zip(lines[0], row, strict=True)).values()] for row in lines[1:]
    ]


@given(lines_of_text, st.sampled_from(sorted({*FORMATS} - {"csv"})))
def test_no_format_for_people_gives_a_terminal_orders(lines: list[list[str]], form: str) -> None:
    assert not ORDERS.search(FORMATS[form](table(lines)))


def test_what_goes_to_a_terminal_gives_it_no_orders(tmp_path: Path) -> None:
    """CSV is exact in a file and a pipe; a terminal that it is printed on is a person's."""
    code = "from sweep.console import hand_out; hand_out('a\\x1b[2Jb\\n')"
    piped = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert piped.stdout == b"a\x1b[2Jb\n"
    master, slave = os.openpty()
    subprocess.run([sys.executable, "-c", code], stdout=slave, check=True)
    os.close(slave)
    assert os.read(master, 100) == b"a\\x1b[2Jb\r\n"
    os.close(master)


def test_json_is_json_whatever_is_in_it() -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found = json.loads(as_json(ODD), parse_constant=refuse)
    assert [row["value"] for row in found] == [1.5, None, None, None]
    assert [row["nested"] for row in found] == [[{"x": None}], [], None, [{"x": 1.0}]]
    assert [row["count"] for row in found] == [1, 2, 3, 4]
    assert [row["text"] for row in found] == ODD["text"].to_pylist()
    assert json.loads(to_json({"a": "\x9b\ud800"})) == {"a": "\x9b\ud800"}


def test_numbers_are_to_the_right() -> None:
    assert as_markdown(ODD).splitlines()[1] == "| --- | ---: | --- | ---: |"
    assert as_latex(ODD).splitlines()[0] == r"\begin{tabular}{lrlr}"
    assert as_html(ODD).count('<th scope="col" class="number">') == 2
    assert "│ [a] 50%         │     1 │" in as_text(ODD.select(["text", "count"]))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([86.666667, 5.0, 0.4], ["86.67", "5.00", "0.40"]),
        ([61.0, 66.0], ["61", "66"]),
        ([61.5, 66.0, None], ["61.5", "66.0", ""]),
        ([1234.5678], ["1235"]),
        ([0.2, 0.05, 1e-9], ["0.20", "0.05", "1e-09"]),
        ([1e-5, 2.345678e-5], ["1e-05", "2.35e-05"]),
        ([-0.25, 0.125], ["-0.250", "0.125"]),
        ([0.0, 0.0], ["0", "0"]),
        ([float("nan"), float("inf"), 1.25], ["nan", "inf", "1.25"]),
        ([3, 20_000], ["3", "20000"]),
        ([[1.23456, 2.0], []], ["[1.23, 2]", "[]"]),
        ([datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)], ["2026-01-02 03:04:05Z"]),
        ([True, None], ["True", ""]),
    ],
)
def test_numbers_of_a_column_are_rounded_alike_for_people_and_for_nobody_else(
    values: list[object], expected: list[str]
) -> None:
    given_table = pa.table({"x": values})
    page = Cells()
    page.feed(as_html(given_table))
    assert [row[0] for row in page.rows[1:]] == expected
    cells = [line.strip("| ").replace("\\", "") for line in as_markdown(given_table).splitlines()[2:]]
    assert cells == expected
    if isinstance(values[0], float):
        exact = [
            float(row[0]) if row and row[0] else None
            for row in csv.reader(io.StringIO(as_csv(given_table)))
            if row != ["x"]
        ]
        assert repr(exact) == repr(values)
