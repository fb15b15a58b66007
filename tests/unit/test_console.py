"""What people read: text as it is, never as markup, and never as orders to their terminal."""

from __future__ import annotations

import io
import re

import pytest

from sweep.console import Console, counted, styled, visible
from sweep.results.tables import rich_table
from tests.conftest import ROOT

ODD = [
    "[/x]",
    "[x]",
    r"S[dcl]\NP",
    "[citation needed]",
    "nli[en]",
    ":smile:",
    "[bold]b[/]",
    r"\[x]",
    "[link=x]y[/link]",
]


def said(*text: object, **options: object) -> str:
    console = Console(file=io.StringIO(), **options)
    for one in text:
        console.say(one) if isinstance(one, str) else console.print(one)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("text", ODD)
def test_text_is_never_markup(text: str) -> None:
    assert said(text) == f"{text}\n"
    assert said(styled(text, "red"), force_terminal=True, color_system=None) == f"{text}\n"
    table = rich_table([text], [[text]])
    table.title = table.caption = text
    assert said(table).count(text) == 4


@pytest.mark.parametrize(
    ("order", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\rb", r"a\x0db"),
        ("a\x08b\x7f", r"a\x08b\x7f"),
        ("\u202eabc\u2066", r"\u202eabc\u2066"),
        ("file\udcff", r"file\udcff"),
    ],
)
def test_what_a_terminal_would_obey_is_spelt_out(order: str, shown: str) -> None:
    for how in ({}, {"force_terminal": True, "color_system": None, "width": 80}):
        assert said(order, **how) == f"{shown}\n"
        assert said(styled(order, "red"), **how) == f"{shown}\n"
        assert shown in said(rich_table(["x"], [[order]]), **how)


@pytest.mark.parametrize("text", ["Łódź, 北京", "\u0645\u06cc\u200c\u062e", "a\u200fb", "👩\u200d👩", "a\n\tb"])
def test_letters_of_all_scripts_are_text(text: str) -> None:
    assert visible(text) == text


def test_what_is_not_on_a_terminal_is_as_wide_as_it_needs_to_be() -> None:
    assert said("x " * 100) == "x " * 100 + "\n"
    assert "y" * 300 in said(rich_table(["x"], [["y" * 300]]))


def test_one_thing_is_one_and_several_are_several() -> None:
    assert [counted(number, "trial") for number in (0, 1, 2, 1000)] == [
        "0 trials",
        "1 trial",
        "2 trials",
        "1,000 trials",
    ]
    assert [counted(number, "study") for number in (1, 3)] == ["1 study", "3 studies"]
    assert [counted(number, "CPU") for number in (1.0, 0.5)] == ["1 CPU", "0.5 CPUs"]
    assert counted(1, "trial waits", "trials wait") == "1 trial waits"
    assert counted(2, "trial waits", "trials wait") == "2 trials wait"


def test_there_is_no_other_way_to_a_person() -> None:
    """Rich's own console takes text for markup, as does its Text.from_markup; `echo` and `print` pass everything on."""
    other = re.compile(
        r"import Console$|rich\.print|\bmarkup\b|(?<![\w.])print\(|typer\.(secho|echo)|print_json|[^\w]Text\(", re.M
    )
    found = [
        f"{path.relative_to(ROOT)}: {hit[0]}"
        for folder in ("sweep", "trainables", "search_spaces")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != ROOT / "sweep/console.py"
        for hit in other.finditer(re.sub(r"from sweep\.console import .*", "", path.read_text(encoding="utf-8")))
    ]
    assert found == [
        "sweep/running/doctor/node.py: print(",  # what another process reads
        "sweep/running/launch/follow.py:  Text(",  # nothing yet
    ]
