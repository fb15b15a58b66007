"""Readers of official release files. A file is checked whole before its first example is handed out."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

from trainables.data.examples import Answer, Question, TaggedSentence, TextPair, Translation
from trainables.errors import Problem, UserError, nearest

T = TypeVar("T")
Row = tuple[int, Sequence[str | None]]  # its line, its cells
Record = tuple[int, dict[str, str | None]]  # its line, its cells by what they are
_MOST_PROBLEMS = 20
_MAY_BE_ABSENT = frozenset({"label", "id"})  # from the file as a whole: hidden labels, unnumbered rows
_NEAR = 20  # code points: a stripped context moves its answers by a few


def read_pairs(
    path: Path,
    *,
    format: Literal["tsv", "csv", "jsonl"],
    columns: Mapping[str, str | int],
    labels: Sequence[str],
    header: bool,
    label_map: Mapping[str, str],
    drop_labels: Sequence[str],
    quoting: bool = False,
) -> Iterator[TextPair]:
    """Pairs of a table or of JSON lines. `columns`: where text_a, text_b, label and id are, a name or 0-based index.

    Labels are None where the whole file lacks them; rows with a raw label in `drop_labels` are left out. Official tsv
    files have stray quotes: only csv, or `quoting`, takes quotes for quotes. UserError for a malformed file.
    """
    findings = _Findings(path)
    if format == "jsonl":
        columns = {field: str(key) for field, key in columns.items()}
        rows = _json_rows(_lines(path), columns, findings)
    else:
        rows = list(_table_rows(_lines(path), format, quoting, findings))
    records = _records(rows, columns, header or format == "jsonl", findings)
    hidden = not any((cells.get("label") or "").strip() for _, cells in records)
    pairs = []
    for row, (line, cells) in enumerate(records):
        raw = (cells.get("label") or "").strip()
        if raw in drop_labels and not hidden:
            continue
        label = None if hidden else label_map.get(raw, raw)
        if not hidden and label not in labels:
            findings.add(f"unknown label '{raw}'" if raw else "no label", line, nearest(raw, [*labels, *label_map]))
        own_id = cells.get("id") or f"{path.stem}-{row}"
        pairs.append(TextPair(own_id, cells["text_a"] or "", cells["text_b"] or "", label))
    if not pairs:
        findings.add("has no examples", 1, "it is only a header, or every row has a dropped label")
    findings.check()
    return iter(pairs)


def read_tagged(
    path: Path,
    *,
    separator: Literal["\t", " "],
    token_column: int = 0,
    tag_column: int = -1,
    labels: Sequence[str],
) -> Iterator[TaggedSentence]:
    """Sentences of a CoNLL-style file: a token a line, a blank line between sentences. UserError for a malformed file.

    Tags are None where the file has one column only. Columns count from 0, or from the end where negative.
    """
    findings = _Findings(path)
    # Not str.strip(): a token may be a no-break or ideographic space.
    rows = [(n, line.split(separator) if line.strip(" \t") else []) for n, line in enumerate(_lines(path), 1)]
    filled = [(number, cells) for number, cells in rows if cells]
    width = _even_width(filled, findings)
    hidden = width == 1
    if hidden and all({" ", "\t"} & set(cells[0]) for _, cells in filled):
        findings.stop(f"has no {separator!r} to split at", 1, "every line has a space or tab: is it the separator?")
    tag_column = -1 if hidden else tag_column
    if not all(-width <= column < width for column in (token_column, tag_column)):
        findings.stop(f"columns: {width}; wanted: token {token_column}, tag {tag_column}", 1, "columns count from 0")
    for number, cells in filled:
        if not cells[token_column]:
            findings.add("empty token", number, "a line between sentences has no separator")
        if not hidden and cells[tag_column] not in labels:
            findings.add(f"unknown tag '{cells[tag_column]}'", number, nearest(cells[tag_column], labels))
    findings.check()
    blocks = (block for full, block in groupby(rows, key=lambda row: bool(row[1])) if full)
    both = (zip(*((cells[token_column], cells[tag_column]) for _, cells in block), strict=True) for block in blocks)
    return (
        TaggedSentence(f"{path.stem}-{row}", tokens, None if hidden else tags)
        for row, (tokens, tags) in enumerate(both)
    )


def read_squad(path: Path) -> Iterator[Question]:
    """Questions of a SQuAD-style JSON file (SQuAD 1 and 2, XQuAD, MLQA, TyDiQA-GoldP). UserError for a malformed file.

    Answers are None where the whole file has blank ones only, () where a question is impossible. An answer that is
    not at its offset moves to its nearest occurrence within 20 code points, or to its only one. Else it keeps its
    text, which still scores, and its start is -1: nothing to train on.
    """
    findings = _Findings(path)
    text = "\n".join(_lines(path))
    try:
        tree = _JsonTree(text, json.loads(text), findings)
    except json.JSONDecodeError as error:
        findings.stop(f"is not JSON: {error.msg} (column {error.colno})", error.lineno, "is the download complete?")
    questions: list[Question] = []
    hidden = True
    for article, at_article in tree.items(tree.root, "", "data"):
        for paragraph, at_paragraph in tree.items(article, at_article, "paragraphs"):
            context = tree.member(paragraph, at_paragraph, "context", str) or ""
            for qa, at_qa in tree.items(paragraph, at_paragraph, "qas"):
                answers = []
                for answer, at_answer in tree.items(qa, at_qa, "answers"):
                    answer_text = tree.member(answer, at_answer, "text", str) or ""
                    start = tree.member(answer, at_answer, "answer_start", int)
                    answers.append(_aligned(context, answer_text, -1 if start is None else start))
                hidden = hidden and not qa.get("is_impossible") and not any(answer.text.strip() for answer in answers)
                asked = tree.member(qa, at_qa, "question", str) or ""
                own_id = str(qa.get("id", f"{path.stem}-{len(questions)}"))
                questions.append(Question(own_id, asked, context, tuple(answers)))
    if not questions:
        findings.add("has no questions", 1)
    findings.check()
    return iter([replace(question, answers=None) for question in questions] if hidden else questions)


def read_parallel(text_path: Path, english_path: Path) -> Iterator[Translation]:
    """Sentences of two line-aligned files, such as Tatoeba's. UserError where line counts differ or a line is empty."""
    texts, english = _lines(text_path), _lines(english_path)
    if len(texts) != len(english):
        message = f"has {len(texts)} lines but {english_path.name} has {len(english)}: they are not line-aligned"
        _Findings(text_path).stop(message, min(len(texts), len(english)) + 1, "fetch both anew, from the same release")
    for path, lines in ((text_path, texts), (english_path, english)):
        findings = _Findings(path)
        for number, line in enumerate(lines, 1):
            if not line.strip():
                findings.add("empty line", number, "each line is one sentence, the translation of the other file's")
        findings.check()
    return (Translation(f"{text_path.stem}-{row}", *both) for row, both in enumerate(zip(texts, english, strict=True)))


