"""The prediction files of an XTREME submission: one pair of functions, to read and to write, for each format."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from sweep.scoring.submitted import Submitted, parse, read_lines, read_object, read_text, refuse, shown, stop
from trainables.data.findings import parse_json
from trainables.data.squad import question_lines, read_squad
from trainables.errors import Problem

Pair = tuple[str, str]  # id of the source sentence, id of its English translation


def read_labels(path: Path) -> Submitted[list[str]]:
    """A label a line. UserError for a blank line or an empty file."""
    labels = [line.strip() for line in read_lines(path)]
    blank = [number for number, label in enumerate(labels, start=1) if not label]
    refuse([Problem("is a blank line", str(path), number, "expected: a label on every line") for number in blank])
    return Submitted(path, labels, range(1, len(labels) + 1))


def write_labels(path: Path, labels: Sequence[str]) -> None:
    """A label a line."""
    _write(path, "".join(f"{label}\n" for label in labels))


def read_tags(path: Path) -> Submitted[list[list[str]]]:
    """The tags of each sentence: one a line, a blank line between sentences. UserError for an empty file."""
    rows = enumerate((line.strip() for line in read_lines(path)), start=1)
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
    rows = [[cell.strip() for cell in line.split("\t")] for line in read_lines(path, may_be_empty=True)]
    wrong = [number for number, row in enumerate(rows, start=1) if len(row) != 2 or not all(row)]
    refuse([Problem("is not a pair of ids", str(path), number, "expected: id, tab, English id") for number in wrong])
    return Submitted(path, [(source, target) for source, target in rows], range(1, len(rows) + 1))


def read_gold_pairs(path: Path) -> Submitted[list[Pair]]:
    """Likewise, but gold has pairs. UserError for an empty file."""
    pairs = read_pairs(path)
    if not pairs.values:
        stop(path, "is empty", 1, "expected: the pairs that are right; releases leave out those of their tests")
    return pairs


def write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    """Two ids a line, with a tab between them."""
    _write(path, "".join(f"{source}\t{target}\n" for source, target in pairs))


def read_choices(path: Path) -> Submitted[list[str]]:
    """The position of the chosen answer ("0" is the first), from JSON lines. UserError for any other line.

    Other members do not count, so that a dataset's own file is gold. `idx` says which example a line is of.
    """
    choices, ids, problems = [], [], []
    for number, line in enumerate(read_lines(path), start=1):
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
    return read_object(path, "a text", '{"question id": "text"}', lambda value: isinstance(value, str))


def write_answers(path: Path, answers: Mapping[str, str]) -> None:
    """JSON, a question a line."""
    _write_object(path, answers)


def read_rankings(path: Path) -> Submitted[dict[str, list[str]]]:
    """A ranking of ids for each query, by the query's id, the best first. UserError for any other JSON."""
    return read_object(path, "a list of ids", '{"query id": ["id", "id"]}', _is_ranking)


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
    text = read_text(path)
    tree = parse(path, text, 'SQuAD\'s JSON, which begins {"data": [...')
    if isinstance(tree, dict) and tree and all(isinstance(value, str) for value in tree.values()):
        hint = "expected: SQuAD's JSON with the answers; are --predictions and --labels swapped?"
        stop(path, "is a file of predictions, not of labels", 1, hint)
    questions = read_squad(path, {}, "")
    hint = "XTREME's download blanks them: take the file from the dataset's own release"
    if all(question.answers is None for question in questions):
        stop(path, "has no answers to score against", None, hint)
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


def _is_ranking(value: Any) -> bool:
    return type(value) is list and all(isinstance(one, str) for one in value)


def _write_object(path: Path, values: Mapping[str, Any]) -> None:
    # Escaped: the official scorer opens files in whatever encoding its machine has.
    _write(path, json.dumps(values, indent=1) + "\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))
