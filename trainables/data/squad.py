"""SQuAD-style JSON: SQuAD 1 and 2, XQuAD, MLQA, TyDiQA-GoldP, LAReQA."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from trainables.data.examples import Answer, Question
from trainables.data.findings import Findings, parse_json, read_lines
from trainables.errors import nearest

T = TypeVar("T")
_NEAR = 20  # code points: a stripped context moves its answers by a few


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A text and the questions on it. `sentences` are the spans (start, end) that LAReQA's files break it into."""

    context: str
    questions: tuple[Question, ...]
    sentences: tuple[tuple[int, int], ...] | None = None


def read_squad(path: Path, options: Mapping[str, Any], language: str) -> list[Question]:
    """The questions of a file; see `read_paragraphs`."""
    return [question for paragraph in read_paragraphs(path, options, language) for question in paragraph.questions]


def read_paragraphs(path: Path, options: Mapping[str, Any], language: str) -> list[Paragraph]:
    """The paragraphs of a file. Options: `encoding`; `language_of_id`, the language that an id begins with up to "-",
    in TyDiQA's training file of all languages: then only questions in `language` count.

    Answers are None where the file has blank ones only, () where a question is impossible. An answer that is not at its
    offset moves to its nearest occurrence within 20 code points, or to its only one. Else it keeps its text, which
    still scores, and its start is -1: nothing to train on.

    Raises:
        UserError: the file is no JSON of that structure, or has no questions.
    """
    findings = Findings(path)
    text = "\n".join(read_lines(path, findings, options.get("encoding", "utf-8")))
    try:
        tree = _JsonTree(text, parse_json(text), findings)
    except json.JSONDecodeError as error:
        findings.stop(f"is not JSON: {error.msg} (column {error.colno})", error.lineno, "is the download complete?")
    reader = _Reader(tree, options.get("language_of_id"), language, path.stem)
    paragraphs = [
        reader.paragraph(paragraph, at_paragraph)
        for article, at_article in tree.items(tree.root, "", "data")
        for paragraph, at_paragraph in tree.items(article, at_article, "paragraphs")
    ]
    findings.check()
    if not any(paragraph.questions for paragraph in paragraphs):
        findings.stop(f"has no questions in '{language}'" if reader.number else "has no questions", 1)
    if not reader.hidden:
        return paragraphs
    return [
        replace(one, questions=tuple(replace(question, answers=None) for question in one.questions))
        for one in paragraphs
    ]


def aligned(context: str, text: str, start: int) -> Answer:
    """An answer at its place in the context, or at -1 where that is not certain."""
    if start >= 0 and text.strip() and context.startswith(text, start):
        return Answer(text, start)
    form = text if text in context else text.strip()
    places = [match.start() for match in re.finditer(re.escape(form), context)] if form.strip() else []
    place = min(places, key=lambda place: abs(place - start), default=-1)
    sure = len(places) == 1 or (places and abs(place - start) <= _NEAR)
    return Answer(form, place) if sure else Answer(text, -1)


