"""What a task's data consists of, whatever file or generator it came from: one value class per shape of example.

A `group` is what an example is a part of, where the release says it: whoever resamples draws all of it or nothing. It
changes no result, and is not printed: the embedded benchmark is pinned as it is printed.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TextPair:
    """Two texts and their relation. `label` is None where the release hides it."""

    id: str
    text_a: str
    text_b: str
    label: str | None
    group: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and what it is about, or wants. `label` is None where the release hides it."""

    id: str
    text: str
    label: str | None
    group: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class MultipleChoice:
    """A context and its continuations or answers. `label` is the right one's position ("0" is the first), or None."""

    id: str
    context: str
    choices: tuple[str, ...]
    label: str | None
    group: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """Words and one tag each. `tags` is None where the release hides them."""

    id: str
    tokens: tuple[str, ...]
    tags: tuple[str, ...] | None
    group: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """A span of the context: `context[start : start + len(text)] == text`, in code points; start -1: not in it."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Question:
    """A question on a passage. `answers` holds every annotator's answer; it is None where the release hides them.

    No answers at all: the question cannot be answered from the passage. In a suite of tests it belongs to a `case` of a
    `test`, which fails if any of its questions is answered wrongly.
    """

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...] | None
    test: str | None = field(default=None, repr=False)
    case: str | None = field(default=None, repr=False)
    group: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Translation:
    """A sentence in the scored language and its English translation. `id` is its row in the release (0-based)."""

    id: str
    text: str
    english: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of one of the two pools that translations are mined from.

    `translations` are the ids of its English translations, for a sentence that is not English; None where hidden.
    """

    id: str
    text: str
    is_english: bool
    translations: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """What a query is answered with: a sentence and the text around it, or the description of an entity.

    `answers` are the keys of the queries that it answers.
    """

    id: str
    text: str
    context: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A question or mention that passages of any language answer: all those with its `key` among their `answers`.

    `key` is None where the release hides it. `passage` is the one that is trained on, if there is one.
    """

    id: str
    text: str
    key: str | None
    passage: Passage | None = None
    group: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PlainText:
    """A text that nothing is said about: a line, an article."""

    id: str
    text: str
    group: str | None = field(default=None, repr=False)


Example = (
    TextPair
    | LabelledText
    | MultipleChoice
    | TaggedSentence
    | Question
    | Translation
    | Sentence
    | Passage
    | Query
    | PlainText
)
