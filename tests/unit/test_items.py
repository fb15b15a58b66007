"""What examples are drawn together: translations of the same, and what belongs to one passage, premise or case."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables import tasks
from trainables.data import open_source, reference_language
from trainables.data.examples import (
    Example,
    MultipleChoice,
    Passage,
    Query,
    Question,
    TaggedSentence,
    TextPair,
    Translation,
)
from trainables.data.items import Place, places, places_among, translated

PARALLEL = [name for name in tasks.names() if tasks.load(name).parallel]


def pairs(start: str, labels: str, numbers: Sequence[int] | None = None) -> list[TextPair]:
    """Three hypotheses on each premise."""
    rows = range(len(labels)) if numbers is None else numbers
    return [
        TextPair(f"{start}{row}", f"{start} premise {row // 3}", "x", label)
        for row, label in zip(rows, labels, strict=True)
    ]


def question(own_id: str, context: str, case: str | None = None) -> Question:
    return Question(own_id, "Who?", context, (), None if case is None else "test", case)


@pytest.mark.parametrize(
    ("examples", "groups"),
    [
        (pairs("dev-", "enc" * 2), ["dev-0"] * 3 + ["dev-3"] * 3),
        ([question("a", "x"), question("b", "y"), question("c", "x")], ["a", "b", "a"]),
        ([question("a", "x", "0"), question("b", "y", "0"), question("c", "x", "1")], ["a", "a", "c"]),
        ([MultipleChoice(one, "x", ("y", "z"), "0") for one in "ab"], ["a", "a"]),
        ([Query(one, "Who?", one, Passage("p", "s", text, ())) for one, text in ("ax", "by", "cx")], ["a", "b", "a"]),
        ([Query(one, "Who?", one) for one in "ab"], ["a", "b"]),
        ([TaggedSentence(one, ("x",), ("X",)) for one in "ab"], ["a", "b"]),
        ([Translation(one, "x", "y") for one in "ab"], ["a", "b"]),
    ],
)
def test_a_group_is_called_after_its_first_example(examples: list[Example], groups: list[str]) -> None:
    assert places(examples) == [Place(one.id, group) for one, group in zip(examples, groups, strict=True)]
    assert places_among(examples, "en", examples) == places(examples)


def test_rows_of_parallel_files_meet_by_their_numbers() -> None:
    english, german = pairs("dev-en-", "encnce"), pairs("dev-de-", "encnce")
    assert places_among(german, "de", english) == places(english)


def test_rows_are_no_items_where_one_language_has_more_of_them() -> None:
    """From where one is missing on, each would be taken for its neighbour's translation."""
    english, german = pairs("dev-en-", "encnce"), pairs("dev-de-", "encnc")
    assert translated(german, english) == "it has 5 examples and not 6"
    assert places_among(german, "de", english)[1] == Place("de/dev-de-1", "de/dev-de-0")


def test_a_row_that_was_dropped_leaves_a_gap_and_moves_no_other() -> None:
    english, german = pairs("dev-en-", "encnce"), pairs("dev-de-", "encne", [0, 1, 2, 3, 5])
    assert translated(german, english) == ["dev-en-0", "dev-en-1", "dev-en-2", "dev-en-3", "dev-en-5"]
    assert places_among(german, "de", english)[-1] == Place("dev-en-5", "dev-en-3")


def test_rows_whose_labels_differ_are_other_examples() -> None:
    english, german = pairs("dev-en-", "enc" * 10), pairs("dev-de-", "nce" * 10)
    assert translated(german, english) == "30 of 30 examples have another label"
    corrected = [
        dataclasses.replace(one, label="e") if one.id == "dev-de-1" else one for one in pairs("dev-de-", "enc" * 10)
    ]
    assert translated(corrected, english) == [one.id for one in english]
    hidden = [dataclasses.replace(one, label=None) for one in german]
    assert translated(hidden, english) == [one.id for one in english]


def test_where_ids_meet_in_part_the_others_stand_for_themselves() -> None:
    """As in MLQA: groups are those of the language that has all, however others cut their passages."""
    english = [question(one, text) for one, text in ("ax", "bx", "cy", "dz")]
    german = [question(one, text) for one, text in ("au", "bv", "cv", "ew")]
    assert translated(german, english) == ["a", "b", "c", None]
    assert places_among(german, "de", english) == [Place(*one) for one in ("aa", "ba", "cc", "ee")]


