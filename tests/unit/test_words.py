"""What counts as a word, in scripts with and without spaces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.data.words import words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Who wrote it, then?", ["Who", "wrote", "it,", "then?"]),
        ("  \t\n", []),
        ("今年は2024年", ["今", "年", "は", "2024", "年"]),
        ("ใคร", ["ใ", "ค", "ร"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("\U0002000b", ["\U0002000b"]),
    ],
)
def test_words_stand_between_spaces_or_are_characters(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text())
def test_words_are_the_text_without_its_spaces(text: str) -> None:
    assert "".join(words(text)) == "".join(text.split())