class _Findings:
    """The problems of one file, raised together."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._problems: list[Problem] = []

    def add(self, message: str, line: int | None, hint: str | None = None) -> None:
        self._problems.append(Problem(message, str(self._path), line, hint))
        if len(self._problems) == _MOST_PROBLEMS:
            self.check()

    def stop(self, message: str, line: int | None, hint: str | None = None) -> NoReturn:
        self._problems.append(Problem(message, str(self._path), line, hint))
        raise UserError(self._problems)

    def check(self) -> None:
        if self._problems:
            raise UserError(self._problems)


class _JsonTree:
    """A parsed JSON document whose members are taken with their path, such as data[0].paragraphs[3]."""

    def __init__(self, text: str, root: Any, findings: _Findings) -> None:
        self.root, self._text, self._findings = root, text, findings
        if not isinstance(root, dict):
            findings.stop("is not a JSON object", 1, 'SQuAD files begin {"data": [...')

    def member(self, parent: dict[str, Any], at: str, key: str, kind: type[T]) -> T | None:
        """The `key` of the object `parent`; None after noting a problem where it is missing or not a `kind`."""
        value = parent.get(key)
        if isinstance(value, kind) and not isinstance(value, bool):
            return value
        hint = None if key in parent else nearest(key, list(parent))
        self._findings.add(f"{at or 'the file'} has no {kind.__name__} '{key}'", self._line(parent), hint)
        return None

    def items(self, parent: dict[str, Any], at: str, key: str) -> Iterator[tuple[dict[str, Any], str]]:
        for number, item in enumerate(self.member(parent, at, key, list) or []):
            item_at = f"{at}.{key}[{number}]".lstrip(".")
            if isinstance(item, dict):
                yield item, item_at
            else:
                self._findings.add(f"{item_at} is not an object", self._line(parent))

    def _line(self, wanted: dict[str, Any]) -> int:
        # json drops positions, but the nth object of the tree is the nth brace outside of a string.
        braces = (match for match in re.finditer(r'"(?:[^"\\]+|\\.)*"|\{', self._text) if match[0] == "{")
        brace = next(brace for brace, node in zip(braces, _objects(self.root), strict=False) if node is wanted)
        return self._text.count("\n", 0, brace.start()) + 1


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _objects(child)


def _lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file, less blank ones at its end. Only LF and CRLF end one: U+2028 and U+0085 are text."""
    findings = _Findings(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        findings.stop(f"cannot be read: {error.strerror}", None)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        findings.stop(f"is not UTF-8: byte 0x{error.object[error.start]:02X}", line, "convert the file to UTF-8")
    if not text.strip():
        findings.stop("is empty", 1, "is the download complete?")
    return [line.removesuffix("\r") for line in text.rstrip("\r\n").split("\n")]


def _table_rows(lines: list[str], format: str, quoting: bool, findings: _Findings) -> Iterator[Row]:
    """Each row of a table with the line it begins on."""
    if format == "tsv" and not quoting:
        yield from ((number, line.split("\t")) for number, line in enumerate(lines, 1))
        return
    reader = csv.reader((f"{line}\n" for line in lines), delimiter="," if format == "csv" else "\t", strict=True)
    begin = 1
    try:
        for cells in reader:
            yield begin, cells
            begin = reader.line_num + 1
    except csv.Error as error:
        findings.add(f"cannot be split at its quotes: {error}", begin, "a quote within a quoted text is doubled")


def _json_rows(lines: list[str], columns: Mapping[str, str | int], findings: _Findings) -> list[Row]:
    """JSON objects as the rows of a table whose header is all their keys."""
    objects: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(lines, 1):
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            findings.add(f"is not JSON: {error.msg} (column {error.colno})", number, "one object a line")
            continue
        if isinstance(value, dict):
            objects.append((number, value))
        else:
            findings.add("is not a JSON object", number, "one object a line")
    keys = list(dict.fromkeys(key for _, row in objects for key in row))
    for number, row in objects:
        for field, key in ((field, str(key)) for field, key in columns.items() if key in keys):
            if not isinstance(row.get(key), str | int) and (row.get(key) is not None or field not in _MAY_BE_ABSENT):
                findings.add(f"has no text '{key}'", number, None if key in row else nearest(key, list(row)))
    findings.check()
    return [(1, keys), *((n, [None if row.get(key) is None else str(row[key]) for key in keys]) for n, row in objects)]


def _even_width(rows: Sequence[Row], findings: _Findings, expected: int = 0) -> int:
    """The number of columns that most rows have. Problems: the other rows."""
    widths = Counter(len(cells) for _, cells in rows)
    width = expected or max(widths, key=lambda width: (widths[width], width), default=0)
    for line, cells in rows:
        if len(cells) != width:
            findings.add(f"columns: {len(cells)}, where the file has {width}", line, "a separator too few or too many?")
    findings.check()
    return width


def _records(rows: list[Row], columns: Mapping[str, str | int], header: bool, findings: _Findings) -> list[Record]:
    """What `columns` maps of each row, by field, with its line. An optional field may lack from the whole file."""
    names = [name or "" for name in rows.pop(0)[1]] if header and rows else []
    width = _even_width(rows, findings, len(names))
    last = max((column for column in columns.values() if isinstance(column, int) and column < width), default=-1)
    index: dict[str | int, int] = {n: n for n in range(width)} | {name: n for n, name in enumerate(names)}
    for field, column in columns.items():
        # What hides labels ends before them, by index, or has no similar name: other columns there are another mistake.
        hidden = last + 1 == width if isinstance(column, int) else names and not get_close_matches(column, names, n=1)
        if column not in index and not (hidden and field in _MAY_BE_ABSENT):
            hint = nearest(str(column), names) if names else f"it has {width} columns, counted from 0, and no header"
            findings.stop(f"has no {field} column {column!r}", 1, hint)
    places = {field: index[column] for field, column in columns.items() if column in index}
    return [(line, {field: cells[at] for field, at in places.items()}) for line, cells in rows]


def _aligned(context: str, text: str, start: int) -> Answer:
    if start >= 0 and text.strip() and context.startswith(text, start):
        return Answer(text, start)
    form = text if text in context else text.strip()
    places = [match.start() for match in re.finditer(re.escape(form), context)] if form.strip() else []
    place = min(places, key=lambda place: abs(place - start), default=-1)
    sure = len(places) == 1 or (places and abs(place - start) <= _NEAR)
    return Answer(form, place) if sure else Answer(text, -1)
