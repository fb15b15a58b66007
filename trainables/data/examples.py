"""What a task's data consists of, whatever file or generator it came from: one value class per shape of example."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextPair:
    """Two texts and their relation. `label` is None where the release hides it."""

    id: str
    text_a: str
    text_b: str
    label: str | None


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """Words and one tag each. `tags` is None where the release hides them."""

    id: str
    tokens: tuple[str, ...]
    tags: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A span of the context: `context[start : start + len(text)] == text`, in code points; start -1: not in it."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Question:
    """A question on a passage. `answers` holds every annotator's answer; it is None where the release hides them."""

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...] | None


@dataclass(frozen=True, slots=True)
class Translation:
    """A sentence in the scored language and its English translation."""

    id: str
    text: str
    english: str


Example = TextPair | TaggedSentence | Question | Translation
