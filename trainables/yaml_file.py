"""A YAML file whose every value knows its line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from trainables.errors import Problem, UserError

Place = tuple[str | int, ...]
"""The way to a value: keys and list positions from the top."""

DEEPEST = 50
"""Lists and mappings within each other."""

MOST = 100_000
"""Values of a file, those that aliases repeat counted as often as they stand: more are a bomb, not a file."""

LARGEST = 1 << 20
"""Bytes. Whoever gives a larger file means another one, and would wait for minutes to hear it."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema: `no` is Norwegian, `010` is ten, `1:30` and `2020-01-01` are texts, `1e-5` is a number.

    Not read: tags, which could make other things of a value than it looks like, and texts that no file can hold.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as PyYAML has it
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if getattr(event, "tag", None) not in (None, "!"):
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise ConstructorError(None, None, f"'{tag}' is a tag, and none are read", event.start_mark)
        if self.depth == DEEPEST:
            raise ConstructorError(None, None, f"more than {DEEPEST} values stand in each other", event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(node, yaml.ScalarNode) and (wrong := re.search("[\0\ud800-\udfff]", node.value)):
            raise ConstructorError(
                None, None, f"a text holds U+{ord(wrong[0]):04X}, which no file can", node.start_mark
            )
        return node

    def whole_number(self, node: yaml.ScalarNode) -> int:
        try:
            return int(node.value, 0 if node.value[:2] in ("0o", "0x") else 10)
        except ValueError:  # Python's limit
            raise ConstructorError(None, None, "a number of thousands of digits", node.start_mark) from None


for _tag, _first, _pattern in (
    ("null", ["~", "n", "N", ""], r"~|null|Null|NULL|"),
    ("bool", list("tTfF"), r"true|True|TRUE|false|False|FALSE"),
    ("int", list("-+0123456789"), r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    (
        "float",
        list("-+.0123456789"),
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    ),
    ("merge", ["<"], "<<"),  # of YAML 1.1, and too useful to go
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^({_pattern})$"), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.whole_number)


def parse_yaml(text: str) -> Any:
    """The values of a YAML text, by the rules of YAML 1.2 for numbers and truth values. Raises yaml.YAMLError."""
    loader = _Loader(text)
    node = _tree(loader)
    return None if node is None else loader.construct_document(node)


def _tree(loader: _Loader) -> yaml.Node | None:
    """The nodes of a text: none without end, whatever its aliases repeat."""
    root, left = loader.get_single_node(), MOST

    def count(node: yaml.Node, depth: int) -> None:
        nonlocal left
        left -= 1
        if left < 0 or depth > DEEPEST:
            raise ConstructorError(None, None, "an alias repeats values without end", node.start_mark)
        for child in node.value if isinstance(node, yaml.CollectionNode) else ():
            for one in child if isinstance(child, tuple) else (child,):
                count(one, depth + 1)

    if root is not None:
        count(root, 1)
    return root


@dataclass(frozen=True)
class YamlFile:
    """The parsed values and, for each of them, the line (1-based) of its key or list item."""

    name: str
    values: Any
    lines: dict[Place, int] = field(repr=False)

    def problem(self, message: str, place: Place = (), hint: str | None = None) -> Problem:
        """A problem at a value's line, or at that of the nearest value around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return Problem(message, self.name, self.lines.get(place), hint)

    def named_twice(self, noun: str, values: Sequence[Any], place: Place) -> list[Problem]:
        """A problem at each of a list's values that was there before."""
        again = [position for position, value in enumerate(values) if value in values[:position]]
        return [
            self.problem(f"{noun} '{values[position]}' stands here twice", (*place, position), "remove one")
            for position in again
        ]


def read_yaml(path: Path) -> YamlFile:
    """Reads one YAML document.

    Raises:
        UserError: the file is not there, is not UTF-8, is not YAML or more of it than this project reads, or names a
            key twice.
    """
    try:
        if path.stat().st_size > LARGEST:
            message = f"has {path.stat().st_size / LARGEST:.0f} MB, which no file of this kind has"
            raise UserError(Problem(message, str(path), hint="is it a data file?"))
        text = path.read_text(encoding="utf-8")
        values = parse_yaml(text)
        node = _tree(_Loader(text))  # anew: to make values of nodes merges some of them
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", str(path))) from error
    except UnicodeDecodeError as error:
        raise UserError(Problem(f"is not UTF-8: {error.reason} at byte {error.start}", str(path))) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"is not YAML: it has the character U+{error.character:04X}"
        raise UserError(Problem(message, str(path), line)) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or getattr(error, "context", None)
        raise UserError(Problem(f"is not YAML: {said}", str(path), mark.line + 1 if mark else None)) from error
    lines: dict[Place, int] = {}
    problems: list[Problem] = []
    keys = _Loader("")

    def walk(node: yaml.Node, place: Place) -> None:
        if isinstance(node, yaml.MappingNode):
            before: set[Any] = set()
            for key, value in node.value:
                inner = (*place, key.value)
                # 8 and 8.0 are one key, and 8 and "8" are two. A merge, `<<`, is no key.
                name = key.value if key.tag.endswith(":merge") else keys.construct_object(key, deep=True)
                if name in before:
                    problems.append(
                        Problem(f"'{key.value}' stands here twice", str(path), key.start_mark.line + 1, "remove one")
                    )
                before.add(name)
                lines[inner] = key.start_mark.line + 1
                walk(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for position, value in enumerate(node.value):
                lines[(*place, position)] = value.start_mark.line + 1
                walk(value, (*place, position))

    if node is not None:
        walk(node, ())
    if problems:
        raise UserError(problems)
    return YamlFile(str(path), values, lines)
