"""Readers of official release files. A file is checked whole before its first example is handed out."""

from __future__ import annotations

import codecs
import csv
import difflib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

from trainables.data.examples import Answer, Question, TaggedSentence, TextPair, Translation
from trainables.errors import Problem, UserError, nearest

T = TypeVar("T")
Row = tuple[int, Sequence[str | None]]  # its line, its cells

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

    Labels are None where the whole file lacks the column; `label_map` rewrites raw labels and rows whose raw label
    is in `drop_labels` are left out. Quotes are plain characters in tsv unless `quoting`: official files have
    stray ones. In csv they always quote. UserError for a malformed file.
    """
    findings = _Findings(path)
    lines = _lines(path)
    while not lines[-1].strip():
        lines.pop()
    if format == "jsonl":
        rows = _json_rows(lines, set(columns.values()), findings)
    else:
        rows = _rows(lines, "\t" if format == "tsv" else ",", quoting or format == "csv", findings)
    records = _records(rows, columns, header or format == "jsonl", findings)
    hidden = not any((cells.get("label") or "").strip() for _, cells in records)
    pairs = []
    for row, (line, cells) in enumerate(records):
        label = None
        if not hidden:
            raw = (cells.get("label") or "").strip()
            if raw in drop_labels:
                continue
            label = label_map.get(raw, raw)
            if not raw:
                findings.add("has no label, though other rows have one", line)
            elif label not in labels:
                findings.add(f"unknown label '{raw}'", line, nearest(raw, [*labels, *label_map]))
        own_id = cells.get("id")
        texts = cells["text_a"] or "", cells["text_b"] or ""
        pairs.append(TextPair(f"{path.stem}-{row}" if own_id is None else own_id, *texts, label))
    if not pairs:
        findings.add("has no examples", 1, "all its rows are headers or have a dropped label" if lines else None)
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
    numbered = [(number, line if line.strip(" \t") else "") for number, line in enumerate(_lines(path), 1)]
    rows = [(number, line.split(separator)) for number, line in numbered if line]
    width = _even_width(rows, findings)
    other = " " if separator == "\t" else "\t"
    if width == 1 and all(other in cells[0] for _, cells in rows):
        findings.stop(
            f"has no column separator {separator!r}", 1, f"every line has a {other!r}: is that the separator?"
        )
    hidden = width == 1
    for name, column in {"token": token_column, "tag": -1 if hidden else tag_column}.items():
        if not -width <= column < width:
            findings.stop(f"has {width} columns, no {name} column {column}", 1, "columns count from 0")
    sentences: list[TaggedSentence] = []
    for filled, block in groupby(numbered, key=lambda row: bool(row[1])):
        tokens, tags = [], []
        for number, line in block if filled else ():
            cells = line.split(separator)
            tokens.append(cells[token_column])
            tags.append("" if hidden else cells[tag_column])
            if not tokens[-1]:
                findings.add("empty token", number)
            if not hidden and tags[-1] not in labels:
                findings.add(f"unknown tag '{tags[-1]}'", number, nearest(tags[-1], labels))
        if filled:
            own_id = f"{path.stem}-{len(sentences)}"
            sentences.append(TaggedSentence(own_id, tuple(tokens), None if hidden else tuple(tags)))
    findings.check()
    return iter(sentences)


def read_squad(path: Path) -> Iterator[Question]:
    """Questions of a SQuAD-style JSON file (SQuAD 1 and 2, XQuAD, MLQA, TyDiQA-GoldP). UserError for a malformed file.

    Answers are None where the whole file has blank ones only. An answer that is not at its offset moves to where it
    is: the nearest occurrence within 20 code points, or the only one. Else it keeps its text, which
    still scores, and its start is -1: nothing to train on. No answers, (), are those of an impossible question.
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
                hidden = hidden and not qa.get("is_impossible") and not any(answer.text for answer in answers)
                own_id = str(qa.get("id", f"{path.stem}-{len(questions)}"))
                question = tree.member(qa, at_qa, "question", str) or ""
                questions.append(Question(own_id, question, context, tuple(answers)))
    if not questions:
        findings.add("has no questions", 1)
    findings.check()
    return iter([replace(question, answers=None) for question in questions] if hidden else questions)


