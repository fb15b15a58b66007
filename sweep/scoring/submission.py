"""The prediction files of an XTREME submission: one pair of functions, to read and to write, for each format."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

from trainables.data.findings import parse_json
from trainables.data.squad import question_lines, read_squad
from trainables.errors import Problem, UserError

MOST_PROBLEMS = 20  # that are named of one file
MOST_SHOWN = 60  # characters of what a file says

Values = TypeVar("Values")
Pair = tuple[str, str]  # id of the source sentence, id of its English translation


@dataclass(frozen=True)
class Submitted(Generic[Values]):
    """What a file says, and the line (1-based) on which each of its values begins, in their order.

    `ids`: what each value is of, in files that may say so but are read line by line; None where it is not said.
    """

    path: Path
    values: Values
    lines: Sequence[int]
    ids: Sequence[Any] = ()

    def problem(self, message: str, line: int | None = None, hint: str | None = None) -> Problem:
        """A problem in this file."""
        return Problem(message, str(self.path), line, hint)


def refuse(problems: Sequence[Problem]) -> None:
    """Raises UserError with a file's problems if there are any."""
    if problems:
        raise UserError(first(problems))


def first(problems: Sequence[Problem]) -> list[Problem]:
    """The first 20 problems of a file, and how many more there are."""
    left = len(problems) - MOST_PROBLEMS
    more = [Problem(f"and {left} more problems", problems[0].file)] if left > 0 else []
    return [*problems[:MOST_PROBLEMS], *more]


def shown(text: str) -> str:
    """What a file says, fit for a message: one line, not long, and nothing in it that a terminal obeys."""
    cut = text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)


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


def read_gold_pairs(path: Path) -> Submitted[list[Pair]]:
    """Likewise, but gold has pairs. UserError for an empty file."""
    pairs = read_pairs(path)
    if not pairs.values:
        _stop(path, "is empty", 1, "expected: the pairs that are right; releases leave out those of their tests")
    return pairs


def write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    """Two ids a line, with a tab between them."""
    _write(path, "".join(f"{source}\t{target}\n" for source, target in pairs))


def read_choices(path: Path) -> Submitted[list[str]]:
    """The position of the chosen answer ("0" is the first), from JSON lines. UserError for any other line.

    Other members do not count, so that a dataset's own file is gold. `idx` says which example a line is of.
    """
    choices, ids, problems = [], [], []
    for number, line in enumerate(_lines(path), start=1):
        try:
            row = parse_json(line)
        except json.JSONDecodeError:
            row = None
        label = row.get("label") if isinstance(row, dict) else None
        if isinstance(label, int) and not isinstance(label, bool):
            choices.append(str(label))
            ids.append(row.get("idx"))
        else:
            problems.append(Problem("is not a choice", str(path), number, 'expected: {"label": 0}, with a number'))
    refuse(problems)
    return Submitted(path, choices, range(1, len(choices) + 1), ids)


def write_choices(path: Path, choices: Sequence[str]) -> None:
    """JSON lines with the position of each chosen answer."""
    _write(path, "".join(f"{json.dumps({'label': int(choice)})}\n" for choice in choices))


def read_answers(path: Path) -> Submitted[dict[str, str]]:
    """The text that answers each question, by the question's id. UserError for any other JSON."""
    return _read_object(path, _text(path), "a text", '{"question id": "text"}', lambda value: isinstance(value, str))


def write_answers(path: Path, answers: Mapping[str, str]) -> None:
    """JSON, a question a line."""
    _write_object(path, answers)


def read_rankings(path: Path) -> Submitted[dict[str, list[str]]]:
    """A ranking of ids for each query, by the query's id, the best first. UserError for any other JSON."""
    return _read_object(path, _text(path), "a list of ids", '{"query id": ["id", "id"]}', _is_ranking)


def read_gold_rankings(path: Path) -> Submitted[list[tuple[str, list[str]]]]:
    """The ids that are right for each query. UserError also for a query that has none."""
    right = read_rankings(path)
    rows = zip(right.values.items(), right.lines, strict=True)
    refuse(
        [
            right.problem(f"'{shown(query)}' has no right id", line, "every query needs one to be scored")
            for (query, ids), line in rows
            if not ids
        ]
    )
    return Submitted(path, [*right.values.items()], right.lines)


def write_rankings(path: Path, rankings: Mapping[str, Sequence[str]]) -> None:
    """JSON, an id a line."""
    _write_object(path, {query: list(ranking) for query, ranking in rankings.items()})


