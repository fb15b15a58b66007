"""Suites of tests in CheckList's manner: how they are converted and read, what is refused, what their scores say."""

from __future__ import annotations

import dataclasses
import pickle
import re
import sys
from collections import OrderedDict
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from sweep.experiment import file as experiment_file
from sweep.experiment.data import read_all_data
from tests.conftest import write_experiment
from tests.unit.reading import json_lines, problem, problems
from trainables import tasks
from trainables.data import open_source
from trainables.data.demands import hopeless
from trainables.data.examples import Answer, Question
from trainables.errors import UserError
from trainables.features import Features
from trainables.reports import Score
from trainables.training.evaluate import Split, scored

SUITE = tasks.load("multichecklist")
ROOT = Path(__file__).parents[2]
CONTEXT = "Ann is taller than Bob."


def row(text: str = "Bob", test: str = "comp", case: int = 0, **more: Any) -> dict[str, Any]:
    asked = {"id": "1", "context": CONTEXT, "question": "Who is smaller?", "answers": [text]}
    return {**asked, "test": test, "case": case, **more}


def read(folder: Path, *rows: dict[str, Any]) -> list[Any]:
    (folder / "multichecklist").mkdir(exist_ok=True)
    (folder / "multichecklist" / "sw.jsonl").write_text(json_lines(*rows), encoding="utf-8")
    return open_source({"files": str(folder)}).examples(SUITE, "test", "sw")


def test_questions_know_their_test_and_case(tmp_path: Path) -> None:
    first, second = read(tmp_path, row(), row("Ann", "props", 7, id="2"))
    assert (first.test, first.case, first.answers) == ("comp", "0", (Answer("Bob", 19),))
    assert (second.test, second.case, second.answers) == ("props", "7", (Answer("Ann", 0),))


@pytest.mark.parametrize("answers", [["Bob"], "Bob", [{"text": "Bob", "answer_start": 19}]])
def test_answers_are_texts_or_what_squad_has(tmp_path: Path, answers: object) -> None:
    (only,) = read(tmp_path, row(answers=answers))
    assert only.answers == (Answer("Bob", 19),)


def test_an_answer_that_is_nowhere_keeps_its_text_and_is_said(tmp_path: Path) -> None:
    lost, there, bare = found = read(tmp_path, row("Carla"), row(id="2"), row("Bob.", id="3", context="It is Bob"))
    assert lost.answers == (Answer("Carla", -1),)
    assert there.answers == (Answer("Bob", 19),)
    assert bare.answers == (Answer("Bob.", -1),)
    told = "the test split of 'multichecklist' in 'sw' has answers that their passages do not hold: to 1 of 3 questions"
    assert hopeless(SUITE, "test", "sw", found) == told
    assert hopeless(SUITE, "test", "sw", [there, bare]) is None
    assert hopeless(SUITE, "test", "sw", [Question("0", "Who?", "Ann.", (Answer("Carla", -1),))]) is None


def test_what_cannot_be_answered_is_said_each_time(tmp_path: Path) -> None:
    read(tmp_path, row("Carla"))
    squad = {"paragraphs": [{"context": "In Ulm.", "qas": [{"id": "1", "question": "Where?", "answers": [
        {"text": "Ulm", "answer_start": 3}]}]}]}  # fmt: skip
    (tmp_path / "squad").mkdir()
    for name in ("train", "dev"):
        (tmp_path / "squad" / f"{name}-v1.1.json").write_text(json_lines({"data": [squad]}))
    asked = experiment_file.load(
        write_experiment(
            tmp_path, conditions=["none"], targets=["multichecklist"], languages="all",
            data={"files": str(tmp_path)},
        )
    )  # fmt: skip
    for _ in range(2):
        (told,) = read_all_data(asked)
        assert told.message.endswith("do not hold: to 1 of 1 questions")
        assert told.hint == "whatever is predicted, their cases fail"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test": " "}, "no test"),
        ({"test": "a\nb"}, "test 'a\\nb' is more than a line of text"),
        ({"test": ["comp"]}, "has no text 'test'"),
        ({"answers": []}, "question '2' has no answer, and metric error_rate needs one\n    leave the question out"),
        ({"answers": [7]}, "answers[0] is not an object"),
    ],
)
def test_a_row_that_is_no_test_is_answered(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, row(), {**row(id="2"), **changes})
    assert message in str(caught.value)


def test_tables_of_suites_need_the_column_of_the_test(tmp_path: Path) -> None:
    bare = row()
    del bare["test"]
    assert problem(lambda: read(tmp_path, bare)).message == "has no test column 'test'"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_refused_by_name_and_never_opened(tmp_path: Path, protocol: int) -> None:
    """Also the suite as it was downloaded, instead of the converted one."""
    opened = tmp_path / "opened"
    suite = tmp_path / "multichecklist" / "lang_suites" / "sw_squad_suite.pkl"
    suite.parent.mkdir(parents=True)
    for content in (SimpleNamespace(tests={}), {"tests": []}, [Opens(opened)], Opens(opened)):
        suite.write_bytes(pickle.dumps(content, protocol))
        source = open_source({"files": str(tmp_path)})
        (found,) = problems(partial(source.examples, SUITE, "test", "sw"))
        assert found.file == str(suite)
        assert found.message == "is a pickle, which may run anything when it is opened, so that none is"
        assert "docs/tasks.md" in (found.hint or "")
    assert not opened.exists()


class Opens:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def test_what_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    missing = open_source({"files": str(tmp_path)}).missing(SUITE, "test", "sw")
    assert "multichecklist/sw.jsonl" in missing.message
    assert "convert them once, as docs/tasks.md says" in (missing.hint or "")


