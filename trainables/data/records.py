"""Records of any table to examples of any kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from trainables.data.columns import Columns, in_language, label_text
from trainables.data.examples import (
    Example,
    LabelledText,
    MultipleChoice,
    PlainText,
    Question,
    TaggedSentence,
    TextPair,
    Translation,
)
from trainables.data.findings import Findings
from trainables.data.parallel import in_submission_order
from trainables.data.squad import aligned, spans_of
from trainables.data.tables import Record
from trainables.errors import nearest
from trainables.tasks import Task
from trainables.tasks.layout import CASE, GROUP, TEST

_LABEL_NAMES = frozenset({"label", "labels", "gold_label", "class", "category", "target", "is_duplicate"})
_HIDDEN = frozenset({"", "-1"})  # how XTREME and GLUE blank labels


def to_examples(
    task: Task,
    records: Iterable[Record],
    options: Mapping[str, Any],
    language: str,
    findings: Findings,
    stem: str,
    split: str = "test",
) -> list[Example]:
    """The examples of one table, which is gone through twice: what it has is known before its rows are looked at.

    Options: `columns`, what is where (see Columns); `label_map`, from the table's labels to the task's;
    `drop_labels`, the table's labels whose rows are left out. Where `columns` names a `language`, only its rows of
    `language` count. Gold is None where the whole table lacks it, or has only blank or "-1" labels; what a task is
    trained and developed on must have its column. Rows without id are called after `stem` and their number. A task of
    kind retrieval gives Questions, which `passages` turns into queries.

    Raises:
        UserError: a column, text or label is missing or unknown.
    """
    reader = _Reader(task, options, language, findings, stem)
    reader.survey(records, split)
    make = _MAKERS[task.kind]
    made = (make(reader, record, number) for number, record in enumerate(reader.own(records)))
    examples = [example for example in made if example is not None]
    if not examples:
        if reader.has_own:
            hint = "every text is blank" if task.kind == "mlm" else "every row has a dropped label"
            findings.add("has no examples", 1, hint)
        else:
            findings.add(f"has no rows whose language is '{language}'", 1)
    elif not task.labels and not options.get("header"):
        _check_header(examples, findings)
    findings.check()
    return [*in_submission_order(examples)] if task.kind == "bitext_retrieval" else examples


class _Reader:
    """The columns of a table, and its labels as the task's.

    Attributes:
        has_own: whether any row is in the language.
        has_gold: whether any row says something where its gold belongs, if only that there is none.
        is_told: whether the gold of any row is more than that: else it is hidden in all of them.
    """

    columns: Columns

    def __init__(self, task: Task, options: Mapping[str, Any], language: str, findings: Findings, stem: str) -> None:
        self.findings = findings
        self.has_own = self.has_gold = self.is_told = False
        self._options = {**options, "columns": in_language(options["columns"], language)}
        self._language, self._stem = language, stem
        self._task, self._labels = task, task.labels
        self._map: Mapping[str, str] = options.get("label_map", {})
        self._drop = frozenset(map(_bare, options.get("drop_labels", ())))
        self._mapped = {_bare(theirs): own for theirs, own in self._map.items()}
        self._spelt = {_bare(label): label for label in task.labels}

    def survey(self, records: Iterable[Record], split: str) -> None:
        """Looks which columns the table has, and whether its gold is hidden."""
        keys: dict[str | int, None] = {}
        columns = self._options["columns"]
        gold = next((columns[name] for name in ("label", "tags", "answers") if name in columns), None)
        is_empty = True
        for record in records:
            is_empty = False
            keys.update(dict.fromkeys(record.values))
            if not self._is_own(record):
                continue
            self.has_own = True
            value = None if gold is None else record.values.get(gold)
            self.has_gold = self.has_gold or value is not None
            self.is_told = self.is_told or self._tells(value)
        if is_empty:
            self.findings.stop("has no examples", 1, "it is only a header")
        is_learnt_from = split == "train" or (split == "dev" and self._task.is_trainable)
        self.columns = Columns(columns, keys, self.findings, not is_learnt_from)

    def own(self, records: Iterable[Record]) -> Iterator[Record]:
        """The rows in the language."""
        return (record for record in records if self._is_own(record))

    def label(self, record: Record) -> str | None:
        """The task's name of a row's label; None where labels are hidden."""
        if not self.is_told:
            return None
        text = label_text(self.columns.value(record, "label"))
        if text is None:
            self.findings.add(f"has no text '{self._options['columns']['label']}'", record.line)
            return None
        return self.named(text, record.line)

    def is_dropped(self, record: Record) -> bool:
        """Whether a row is left out for its label."""
        text = label_text(self.columns.value(record, "label"))
        return self.is_told and text is not None and _bare(text) in self._drop

    def named(self, raw: str, line: int, noun: str = "label") -> str:
        """The task's name of a label, which may be spelt otherwise."""
        label = self._map.get(raw, raw)
        if raw not in self._map and raw not in self._labels:
            label = self._mapped.get(_bare(raw), raw)
        if label not in self._labels:
            label = self._spelt.get(_bare(label), label)
        if (wrong := self._task.unfit(label, noun)) is not None:
            hint = nearest(raw, [*self._labels, *self._map]) if raw and self._labels else wrong[1]
            self.findings.add(wrong[0], line, hint)
        return label

    def unfit(self, name: str, noun: str) -> str | None:
        """What is wrong with the name of something that is no label of the task; None: nothing."""
        wrong = self._task.unfit(name, noun)
        return wrong[0] if wrong else None

    def id(self, record: Record, number: int) -> str:
        """The record's own id, or a running one."""
        return self.columns.label(record, "id") or f"{self._stem}-{number}"

    def group(self, record: Record) -> str | None:
        """What a row is a part of, if it says so."""
        return self.columns.label(record, GROUP) or None if GROUP in self.columns else None

    def list(self, record: Record, name: str) -> list[Any]:
        """A column that holds a list."""
        value = self.columns.value(record, name)
        if isinstance(value, list | tuple):
            return list(value)
        self.findings.add(f"has no list of {name}", record.line)
        return []

    def _is_own(self, record: Record) -> bool:
        column = self._options["columns"].get("language")
        return column is None or label_text(record.values.get(column)) == self._language

    def _tells(self, gold: object) -> bool:
        """Whether the gold of a row is there: a label, any tag, any answer."""
        if isinstance(gold, Mapping) and "text" in gold:
            gold = gold["text"]
        if isinstance(gold, list | tuple):
            return any(self._tells(one) for one in gold)
        text = label_text(gold)
        return text is None or _bare(text) not in _HIDDEN


