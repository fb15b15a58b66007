"""Questions on paragraphs as retrieval: which sentence, of any language, answers a question."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from trainables.data.examples import Passage, Query, Question
from trainables.data.squad import Paragraph

_END = re.compile(r"[.!?…]+[\"'”’»)\]]*\s+|[。！？｡]+[」』”’）]*\s*|[।۔؟]+\s*|\n+")
_NO_END = re.compile(r"(?<!\w)(?:[^\W\d]|Mr|Mrs|Ms|Dr|St|Jr|Sr|No|vs|etc|ca|cf|e\.g|i\.e)\.\s+$")


def sentences(text: str) -> list[tuple[int, int]]:
    """The spans (start, end) of a text's sentences, in code points, without the space between them.

    A sentence ends behind . ! ? … with any closing quotes or brackets and a space, behind the full stops of Chinese,
    Japanese, Hindi, Urdu and Arabic, and at line ends; but not before a small letter, nor behind a single letter
    (initials, U.S.) or one of few abbreviations (Mr., e.g.). Of the 961 sentences of LAReQA's English file, 956 begin
    where this rule says.
    """
    spans, start = [], 0
    for end in _END.finditer(text):
        at = end.end()
        if end[0][0] not in ".!?…" or not (text[at : at + 1].islower() or _NO_END.search(text, start, at)):
            spans.append((start, at))
            start = at
    spans.append((start, len(text)))
    return [(start, start + len(text[start:end].rstrip())) for start, end in spans if text[start:end].strip()]


def queries(paragraphs: Sequence[Paragraph], language: str) -> list[Query]:
    """Each question with the sentence of its paragraph in which its first answer starts, if there is one.

    The key of a question is its id: parallel sentences of other languages answer it too. It is None where answers are
    hidden, or there are none.
    """
    found = []
    for number, paragraph in enumerate(paragraphs):
        by_question = {own_id: passage for passage in _of(paragraph, number, language) for own_id in passage.answers}
        for question in paragraph.questions:
            key = question.id if question.answers else None
            found.append(Query(question.id, question.question, key, by_question.get(question.id)))
    return found


def candidates(paragraphs: Sequence[Paragraph], language: str) -> list[Passage]:
    """All sentences of all paragraphs: first those that answer questions, in the questions' order, then the others.

    So the first n candidates hold the answers of the first n questions, for every n.
    """
    found = [passage for number, paragraph in enumerate(paragraphs) for passage in _of(paragraph, number, language)]
    every = (question.id for paragraph in paragraphs for question in paragraph.questions)
    order = {own_id: place for place, own_id in enumerate(every)}
    return sorted(found, key=lambda passage: min((order[own_id] for own_id in passage.answers), default=len(order)))


def of_questions(questions: Sequence[Question], language: str, pool: bool) -> list[Query] | list[Passage]:
    """The queries or the pool of candidates of a table's questions; those with one context in a row are a paragraph."""
    groups = groupby(questions, key=lambda question: question.context)
    paragraphs = [Paragraph(context, tuple(own)) for context, own in groups]
    return candidates(paragraphs, language) if pool else queries(paragraphs, language)


def _of(paragraph: Paragraph, number: int, language: str) -> Iterator[Passage]:
    """The sentences of one paragraph, each with the ids of the questions that it answers."""
    spans = sentences(paragraph.context) if paragraph.sentences is None else paragraph.sentences
    starts = [(one.id, one.answers[0].start) for one in paragraph.questions if one.answers]
    for place, (start, end) in enumerate(spans):
        answers = tuple(own_id for own_id, at in starts if start <= at < end)
        yield Passage(f"{language}-{number}-{place}", paragraph.context[start:end], paragraph.context, answers)
