"""Translated training data: what is written, what goes on after an interruption, and what reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.unit.reading import task
from trainables import tasks
from trainables.data import open_source, translated
from trainables.data.examples import Example, LabelledText, MultipleChoice, TextPair
from trainables.errors import UserError
from trainables.tasks import Task

PAIRS: list[Example] = [
    TextPair("0", "He ran.", "He moved.", "entailment"),
    TextPair("1", "He ran.", "He sat.", "contradiction"),
    TextPair("2", "She\u2028sang.", " ", "neutral"),
    TextPair("3", "She\u2028sang.", "He ran.", "neutral"),
]
CHOICES: list[Example] = [MultipleChoice("7", "He ran. Why?", ("He was late.", "He sat."), "0")]
TEXTS: list[Example] = [LabelledText("a", "She won.", "sports")]


class Shouting:
    """A language in which all is said loudly."""

    def __init__(self, fails_after: int = 10**9) -> None:
        self.asked: list[list[str]] = []
        self._fails_after = fails_after

    def __call__(self, texts: Sequence[str]) -> list[str]:
        if len(self.asked) == self._fails_after:
            raise KeyboardInterrupt
        self.asked.append(list(texts))
        return [text.upper() for text in texts]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def test_each_text_is_translated_once_and_labels_stay(tmp_path: Path) -> None:
    shouting, told = Shouting(), list[int]()
    translated.translate_rows(tmp_path / "train.jsonl", PAIRS, "me", shouting, told.append)
    assert shouting.asked == [["He ran.", "He moved.", "He sat.", "She\u2028sang."]]
    assert told == [4]
    found = rows(tmp_path / "train.jsonl")
    assert found[1] == {"id": "1", "text_a": "HE RAN.", "text_b": "HE SAT.", "label": "contradiction", "by": "me"}
    assert found[2]["text_b"] == " ", "a blank text is nobody's to translate"
    assert [path.name for path in tmp_path.iterdir()] == ["train.jsonl"]


@pytest.mark.parametrize("torn", ["", '{"id": "2", "text'])
def test_what_was_translated_is_not_translated_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: str
) -> None:
    monkeypatch.setattr(translated, "AT_ONCE", 1)
    path = tmp_path / "train.jsonl"
    with pytest.raises(KeyboardInterrupt):
        translated.translate_rows(path, PAIRS, "me", Shouting(fails_after=2))
    assert not path.exists()
    with (tmp_path / "train.jsonl.part").open("a") as file:  # the machine went while it wrote
        file.write(torn)
    again = Shouting()
    translated.translate_rows(path, PAIRS, "me", again)
    assert [text for texts in again.asked for text in texts] == ["She\u2028sang."]
    whole = tmp_path / "whole.jsonl"
    translated.translate_rows(whole, PAIRS, "me", Shouting())
    assert path.read_bytes() == whole.read_bytes()
    untouched = Shouting()
    translated.translate_rows(path, PAIRS, "me", untouched)
    assert untouched.asked == []


@pytest.mark.parametrize(("examples", "by"), [(PAIRS[1:], "me"), (PAIRS, "another")])
def test_rows_of_other_examples_or_by_another_are_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, examples: list[Example], by: str
) -> None:
    monkeypatch.setattr(translated, "AT_ONCE", 1)
    with pytest.raises(KeyboardInterrupt):
        translated.translate_rows(tmp_path / "train.jsonl", PAIRS, "me", Shouting(fails_after=1))
    with pytest.raises(UserError, match="its rows are of other examples\n    remove"):
        translated.translate_rows(tmp_path / "train.jsonl", examples, by, Shouting())


def written(folder: Path, of: Task, examples: list[Example], by: str = "me") -> Task:
    """The task that reads translations of examples into German, and the examples themselves."""
    english = folder / f"{of.name}-mt" / of.source_language
    english.mkdir(parents=True, exist_ok=True)
    for split in ("train", "dev"):
        translated.write_rows(english / f"{split}.jsonl", examples, by)
    german = folder / f"{of.name}-mt" / "de"
    german.mkdir(exist_ok=True)
    translated.translate_rows(german / "train.jsonl", examples, by, Shouting())
    (folder / f"{of.name}-mt" / "ru").mkdir(exist_ok=True)  # which has only begun
    path, languages = translated.write_task(of, f"{of.name}-mt", folder, "a model", examples[0])
    assert languages == ["en", "de"]
    return tasks.parse(path)


@pytest.mark.parametrize(("name", "examples"), [("mnli", PAIRS), ("copa", CHOICES), ("massive", TEXTS)])
def test_the_task_file_reads_what_was_written(tmp_path: Path, name: str, examples: list[Example]) -> None:
    of = task(name, languages=("en",))
    mine = written(tmp_path, of, examples)
    source = open_source({"files": str(tmp_path)})
    assert source.languages(mine, "train") == ("en", "de")
    assert source.languages(mine, "dev") == ("en",)
    assert source.examples(mine, "train", "en") == source.examples(mine, "dev", "en") == examples
    german = source.examples(mine, "train", "de")
    loud = [tuple(text.upper() for text in translated.texts_of(one)) for one in examples]
    assert [translated.texts_of(one) for one in german] == loud
    assert [one.label for one in german] == [one.label for one in examples]  # type: ignore[union-attr]
    assert (mine.labels, mine.metric, mine.max_length) == (of.labels, of.metric, of.max_length)
    assert list(tasks.misfits(mine, tasks.Catalogue([mine]))) == []


def test_by_what_it_was_translated_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    def fingerprint(by: str) -> str:
        mine = written(tmp_path / by, task("mnli"), PAIRS, by)
        return open_source({"files": str(tmp_path / by)}).fingerprint(mine, "train", "de")

    assert fingerprint("one") != fingerprint("two")


def test_rows_by_another_model_are_not_mixed(tmp_path: Path) -> None:
    made = {"model": "a", "weights": "1"}
    by = translated.set_out(tmp_path / "de", made)
    assert translated.set_out(tmp_path / "de", made) == by
    assert json.loads((tmp_path / "de" / translated.ABOUT).read_text()) == made
    assert translated.set_out(tmp_path / "de", {**made, "weights": "0"}) != by, "there are no rows yet"
    translated.set_out(tmp_path / "de", made)
    translated.write_rows(tmp_path / "de" / "train.jsonl", PAIRS, by)
    assert translated.set_out(tmp_path / "de", made) == by
    with pytest.raises(UserError) as caught:
        translated.set_out(tmp_path / "de", {**made, "weights": "2"})
    assert "its rows were made in another way: weights '1', now '2'\n    remove" in str(caught.value)
    (tmp_path / "de" / translated.ABOUT).write_text("[")
    with pytest.raises(UserError, match="is not what was written there"):
        translated.set_out(tmp_path / "de", made)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("squad", "'squad' cannot be translated: it is of kind span_qa\n    an answer is a place in its passage"),
        ("panx", "it is of kind tagging\n    a tag belongs to a word"),
        ("tatoeba", "it is of kind bitext_retrieval\n    only pair_classification"),
        ("xnli", "'xnli' has no training data of its own\n    translate 'mnli', which it is trained on"),
    ],
)
def test_what_cannot_be_translated_is_refused_with_a_reason(name: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        translated.check_translatable(tasks.load(name))
    assert words in str(caught.value)