def read_parallel(text_path: Path, english_path: Path) -> Iterator[Translation]:
    """Sentences of two line-aligned files, such as Tatoeba's. UserError where line counts differ or a line is empty."""
    texts, english = _lines(text_path), _lines(english_path)
    findings = _Findings(text_path)
    if len(texts) != len(english):
        message = f"has {len(texts)} lines but {english_path.name} has {len(english)}: they are not line-aligned"
        findings.stop(message, min(len(texts), len(english)) + 1, "fetch both files anew, from the same release")
    for path, lines in ((text_path, texts), (english_path, english)):
        findings.path = path
        for number, line in enumerate(lines, 1):
            if not line.strip():
                findings.add("empty line", number, "each line is one sentence, the translation of the other file's")
    findings.check()
    return (Translation(f"{text_path.stem}-{row}", *both) for row, both in enumerate(zip(texts, english, strict=True)))


class _Findings:
    """The problems of one file, raised together."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._problems: list[Problem] = []

    def add(self, message: str, line: int | None, hint: str | None = None) -> None:
        self._problems.append(Problem(message, str(self.path), line, hint))
        if len(self._problems) == _MOST_PROBLEMS:
            self.check()

    def stop(self, message: str, line: int | None, hint: str | None = None) -> NoReturn:
        self._problems.append(Problem(message, str(self.path), line, hint))
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
        if key in parent:
            self._findings.add(f"{f'{at}.{key}'.lstrip('.')} is not of type {kind.__name__}", self._line(parent))
        else:
            self._findings.add(f"{at or 'the file'} has no '{key}'", self._line(parent), nearest(key, list(parent)))
        return None

    def items(self, parent: dict[str, Any], at: str, key: str) -> Iterator[tuple[dict[str, Any], str]]:
        """The objects in the list `key` of `parent`, each with its path."""
        for number, item in enumerate(self.member(parent, at, key, list) or []):
            item_at = f"{at}.{key}[{number}]".lstrip(".")
            if isinstance(item, dict):
                yield item, item_at
            else:
                self._findings.add(f"{item_at} is not an object", self._line(parent))

    def _line(self, wanted: dict[str, Any]) -> int:
        # json drops positions, but the nth object of the tree is the nth brace outside of a string.
        before = next(number for number, node in enumerate(_objects(self.root)) if node is wanted)
        braces = (match for match in re.finditer(r'"(?:[^"\\]|\\.)*"|\{', self._text) if match[0] == "{")
        brace = next(match for number, match in enumerate(braces) if number == before)
        return self._text.count("\n", 0, brace.start()) + 1


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    for child in node if isinstance(node, list) else ():
        yield from _objects(child)


def _lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file without byte order mark. Only LF and CRLF end one: U+2028 and U+0085 occur in texts."""
    findings = _Findings(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        findings.stop(f"cannot be read: {error.strerror}", None)
    lines = []
    for number, line in enumerate(content.removeprefix(codecs.BOM_UTF8).removesuffix(b"\n").split(b"\n"), 1):
        try:
            lines.append(line.removesuffix(b"\r").decode())
        except UnicodeDecodeError as error:
            message = f"is not UTF-8: byte {error.start + 1} of the line is 0x{line[error.start]:02X}"
            findings.add(message, number, "convert the file to UTF-8")
    findings.check()
    if not any(line.strip() for line in lines):
        findings.stop("is empty", 1, "is the download complete?")
    return lines


def _rows(lines: Sequence[str], delimiter: str, quoting: bool, findings: _Findings) -> Iterable[Row]:
    """Each row of a table with the line it begins on."""
    if not quoting:
        yield from ((number, line.split(delimiter)) for number, line in enumerate(lines, 1))
        return
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    begin = 1
    try:
        for cells in reader:
            yield begin, cells
            begin = reader.line_num + 1
    except csv.Error as error:
        findings.add(f"cannot be split at its quotes: {error}", begin, "a quote within a quoted text is doubled")


def _json_rows(lines: Sequence[str], wanted: set[str | int], findings: _Findings) -> list[Row]:
    """JSON objects as the rows of a table whose header is all their keys."""
    objects = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line) if line.strip() else {}
        except json.JSONDecodeError as error:
            findings.add(f"is not JSON: {error.msg} (column {error.colno})", number)
            continue
        if not isinstance(row, dict):
            findings.add("is not a JSON object", number)
            continue
        for key, value in row.items():
            if key in wanted and not isinstance(value, str | int | None) or isinstance(value, bool):
                findings.add(f"'{key}' is {json.dumps(value)}, not a text", number)
        if row:
            objects.append((number, row))
    findings.check()
    keys = list(dict.fromkeys(key for _, row in objects for key in row))
    values = ((number, [row.get(key) for key in keys]) for number, row in objects)
    return [(1, [*keys]), *((number, [None if v is None else str(v) for v in cells]) for number, cells in values)]


