"""Mewsli-X: mentions in the news and in Wikipedia, and the entities that they mean.

Files and keys: google-research/google-research, dense_representations_for_entity_retrieval/mel/mewsli-x.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainables.data.examples import Passage, Query
from trainables.data.findings import Findings
from trainables.data.pool import Pool
from trainables.data.tables import read_table


def read_mentions(path: Path, options: Mapping[str, Any], language: str) -> list[Query]:
    """The mentions in `language` of `wikinews_mentions-*.jsonl` or, with their entities, of `wikipedia_pairs-*.jsonl`.

    A query's text is "Smith: The verdict came back for { Smith }, who stepped down.": the mention, then the sentence
    that holds it with the mention marked; its key is the QID of the entity, its group the whole text. Option:
    `encoding`.
    Source: `preprocess_mention` in google-research/xtreme, third_party/utils_mewslix.py.

    Raises:
        UserError: a key is missing, a text was not filled in, or there are no mentions in the language.
    """
    findings = Findings(path)
    found: list[Query] = []
    for record in read_table(path, "jsonl", options, findings):
        try:
            found += _mentions(record.values, language)
        except (KeyError, TypeError, IndexError) as error:
            findings.add(f"is not a mention of Mewsli-X: {type(error).__name__} {error}", record.line)
        except ValueError as error:
            findings.add(str(error), record.line, "run get-mewsli-x.sh: it fills in the texts of WikiNews")
    findings.check()
    if not found:
        findings.stop(f"has no mentions in '{language}'", 1)
    return found


def read_entities(path: Path, options: Mapping[str, Any]) -> Pool:
    """The pool of `candidate_set_entities.jsonl`, about a million: the sentences of each entity's description.

    Raises:
        UserError: a key is missing.
    """
    findings = Findings(path)

    def entities() -> Iterator[Passage]:
        for record in read_table(path, "jsonl", options, findings):
            try:
                yield _entity(record.values)
            except (KeyError, TypeError) as error:
                findings.add(f"is not an entity of Mewsli-X: {type(error).__name__} {error}", record.line)

    found = Pool.of(entities())
    findings.check()
    return found


def _mentions(values: Mapping[Any, Any], language: str) -> Iterator[Query]:
    pair = values.get("contextual_mention", values)
    entity = _entity(values["entity"]) if "entity" in values else None
    context = pair["context"]
    if context["language"] != language:
        return
    for mention in pair["mentions"] if "mentions" in pair else [pair["mention"]]:
        text = _query(context, mention["mention_span"])
        yield Query(_id(mention, "example_id"), text, _id(mention, "entity_id"), entity, context["text"])


def _query(context: Mapping[str, Any], mention: Mapping[str, Any]) -> str:
    text, start, end = context["text"], mention["start"], mention["end"]
    if text[start:end] != mention["text"]:
        raise ValueError(f"'{mention['text']}' is not in its text")
    around = ((span["start"], span["end"]) for span in context["sentence_spans"])
    left, right = next(((a, b) for a, b in around if a <= start and end <= b), (0, len(text)))
    before, behind = (re.sub(r"\{(.*?)\}", r"(\1)", part) for part in (text[left:start], text[end:right]))
    return _one_line(f"{mention['text']}: {before} {{ {mention['text']} }} {behind}")


def _entity(values: Mapping[Any, Any]) -> Passage:
    description, own_id = values["description"], _id(values, "entity_id")
    said = " ".join(description[span["start"] : span["end"]] for span in values["sentence_spans"])
    return Passage(own_id, _one_line(said), "", (own_id,))


def _id(values: Mapping[Any, Any], key: str) -> str:
    own_id = values[key]
    if not isinstance(own_id, str):
        raise TypeError(f"'{key}' is {own_id!r}, not a text")
    return own_id


def _one_line(text: str) -> str:
    return " ".join(text.splitlines()).replace("  ", " ").strip()
