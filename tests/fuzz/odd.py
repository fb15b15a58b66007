"""Values and texts that people and their tools write by mistake, and changes that make a good one odd."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

VALUES = (
    None, True, False, 0, 1, -1, 2, 10**20, -(10**20), 10**400, 0.5, 1e30, -0.0, float("inf"), float("nan"), "", " ",
    "no", "off", "yes", "1", "1.0", "none", "null", ".", "..", "/", "/abs/x", "~", "~x", "a/b", "x" * 300, "é" * 150,
    "[x]", "[/x]", "{x}", "{", "%s", "\x1b[31m", "a\nb", "a\tb", "\u202e", "\u2028", "*", "**", "s3:/b", "s3://b//x",
    "gs://b/x", "file:///nowhere", "http://x", "2020-01-01", "0x10", [], {}, [[]], [{}], {"": ""}, {"a": {"b": 1}},
    [1, [2]],
    ["x", "x"], [None], {1: 2},
)  # fmt: skip

TEXTS = (
    "\0", "\x1b[2J", "\ufeff", "\r", "\r\n", "\t", "\n\n", '"', "'", "\\", "\\ud800", "{", "}", "[", "]", ",", ":",
    "- ", "#", "&a",
    "*a", "!!", "!!python/object:x", "|", ">", "%", "@", "`", "---\n", "...\n", "<<: ", "\u2028", "\x85", "\ud7ff",
    "ﬀ", "👩‍👩‍👧", "-1",
    "null", "NaN", "1e999", "9" * 5000, "[" * 200, "{" * 200, "x" * 70_000, "\udc80",
)  # fmt: skip
"""The last one is a byte that is not UTF-8, once written with surrogateescape."""


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in nested lists and mappings."""
    found = [here] if here else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in pairs:
        found += places(one, (*here, key))
    return found


@st.composite
def changed(draw: st.DrawFn, good: Any, most: int = 2) -> Any:
    """A copy in which a value or two is another one, in a list, gone, there twice, or has another name."""
    made = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, most))):
        ways = places(made)
        if not ways:
            break
        *above, last = draw(st.sampled_from(ways))
        parent = made
        for step in above:
            parent = parent[step]
        match draw(st.sampled_from(["other", "other", "other", "listed", "gone", "twice", "renamed", "moved"])):
            case "other":
                parent[last] = copy.deepcopy(draw(st.sampled_from(VALUES)))
            case "listed":
                parent[last] = [parent[last]]
            case "gone":
                del parent[last]
            case "twice" if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[last]))
            case "renamed" if isinstance(parent, dict):
                parent[draw(st.sampled_from([f"{last}s", str(last)[1:], 1, None, "name"]))] = parent.pop(last)
            case "moved":
                other = draw(st.sampled_from(ways))
                value: Any = made
                try:
                    for step in other:
                        value = value[step]
                except (KeyError, IndexError, TypeError):
                    continue
                parent[last] = copy.deepcopy(value)
    return made


@st.composite
def scribbled(draw: st.DrawFn, good: str, most: int = 3) -> str:
    """A text into which something odd was put, or of which a part is gone or there twice."""
    made = good
    for _ in range(draw(st.integers(1, most))):
        start = draw(st.integers(0, len(made)))
        end = min(len(made), start + draw(st.sampled_from([0, 0, 1, 2, 10, 100])))
        put = draw(st.one_of(st.sampled_from(TEXTS), st.just(made[start:end] * 2), st.just("")))
        made = made[:start] + put + made[end:]
    return made


@st.composite
def flipped(draw: st.DrawFn, good: bytes, most: int = 3) -> bytes:
    """Bytes of which a few are others, or the end is gone."""
    made = bytearray(good)
    for _ in range(draw(st.integers(1, most))):
        if made:
            made[draw(st.integers(0, len(made) - 1))] = draw(st.integers(0, 255))
    return bytes(made[: draw(st.integers(0, len(made)))] if draw(st.booleans()) else made)