def read_questions(path: Path) -> Submitted[list[tuple[str, list[str]]]]:
    """The gold texts of each question, with its id, from SQuAD's JSON. UserError where an answer is blank.

    An id may stand there twice, as some of TyDiQA's do.
    """
    text = _text(path)
    tree = _parse(path, text, 'SQuAD\'s JSON, which begins {"data": [...')
    if isinstance(tree, dict) and tree and all(isinstance(value, str) for value in tree.values()):
        hint = "expected: SQuAD's JSON with the answers; are --predictions and --labels swapped?"
        _stop(path, "is a file of predictions, not of labels", 1, hint)
    questions = read_squad(path, {}, "")
    hint = "XTREME's download blanks them: take the file from the dataset's own release"
    if all(question.answers is None for question in questions):
        _stop(path, "has no answers to score against", None, hint)
    lines = question_lines(text, tree)
    refuse(
        [
            Problem(f"question '{shown(question.id)}' has no answer to score against", str(path), line, hint)
            for question, line in zip(questions, lines, strict=True)
            if not any(answer.text.strip() for answer in question.answers or ())
        ]
    )
    items = [(question.id, [answer.text for answer in question.answers or ()]) for question in questions]
    return Submitted(path, items, lines)


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

    `suffix` has no dot; `gold` is how a person is told what a file of labels holds.
    """

    suffix: str
    gold: str
    read: Callable[[Path], Submitted[Any]]
    read_gold: Callable[[Path], Submitted[Any]]
    write: Callable[[Path, Any], None]
    write_gold: Callable[[Path, Any], None]


FORMATS: Mapping[str, Format] = {
    "labels": Format("tsv", "one label a line", read_labels, read_labels, write_labels, write_labels),
    "tags": Format(
        "tsv", "one tag a line, a blank line between sentences", read_tags, read_tags, write_tags, write_tags
    ),
    "pairs": Format("tsv", "id, tab, English id on each line", read_pairs, read_gold_pairs, write_pairs, write_pairs),
    "choices": Format("jsonl", '{"label": 0} on each line', read_choices, read_choices, write_choices, write_choices),
    "answers": Format(
        "json", "SQuAD's JSON with the answers", read_answers, read_questions, write_answers, write_questions
    ),
    "rankings": Format(
        "json", '{"query id": ["right id"]}', read_rankings, read_gold_rankings, write_rankings, write_rankings
    ),
}


def _read_object(
    path: Path, text: str, what: str, example: str, fits: Callable[[Any], bool]
) -> Submitted[dict[str, Any]]:
    """A JSON object whose values are all alike. Each value's line is that of its key."""
    members = _parse(path, text, example, object_pairs_hook=_Members)
    if not isinstance(members, _Members):
        _stop(path, "is not a JSON object", 1, f"expected: {example}")
    if not members:
        _stop(path, "is empty", 1, f"expected: {example}")
    if any(key == "data" and isinstance(value, list) for key, value in members):
        hint = f"expected: {example}; are --predictions and --labels swapped?"
        _stop(path, "is a dataset's file, not one of predictions", 1, hint)
    lines = list(_key_lines(text))
    first_lines: dict[str, int] = {}
    problems = []
    for (key, value), line in zip(members, lines, strict=True):
        own_key = shown(key)
        if not fits(value):
            problems.append(Problem(f"the value of '{own_key}' is not {what}", str(path), line, f"expected: {example}"))
        if key in first_lines:
            hint = f"first in line {first_lines[key]}"
            problems.append(Problem(f"'{own_key}' stands here again", str(path), line, hint))
        first_lines.setdefault(key, line)
    refuse(problems)
    return Submitted(path, dict(members), lines)


def _parse(path: Path, text: str, expected: str, **options: Any) -> Any:
    try:
        return parse_json(text, **options)
    except json.JSONDecodeError as error:
        _stop(path, f"is not JSON: {error.msg} (column {error.colno})", error.lineno, f"expected: {expected}")


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
    """The lines of a file without blank ones at its end. Only LF and CRLF end one: U+2028 is text."""
    text = _text(path, may_be_empty)
    if "\r" in text.rstrip() and "\n" not in text:
        _stop(path, "ends its lines with CR alone", 1, "convert them: `tr '\\r' '\\n'`")
    return text.rstrip().replace("\r\n", "\n").split("\n") if text.strip() else []


def _text(path: Path, may_be_empty: bool = False) -> str:
    """What a UTF-8 file says, with or without a byte order mark."""
    hint = "convert it to UTF-8; UTF-16: `iconv -f UTF-16 -t UTF-8`"
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        _stop(path, f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        _stop(path, f"is not UTF-8: {error.reason}", error.object.count(b"\n", 0, error.start) + 1, hint)
    if "\0" in text:
        _stop(path, "is not UTF-8 text: it has NUL characters", text.count("\n", 0, text.index("\0")) + 1, hint)
    if not text.strip() and not may_be_empty:
        _stop(path, "is empty", 1)
    return text


def _stop(path: Path, message: str, line: int | None = None, hint: str | None = None) -> NoReturn:
    raise UserError(Problem(message, str(path), line, hint))


def _write_object(path: Path, values: Mapping[str, Any]) -> None:
    # Escaped: the official scorer opens files in whatever encoding its machine has.
    _write(path, json.dumps(values, indent=1) + "\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))
