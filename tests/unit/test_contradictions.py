"""What a task file says that its kind, its metric, its format or training cannot take is refused when it is read."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from trainables import tasks
from trainables.errors import UserError
from trainables.tasks import Catalogue, Task
from trainables.tasks.task import UNTRAINED

PAIRS = {"format": "jsonl", "train": ["a"], "dev": ["b"], "columns": {"text_a": "a", "text_b": "b", "label": "y"}}
TEXTS = {**PAIRS, "columns": {"text": "a", "label": "y"}}
CHOICES = {**PAIRS, "columns": {"context": "q", "choices": ["a", "b"], "label": "y"}}
CONLL = {"format": "conll", "train": ["a-{lang}"], "dev": ["b-{lang}"]}
SQUAD = {"format": "squad", "train": ["a"], "dev": ["b"]}
SHAPES = {
    "pair_classification": ("accuracy", PAIRS),
    "text_classification": ("accuracy", TEXTS),
    "multiple_choice": ("accuracy", CHOICES),
    "tagging": ("tag_accuracy", CONLL),
    "span_qa": ("squad", SQUAD),
    "retrieval": ("map_at_20", SQUAD),
    "bitext_retrieval": ("accuracy", {"format": "parallel", "test": ["a.{lang}", "a.en"]}),
    "bitext_ranking": ("accuracy", {"format": "parallel", "train": ["a.{lang}", "a.en"], "dev": ["b.{lang}", "b.en"]}),
    "mlm": ("perplexity", {"format": "text", "train": ["a.{lang}"], "dev": ["b.{lang}"]}),
    "bitext_mining": ("mining_f1", {"format": "bucc", "test": ["a.{lang}", "a.en", "a.gold"]}),
}


def parsed(folder: Path, kind: str, layout: object = None, **changes: object) -> Task:
    metric, usual = SHAPES[kind]
    values = {"name": "mine", "kind": kind, "title": "t", "metric": metric, "languages": ["en", "de"]}
    trained = {} if kind in UNTRAINED else {"training_set": "mine"}
    path = folder / "mine.yaml"
    given = {**values, **trained, "files": [usual if layout is None else layout], **changes}
    path.write_text(yaml.safe_dump({key: one for key, one in given.items() if one is not None}, sort_keys=False))
    return tasks.parse(path)


@pytest.mark.parametrize("kind", SHAPES)
def test_a_task_of_every_kind_is_right(tmp_path: Path, kind: str) -> None:
    assert parsed(tmp_path, kind).kind == kind


CONTRADICTIONS = [
    ("tagging", {"training_set": None}, "nothing trains the head of a tagging task"),
    ("pair_classification", {"layer": "1/2"}, "a pair_classification task has no layer"),
    ("bitext_retrieval", {"layer": "25/24"}, "'layer' is 25/24"),
    ("bitext_ranking", {"training_set": None}, "nothing trains the head of a bitext_ranking task"),
    ("mlm", {"training_set": None}, "nothing trains the head of a mlm task"),
    ("mlm", {"objective": ["likelihood", "perplexity"]}, "the lower a perplexity, the better"),
    ("mlm", {"layer": "1/2"}, "a mlm task has no layer"),
    ("mlm", {"labels": ["a"]}, "a mlm task has no labels"),
    ("mlm", {"metric": "accuracy"}, "metric 'accuracy' cannot score mlm"),
    ("bitext_ranking", {"margin": -0.1}, "'margin' is -0.1"),
    ("bitext_ranking", {"margin": float("nan")}, "'margin' is nan"),
    ("bitext_ranking", {"margin": 10**400}, "'margin' is 1000"),
    ("bitext_ranking", {"scale": 0}, "'scale' is 0"),
    ("bitext_ranking", {"scale": float("inf")}, "'scale' is inf"),
    ("bitext_ranking", {"scale": "learned"}, "'scale' is 'learned', which is not a number"),
    ("bitext_ranking", {"directions": "one"}, "unknown directions 'one'"),
    ("bitext_ranking", {"similarity": "dot", "learned_scale": True}, "a scale is learned of the cosine alone"),
    ("bitext_ranking", {"labels": ["a", "b"]}, "a bitext_ranking task has no labels"),
    ("bitext_retrieval", {"margin": 0.2}, "a bitext_retrieval task has no 'margin'"),
    ("tagging", {"directions": "to_english"}, "a tagging task has no 'directions'"),
    ("bitext_retrieval", {"layer": "x"}, "'layer' must be a fraction such as 14/24"),
    ("bitext_retrieval", {"layer": "1/0"}, "'layer' must be a fraction such as 14/24"),
    ("bitext_retrieval", {"layer": "9" * 99}, "'layer' must be a fraction such as 14/24"),
    ("span_qa", {"labels": ["a", "b"]}, "a span_qa task has no labels"),
    ("multiple_choice", {"labels": ["1", "2"]}, "'labels' are 1, 2: those of choices are their positions"),
    ("multiple_choice", {"labels": ["A", "B"]}, 'label_map: {"A": "0", ...}'),
    ("multiple_choice", {"labels": ["0", "1", "2"]}, "there are 2 choices, and 3 labels"),
    ("multiple_choice", {"labels": [True, False]}, "'labels' holds True, which is no text"),
    ("tagging", {"metric": "entity_f1", "labels": ["O", "PER"]}, "label 'PER' is no tag of a name"),
    ("tagging", {"metric": "entity_f1", "labels": ["O", "B-"]}, "label 'B-' is no tag of a name"),
    ("pair_classification", {"labels": ["a", " "]}, ": no label"),
    ("pair_classification", {"labels": [-1, 1]}, "label '-1' stands for a hidden label in data"),
    ("pair_classification", {"labels": ["a", "b\tc"]}, "is more than a line of text"),
    ("pair_classification", {"labels": ["a", None]}, "'labels' holds None, which is no text"),
    ("pair_classification", {"labels": ["a", 1.0]}, "'labels' holds 1.0, which is no text"),
    ("pair_classification", {"metric": "accuracy_f1", "labels": ["no", "yes"]}, "label 'no' is neither 0 nor 1"),
    ("pair_classification", {"metric": "accuracy_f1", "labels": ["0"]}, "the F1 of label 1, which is none"),
    ("text_classification", {"metric": "accuracy_f1", "labels": ["no", "yes"]}, "label 'no' is neither 0 nor 1"),
    ("text_classification", {"layer": "1/2"}, "a text_classification task has no layer"),
    ("text_classification", {"max_length": 2}, "at least 3"),
    ("span_qa", {"metric": "squad2"}, "metric squad2 with 'unanswerable: false'"),
    ("span_qa", {"unanswerable": True}, "metric squad with 'unanswerable: true'"),
    ("tagging", {"unanswerable": True}, "a tagging task has no answers"),
    ("span_qa", {"metric": "mlqa", "languages": ["en", "sw"]}, "metric mlqa has no rules for sw"),
    ("span_qa", {"max_length": 48}, "at least 98"),
    ("tagging", {"max_length": -5}, "'max_length' is -5"),
    ("tagging", {"max_length": 0}, "'max_length' is 0"),
    ("tagging", {"max_length": 10**20}, "'max_length' is 100000000000000000000"),
    ("span_qa", {"window_stride": 0}, "'window_stride' is 0"),
    ("span_qa", {"best_answers": 0}, "'best_answers' is 0"),
    ("span_qa", {"max_question": -1}, "'max_question' is -1"),
    ("tagging", {"holdout": float("nan")}, "'holdout' is nan"),
    ("tagging", {"languages": "en"}, "'languages' is 'en', which is not a list"),
    ("tagging", {"languages": ["en", "../x"]}, "'../x' is no name for files"),
    ("tagging", {"languages": ["en", ["de"]]}, "'languages' holds ['de'], which is no text"),
    ("tagging", {"name": ".mine"}, "'.mine' is no name for files"),
    ("tagging", {"name": "m" * 300}, "is no name for files"),
    ("tagging", {"unanswerable": "no"}, "which is not true or false (no, yes, on and off are texts in YAML 1.2)"),
    ("tagging", {"sizes": {"train": 10**30}}, "'sizes' of 'train' is"),
]


@pytest.mark.parametrize(("kind", "changes", "words"), CONTRADICTIONS)
def test_a_contradiction_is_refused_with_its_line(
    tmp_path: Path, kind: str, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(UserError) as caught:
        parsed(tmp_path, kind, **changes)
    assert words in str(caught.value)
    assert all(problem.file == str(tmp_path / "mine.yaml") for problem in caught.value.problems)


LAYOUTS = [
    ("pair_classification", CONLL, "format conll cannot hold pair_classification"),
    ("tagging", SQUAD, "format squad cannot hold tagging\n    formats that can: jsonl, conll, conllu, ccgbank"),
    ("tagging", {**PAIRS, "format": "tsv"}, "format tsv cannot hold tagging"),
    ("bitext_retrieval", {"format": "parallel", "test": ["a"]}, "'test' has 1 of the 2 files of format parallel"),
    ("bitext_mining", {"format": "bucc", "test": ["a"]}, "'test' has 1 of the 2 or 3 files of format bucc"),
    ("tagging", {**CONLL, "separator": 9}, "'separator' is 9"),
    ("tagging", {**CONLL, "separator": ""}, "'separator' is ''"),
    ("tagging", {**CONLL, "tag_column": "1"}, "'tag_column' is '1'\n    expected: the number of a column"),
    ("tagging", {**CONLL, "token_column": True}, "'token_column' is True"),
    ("tagging", {**CONLL, "encoding": 1252}, "'encoding' is 1252\n    expected: the name of an encoding"),
    ("tagging", {**CONLL, "encoding": "hex"}, "'encoding' is 'hex'"),
    ("tagging", {**CONLL, "skip": "-DOCSTART-"}, "'skip' is '-DOCSTART-'\n    expected: a list of texts"),
    ("tagging", {**CONLL, "token_prefix": ""}, "'token_prefix' is ''"),
    ("tagging", {**CONLL, "label_map": ["x"]}, "'label_map' must be keys and values"),
    ("tagging", {**CONLL, "label_map": {"x": None}}, "'label_map' has 'x': None"),
    ("tagging", {**CONLL, "train": ["/tmp/a"]}, "'/tmp/a' is not below the data folder"),
    ("tagging", {**CONLL, "train": ["../a"]}, "'../a' is not below the data folder"),
    ("tagging", {**CONLL, "train": [""]}, "'train' must be a list of file names"),
    ("tagging", {**CONLL, "train": "a"}, "'train' must be a list of file names"),
    ("tagging", {**CONLL, "languages": "en"}, "'languages' is 'en'"),
    ("tagging", {**CONLL, "codes": {"fr": "fra"}}, "'fr' is not a language of the task"),
    (
        "pair_classification",
        {**PAIRS, "format": "csv", "header": "no"},
        "'header' is 'no'\n    expected: true or false",
    ),
    ("pair_classification", {**PAIRS, "drop_labels": "none"}, "'drop_labels' is 'none'"),
    ("pair_classification", {**PAIRS, "drop_labels": [None]}, "'drop_labels' is [None]"),
    ("pair_classification", {**PAIRS, "format": "tsv"}, "column 'text_a' is 'a', where columns have no names"),
    ("pair_classification", {**PAIRS, "columns": [1, 2]}, "'columns' is missing"),
    ("pair_classification", {**PAIRS, "columns": {"text_a": ["a"], "text_b": "b"}}, "column 'text_a' is ['a']"),
    ("pair_classification", {**PAIRS, "columns": {"text_a": "{a", "text_b": "b"}}, "the template '{a' cannot be read"),
    ("pair_classification", {**PAIRS, "columns": {"text_a": "{a:>9}", "text_b": "b"}}, "has a format of Python's"),
    ("pair_classification", {**PAIRS, "columns": {"text_a": "{a.x}", "text_b": "b"}}, "names 'a.x'"),
    ("pair_classification", {**PAIRS, "columns": {"text_a": "{}", "text_b": "b"}}, "names ''"),
    (
        "pair_classification",
        {**PAIRS, "columns": {"text_a": "a", "text_b": "b", "label": "{y}"}},
        "'label' cannot be put together",
    ),
    ("multiple_choice", {**CHOICES, "columns": {"context": "q", "choices": [["a"]]}}, "column 'choices' is ['a']"),
    ("tagging", [1], "'[1]' is not a layout"),
    ("tagging", {"format": ["conll"], "dev": ["a"]}, "unknown format '['conll']'"),
]


@pytest.mark.parametrize(("kind", "layout", "words"), LAYOUTS)
def test_a_layout_that_cannot_be_read_is_refused(tmp_path: Path, kind: str, layout: object, words: str) -> None:
    with pytest.raises(UserError) as caught:
        parsed(tmp_path, kind, layout)
    assert words in str(caught.value)


HUB = {"dataset": "a/b", "splits": {"train": "train"}, "columns": PAIRS["columns"]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": "a"}, "'a' is not the name of a dataset"),
        ({"dataset": "../x/y"}, "'../x/y' is not the name of a dataset"),
        ({"revision": True}, "'revision' is True"),
        ({"config": 5}, "'config' is 5"),
        ({"splits": {"train": None}}, "'train' is None"),
        ({"splits": {"train": []}}, "'train' is []"),
        ({"splits": {"train": "/abs"}}, "'train' is '/abs'"),
        ({"splits": {"train": ["train", "*"]}}, "'train' is ['train', '*']"),
        ({"config": "../x"}, "'config' is '../x'"),
        ({"splits": ["train"]}, "'splits' must name the dataset's splits"),
        ({"columns": {}}, "'columns' is missing"),
        ({"label_map": {"0": "maybe"}}, "'label_map' makes 'maybe' of '0', which is no label"),
    ],
)
def test_a_hub_entry_that_cannot_be_read_is_refused(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(UserError) as caught:
        parsed(tmp_path, "pair_classification", hub=[{**HUB, **changes}], labels=["yes", "no"])
    assert words in str(caught.value)


def test_the_loss_of_ranking_is_part_of_what_it_is(tmp_path: Path) -> None:
    usual = parsed(tmp_path, "bitext_ranking")
    told = {"directions": "both", "similarity": "cosine", "margin": 0.3, "scale": 20, "learned_scale": False}
    assert parsed(tmp_path, "bitext_ranking", **told) == usual
    changes: list[dict[str, object]] = [{"margin": 0}, {"scale": 1}, {"directions": "to_english"}, {"layer": "1/2"}]
    definitions = {parsed(tmp_path, "bitext_ranking", **one).definition for one in changes} | {usual.definition}
    assert len(definitions) == 5
    assert (
        parsed(tmp_path, "bitext_ranking", margin=0).definition
        == parsed(tmp_path, "bitext_ranking", margin=0.0).definition
    )


def test_a_key_of_a_template_may_be_the_languages_code(tmp_path: Path) -> None:
    columns = {"text": "{translation[{lang}]}", "english": "{translation[en]}"}
    entry = {"dataset": "a/b", "config": "{lang}-en", "splits": {"train": "train"}, "columns": columns}
    assert parsed(tmp_path, "bitext_ranking", hub=[entry]).hub[0].options["columns"] == columns
    with pytest.raises(UserError, match=r"the template '\{\{lang\}\}' cannot be read|names"):
        parsed(tmp_path, "bitext_ranking", hub=[{**entry, "columns": {**columns, "text": "{{lang}}x{lang]}"}}])


def test_layer_0_is_the_embeddings(tmp_path: Path) -> None:
    assert parsed(tmp_path, "bitext_retrieval", layer=0).layer == 0
    assert parsed(tmp_path, "bitext_retrieval").layer is None


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ({"after": "other"}, {"after": "mine"}, "'mine' comes after itself: mine, other, mine"),
        ({"after": "mine"}, {}, "'mine' comes after itself: mine, mine"),
        ({"parts": ("other",)}, {"parts": ("mine",)}, "'mine' is a part of itself: mine, other, mine"),
        ({"training_set": "other"}, {"training_set": "mnli"}, "'other' has no training data of its own"),
    ],
)
def test_tasks_that_wait_for_each_other_are_refused(
    tmp_path: Path, one: dict[str, Any], other: dict[str, Any], said: str
) -> None:
    usual = parsed(tmp_path, "pair_classification")
    mine = dataclasses.replace(usual, **one)
    known = Catalogue([mine, dataclasses.replace(usual, name="other", **{"training_set": "other", **other})])
    assert [message for _, message, _ in tasks.misfits(mine, known)] == [said]
