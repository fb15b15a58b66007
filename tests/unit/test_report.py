"""The report as a file: what it says, what leads where, what cannot happen in it, and that it is checked.

How it looks and behaves in a browser is in tests/browser/.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2.utils import htmlsafe_json_dumps
from typer.testing import CliRunner

from sweep.cli import app
from sweep.console import visible
from sweep.report.answer import incomplete, tone
from sweep.report.blocks import Cell, Column, Figure, Heading, Prose, Section, Table, number, slug
from sweep.report.check import check
from sweep.report.drawing import CHARTS, clean, svg
from sweep.report.languages import LEAST
from sweep.report.page import Page, html, page
from sweep.report.plot import figures, plot
from sweep.report.source import Asked, Source, read
from tests.browser.stores import NASTY, nasty, small
from tests.simulated import simulated
from tests.unit.test_driver import Rig
from tests.unit.test_views import ONE_TARGET, play
from trainables.errors import UserError
from trainables.store import Store


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the words outside of scripts."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._tag = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, {name: value or "" for name, value in attrs}))
        self._tag = tag

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag not in ("script", "style"):
            self.words.append(data)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return small(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def source(store: Store) -> Source:
    return read(store, Asked(""))


@pytest.fixture(scope="module")
def content(source: Source) -> str:
    return html(page(source))


def test_a_report_is_the_same_whenever_it_is_written(store: Store, content: str) -> None:
    assert html(page(read(store, Asked("english-or-not")))) == content


def test_every_link_leads_to_something_in_the_file(content: str) -> None:
    elements = Elements(content).all
    ids = [of["id"] for _, of in elements if "id" in of]
    links = [of["href"] for tag, of in elements if tag == "a"]
    assert len(ids) == len(set(ids))
    assert len(links) > 100
    assert {link for link in links if link.removeprefix("#") not in ids} == set()


def test_each_difference_leads_to_the_trials_of_its_condition_and_target(source: Source) -> None:
    (grid,) = [
        block
        for section in page(source).sections
        for block in section.blocks
        if isinstance(block, Table) and block.grid
    ]
    behind = {f"behind-{place}": row for place, row in enumerate(source.behind)}
    for row in grid.rows:
        for column, cell in zip(grid.columns[1:], row[1:], strict=True):
            of = behind[str(cell.link)]
            assert (of["condition"], of["target"]) == (row[0].shown, column.name.splitlines()[0])


def test_scripts_styles_and_attributes_are_the_project_s_own(content: str) -> None:
    """What the policy allows is what stands in the file, by its hash; there is nothing else that could run."""
    elements = Elements(content).all
    (policy,) = [of["content"] for tag, of in elements if of.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", content, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert {tag for tag, _ in elements} & {"img", "iframe", "object", "embed", "link", "form", "base", "image"} == set()
    assert [of.get("type") for tag, of in elements if tag == "script"] == ["application/json", None]
    attributes = {name for _, of in elements for name in of}
    assert {name for name in attributes if name.startswith("on") or name in ("style", "src", "srcdoc")} == set()
    assert all(of["href"].startswith("#") for tag, of in elements if "href" in of)


def test_nothing_in_a_ledger_can_run_or_break_out_of_its_place(source: Source, content: str) -> None:
    hostile = html(page(nasty(source)))
    plain, full = Elements(content).all, Elements(hostile).all
    assert {tag for tag, _ in full} <= {tag for tag, _ in plain}
    test_scripts_styles_and_attributes_are_the_project_s_own(hostile)
    assert hostile.count("<script") == 2
    assert not re.search("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069]", hostile)
    json.loads(re.findall('id="numbers">(.*?)</script>', hostile)[0])


def test_a_text_as_long_as_a_book_is_cut_and_its_length_said(source: Source) -> None:
    trials = tuple({**row, "error": "x" * 10_000, "status": "failed"} for row in source.trials[:1])
    long = html(page(dataclasses.replace(source, trials=trials)))
    assert "x" * 401 not in long
    assert "… (10,000 characters)" in long


def test_a_drawing_is_shapes_text_and_links_to_the_page_alone() -> None:
    dirty = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="alert(1)">'
        "<script>alert(2)</script><style>*{}</style><foreignObject><p/></foreignObject>"
        '<a xlink:href="https://example.com/page#trial-1"><path d="M1.2345,2" style="fill:red" onclick="alert(3)"'
        ' aria-roledescription="point" aria-label="&lt;b&gt;"/></a>'
        '<a xlink:href="javascript:alert(4)"><path d="M1,2"/></a>'
        '<image href="https://example.com"/></svg>'
    )
    assert clean(dirty, "figure", 'a "caption"') == (
        '<svg xmlns="http://www.w3.org/2000/svg" role="group" aria-label="a &quot;caption&quot;">'
        '<a href="#trial-1"><path d="M1.2,2"><title>&lt;b&gt;</title></path></a><a><path d="M1,2" /></a></svg>'
    )


def test_the_specifications_name_no_address_but_their_schema_s() -> None:
    for file in CHARTS.glob("*.json"):
        found = re.findall(r"https?://[^\"]*", file.read_text(encoding="utf-8"))
        assert set(found) <= {"https://vega.github.io/schema/vega-lite/v6.json"}


def test_the_languages_of_many_conditions_keep_their_width(source: Source) -> None:
    (figure, *_) = [one for one in figures(source) if one.name == "languages-xnli"]
    assert figure.settings["width"] >= LEAST
    assert svg(figure).count("</title></path></a>") == len(figure.values)


@pytest.mark.parametrize(("ending", "start"), [("pdf", b"%PDF"), ("svg", b"<svg"), ("png", b"\x89PNG")])
def test_a_figure_is_a_file_for_a_paper(source: Source, ending: str, start: bytes) -> None:
    file = plot(source, "languages-xnli", ending)
    assert file.startswith(start)
    assert b"var(--" not in file  # colours of the page


def test_every_figure_can_be_drawn(source: Source) -> None:
    names = [figure.name for figure in figures(source)]
    assert {"differences", "languages-xnli", "languages-udpos", "learning-rate", "progress"} <= set(names)
    for name in names:
        assert len(plot(source, name, "svg")) > 1000


def test_an_unknown_figure_lists_those_that_there_are(source: Source) -> None:
    with pytest.raises(UserError, match=r"no figure 'progres'\n.*did you mean 'progress'\? known: differences, "):
        plot(source, "progres", "pdf")


def test_numbers_are_rounded_for_people_and_kept_as_computed() -> None:
    assert [number(one, 1, sign=True).shown for one in (1.26, -1.26, 0.04, -0.04, 0.0, None)] == [
        "+1.3", "−1.3", "0.0", "0.0", "0.0", "–",
    ]  # fmt: skip
    assert number(1.26).value == 1.26
    assert number(float("nan")).value is None
    assert number(12345, 0).shown == "12,345"


def test_a_colour_says_what_was_decided_and_how_large_it_is() -> None:
    tones = [tone(*one) for one in (("better", 0.4), ("better", 1.5), ("worse", -7.0), ("not decided", 7.0))]
    assert tones == ["better-1", "better-2", "worse-3", "open"]


def test_seeds_that_are_not_there_or_fell_are_told_in_the_cell(source: Source) -> None:
    (row,) = [one for one in source.overall.rows if (one.condition, one.target) == ("squad", "udpos")]
    assert incomplete(row) == "2 of 3 seeds"
    assert incomplete(dataclasses.replace(row, seeds=3, collapsed=1)) == "1 at chance"


def test_anchors_are_of_letters_and_digits() -> None:
    assert slug("languages", "my Task/öäü <b>", "") == "languages-my-task-b"


def written(content: str, folder: Path) -> Path:
    file = folder / "report.html"
    file.write_text(content, encoding="utf-8")
    return file


def test_a_report_that_was_just_written_agrees_with_its_ledger(store: Store, content: str, tmp_path: Path) -> None:
    found = check(store, written(content, tmp_path))
    assert found.different == ()
    assert found.compared > 500


def test_a_changed_number_is_named(store: Store, content: str, tmp_path: Path) -> None:
    numbers = re.findall('id="numbers">(.*?)</script>', content)[0]
    told = json.loads(numbers)
    told["tables"]["differences"]["rows"][0][1] += 0.5
    found = check(store, written(content.replace(numbers, htmlsafe_json_dumps(told)), tmp_path))
    (line,) = found.different
    assert re.fullmatch(r"differences, row 1 \(mnli\), xnli accuracy: .* in the report, .* from the ledger", line)


def test_a_number_that_was_changed_where_it_is_shown_is_named(store: Store, content: str, tmp_path: Path) -> None:
    shown = re.findall(r"<small>(▲ better.*?)</small>", content, re.DOTALL)[0]
    found = check(store, written(content.replace(shown, shown.replace("better", "much better"), 1), tmp_path))
    assert len(found.different) == 1
    assert "it was changed by hand" in found.different[0]


def test_a_report_answers_for_its_own_plan_also_after_another_was_run(tmp_path: Path) -> None:
    rig = play(Rig(tmp_path, seeds=[1, 2], **ONE_TARGET))
    file = written(html(page(read(rig.store, Asked("")))), tmp_path)
    play(Rig(tmp_path, seeds=[1, 2, 3], **ONE_TARGET))
    assert check(rig.store, file).different == ()


def test_trials_that_ended_since_then_are_told(tmp_path: Path) -> None:
    rig = Rig(tmp_path, seeds=[1, 2], **ONE_TARGET)
    half = rig.run(stop_at="evaluate")
    assert half is not None
    file = written(html(page(read(rig.store, Asked("")))), tmp_path)
    rig.end(half)
    play(rig)
    assert any("rows in the report" in line for line in check(rig.store, file).different)


def numbers_replaced(content: str, told: Any) -> str:
    numbers = re.findall('id="numbers">(.*?)</script>', content)[0]
    return content.replace(numbers, htmlsafe_json_dumps(told))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["format", "experiment", "baseline", "claim", "tables", "figures"]), JSON, st.booleans())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_no_report_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    store: Store,
    source: Source,
    content: str,
    tmp_path: Path,
    key: str,
    value: Any,
    gone: bool,
) -> None:
    """Or it is compared with the ledger, which is asked no question that the file does not put well."""
    monkeypatch.setattr("sweep.report.check.read", lambda store, asked: source)
    told = json.loads(re.findall('id="numbers">(.*?)</script>', content)[0])
    told = {name: one for name, one in {**told, key: value}.items() if not (gone and name == key)}
    try:
        found = check(store, written(numbers_replaced(content, told), tmp_path))
    except UserError as error:
        told = str(error)
    else:
        told = "different" if found.different else key
    assert re.search("is no report|is a report of format|different|^(format|experiment|baseline|claim)$", told)


@pytest.mark.parametrize(
    "content", ["", "<html></html>", '<script id="numbers">{"format": 99}</script>', "[" * 100_000]
)
def test_files_that_were_never_a_report_are_refused(store: Store, tmp_path: Path, content: str) -> None:
    with pytest.raises(UserError, match=r"is no report|is a report of format 99"):
        check(store, written(content, tmp_path))


TEXT = st.text(min_size=1) | st.sampled_from(
    [NASTY, "</script>", "]]>", "'\"><svg onload=x>", "{{ 7*7 }}", "\u202eabc", "ب" * 50, "😀" * 99]
)


@given(TEXT)
@settings(max_examples=100)
def test_any_text_is_shown_as_text(text: str) -> None:
    """In every place that takes words: the elements of the page are the same whatever these are."""

    def made(words: str) -> Page:
        cell = Cell(words, words, "trial-1", words, "open", True)
        table = Table(
            "t", words, (Column(words), Column(words, numeric=True)), ((cell, Cell(words, 1.0)),), ("a-1",), words
        )
        blocks = (
            Heading(words, "h"),
            Prose((words,), "lead"),
            Prose((words,), "command"),
            Prose((words,), "list"),
            table,
        )
        return Page(words, {words: words}, {"experiment": words}, (Section("s", words, blocks),))

    plain, full = Elements(html(made("x"))), Elements(html(made(text)))
    assert [(tag, sorted(of)) for tag, of in full.all] == [(tag, sorted(of)) for tag, of in plain.all]
    shown = "".join("".join(full.words).split())
    assert "".join(visible(text).split()) in shown


@given(TEXT)
@settings(max_examples=25)
def test_any_text_is_drawn_as_text(text: str) -> None:
    def values(words: str) -> tuple[dict[str, Any], ...]:
        return tuple(
            {
                "training_set": words,
                "condition": words,
                "trials": place,
                "score": place,
                "says": words,
                "link": "#studies",
            }
            for place in (1, 2)
        )

    settings = {"interpolate": "linear", "ticks": [1, 2], "columns": 1, "width": 100, "height": 100}
    drawn = svg(Figure("f", "progress", text, values(text), settings))
    assert {tag for tag, _ in Elements(drawn).all} <= {"svg", "g", "path", "text", "line", "rect", "a", "title"}
    assert all(of["href"] == "#studies" for tag, of in Elements(drawn).all if tag == "a")


def test_a_sweep_that_has_just_begun_has_a_report(tmp_path: Path) -> None:
    rig = Rig(tmp_path, seeds=[1, 2], **ONE_TARGET)
    found = rig.start()
    assert found is not None
    rig.end(found[0])
    words = " ".join(Elements(html(page(read(rig.store, Asked(""))))).words)
    assert "no scores" in words
    assert "not run yet" in words


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Of which a report is made in no time: two conditions, one target, two seeds."""
    return simulated(tmp_path_factory.mktemp("tiny"), examples=30, seeds=[1, 2], **ONE_TARGET).store


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*arguments])
    return result.exit_code, result.output


def test_the_commands_write_check_and_refuse(tiny: Store, tmp_path: Path) -> None:
    store, file, figure = tiny, tmp_path / "report.html", tmp_path / "figure.pdf"
    assert run("report", store.uri, "-o", str(file))[0] == 0
    assert run("report", store.uri, "--check", str(file))[0] == 0
    file.write_text(file.read_text(encoding="utf-8").replace("○ not decided", "▲ better"), encoding="utf-8")
    code, output = run("report", store.uri, "--check", str(file))
    assert (code, "changed by hand" in output) == (1, True)
    assert run("plot", store.uri, "differences", "-o", str(figure))[0] == 0
    for wrong, said in (
        (("report", store.uri), "give either --output or --check"),
        (("report", store.uri, "-o", str(tmp_path)), "is a folder"),
        (("report", str(tmp_path / "away"), "-o", str(file)), "no experiment was run"),
        (("report", store.uri, "--check", str(tmp_path / "away.html")), "cannot be read"),
        (("plot", store.uri, "differences", "-o", "figure.gif"), ".pdf or .svg or .png"),
        (("plot", store.uri, "nothing", "-o", str(figure)), "there is no figure 'nothing'"),
    ):
        code, output = run(*wrong)
        assert (code, said in output) == (2, True), output
