"""A YAML file whose every value knows its line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from trainables.errors import Problem, UserError

Place = tuple[str | int, ...]
"""The way to a value: keys and list positions from the top."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2's scalars: `no` is Norwegian and `1e-5` is a number (in YAML 1.1 they are False and a string)."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in ("bool", "float")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|True|false|False)$"), list("tTfF"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|\d+[eE][-+]?\d+|\.inf|\.nan)$"),
    list("-+.0123456789"),
)


def parse_yaml(text: str) -> Any:
    """The values of a YAML text, by the rules of YAML 1.2 for numbers and truth values."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 (a subclass of the safe loader)


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
        UserError: the file is not there, is not UTF-8, is not YAML, or names a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=_Loader)
        values = parse_yaml(text)
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", str(path))) from error
    except UnicodeDecodeError as error:
        raise UserError(Problem(f"is not UTF-8: {error.reason} at byte {error.start}", str(path))) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise UserError(Problem(f"is not YAML: {getattr(error, 'problem', error)}", str(path), line)) from error
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
