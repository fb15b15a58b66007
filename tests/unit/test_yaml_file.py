"""YAML that knows its lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainables.errors import UserError
from trainables.yaml_file import parse_yaml, read_yaml

BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (name, name, b", ".join([b"*%c" % (name - 1)] * 9)) for name in b"bcdefghi"
)
"""Some 300 bytes that stand for 9 to the 9th values."""


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
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2020-01-01", "2020-01-01"),
        ("=", "="),
        (".inf", float("inf")),
        (".", "."),
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
        (b"a: {8: 1,\n8.0: 2}\n", 2, "'8.0' stands here twice"),
        (b"- 1e-5: 1\n  0.00001: 2\n", 2, "'0.00001' stands here twice"),
        (b"a: \xff\n", None, "is not UTF-8"),
        (b"a: 1\nb: !!int x\n", 2, "'!!int' is a tag, and none are read"),
        (b"a: !python/name:os.system x\n", 1, "is a tag, and none are read"),
        (b"a: 1\nb: " + b"[" * 500, 2, "more than 50 values stand in each other"),
        (b"a: 1\nb: &b [*b]\n", 2, "an alias repeats values without end"),
        (BOMB, 1, "an alias repeats values without end"),
        (b"a: " + b"9" * 5000, 1, "a number of thousands of digits"),
        (b'a: 1\nb: "\\ud800"\n', 2, "a text holds U+D800"),
        (b'a: "x\\0"\n', 1, "a text holds U+0000"),
        (b"a: 1\nb: \x07\n", 2, "it has the character U+0007"),
        (b"? [a]\n: 1\n", 1, "found unhashable key"),
        (b"a: 1\n---\nb: 2\n", 2, "but found another document"),
        (b"# " + b"x" * (1 << 20), None, "has 1 MB, which no file of this kind has"),
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


def test_keys_of_another_type_or_another_mapping_are_other_keys(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text('x: &base {a: 1, 8: 2, "8": 3}\ny: {<<: *base, a: 4}\n')
    values = read_yaml(path).values
    assert values == {"x": {"a": 1, 8: 2, "8": 3}, "y": {"a": 4, 8: 2, "8": 3}}


def test_values_named_twice_are_named_with_the_line_of_the_second(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a:\n- b\n- c\n- b\n- b\n")
    document = read_yaml(path)
    assert [str(one) for one in document.named_twice("task", document.values["a"], ("a",))] == [
        f"{path}:{line}: task 'b' stands here twice\n    remove one" for line in (4, 5)
    ]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.yaml: cannot be read"):
        read_yaml(tmp_path / "nothing.yaml")
