"""What examples themselves give: attributes by which scores are told apart, a function each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from trainables.data.words import words

SOURCE = "en"
"""The language whose question words are read."""

_QUESTION_WORDS: Mapping[str, str] = {
    "what": "what", "which": "which", "who": "who", "whom": "who", "whose": "who", "when": "when", "where": "where",
    "why": "why", "how": "how",
}  # fmt: skip
_EDGES = re.compile(r"^\W+|\W+$")


@dataclass(frozen=True)
class Examples:
    """The examples of a target and split in one language: a row each, as `examples/<fingerprint>.parquet` has them.

    Attributes:
        english: the same split in English; None where the target was not scored in it.
    """

    language: str
    table: pa.Table
    english: pa.Table | None = None


Attribute = Callable[[Examples], pa.Array]
"""From examples to a value each, null where they do not give one. Numbers are cut into ranges, texts are values."""


def question_type(question: str) -> str:
    """The first question word of an English question: what, which, who, when, where, why, how, how many; else other."""
    found = re.findall(r"[a-z]+", question.lower())
    for place, word in enumerate(found):
        if word == "how" and found[place + 1 : place + 2] in (["many"], ["much"]):
            return "how many"
        if word in _QUESTION_WORDS:
            return _QUESTION_WORDS[word]
    return "other"


def overlap(first: str, second: str) -> float | None:
    """The share of the second text's words that the first one has, too, whatever their case; None: it has no words."""
    known, asked = _bare(first), _bare(second)
    return len(known & asked) / len(asked) if asked else None


def _bare(text: str) -> frozenset[str]:
    return frozenset(bare for word in words(text) if (bare := _EDGES.sub("", word.casefold())))


def _text(examples: Examples, place: int) -> pa.Array:
    """One of the texts of each example; null where it has not so many."""
    texts = examples.table["texts"].combine_chunks()
    has = pc.greater(pc.list_value_length(texts), place)
    return pc.list_element(pc.if_else(has, texts, pa.scalar([None] * (place + 1), texts.type)), place)


def _lengths(texts: pa.Array) -> pa.Array:
    """The words of each text. Passages and premises occur more than once, and are counted once."""
    coded = texts.dictionary_encode()
    counts = pa.array([len(words(text)) for text in coded.dictionary.to_pylist()], pa.int64())
    return counts.take(coded.indices)


def _length_of(place: int) -> Attribute:
    return lambda examples: _lengths(_text(examples, place))


def _length(examples: Examples) -> pa.Array:
    return examples.table["words"].combine_chunks().cast(pa.int64())


def _tokens_per_word(examples: Examples) -> pa.Array:
    count = examples.table["words"].combine_chunks().cast(pa.float64())
    tokens = examples.table["tokens"].combine_chunks().cast(pa.float64())
    return pc.divide(tokens, pc.if_else(pc.greater(count, 0), count, pa.scalar(None, pa.float64())))


def _overlap(examples: Examples) -> pa.Array:
    """Of the first text (premise, question) and the second one (hypothesis, passage): see `_OVERLAPPING`."""
    pairs = zip(_text(examples, 0).to_pylist(), _text(examples, 1).to_pylist(), strict=True)
    return pa.array([None if None in (a, b) else overlap(a, b) for a, b in pairs], pa.float64())


def _question_overlap(examples: Examples) -> pa.Array:
    pairs = zip(_text(examples, 0).to_pylist(), _text(examples, 1).to_pylist(), strict=True)
    return pa.array([None if None in (a, b) else overlap(b, a) for a, b in pairs], pa.float64())


def _first_gold(examples: Examples) -> pa.Array:
    gold = examples.table["gold"].combine_chunks()
    has = pc.greater(pc.list_value_length(gold), 0)
    return pc.list_element(pc.if_else(has, gold, pa.scalar([None], gold.type)), 0)


def _answer_length(examples: Examples) -> pa.Array:
    """Words of the first right answer, 0 where there is none."""
    is_known = examples.table["gold"].combine_chunks().is_valid()
    return pc.if_else(is_known, _lengths(_first_gold(examples)).fill_null(0), pa.scalar(None, pa.int64()))


def _choice_length(examples: Examples) -> pa.Array:
    """Words of the right choice: the texts are a context and the choices, the label is a choice's place."""
    texts, labels = examples.table["texts"].to_pylist(), _first_gold(examples).to_pylist()
    right = [
        own[int(label) + 1] if label is not None and label.isdecimal() and int(label) + 1 < len(own) else None
        for own, label in zip(texts, labels, strict=True)
    ]
    return _lengths(pa.array(right, pa.string()))


def _right_passages(examples: Examples) -> pa.Array:
    return pc.list_value_length(examples.table["gold"].combine_chunks()).cast(pa.int64())


def _question_type(examples: Examples) -> pa.Array:
    """That of the English question of the same item: question words of all languages are nowhere listed."""
    if examples.english is None:
        return pa.nulls(len(examples.table), pa.string())
    questions = _text(Examples(SOURCE, examples.english), 0).to_pylist()
    types = {
        item: question_type(question)
        for item, question in zip(examples.english["item"].to_pylist(), questions, strict=True)
        if question is not None
    }
    return pa.array([types.get(item) for item in examples.table["item"].to_pylist()], pa.string())


MEASURED: Mapping[str, Attribute] = {
    "length": _length,
    "tokens_per_word": _tokens_per_word,
    "label": _first_gold,
    "first_length": _length_of(0),
    "second_length": _length_of(1),
    "overlap": _overlap,
    "context_length": _length_of(0),
    "choice_length": _choice_length,
    "question_length": _length_of(0),
    "passage_length": _length_of(1),
    "question_overlap": _question_overlap,
    "answer_length": _answer_length,
    "question_type": _question_type,
    "right_passages": _right_passages,
}
"""Every attribute of whole examples, by its name in tables."""

OF_KIND: Mapping[str, Sequence[str]] = {
    "pair_classification": ("first_length", "second_length", "overlap", "label", "tokens_per_word"),
    "text_classification": ("length", "label", "tokens_per_word"),
    "multiple_choice": ("context_length", "choice_length", "label", "tokens_per_word"),
    "tagging": ("length", "tokens_per_word"),
    "span_qa": (
        "question_type", "answer_length", "question_length", "passage_length", "question_overlap", "tokens_per_word",
    ),
    "retrieval": ("length", "right_passages", "tokens_per_word"),
    "bitext_retrieval": ("first_length", "second_length", "overlap", "tokens_per_word"),
    "bitext_mining": ("length", "tokens_per_word"),
    "bitext_ranking": ("first_length", "second_length", "overlap", "tokens_per_word"),
    "mlm": ("length", "tokens_per_word"),
}  # fmt: skip
"""What is asked of the examples of each kind of task."""