def _check_header(examples: Sequence[Example], findings: Findings) -> None:
    """Where any label will do, the name of its column is not one of them."""
    labels = [example.label for example in examples if isinstance(example, TextPair | LabelledText)]
    if labels and (labels[0] or "").lower() in _LABEL_NAMES and labels.count(labels[0]) == 1:
        findings.add(f"begins with a header: its label is '{labels[0]}'", 1, "say header: true, and columns by name")


def _bare(label: str) -> str:
    """One spelling of what tables write in several ways: 1 of 1.0, true of True."""
    whole = re.fullmatch(r"(-?\d+)\.0+", label)
    return whole[1] if whole else label.lower() if label.lower() in ("true", "false") else label


def _pair(reader: _Reader, record: Record, number: int) -> TextPair | None:
    if reader.is_dropped(record):
        return None
    text_a, text_b = reader.columns.text(record, "text_a"), reader.columns.text(record, "text_b")
    return TextPair(reader.id(record, number), text_a, text_b, reader.label(record), reader.group(record))


def _labelled(reader: _Reader, record: Record, number: int) -> LabelledText | None:
    if reader.is_dropped(record):
        return None
    text = reader.columns.text(record, "text")
    return LabelledText(reader.id(record, number), text, reader.label(record), reader.group(record))


