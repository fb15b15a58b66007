"""What the test of another task holds, and training examples that have it: they are left out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trainables.data.examples import Example, Question, Sentence, Translation

RULE = 1
"""Bumped by hand when examples are compared in another way: then others are left out."""

_HASH = re.compile(r"[0-9a-f]{24,}")
"""An id that no two questions have by chance. Translations of SQuAD keep its ids, so that they are known by them."""


@dataclass(frozen=True)
class Held:
    """The texts of a test, each in its one spelling, and the ids of its questions, as far as these are hashes."""

    texts: frozenset[str]
    ids: frozenset[str]


def held(examples: Iterable[Example]) -> Held:
    """What must not be trained on: the passages of questions, both sides of translations, sentences to be mined."""
    texts: set[str] = set()
    ids: set[str] = set()
    for example in examples:
        texts.update(_texts(example))
        if isinstance(example, Question) and _HASH.fullmatch(example.id):
            ids.add(example.id)
    return Held(frozenset(texts), frozenset(ids))


def without(examples: Sequence[Example], test: Held) -> list[Example]:
    """The examples none of whose texts is in the test. All questions on a passage stay, or go, together.

    They go as well where one of them is a question of the test: its passage is another translation of the same.
    """
    texts = [_texts(example) for example in examples]
    leaks = {text for own in texts for text in own if text in test.texts}
    for own, example in zip(texts, examples, strict=True):
        if isinstance(example, Question) and example.id in test.ids:
            leaks.update(own)
    return [example for own, example in zip(texts, examples, strict=True) if leaks.isdisjoint(own)]


def _texts(example: Example) -> tuple[str, ...]:
    match example:
        case Question():
            return (_spelt(example.context),)
        case Translation():
            return _spelt(example.text), _spelt(example.english)
        case Sentence():
            return (_spelt(example.text),)
    return ()


def _spelt(text: str) -> str:
    """One spelling of a text: composed characters (NFC), and single blanks between words."""
    return " ".join(unicodedata.normalize("NFC", text).split())