def test_the_snippet_of_the_docs_writes_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a stand-in for CheckList's package, with the structure of its suites: data and labels of each test."""
    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "lang_suites").mkdir()
    for language in ("sw", "en"):
        (tmp_path / "lang_suites" / f"{language}_squad_suite.pkl").write_text(language)
    comparison = SimpleNamespace(
        data=[[("Añn > Bob.", "Who is more?"), ("Añn > Bob.", "Who is less?")], [("Eve > Al.", "Who is more?")]],
        labels=[["Añn", "Bob"], ["Eve"]],
    )
    animals = SimpleNamespace(data=[[("Al has a cat.", "What?")]], labels=[["cat"]])
    suite = SimpleNamespace(
        tests=OrderedDict({"A is COMP than B. Who is more / less COMP?": comparison, "Animal vs Vehicle v2": animals})
    )
    package, module = ModuleType("checklist"), ModuleType("checklist.test_suite")
    module.TestSuite = SimpleNamespace(from_file=lambda path: suite)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "checklist", package)
    monkeypatch.setitem(sys.modules, "checklist.test_suite", module)
    monkeypatch.chdir(tmp_path)
    exec(snippet, {})
    (tmp_path / "converted").rename(tmp_path / "multichecklist")
    source = open_source({"files": str(tmp_path)})
    assert source.languages(SUITE, "test") == ("en", "sw")
    found = source.examples(SUITE, "test", "sw")
    assert [(one.id, one.test, one.case) for one in found] == [  # type: ignore[union-attr]
        ("comp-0-0", "comp", "0"), ("comp-0-1", "comp", "0"), ("comp-1-0", "comp", "1"),
        ("animal_vehicle_v2-0-0", "animal_vehicle_v2", "0"),
    ]  # fmt: skip
    assert found[0].answers == (Answer("Añn", 0),)  # type: ignore[union-attr]


def evaluation(*predicted: str) -> list[Score]:
    """Two cases of `comp` with two questions each, one of `props` with one, that is a case by itself."""
    asked = [("a", "comp", "0"), ("b", "comp", "0"), ("a", "comp", "1"), ("b", "comp", "1"), ("c", "props", None)]
    examples = [
        Question(str(number), "Who?", "a b c d e f", (Answer(text, 0),), test, case)
        for number, (text, test, case) in enumerate(asked)
    ]
    found = scored(Split(SUITE, "test", "sw", examples, Features([])), [], list(predicted))
    return found.scores


def test_a_split_has_a_score_for_each_test() -> None:
    found = {one.metric: one for one in evaluation("a", "b", "a", "x", "c")}
    assert {name: (one.value, one.n, one.main) for name, one in found.items()} == {
        "error_rate": (25, 3, True), "error_rate/comp": (50, 2, False), "error_rate/props": (0, 1, False),
    }  # fmt: skip


def test_hidden_answers_have_no_score() -> None:
    examples = [Question("0", "Who?", "a b", None, "comp", "0")]
    found = scored(Split(SUITE, "test", "sw", examples, Features([])), [], ["a"])
    assert [(one.metric, one.value, one.chance) for one in found.scores] == [("error_rate", None, None)]


def score(value: float, metric: str = "error_rate", chance: float = 90) -> Score:
    return Score("multichecklist", "squad", "sw", "test", metric, True, value, chance, 100)


@pytest.mark.parametrize(
    ("one", "at_chance", "perfect"),
    [
        (score(100), True, False),
        (score(85.1), True, False),  # within 1.645 standard errors of 3
        (score(85), False, False),
        (score(0), False, True),
        (score(0, "error_rate/comp"), False, True),
        (score(100, chance=100), True, False),
        (score(99, chance=100), False, False),
        (score(0, "f1"), True, False),
        (score(100, "f1"), False, True),
    ],
)
def test_of_errors_less_is_better(one: Score, at_chance: bool, perfect: bool) -> None:
    assert (one.is_at_chance, one.is_perfect) == (at_chance, perfect)


def test_a_suite_is_trained_on_nothing_and_must_say_its_tests(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"

    def complaints(training_set: str, layout: str) -> str:
        path.write_text(
            f"name: mine\ntitle: Mine\nkind: span_qa\nmetric: error_rate\nlanguages: [en]\n"
            f"training_set: {training_set}\nfiles:\n- {layout}\n"
        )
        try:
            tasks.parse(path)
        except UserError as error:
            return str(error)
        return ""

    columns = "columns: {question: q, context: c, answers: a"
    assert complaints("squad", f"{{format: jsonl, test: [a], {columns}, test: t}}}}") == ""
    assert complaints("squad", f"{{format: jsonl, test: [a], {columns}, test: t, case: n}}}}") == ""
    assert "no column for 'test'" in complaints("squad", f"{{format: jsonl, test: [a], {columns}}}}}")
    said = complaints("mine", f"{{format: jsonl, test: [a], {columns}, test: t}}}}")
    assert "6: less error_rate is better: it chooses no trials\n    name the task whose winner is tested" in said
    said = complaints("squad", "{format: squad, test: [a]}")
    assert "8: format squad does not say which test a question is of\n    format: jsonl" in said


def test_a_question_of_no_test_is_what_it_was() -> None:
    """Its text is part of what the embedded benchmark is pinned by."""
    one = Question("0", "Who?", "Ann.", None)
    assert repr(one) == "Question(id='0', question='Who?', context='Ann.', answers=None)"
    assert dataclasses.replace(one, test="comp") != one
