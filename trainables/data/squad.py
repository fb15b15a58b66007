"""SQuAD-style JSON: SQuAD 1 and 2, XQuAD, MLQA, TyDiQA-GoldP, LAReQA."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from trainables.data.examples import Answer, Question
from trainables.data.findings import Findings
from trainables.data.json_text import object_lines, parse_strictly, told
from trainables.data.lines import read_text, stem_of
from trainables.errors import nearest

T = TypeVar("T")
Complain = Callable[[str, Any, str | None], None]  # what is wrong, about which object, what to do
_EXPECTED = 'expected: [{"text": "Ulm", "answer_start": 13}]'
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_NEAR = 20  # code points: a stripped context moves its answers by a few


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A text and the questions on it. `sentences` are the spans (start, end) that LAReQA's files break it into."""

    context: str
    questions: tuple[Question, ...]
    sentences: tuple[tuple[int, int], ...] | None = None


def read_squad(path: Path, options: Mapping[str, Any], language: str) -> list[Question]:
    """The questions of a file; see `read_paragraphs`. Option: `drop_unanswered`, whether those without any answer that
    is not blank are left out.

    Raises:
        UserError: as `read_paragraphs`, or no question is left.
    """
    found = [question for paragraph in read_paragraphs(path, options, language) for question in paragraph.questions]
    if not options.get("drop_unanswered"):
        return found
    left = [one for one in found if one.answers is None or any(answer.text.strip() for answer in one.answers)]
    if not left:
        Findings(path).stop("has no question with an answer", 1)
    return left


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
    text = read_text(path, findings, options.get("encoding", "utf-8"))
    try:
        tree = _JsonTree(text, parse_strictly(text), findings)
    except json.JSONDecodeError as error:
        findings.stop(*told(error, "is the download complete?"))
    reader = _Reader(tree, options.get("language_of_id"), language, stem_of(path))
    paragraphs = [
        reader.paragraph(paragraph, at_paragraph)
        for article, at_article in tree.items(tree.root, "", "data")
        for paragraph, at_paragraph in tree.items(article, at_article, "paragraphs")
    ]
    reader.check_hidden()
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


def spans_of(answers: object, complain: Complain) -> list[tuple[str, int]]:
    """The text and start of each answer, of SQuAD's list of objects or the hub's object of two lists.

    Args:
        complain: told what is wrong, and about which object of them, if it is one of those.
    """
    whole = None
    if isinstance(answers, Mapping):
        whole = answers
        for key in ("text", "answer_start"):
            if not isinstance(whole.get(key), list):
                complain(f"answers has no list '{key}'", whole, _nearest_of(key, whole))
                return []
        texts, starts = whole["text"], whole["answer_start"]
        if len(texts) != len(starts):
            complain(f"answers has {len(texts)} in 'text', but {len(starts)} in 'answer_start'", whole, None)
            return []
        answers = [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]
    if not isinstance(answers, list):
        complain("answers is no list", None, _EXPECTED)
        return []
    found = []
    for number, answer in enumerate(answers):
        if not isinstance(answer, Mapping):
            complain(f"answers[{number}] is not an object", None, _EXPECTED)
            continue
        text, start = answer.get("text"), answer.get("answer_start")
        if not isinstance(text, str):
            complain(f"answers[{number}] has no str 'text'", whole or answer, _nearest_of("text", answer))
        elif not isinstance(start, int) or isinstance(start, bool):
            hint = _nearest_of("answer_start", answer)
            complain(f"answers[{number}] has no int 'answer_start'", whole or answer, hint)
        else:
            found.append((text, start))
    return found


def _nearest_of(key: str, members: Mapping[str, Any]) -> str | None:
    """Which key of an object may be meant, where it lacks one."""
    return None if key in members or not members else nearest(key, list(members))


class _Reader:
    """Takes paragraphs out of the tree. `hidden`: no question so far had an answer, or was impossible."""

    def __init__(self, tree: _JsonTree, languages: Mapping[str, str] | None, language: str, stem: str) -> None:
        self._tree, self._languages, self._language, self._stem = tree, languages, language, stem
        self._silent: list[tuple[dict[str, Any], str]] = []  # questions without the key, and their paths
        self.number = 0
        self.hidden = True
        self._has_key = False

    def paragraph(self, values: dict[str, Any], at: str) -> Paragraph:
        context = self._tree.member(values, at, "context", str) or ""
        questions = []
        for qa, at_qa in self._tree.items(values, at, "qas"):
            own_id = str(f"{self._stem}-{self.number}" if qa.get("id") is None else qa["id"])
            self.number += 1
            if self._languages is None or self._language_of(own_id, qa) == self._language:
                questions.append(self._question(qa, at_qa, own_id, context))
        return Paragraph(context, tuple(questions), self._spans(values, at, context))

    def check_hidden(self) -> None:
        """Either all questions say their answers, or none of them."""
        for qa, at in self._silent if self._has_key else ():
            hint = "where there are none: an empty list; hidden: in no question of the file"
            self._tree.complain(f"{at} has no list 'answers'", qa, hint)

    def _question(self, qa: dict[str, Any], at: str, own_id: str, context: str) -> Question:
        answers, impossible = [], self._is_impossible(qa, at)
        if qa.get("answers") is not None:
            self._has_key = True
            for text, start in spans_of(qa["answers"], self._complaint_about(qa, at)):
                answers.append(aligned(context, text, start))
        elif not impossible:
            self._silent.append((qa, at))
        self.hidden = self.hidden and not impossible and not any(answer.text.strip() for answer in answers)
        asked = self._tree.member(qa, at, "question", str) or ""
        return Question(own_id, asked, context, () if impossible else tuple(answers))

    def _complaint_about(self, qa: dict[str, Any], at: str) -> Complain:
        def complain(message: str, about: Any, hint: str | None) -> None:
            self._tree.complain(f"{at}.{message}", qa if about is None else about, hint)

        return complain

    def _is_impossible(self, qa: dict[str, Any], at: str) -> bool:
        """Also where a script wrote true or false as a text."""
        value = qa.get("is_impossible")
        if value is None:
            return False
        known = _TRUTHS.get(str(value).lower())
        if known is None:
            self._tree.complain(f"'is_impossible' of {at} is {value!r}", qa, "it is true or false")
        return bool(known)

    def _spans(self, values: dict[str, Any], at: str, context: str) -> tuple[tuple[int, int], ...] | None:
        breaks = values.get("sentence_breaks")
        if breaks is None:
            return None
        if not isinstance(breaks, list) or not all(map(_is_span, breaks)):
            self._tree.complain(f"'sentence_breaks' of {at} are no spans", values, "expected: [[0, 31], [32, 80]]")
            return None
        for start, end in breaks:
            if not 0 <= start <= end <= len(context):
                message = f"'sentence_breaks' of {at} has [{start}, {end}], which is not in its context"
                self._tree.complain(message, values, f"it has {len(context)} characters")
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
        line = next(line for node, line in object_lines(self._text, self.root) if node is about)
        self._findings.add(message, line, hint)

    def member(self, parent: dict[str, Any], at: str, key: str, kind: type[T]) -> T | None:
        """The `key` of the object `parent`; None after noting a problem where it is missing or not a `kind`."""
        value = parent.get(key)
        if isinstance(value, kind) and not isinstance(value, bool):
            return value
        self.complain(f"{at or 'the file'} has no {kind.__name__} '{key}'", parent, _nearest_of(key, parent))
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
    return [line for node, line in object_lines(text, root) if id(node) in questions]
