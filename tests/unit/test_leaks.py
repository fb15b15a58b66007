"""Training data without a test: what is left out, what is said of it, and what becomes of the fingerprint."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sweep.experiment import file as experiment_file
from sweep.experiment.data import read_all_data
from tests.conftest import write_experiment
from tests.unit.reading import task
from trainables import tasks
from trainables.data import open_source
from trainables.data.examples import Example, Question, Sentence, TextPair, Translation
from trainables.data.leaks import held, without
from trainables.errors import UserError
from trainables.tasks import Catalogue, FileLayout, Task

HASH = "56be4db0acb8001400a502ec"


def question(id: str, context: str) -> Question:
    return Question(id, "Who?", context, ())


def ids(examples: Sequence[Example]) -> list[str]:
    return [example.id for example in examples]


def test_a_passage_is_known_in_any_composition_and_with_any_blanks() -> None:
    test = held([question("1", "Caf\u00e9 au  lait.\n"), question("2", "Tea.")])
    train = [question("a", " Cafe\u0301 au\u00a0lait."), question("b", "Cafe au lait."), question("c", "Tea. More.")]
    assert ids(without(train, test)) == ["b", "c"]


def test_a_translated_passage_is_known_by_the_id_of_one_of_its_questions() -> None:
    test = held([question(HASH, "The river is old."), question("17", "It sings.")])
    train = [
        question("x", "Der Fluss ist alt."),
        question(HASH, "Der Fluss ist alt."),
        question("y", "El río es viejo."),
        question("17", "Er singt."),  # a running number says nothing
    ]
    assert ids(without(train, test)) == ["y", "17"]


@pytest.mark.parametrize("example", [Translation("0", "Ja.", "Yes."), Sentence("de-1", "Ja.", False)])
def test_either_side_of_a_translation_is_compared(example: Example) -> None:
    train = [Translation("0", "Ja.", "Indeed."), Translation("1", "Nein.", "Yes."), Translation("2", "Nein.", "No.")]
    both = isinstance(example, Translation)
    assert ids(without(train, held([example]))) == (["2"] if both else ["1", "2"])


def test_nothing_of_other_examples_is_compared() -> None:
    pair = TextPair("0", "a", "b", "neutral")
    assert without([pair], held([pair])) == [pair]


def passages(folder: Path, name: str, contexts: Mapping[str, str]) -> None:
    """A file with a question on each passage, by the question's id."""
    paragraphs = [
        {"context": text, "qas": [{"id": one, "question": "?", "answers": [{"text": text[:2], "answer_start": 0}]}]}
        for one, text in contexts.items()
    ]
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), encoding="utf-8")


def own(**changes: Any) -> Task:
    """A task of German and Swahili questions, trained on without XQuAD, which has no Swahili."""
    layout = FileLayout("squad", {"train": ("{lang}.json",), "dev": ("dev-{lang}.json",)}, ("de", "sw"))
    values = {"languages": ("de", "sw"), "files": (layout,), "hub": (), "source_language": "de", "without": ("xquad",)}
    return dataclasses.replace(tasks.load("squad"), **{**values, **changes})


def written(folder: Path) -> None:
    passages(folder, "de.json", {"a": "Fluss.", "b": "Haus.", "c": "Wald."})
    passages(folder, "dev-de.json", {"d": "Haus."})
    passages(folder, "sw.json", {"a": "Haus."})
    passages(folder, "xquad/xquad.de.json", {"1": "Haus.", "2": "See."})


def test_the_training_split_alone_is_held_against_the_test_in_its_language(tmp_path: Path) -> None:
    written(tmp_path)
    source = open_source({"files": str(tmp_path)})
    assert source.left_out(own(), "train", "de") is None, "nothing has been read"
    assert ids(source.examples(own(), "train", "de")) == ["a", "c"]
    assert ids(source.examples(own(), "dev", "de")) == ["d"]
    assert ids(source.examples(own(), "train", "sw")) == ["a"]
    told = "training examples of 'squad' in 'de' are left out: of 3 there are 1 in the test split of 'xquad'"
    assert source.left_out(own(), "train", "de") == told
    assert source.left_out(own(), "train", "sw") is None
    assert ids(source.examples(own(without=()), "train", "de")) == ["a", "b", "c"]


def test_what_is_held_back_is_cut_from_what_is_left(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "dev-de.json").unlink()
    source = open_source({"files": str(tmp_path)})
    cut = own(holdout=0.5)
    assert ids(source.examples(cut, "train", "de")) == ["a"]
    assert ids(source.examples(cut, "dev", "de")) == ["c"]


def test_the_fingerprint_is_of_the_test_too_and_only_where_it_counts(tmp_path: Path) -> None:
    written(tmp_path)

    def fingerprint(split: str, language: str, **changes: Any) -> str:
        return open_source({"files": str(tmp_path)}).fingerprint(own(**changes), split, language)

    assert own().definition == own(without=()).definition
    assert fingerprint("train", "de") != fingerprint("train", "de", without=())
    assert fingerprint("dev", "de") == fingerprint("dev", "de", without=())
    assert fingerprint("train", "sw") == fingerprint("train", "sw", without=())
    before = fingerprint("train", "de"), fingerprint("train", "de", without=())
    passages(tmp_path, "xquad/xquad.de.json", {"1": "Haus.", "2": "Wald."})
    after = fingerprint("train", "de"), fingerprint("train", "de", without=())
    assert (before[0] != after[0], before[1] == after[1]) == (True, True)