def _choice(reader: _Reader, record: Record, number: int) -> MultipleChoice | None:
    if reader.is_dropped(record):
        return None
    context, choices = reader.columns.text(record, "context"), reader.columns.texts(record, "choices")
    label = reader.label(record)
    if label is not None and label not in map(str, range(len(choices))):
        hint = "labels are the positions of the choices, from 0: translate those of the data with label_map"
        reader.findings.add(f"label '{label}' is none of the {len(choices)} choices", record.line, hint)
    return MultipleChoice(reader.id(record, number), context, choices, label, reader.group(record))


def _tagged(reader: _Reader, record: Record, number: int) -> TaggedSentence:
    tokens = tuple(_tokens(reader, record))
    if not reader.is_told:
        return TaggedSentence(reader.id(record, number), tokens, None, reader.group(record))
    tags = reader.list(record, "tags")
    if len(tags) != len(tokens):
        reader.findings.add(f"tokens: {len(tokens)}, tags: {len(tags)}", record.line)
    named = []
    for place, tag in enumerate(tags):
        text = label_text(tag)
        if text is None:
            reader.findings.add(f"tag {place} is no text, but {tag!r}", record.line)
        else:
            named.append(reader.named(text, record.line, "tag"))
    return TaggedSentence(reader.id(record, number), tokens, tuple(named), reader.group(record))


def _tokens(reader: _Reader, record: Record) -> Iterator[str]:
    """The words of a sentence: texts or numbers."""
    tokens = reader.list(record, "tokens")
    if not tokens and isinstance(reader.columns.value(record, "tokens"), list | tuple):
        reader.findings.add("has no tokens", record.line, "leave the sentence out")
    for place, token in enumerate(tokens):
        if not isinstance(token, str | int | float) or token != token:
            reader.findings.add(f"token {place} is no text, but {token!r}", record.line)
        elif not str(token).strip(" "):
            reader.findings.add(f"token {place} is empty", record.line, "leave it out, and its tag")
        yield str(token)


def _question(reader: _Reader, record: Record, number: int) -> Question:
    context = reader.columns.text(record, "context")
    spans: list[tuple[str, int]] = []
    value = reader.columns.value(record, "answers")
    texts = [value] if isinstance(value, str) else value
    if TEST in reader.columns and isinstance(texts, list) and all(isinstance(text, str) for text in texts):
        spans = [(text, context.find(text)) for text in texts]  # tests expect texts, wherever they stand
    elif value is not None:
        spans = spans_of(value, lambda message, _, hint: reader.findings.add(message, record.line, hint))
    elif reader.has_gold:
        reader.findings.add("has no answers", record.line, "where there are none: an empty list; hidden: none at all")
    answers = tuple(aligned(context, text, start) for text, start in spans) if reader.is_told else None
    asked = reader.columns.text(record, "question")
    told = *_tested(reader, record), reader.group(record)
    return Question(reader.id(record, number), asked, context, answers, *told)


def _tested(reader: _Reader, record: Record) -> tuple[str | None, str | None]:
    """The test that a question is of, and the case."""
    if TEST not in reader.columns:
        return None, None
    test = reader.columns.label(record, TEST)
    if (wrong := reader.unfit(test, "test")) is not None:
        reader.findings.add(wrong, record.line)
    return test, reader.columns.label(record, CASE) or None


def _translation(reader: _Reader, record: Record, number: int) -> Translation:
    return Translation(str(number), reader.columns.text(record, "text"), reader.columns.text(record, "english"))


def _plain(reader: _Reader, record: Record, number: int) -> PlainText | None:
    text = reader.columns.text(record, "text").strip()
    return PlainText(reader.id(record, number), text, reader.group(record)) if text else None


_MAKERS: Mapping[str, Callable[[_Reader, Record, int], Any]] = {
    "pair_classification": _pair,
    "text_classification": _labelled,
    "multiple_choice": _choice,
    "tagging": _tagged,
    "span_qa": _question,
    "retrieval": _question,
    "bitext_retrieval": _translation,
    "bitext_ranking": _translation,
    "mlm": _plain,
}
