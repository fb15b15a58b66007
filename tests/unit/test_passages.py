"""Retrieval: sentences that answer questions, mentions and entities."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.conftest import Save
from tests.unit.reading import json_lines, problem
from trainables.data import passages
from trainables.data.examples import Answer, Passage, Query, Question
from trainables.data.mewslix import read_entities, read_mentions
from trainables.data.squad import Paragraph, read_paragraphs


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ('He said "yes." Then he left.', ['He said "yes."', "Then he left."]),
        ("It cost 3.5 dollars. No one paid.", ["It cost 3.5 dollars.", "No one paid."]),
        ("Mr. J. Smith of the U.S. Army came, e.g. Monday. He left.", None),
        ("approx. four. five", ["approx. four. five"]),
        ("他来了。他走了！是吗？", ["他来了。", "他走了！", "是吗？"]),
        ("वह आया। वह गया।", ["वह आया।", "वह गया।"]),
        ("One line\nAnother\n", ["One line", "Another"]),
        ("", []),
    ],
)
def test_sentences_end_where_the_rule_says(text: str, sentences: list[str] | None) -> None:
    expected = ["Mr. J. Smith of the U.S. Army came, e.g. Monday.", "He left."] if sentences is None else sentences
    assert [text[start:end] for start, end in passages.sentences(text)] == expected


def test_english_sentences_are_nearly_those_of_lareqa(shared_data: Path) -> None:
    paragraphs = read_paragraphs(shared_data / "lareqa" / "xquad-r" / "en.json", {}, "en")
    gold = own = both = 0
    for paragraph in paragraphs:
        theirs = {start for start, _ in paragraph.sentences or ()}
        ours = {start for start, _ in passages.sentences(paragraph.context)}
        gold, own, both = gold + len(theirs), own + len(ours), both + len(theirs & ours)
    assert gold == 961
    assert min(both / gold, both / own) > 0.98


CONTEXT = "Ulm is old. It has a church. It is high."
PARAGRAPHS = [
    Paragraph("Nothing is asked here.", ()),
    Paragraph(
        CONTEXT,
        (
            Question("q1", "What is high?", CONTEXT, (Answer("church", 21), Answer("old", 7))),
            Question("q2", "What is old?", CONTEXT, (Answer("Ulm", 0),)),
            Question("q3", "What is new?", CONTEXT, ()),
            Question("q4", "Where?", CONTEXT, (Answer("Bonn", -1),)),
        ),
    ),
]
CHURCH = Passage("en-1-1", "It has a church.", CONTEXT, ("q1",))
ULM = Passage("en-1-0", "Ulm is old.", CONTEXT, ("q2",))


def test_a_question_is_answered_by_the_sentence_of_its_first_answer() -> None:
    assert passages.queries(PARAGRAPHS, "en") == [
        Query("q1", "What is high?", "q1", CHURCH),
        Query("q2", "What is old?", "q2", ULM),
        Query("q3", "What is new?", None, None),
        Query("q4", "Where?", "q4", None),
    ]


def test_candidates_come_in_the_order_of_the_questions_then_the_rest() -> None:
    found = passages.candidates(PARAGRAPHS, "en")
    assert found[:2] == [CHURCH, ULM]
    assert [one.id for one in found[2:]] == ["en-0-0", "en-1-2"]


def test_hidden_answers_hide_keys() -> None:
    hidden = [Paragraph(CONTEXT, (Question("q1", "What?", CONTEXT, None),))]
    assert passages.queries(hidden, "en") == [Query("q1", "What?", None, None)]
    assert len(passages.candidates(hidden, "en")) == 3


def test_questions_of_a_table_share_paragraphs() -> None:
    questions = [question for paragraph in PARAGRAPHS for question in paragraph.questions]
    found = passages.of_questions(questions, "en", pool=True)
    assert [one.id for one in found] == ["en-0-1", "en-0-0", "en-0-2"]


@pytest.mark.parametrize(("language", "sentences"), [("de", 1051), ("en", 961), ("zh", 947)])
def test_real_lareqa(shared_data: Path, language: str, sentences: int) -> None:
    paragraphs = read_paragraphs(shared_data / "lareqa" / "xquad-r" / f"{language}.json", {}, language)
    queries, candidates = passages.queries(paragraphs, language), passages.candidates(paragraphs, language)
    assert (len(queries), len(candidates)) == (996, sentences)
    assert all(query.passage and query.key in query.passage.answers for query in queries)
    few = {own_id for one in candidates[:100] for own_id in one.answers}
    assert {query.key for query in queries[:100]} <= few


DESCRIPTION = "Ulm is a city.  It lies on the Danube."
ENTITY = {
    "entity_id": "Q3012", "title": "Ulm", "description": DESCRIPTION, "description_language": "en",
    "description_url": "u", "sentence_spans": [{"start": 0, "end": 14}, {"start": 16, "end": 38}],
}  # fmt: skip
TEXT = "News {today}\nThe mayor of Ulm {left}. He was tired."


def context(language: str) -> dict[str, object]:
    spans = [{"start": 0, "end": 12}, {"start": 13, "end": 37}, {"start": 38, "end": 51}]
    return {"document_id": "d", "language": language, "text": TEXT, "sentence_spans": spans}


def mention(own_id: str, start: int = 26) -> dict[str, object]:
    span = {"start": start, "end": start + 3, "text": "Ulm"}
    return {"example_id": own_id, "mention_span": span, "entity_id": "Q3012"}


def test_mentions_stand_marked_in_their_sentence(save: Save) -> None:
    german = {"context": context("de"), "mentions": [mention("a"), mention("b")]}
    path = save(json_lines(german, {"context": context("tr"), "mentions": [mention("c")]}))
    found = read_mentions(path, {}, "de")
    assert [one.id for one in found] == ["a", "b"]
    assert found[0] == Query("a", "Ulm: The mayor of { Ulm } (left).", "Q3012", None, group=TEXT)
    assert [one.id for one in read_mentions(path, {}, "tr")] == ["c"]
    assert problem(lambda: read_mentions(path, {}, "uk")).message == "has no mentions in 'uk'"


def test_wikipedia_pairs_bring_their_entity(save: Save) -> None:
    pair = {"contextual_mention": {"context": context("en"), "mention": mention("a")}, "entity": ENTITY}
    (found,) = read_mentions(save(json_lines(pair)), {}, "en")
    assert found.passage == Passage("Q3012", "Ulm is a city. It lies on the Danube.", "", ("Q3012",))


def test_entities_are_candidates(save: Save) -> None:
    (found,) = read_entities(save(json_lines(ENTITY)), {})
    assert found == Passage("Q3012", "Ulm is a city. It lies on the Danube.", "", ("Q3012",))
    path = save(json_lines(ENTITY, {**ENTITY, "sentence_spans": None}))
    assert problem(lambda: read_entities(path, {})).line == 2


@pytest.mark.parametrize("value", [3012, None])
def test_ids_are_texts(save: Save, value: object) -> None:
    path = save(json_lines({**ENTITY, "entity_id": value}))
    found = problem(lambda: read_entities(path, {}))
    assert found.message == f"is not an entity of Mewsli-X: TypeError 'entity_id' is {value!r}, not a text"
    path = save(json_lines({"context": context("de"), "mentions": [{**mention("a"), "example_id": value}]}))
    assert problem(lambda: read_mentions(path, {}, "de")).line == 1


def test_texts_that_were_not_filled_in_are_a_problem(save: Save) -> None:
    path = save(json_lines({"context": {**context("de"), "text": ""}, "mentions": [mention("a")]}))
    found = problem(lambda: read_mentions(path, {}, "de"))
    assert (found.message, found.line) == ("'Ulm' is not in its text", 1)
    path = save(json.dumps({"context": context("de")}))
    assert problem(lambda: read_mentions(path, {}, "de")).message == "is not a mention of Mewsli-X: KeyError 'mention'"
