"""JSON that is taken strictly: no key twice, no half characters; and the lines of its objects."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.data.json_text import Refused, object_lines, parse_strictly, told

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)


@given(anything, st.booleans())
def test_what_python_writes_comes_back(value: Any, is_ascii: bool) -> None:
    assert parse_strictly(json.dumps(value, ensure_ascii=is_ascii)) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "b": 2, "a": 3}', 'has the key "a" twice in one object (column 10)'),
        ('{"a": {"a": 1},\n "b": [{"x": 1, "\\u0078": 2}]}', 'has the key "\\u0078" twice in one object (column 17)'),
        ('{"a": "}{\\" \\\\",\n "a": 3}', 'has the key "a" twice in one object (column 2)'),
        ('["a",\n "\\ud83d"]', r"has half a character, \ud83d without its other half (column 3)"),
        ('["\\ud83d\\ude00",\n "\\uDE00\\ud83d"]', r"has half a character, \uDE00 without its other half (column 3)"),
        ('["a",\n "\\ud83d\\n\\ude00"]', r"has half a character, \ud83d without its other half (column 3)"),
    ],
)
def test_what_python_takes_in_silence_is_refused(text: str, message: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_strictly(text)
    found, line, _ = told(caught.value, "")
    assert (found, line) == (message, 2)


@pytest.mark.parametrize(
    "text", ['"\\\\ud83d"', '"\\ud55c"', '"\\ud83d\\ude00"', '[{"a": 1}, {"a": 2, "b": {"a": 3}}]']
)
def test_what_only_looks_like_it_is_read(text: str) -> None:
    assert parse_strictly(text) == json.loads(text)


def test_objects_are_found_in_their_lines() -> None:
    text = '[{"a": "{"},\n{"b":\n{"c": "\\"{"}}, 1,\n\n{}]'
    assert [line for _, line in object_lines(text, json.loads(text))] == [1, 2, 3, 5]