class _Reader:
    """Takes paragraphs out of the tree. `hidden`: no question so far had an answer, or was impossible."""

    def __init__(self, tree: _JsonTree, languages: Mapping[str, str] | None, language: str, stem: str) -> None:
        self._tree, self._languages, self._language, self._stem = tree, languages, language, stem
        self.number = 0
        self.hidden = True

    def paragraph(self, values: dict[str, Any], at: str) -> Paragraph:
        context = self._tree.member(values, at, "context", str) or ""
        questions = []
        for qa, at_qa in self._tree.items(values, at, "qas"):
            own_id = str(qa.get("id", f"{self._stem}-{self.number}"))
            self.number += 1
            if self._languages is None or self._language_of(own_id, qa) == self._language:
                questions.append(self._question(qa, at_qa, own_id, context))
        return Paragraph(context, tuple(questions), self._spans(values, at))

    def _question(self, qa: dict[str, Any], at: str, own_id: str, context: str) -> Question:
        answers = []
        for answer, at_answer in self._tree.items(qa, at, "answers"):
            text = self._tree.member(answer, at_answer, "text", str) or ""
            start = self._tree.member(answer, at_answer, "answer_start", int)
            answers.append(aligned(context, text, -1 if start is None else start))
        impossible = bool(qa.get("is_impossible"))
        self.hidden = self.hidden and not impossible and not any(answer.text.strip() for answer in answers)
        asked = self._tree.member(qa, at, "question", str) or ""
        return Question(own_id, asked, context, () if impossible else tuple(answers))

    def _spans(self, values: dict[str, Any], at: str) -> tuple[tuple[int, int], ...] | None:
        breaks = values.get("sentence_breaks")
        if breaks is None:
            return None
        if not isinstance(breaks, list) or not all(map(_is_span, breaks)):
            self._tree.complain(f"'sentence_breaks' of {at} are no spans", values, "expected: [[0, 31], [32, 80]]")
            return None
        return tuple((start, end) for start, end in breaks)

    def _language_of(self, own_id: str, qa: dict[str, Any]) -> str | None:
        languages = self._languages or {}
        prefix = own_id.split("-")[0]
        if prefix not in languages:
            self._tree.complain(f"the id '{own_id}' begins with no known language", qa, nearest(prefix, [*languages]))
        return languages.get(prefix)


def _is_span(value: Any) -> bool:
    return isinstance(value, list) and [type(one) for one in value] == [int, int]


class _JsonTree:
    """A parsed JSON document whose members are taken with their path, such as data[0].paragraphs[3]."""

    def __init__(self, text: str, root: Any, findings: Findings) -> None:
        self.root, self._text, self._findings = root, text, findings
        if not isinstance(root, dict):
            findings.stop("is not a JSON object", 1, 'SQuAD files begin {"data": [...')

    def complain(self, message: str, about: dict[str, Any], hint: str | None = None) -> None:
        """Notes a problem at the line of an object of the tree."""
        line = next(line for node, line in _object_lines(self._text, self.root) if node is about)
        self._findings.add(message, line, hint)

    def member(self, parent: dict[str, Any], at: str, key: str, kind: type[T]) -> T | None:
        """The `key` of the object `parent`; None after noting a problem where it is missing or not a `kind`."""
        value = parent.get(key)
        if isinstance(value, kind) and not isinstance(value, bool):
            return value
        hint = None if key in parent else nearest(key, list(parent))
        self.complain(f"{at or 'the file'} has no {kind.__name__} '{key}'", parent, hint)
        return None

    def items(self, parent: dict[str, Any], at: str, key: str) -> Iterator[tuple[dict[str, Any], str]]:
        """The objects of a list, with their paths."""
        for number, item in enumerate(self.member(parent, at, key, list) or []):
            item_at = f"{at}.{key}[{number}]".lstrip(".")
            if isinstance(item, dict):
                yield item, item_at
            else:
                self.complain(f"{item_at} is not an object", parent)


def question_lines(text: str, root: Any) -> list[int]:
    """The line (1-based) on which each question of a file begins, in the order of `read_squad`.

    Args:
        text: of the whole file, which is of SQuAD's structure.
        root: that text, parsed.
    """
    articles = [paragraph for article in root["data"] for paragraph in article["paragraphs"]]
    questions = {id(question) for paragraph in articles for question in paragraph["qas"]}
    return [line for node, line in _object_lines(text, root) if id(node) in questions]


def _object_lines(text: str, root: Any) -> Iterator[tuple[dict[str, Any], int]]:
    """Each object of a parsed text with its line, in their order."""
    # json drops positions, but the nth object of the tree is the nth brace outside of a string.
    braces = (match for match in re.finditer(r'"(?:[^"\\]+|\\.)*"|\{', text) if match[0] == "{")
    line, counted = 1, 0
    for brace, node in zip(braces, _objects(root), strict=False):
        line, counted = line + text.count("\n", counted, brace.start()), brace.start()
        yield node, line


def _objects(root: Any) -> Iterator[dict[str, Any]]:
    nodes = [root]
    while nodes:  # no recursion: a file may nest as deep as it likes
        node = nodes.pop()
        if isinstance(node, dict):
            yield node
        nodes += reversed([*node.values()] if isinstance(node, dict) else node if isinstance(node, list) else [])
