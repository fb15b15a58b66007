"""The examples that a split was scored on, kept once in the store: predictions say which these are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from trainables.data.examples import (
    Example,
    LabelledText,
    MultipleChoice,
    Passage,
    PlainText,
    Query,
    Question,
    Sentence,
    TaggedSentence,
    TextPair,
    Translation,
)
from trainables.data.items import Place
from trainables.data.words import words
from trainables.reports import ERROR_RATE
from trainables.tasks import Task

FOLDER = "examples"

VERSION = 1
"""Bumped by hand when other things are told of the same examples: then they are kept anew, under another name."""

SCHEMA = pa.schema(
    [
        ("position", pa.int32()),  # its place among them, from 0: that of its prediction
        ("example", pa.string()),  # its id
        ("item", pa.string()),  # the same for its translations
        ("group", pa.string()),  # what is drawn as one
        ("gold", pa.list_(pa.string())),  # the right label, all right answers, a tag for each word; null: hidden
        ("texts", pa.list_(pa.string())),  # what is read, or its words
        ("tokens", pa.int32()),  # of its features, without padding
        ("words", pa.int32()),  # of all its texts
    ]
)


def name(fingerprint: str) -> str:
    """The file in the store."""
    return f"{FOLDER}/{fingerprint}.parquet"


def table(
    task: Task,
    split: str,
    language: str,
    examples: Sequence[Example],
    places: Sequence[Place],
    gold: Sequence[Any] | None,
    tokens: np.ndarray,
) -> pa.Table:
    """Examples with SCHEMA, and in the schema's metadata which ones they are: task, kind, metric, split, language;
    and as JSON the parts of the metric that have scores of their own (`Metric.parts`), in the order of its statistics.

    Args:
        gold: what the metric compares with (`Kind.gold`).
        tokens: of each example.
    """
    read = [texts(one) for one in examples]
    columns = {
        "position": np.arange(len(examples)),
        "example": [one.id for one in examples],
        "item": [place.item for place in places],
        "group": [place.group for place in places],
        "gold": [None] * len(examples) if gold is None else [[one] if isinstance(one, str) else [*one] for one in gold],
        "texts": read,
        "tokens": tokens,
        "words": [
            len(own) if isinstance(one, TaggedSentence) else sum(len(words(text)) for text in own)
            for one, own in zip(examples, read, strict=True)
        ],
    }
    tests = [one.test or "" for one in examples if isinstance(one, Question)] if task.metric == ERROR_RATE else []
    about = {
        "task": task.name,
        "kind": task.kind,
        "metric": task.metric,
        "split": split,
        "language": language,
        "parts": json.dumps([*dict.fromkeys(tests)]),
    }
    return pa.Table.from_pydict(columns, schema=SCHEMA.with_metadata(about))


def texts(example: Example) -> list[str]:
    """What of an example is read, in the order of its fields."""
    match example:
        case TextPair():
            return [example.text_a, example.text_b]
        case MultipleChoice():
            return [example.context, *example.choices]
        case TaggedSentence():
            return [*example.tokens]
        case Question():
            return [example.question, example.context]
        case Translation():
            return [example.text, example.english]
        case Passage():
            return [example.text, example.context]
        case LabelledText() | Sentence() | Query() | PlainText():
            return [example.text]