def test_ids_that_hardly_meet_are_those_of_other_examples() -> None:
    english, german = ([question(f"{start}{one}", one) for one in "xyz"] for start in "ab")
    assert translated(german, english) == "0 of 3 examples have an id that is there, too"
    assert translated(german, []) == "0 of 3 examples have an id that is there, too"
    assert places_among(german, "de", [])[0] == Place("de/bx", "de/bx")


@given(st.lists(st.sampled_from("enc"), min_size=1, max_size=12), st.data())
def test_no_item_is_that_of_two_examples(labels: list[str], data: st.DataObject) -> None:
    english = pairs(data.draw(st.sampled_from(["dev-en-", "", "x"])), "".join(labels))
    order = data.draw(st.permutations(range(len(english))))
    german = [english[place] for place in order[: data.draw(st.integers(1, len(english)))]]
    items = [place.item for place in places_among(german, "de", english)]
    assert len(set(items)) == len(items)
    if len(german) == len(english):
        assert items == [one.id for one in german]


def test_which_tasks_are_parallel() -> None:
    assert PARALLEL == [
        "afrixnli", "belebele", "lareqa", "massive", "mini-bitext", "mini-checklist", "mini-mlm", "mini-ner",
        "mini-nli", "mini-pos", "mini-qa", "mini-ranking", "mlqa", "mlqa-translate-test", "ntrex", "ntrex-ranking",
        "pawsx", "sib200", "xcopa", "xnli", "xnli-mt", "xquad", "xquad-translate-test",
    ]  # fmt: skip


def test_the_embedded_benchmark_is_parallel_in_all_languages() -> None:
    for name in (one for one in PARALLEL if one.startswith("mini-")):
        task, source = tasks.load(name), open_source("mini")
        for split in ("dev", "test"):
            found = {one: source.examples(task, split, one) for one in task.languages}
            reference = found[reference_language(source, task, split) or ""]
            for language, own in found.items():
                assert places_among(own, language, reference) == places(reference)


def test_official_files_are_parallel_where_tasks_say_so(shared_data: Path) -> None:
    source = open_source({"files": str(shared_data)})
    seen = set()
    for name in PARALLEL:
        task = tasks.load(name)
        for split in task.evaluated:
            other = reference_language(source, task, split)
            if other is None or (name == "lareqa" and split == "dev"):
                continue
            reference = source.examples(task, split, other)
            for language in source.languages(task, split):
                found = translated(source.examples(task, split, language), reference)
                seen.add((name, split, language, isinstance(found, str)))
    assert {name for name, *_ in seen} >= {"xnli", "pawsx", "xquad", "mlqa", "xcopa", "lareqa", "ntrex"}
    # Here one language's cut of a file may hold other rows than another's: that is told, and these are not joined.
    assert {one[:3] for one in seen if one[3]} == {("pawsx", "test", "de"), ("pawsx", "test", "zh")}


GROUPED = """\
name: mine
kind: multiple_choice
title: Mine
metric: accuracy
labels: ["0", "1"]
languages: [en]
training_set: mine
score_on: dev
files:
  - format: jsonl
    columns: {context: "{text} {asked}", choices: [a, b], label: y, COLUMN}
    dev: [dev.jsonl]
"""


def test_a_column_says_what_examples_are_a_part_of_and_changes_nothing_else(tmp_path: Path) -> None:
    rows = [{"text": text, "asked": "?" * at, "a": "x", "b": "y", "y": "0"} for at, text in enumerate("ppq")]
    (tmp_path / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = {}
    for column in ("id: other", "id: other, group: text", "id: other, group: nowhere"):
        (tmp_path / "mine.yaml").write_text(GROUPED.replace("COLUMN", column))
        task, source = tasks.parse(tmp_path / "mine.yaml"), open_source({"files": str(tmp_path)})
        found[column] = source.examples(task, "dev", "en"), source.fingerprint(task, "dev", "en"), task.definition
    plain, grouped, nowhere = found.values()
    assert plain[1:] == grouped[1:] == nowhere[1:]
    assert [one.group for one in places(plain[0])] == ["dev-0", "dev-1", "dev-2"]
    assert [one.group for one in places(grouped[0])] == ["dev-0", "dev-0", "dev-2"]
    assert nowhere[0] == plain[0]
