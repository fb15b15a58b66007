"""JSON as people's files have it: parsed strictly, and where in the text its objects begin."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from trainables.data.findings import parse_json

_STRING = r'"(?:[^"\\]+|\\.)*"'
_TOKEN = re.compile(rf"({_STRING})(\s*:)?|[{{}}]", re.DOTALL)
_BRACE = re.compile(rf"{_STRING}|\{{", re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


class Refused(json.JSONDecodeError):
    """What is JSON, but nothing that can be read as it is meant. `hint` says what to do."""

    def __init__(self, message: str, text: str, place: int, hint: str) -> None:
        super().__init__(message, text, place)
        self.hint = hint


def parse_strictly(text: str) -> Any:
    """The values of a JSON text.

    Raises:
        JSONDecodeError: the text is not JSON.
        Refused: an object has a key twice, of which Python would take the last in silence; or a string holds half a
            character (a lone surrogate), which no tokenizer takes.
    """
    is_repeated = False

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal is_repeated
        found = dict(pairs)
        is_repeated = is_repeated or len(found) < len(pairs)
        return found

    value = parse_json(text, object_pairs_hook=members)
    if is_repeated:
        key, place = next(_repeated_keys(text))
        raise Refused(f"has the key {key} twice in one object", text, place, "give each key once")
    if _SURROGATE.search(text):
        for place in _lone_surrogates(text):
            half, hint = text[place : place + 6], "write both halves, or leave it out: no tokenizer takes one"
            raise Refused(f"has half a character, {half} without its other half", text, place, hint)
    return value


def told(error: json.JSONDecodeError, hint: str, line: int | None = None) -> tuple[str, int, str]:
    """What `Findings` say of a text: the message, its line, and the hint, if there is none of its own."""
    message = f"{error.msg} (column {error.colno})"
    if isinstance(error, Refused):
        return message, line or error.lineno, error.hint
    return f"is not JSON: {message}", line or error.lineno, hint


def object_lines(text: str, root: Any) -> Iterator[tuple[dict[Any, Any], int]]:
    """Each object of a parsed text with its line (1-based), in their order."""
    # json drops positions, but the nth object of the tree is the nth brace outside of a string.
    braces = (match for match in _BRACE.finditer(text) if match[0] == "{")
    line, counted = 1, 0
    for brace, node in zip(braces, _objects(root), strict=False):
        line, counted = line + text.count("\n", counted, brace.start()), brace.start()
        yield node, line


def _objects(root: Any) -> Iterator[dict[Any, Any]]:
    nodes = [root]
    while nodes:  # no recursion: a file may nest as deep as it likes
        node = nodes.pop()
        if isinstance(node, dict):
            yield node
        nodes += reversed([*node.values()] if isinstance(node, dict) else node if isinstance(node, list) else [])


def _repeated_keys(text: str) -> Iterator[tuple[str, int]]:
    """Keys, as they are written, that their object had before, and where they begin."""
    open_objects: list[set[str]] = []
    for token in _TOKEN.finditer(text):
        if token[0] == "{":
            open_objects.append(set())
        elif token[0] == "}":
            open_objects.pop()
        elif token[2]:
            key = json.loads(token[1])
            if key in open_objects[-1]:
                yield token[1], token.start()
            open_objects[-1].add(key)


def _lone_surrogates(text: str) -> Iterator[int]:
    """Where escapes begin that are half of a pair."""
    high: int | None = None  # the place of one that waits for its other half
    for escape in _ESCAPE.finditer(text):
        code = int(escape[1], 16) if escape[1] else 0
        completes = high is not None and escape.start() == high + 6 and 0xDC00 <= code < 0xE000
        if high is not None and not completes:
            yield high
        high = escape.start() if 0xD800 <= code < 0xDC00 else None
        if 0xDC00 <= code < 0xE000 and not completes:
            yield escape.start()
    if high is not None:
        yield high