def _even_width(rows: Sequence[Row], findings: _Findings, expected: int = 0) -> int:
    """The number of columns that most rows have. Problems: the other rows."""
    widths = Counter(len(cells) for _, cells in rows)
    width = expected or max(widths, key=lambda width: (widths[width], width), default=0)
    for line, cells in rows:
        if len(cells) != width:
            findings.add(f"columns: {len(cells)}, where the file has {width}", line, "a separator too few or too many?")
    findings.check()
    return width


def _records(
    numbered: Iterable[Row], columns: Mapping[str, str | int], header: bool, findings: _Findings
) -> list[tuple[int, dict[str, str | None]]]:
    """What `columns` maps of each row, by field, with its line. An optional field may lack from the whole file."""
    rows = list(numbered)
    names = [name or "" for name in rows.pop(0)[1]] if header and rows else []
    width = _even_width(rows, findings, len(names))
    last = max((column for column in columns.values() if isinstance(column, int) and column < width), default=-1)
    places: dict[str, int] = {}
    for field, column in columns.items():
        if isinstance(column, int) and column < width:
            places[field] = column
        elif column in names:
            places[field] = names.index(str(column))
        elif isinstance(column, int):
            # A file that hides its labels ends before them; one with columns to spare is another file.
            if field not in _MAY_BE_ABSENT or last + 1 < width:
                findings.stop(f"has {width} columns, no {field} column {column}", 1, "columns count from 0")
        elif field not in _MAY_BE_ABSENT or difflib.get_close_matches(column, names, n=1):  # misspelt, not hidden
            hint = nearest(column, names) if names else "it has no header: give the column's index"
            findings.stop(f"has no {field} column '{column}'", 1, hint)
    for line, cells in rows:
        for field in places.keys() - _MAY_BE_ABSENT:
            if cells[places[field]] is None:
                findings.add(f"has no '{columns[field]}'", line, "other lines have one")
    findings.check()
    return [(line, {field: cells[at] for field, at in places.items()}) for line, cells in rows]


def _aligned(context: str, text: str, start: int) -> Answer:
    if start >= 0 and text.strip() and context.startswith(text, start):
        return Answer(text, start)
    for form in dict.fromkeys((text, text.strip())) if text.strip() else ():
        places = [match.start() for match in re.finditer(f"(?={re.escape(form)})", context)]
        place = min(places, key=lambda place: abs(place - start), default=-1)
        if len(places) == 1 or (places and abs(place - start) <= _NEAR):
            return Answer(form, place)
    return Answer(text, -1)
