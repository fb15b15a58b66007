"""The prediction files of an XTREME submission: one pair of functions, to read and to write, for each format."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

from trainables.data.squad import read_squad
from trainables.errors import Problem, UserError

MOST_PROBLEMS = 20  # that are named of one file

Values = TypeVar("Values")
Pair = tuple[str, str]  # id of the source sentence, id of its English translation


@dataclass(frozen=True)
class Submitted(Generic[Values]):
    """What a file says, and the line (1-based) on which each of its values begins, in their order."""

    path: Path
    values: Values
    lines: Sequence[int]

    def problem(self, message: str, line: int | None = None, hint: str | None = None) -> Problem:
        """A problem in this file."""
        return Problem(message, str(self.path), line, hint)


def refuse(problems: Sequence[Problem]) -> None:
    """Raises UserError with a file's problems if there are any: the first 20, and how many more there are."""
    if problems:
        left = len(problems) - MOST_PROBLEMS
        more = [Problem(f"and {left} more problems", problems[0].file)] if left > 0 else []
        raise UserError([*problems[:MOST_PROBLEMS], *more])


def read_labels(path: Path) -> Submitted[list[str]]:
    """A label a line. UserError for a blank line or an empty file."""
    labels = [line.strip() for line in _lines(path)]
    blank = [number for number, label in enumerate(labels, start=1) if not label]
    refuse([Problem("is a blank line", str(path), number, "expected: a label on every line") for number in blank])
    return Submitted(path, labels, range(1, len(labels) + 1))


def write_labels(path: Path, labels: Sequence[str]) -> None:
    """A label a line."""
    _write(path, "".join(f"{label}\n" for label in labels))


def read_tags(path: Path) -> Submitted[list[list[str]]]:
    """The tags of each sentence: one a line, a blank line between sentences. UserError for an empty file."""
    rows = enumerate((line.strip() for line in _lines(path)), start=1)
    sentences = [list(rows) for filled, rows in groupby(rows, key=lambda row: bool(row[1])) if filled]
    tags = [[tag for _, tag in sentence] for sentence in sentences]
    return Submitted(path, tags, [sentence[0][0] for sentence in sentences])


def write_tags(path: Path, sentences: Sequence[Sequence[str]]) -> None:
    """A tag a line, a blank line between sentences. ValueError for a sentence without tags: it cannot be written."""
    if not all(sentences):
        raise ValueError("a sentence has no tags")
    _write(path, "\n".join("".join(f"{tag}\n" for tag in sentence) for sentence in sentences))


def read_pairs(path: Path) -> Submitted[list[Pair]]:
    """Two ids a line, with a tab between them; no line where nothing was found. UserError for any other line."""
    rows = [[cell.strip() for cell in line.split("\t")] for line in _lines(path, may_be_empty=True)]
    wrong = [number for number, row in enumerate(rows, start=1) if len(row) != 2 or not all(row)]
    refuse([Problem("is not a pair of ids", str(path), number, "expected: id, tab, English id") for number in wrong])
    return Submitted(path, [(source, target) for source, target in rows], range(1, len(rows) + 1))


def write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    """Two ids a line, with a tab between them."""
    _write(path, "".join(f"{source}\t{target}\n" for source, target in pairs))


