"""Records of any table to examples of any kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainables.data.columns import Columns
from trainables.data.examples import Example, MultipleChoice, Question, TaggedSentence, TextPair, Translation
from trainables.data.findings import Findings
from trainables.data.parallel import in_submission_order
from trainables.data.squad import aligned
from trainables.data.tables import Record
from trainables.errors import nearest
from trainables.tasks import Task

_HIDDEN = frozenset({"", "-1"})  # how XTREME and GLUE blank labels


def to_examples(
    task: Task, records: Sequence[Record], options: Mapping[str, Any], language: str, findings: Findings, stem: str
) -> list[Example]:
    """The examples of one table.

    Options: `columns`, what is where (see Columns); `label_map`, from the table's labels to the task's; `drop_labels`,
    the table's labels whose rows are left out. Where `columns` names a `language`, only its rows of `language` count.
    Gold is None where the whole table lacks it, or has only blank or "-1" labels. Rows without id are called after
    `stem` and their number. A task of kind retrieval gives Questions, which `passages` turns into queries.

    Raises:
        UserError: a column, text or label is missing or unknown.
    """
    if not records:
        findings.stop("has no examples", 1, "it is only a header")
    reader = _Reader(task, records, options, findings)
    own = list(records)
    if "language" in reader.columns:
        own = [record for record in records if reader.columns.label(record, "language") == language]
    examples = _MAKERS[task.kind](reader, own, stem)
    if not examples:
        if own:
            findings.add("has no examples", 1, "every row has a dropped label")
        else:
            findings.add(f"has no rows whose language is '{language}'", 1)
    findings.check()
    return examples


class _Reader:
    """The columns of a table, and its labels as the task's."""

    def __init__(self, task: Task, records: Sequence[Record], options: Mapping[str, Any], findings: Findings) -> None:
        self.columns = Columns(options["columns"], records, findings)
        self.findings = findings
        self._labels = task.labels
        self._map: Mapping[str, str] = options.get("label_map", {})
        self._drop = frozenset(options.get("drop_labels", ()))

    def labelled(self, records: Sequence[Record]) -> list[tuple[int, Record, str | None]]:
        """The records that are not dropped, with their number and label."""
        raw = [self.columns.label(record) for record in records]
        if _HIDDEN.issuperset(raw):
            return [(number, record, None) for number, record in enumerate(records)]
        rows = enumerate(zip(records, raw, strict=True))
        return [(n, record, self.label(label, record.line)) for n, (record, label) in rows if label not in self._drop]

    def label(self, raw: str, line: int, noun: str = "label") -> str:
        """The task's name of a label."""
        label = self._map.get(raw, raw)
        if not label or (self._labels and label not in self._labels):
            hint = nearest(raw, [*self._labels, *self._map]) if self._labels else None
            self.findings.add(f"unknown {noun} '{raw}'" if raw else f"no {noun}", line, hint)
        return label

    def id(self, record: Record, number: int, stem: str) -> str:
        """The record's own id, or a running one."""
        return self.columns.label(record, "id") or f"{stem}-{number}"

    def list(self, record: Record, name: str) -> list[Any]:
        """A column that holds a list."""
        value = self.columns.value(record, name)
        if isinstance(value, list | tuple):
            return list(value)
        self.findings.add(f"has no list of {name}", record.line)
        return []


def _pairs(reader: _Reader, records: Sequence[Record], stem: str) -> list[Example]:
    columns = reader.columns
    return [
        TextPair(reader.id(record, n, stem), columns.text(record, "text_a"), columns.text(record, "text_b"), label)
        for n, record, label in reader.labelled(records)
    ]


def _choices(reader: _Reader, records: Sequence[Record], stem: str) -> list[Example]:
    columns = reader.columns
    return [
        MultipleChoice(
            reader.id(record, n, stem), columns.text(record, "context"), columns.texts(record, "choices"), label
        )
        for n, record, label in reader.labelled(records)
    ]


def _tagged(reader: _Reader, records: Sequence[Record], stem: str) -> list[Example]:
    found: list[tuple[str, Record, tuple[str, ...], list[str]]] = []
    for number, record in enumerate(records):
        tokens = tuple(map(str, reader.list(record, "tokens")))
        tags = [str(tag) for tag in reader.list(record, "tags")] if "tags" in reader.columns else []
        found.append((reader.id(record, number, stem), record, tokens, tags))
    if all(_HIDDEN.issuperset(tags) for *_, tags in found):
        return [TaggedSentence(own_id, tokens, None) for own_id, _, tokens, _ in found]
    examples: list[Example] = []
    for own_id, record, tokens, tags in found:
        if len(tags) != len(tokens):
            reader.findings.add(f"tokens: {len(tokens)}, tags: {len(tags)}", record.line)
        named = tuple(reader.label(tag, record.line, "tag") for tag in tags)
        examples.append(TaggedSentence(own_id, tokens, named))
    return examples


def _questions(reader: _Reader, records: Sequence[Record], stem: str) -> list[Example]:
    columns = reader.columns
    found = []
    for number, record in enumerate(records):
        context = columns.text(record, "context")
        answers = columns.value(record, "answers") or {}
        pairs = zip(answers.get("text", ()), answers.get("answer_start", ()), strict=False)
        gold = tuple(aligned(context, text, start) for text, start in pairs)
        found.append(Question(reader.id(record, number, stem), columns.text(record, "question"), context, gold))
    if any(answer.text.strip() for question in found for answer in question.answers or ()):
        return list(found)
    return [Question(one.id, one.question, one.context, None) for one in found]


def _translations(reader: _Reader, records: Sequence[Record], stem: str) -> list[Example]:
    columns = reader.columns
    texts = [(columns.text(record, "text"), columns.text(record, "english")) for record in records]
    return list(in_submission_order(Translation(str(row), *both) for row, both in enumerate(texts)))


_MAKERS: Mapping[str, Callable[[_Reader, Sequence[Record], str], list[Example]]] = {
    "pair_classification": _pairs,
    "multiple_choice": _choices,
    "tagging": _tagged,
    "span_qa": _questions,
    "retrieval": _questions,
    "bitext_retrieval": _translations,
}