def test_a_test_that_is_not_there_is_an_error_that_says_the_way_out(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "xquad" / "xquad.de.json").unlink()
    source = open_source({"files": str(tmp_path)})
    for ask in (source.examples, source.fingerprint):
        with pytest.raises(UserError) as caught:
            ask(own(), "train", "de")
        assert "'squad' is trained on without what is in 'xquad', which is not there: no test files" in str(
            caught.value
        )
        assert "xquad/xquad.de.json" in str(caught.value)
        assert "or train on it as it is: a task of your own, as squad.yaml but for `without`" in str(caught.value)
    assert source.examples(own(), "train", "sw")


def test_training_data_that_is_the_test_itself_is_an_error(tmp_path: Path) -> None:
    written(tmp_path)
    passages(tmp_path, "de.json", {"a": "Haus."})
    with pytest.raises(UserError, match="all 1 training examples of 'squad' in 'de' are of tests: 1 in the test split"):
        open_source({"files": str(tmp_path)}).examples(own(), "train", "de")


def test_bitext_is_held_against_both_benchmarks(tmp_path: Path) -> None:
    for name, lines in {
        "t.de": "Ja.\nNein.\nVielleicht.\nGut.\n", "t.en": "Yes.\nNo.\nMaybe.\nGood.\n",
        "tatoeba/tatoeba.deu-eng.deu": "Doch.\n", "tatoeba/tatoeba.deu-eng.eng": "Yes.\n",
        "bucc2018/de-en.training.de": "de-1\tVielleicht.\n", "bucc2018/de-en.training.en": "en-1\tSo so.\n",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(lines)
    layout = FileLayout("parallel", {"train": ("t.{lang}", "t.en")}, ("de",))
    bucc = FileLayout(
        "bucc", {"test": ("bucc2018/{lang}-en.training.{lang}", "bucc2018/{lang}-en.training.en")}, ("de",)
    )
    pairs = task("tatoeba", name="pairs", languages=("de",), files=(layout,), hub=(), without=("tatoeba", "bucc2018"))
    known = Catalogue([pairs, task("bucc2018", files=(bucc,))])
    source = open_source({"files": str(tmp_path)}, known)
    found = source.examples(pairs, "train", "de")
    assert [one.english for one in found if isinstance(one, Translation)] == ["Good.", "No."]
    told = source.left_out(pairs, "train", "de") or ""
    assert told.endswith("of 4 there are 1 in the test split of 'tatoeba', and 1 in the test split of 'bucc2018'")


TASK = (
    "name: mine\ntitle: Mine\nkind: span_qa\nmetric: squad\nlanguages: [de]\nsource_language: de\ntraining_set: mine\n"
)
TASK += "score_on: dev\nfiles:\n  - {format: squad, train: [de.json], dev: [dev-de.json]}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TASK + "without: xquad\n", "'without' is 'xquad', which is not a list"),
        (TASK + "without: [xquad, xquad]\n", "task 'xquad' stands here twice"),
        (TASK.replace("training_set: mine", "training_set: squad") + "without: [xquad]\n", "'mine' is not trained on"),
        (
            "name: mine\ntitle: Mine\nkind: tagging\nmetric: pos_f1\nlanguages: [en]\ntraining_set: mine\n"
            "score_on: dev\nfiles:\n  - {format: conllu, train: ['{lang}']}\nwithout: [udpos]\n",
            "nothing of tagging is compared with a test\n    passages of span_qa are compared",
        ),
    ],
)
def test_what_cannot_be_left_out_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        tasks.parse(tmp_path / "mine.yaml")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("xqud", ("without", "unknown task 'xqud'", "did you mean 'xquad'?")),
        ("xnli", ("without", "'xnli' is of kind pair_classification, without passages", "name tasks with passages")),
    ],
)
def test_the_tests_must_be_comparable(name: str, words: tuple[str, str, str]) -> None:
    assert list(tasks.misfits(own(without=(name,)), Catalogue())) == [words]


def test_how_much_is_left_out_is_said_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    written(tmp_path)
    (tmp_path / "mine.yaml").write_text(TASK + "without: [xquad]\n")
    path = write_experiment(
        tmp_path,
        tasks=[str(tmp_path / "mine.yaml")],
        data={"files": str(tmp_path)},
        conditions=["none"],
        targets=["mine"],
        languages=["de"],
    )
    for _ in range(2):
        (odd,) = read_all_data(experiment_file.load(str(path)))
        assert odd.message == (
            "training examples of 'mine' in 'de' are left out: of 3 there are 1 in the test split of 'xquad'"
        )
        assert odd.hint == "`without` in the task's file says so"


def test_real_xquad_as_training_data_is_found_out(shared_data: Path) -> None:
    layout = FileLayout("squad", {"train": ("lareqa/xquad-r/{lang}.json",)}, ("de", "en", "zh"))
    source = open_source({"files": str(shared_data)})
    for language in layout.languages:
        with pytest.raises(UserError, match="all 996 training examples"):
            source.examples(own(languages=layout.languages, files=(layout,)), "train", language)
    english = source.examples(tasks.load("squad-mt"), "train", "en")
    assert len(english) == 6000, "SQuAD's training split has no paragraph of XQuAD"


def test_real_translations_are_known_by_their_ids(shared_data: Path) -> None:
    """Some Spanish questions on passages as another translator would have put them."""
    test = [
        dataclasses.replace(one, context=f"{one.context} *")
        for one in open_source({"files": str(shared_data / "multilingual_train")}).examples(
            tasks.load("squad-es"), "dev", "es"
        )
        if isinstance(one, Question)
    ]
    train = [dataclasses.replace(one, context=one.context.removesuffix(" *")) for one in test]
    left = without(train, held(test[::300]))
    assert 0 < len(train) - len(left) < len(train)
    assert {one.context for one in left if isinstance(one, Question)}.isdisjoint(one.context for one in train[::300])