def read_choices(path: Path) -> Submitted[list[str]]:
    """The position of the chosen answer ("0" is the first), from JSON lines. UserError for any other line."""
    choices, problems = [], []
    for number, line in enumerate(_lines(path), start=1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        label = row.get("label") if isinstance(row, dict) else None
        if isinstance(label, int) and not isinstance(label, bool):
            choices.append(str(label))
        else:
            problems.append(Problem("is not a choice", str(path), number, 'expected: {"label": 0}, with a number'))
    refuse(problems)
    return Submitted(path, choices, range(1, len(choices) + 1))


def write_choices(path: Path, choices: Sequence[str]) -> None:
    """JSON lines with the position of each chosen answer."""
    _write(path, "".join(f"{json.dumps({'label': int(choice)})}\n" for choice in choices))


def read_answers(path: Path) -> Submitted[dict[str, str]]:
    """The text that answers each question, by the question's id. UserError for any other JSON."""
    return _read_object(path, "a text", '{"question id": "text"}', lambda value: isinstance(value, str))


def write_answers(path: Path, answers: Mapping[str, str]) -> None:
    """JSON, a question a line."""
    _write_object(path, answers)


def read_rankings(path: Path) -> Submitted[dict[str, list[str]]]:
    """A ranking of ids for each query, by the query's id, the best first. UserError for any other JSON."""
    return _read_object(path, "a list of ids", '{"query id": ["id", "id"]}', _is_ranking)


def write_rankings(path: Path, rankings: Mapping[str, Sequence[str]]) -> None:
    """JSON, an id a line."""
    _write_object(path, {query: list(ranking) for query, ranking in rankings.items()})


def read_questions(path: Path) -> Submitted[dict[str, list[str]]]:
    """The gold texts of each question, by its id, from SQuAD's JSON. UserError where the answers are blanked."""
    texts: dict[str, list[str]] = {}
    problems = []
    for question in read_squad(path, {}, ""):
        if question.answers is None:
            hint = "XTREME's download blanks them: take the file from the dataset's own release"
            problems = [Problem("has no answers to score against", str(path), hint=hint)]
            break
        if question.id in texts:
            problems.append(Problem(f"question '{question.id}' stands here twice", str(path)))
        texts[question.id] = [answer.text for answer in question.answers]
    refuse(problems)
    return Submitted(path, texts, [])


def write_questions(path: Path, answers: Mapping[str, Sequence[str]]) -> None:
    """SQuAD's JSON with the gold texts of each question: the context of a question holds nothing but these."""
    paragraphs = []
    for own_id, texts in answers.items():
        starts = [sum(len(text) + 1 for text in texts[:position]) for position in range(len(texts))]
        gold = [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]
        question = {"id": own_id, "question": "", "answers": gold}
        paragraphs.append({"context": "\n".join(texts), "qas": [question]})
    _write_object(path, {"version": "1.1", "data": [{"title": "", "paragraphs": paragraphs}]})


@dataclass(frozen=True)
class Format:
    """How the files of a task are written: `read` and `write` predictions, `read_gold` and `write_gold` labels.

    `suffix` has no dot.
    """

    suffix: str
    read: Callable[[Path], Submitted[Any]]
    read_gold: Callable[[Path], Submitted[Any]]
    write: Callable[[Path, Any], None]
    write_gold: Callable[[Path, Any], None]


FORMATS: Mapping[str, Format] = {
    "labels": Format("tsv", read_labels, read_labels, write_labels, write_labels),
    "tags": Format("tsv", read_tags, read_tags, write_tags, write_tags),
    "pairs": Format("tsv", read_pairs, read_pairs, write_pairs, write_pairs),
    "choices": Format("jsonl", read_choices, read_choices, write_choices, write_choices),
    "answers": Format("json", read_answers, read_questions, write_answers, write_questions),
    "rankings": Format("json", read_rankings, read_rankings, write_rankings, write_rankings),
}


def _read_object(path: Path, what: str, example: str, fits: Callable[[Any], bool]) -> Submitted[dict[str, Any]]:
    """A JSON object whose values are all alike. Each value's line is that of its key."""
    text = "\n".join(_lines(path))
    try:
        members = json.loads(text, object_pairs_hook=_Members)
    except json.JSONDecodeError as error:
        _stop(path, f"is not JSON: {error.msg} (column {error.colno})", error.lineno, f"expected: {example}")
    if not isinstance(members, _Members):
        _stop(path, "is not a JSON object", 1, f"expected: {example}")
    if not members:
        _stop(path, "is empty", 1, f"expected: {example}")
    lines = list(_key_lines(text))
    first: dict[str, int] = {}
    problems = []
    for (key, value), line in zip(members, lines, strict=True):
        if not fits(value):
            problems.append(Problem(f"the value of '{key}' is not {what}", str(path), line, f"expected: {example}"))
        if key in first:
            problems.append(Problem(f"'{key}' stands here again", str(path), line, f"first in line {first[key]}"))
        first.setdefault(key, line)
    refuse(problems)
    return Submitted(path, dict(members), lines)


class _Members(list[tuple[str, Any]]):
    """A JSON object with its duplicate keys."""


def _is_ranking(value: Any) -> bool:
    return type(value) is list and all(isinstance(one, str) for one in value)


_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?|[{}\[\]]')


def _key_lines(text: str) -> Iterator[int]:
    """The line (1-based) of each key of the outermost object."""
    depth, line, counted = 0, 1, 0
    for match in _STRING_OR_BRACKET.finditer(text):
        if match[0] in "{[":
            depth += 1
        elif match[0] in "}]":
            depth -= 1
        elif match[1] and depth == 1:
            line, counted = line + text.count("\n", counted, match.start()), match.start()
            yield line


def _lines(path: Path, may_be_empty: bool = False) -> list[str]:
    """The lines of a UTF-8 file without blank ones at its end. Only LF and CRLF end one: U+2028 is text."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        _stop(path, f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        _stop(path, f"is not UTF-8: {error.reason}", error.object.count(b"\n", 0, error.start) + 1)
    if not text.strip():
        if may_be_empty:
            return []
        _stop(path, "is empty", 1)
    return text.rstrip().replace("\r\n", "\n").split("\n")


def _stop(path: Path, message: str, line: int | None = None, hint: str | None = None) -> NoReturn:
    raise UserError(Problem(message, str(path), line, hint))


def _write_object(path: Path, values: Mapping[str, Any]) -> None:
    # Escaped: the official scorer opens files in whatever encoding its machine has.
    _write(path, json.dumps(values, indent=1) + "\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))
