"""YAML that knows its lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainables.errors import UserError
from trainables.yaml_file import parse_yaml, read_yaml


def test_every_value_knows_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: 1\nb:\n  - c\n  - {d: 2}\n")
    document = read_yaml(path)
    assert document.values == {"a": 1, "b": ["c", {"d": 2}]}
    assert [document.lines[place] for place in [("a",), ("b",), ("b", 0), ("b", 1), ("b", 1, "d")]] == [1, 2, 3, 4, 4]
    assert document.problem("x", ("b", 1, "nothing")).line == 4


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("1e-5", 1e-5),
        ("2.5E-3", 2.5e-3),
        (".5", 0.5),
        ("true", True),
        ("7", 7),
        ("on", "on"),
        ("~", None),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    assert parse_yaml(text) == value
    assert type(parse_yaml(text)) is type(value)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"a: 1\nb: [1,\n", 3, "is not YAML"),
        (b"a: 1\na: 2\n", 2, "'a' stands here twice"),
        (b"a: \xff\n", None, "is not UTF-8"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: bytes, line: int | None, words: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_yaml(path)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (str(path), line)
    assert words in problem.message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.yaml: cannot be read"):
        read_yaml(tmp_path / "nothing.yaml")
