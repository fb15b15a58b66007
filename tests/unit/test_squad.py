"""SQuAD-style JSON: answers that are not where they say, hidden and impossible ones, and files that are broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.conftest import Save
from tests.unit.reading import problem, problems
from trainables.data.examples import Answer, Question
from trainables.data.squad import read_squad


def questions(path: Path, language: str = "en", **options: Any) -> list[Question]:
    return read_squad(path, options, language)


def qa(*answers: tuple[str, int], **more: object) -> dict[str, object]:
    return {"question": "Wo?", "answers": [{"text": text, "answer_start": start} for text, start in answers], **more}


def squad_file(*qas: object, context: str = "In Ulm, in Ulm.") -> str:
    return json.dumps({"data": [{"title": "t", "paragraphs": [{"context": context, "qas": qas}]}]})


def answers_of(path: Path) -> list[tuple[Answer, ...] | None]:
    return [question.answers for question in questions(path)]


def test_squad_questions_keep_all_answers(save: Save) -> None:
    first, second = questions(save(squad_file(qa(("Ulm", 3), ("in Ulm", 8), id="x"), qa(("Ulm", 11)))))
    assert (first.id, first.question, first.context) == ("x", "Wo?", "In Ulm, in Ulm.")
    assert first.answers == (Answer("Ulm", 3), Answer("in Ulm", 8))
    assert second.id == "dev-de-1"


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        pytest.param("Ulm", 4, Answer("Ulm", 3), id="nearest of two, before"),
        pytest.param("Ulm", 9, Answer("Ulm", 11), id="nearest of two, behind"),
        pytest.param("Ulm", 90, Answer("Ulm", -1), id="too far to choose between two"),
        pytest.param("in Ulm", 90, Answer("in Ulm", 8), id="far, but the only one"),
        pytest.param(" in Ulm.\n", 8, Answer("in Ulm.", 8), id="space around"),
        pytest.param("Ulm", -5, Answer("Ulm", 3), id="a negative offset is not one from the end"),
        pytest.param("Bonn", 3, Answer("Bonn", -1), id="does not occur"),
        pytest.param("", 3, Answer("", -1), id="empty among others"),
    ],
)
def test_misplaced_answer_is_moved_or_marked(save: Save, text: str, start: int, expected: Answer) -> None:
    path = save(squad_file(qa((text, start)), qa(("Ulm", 3))))
    assert answers_of(path)[0] == (expected,)


def test_answer_inside_a_run_of_itself_stays(save: Save) -> None:
    assert answers_of(save(squad_file(qa(("aa", 1)), context="aaaa"))) == [(Answer("aa", 1),)]


def test_offsets_count_code_points(save: Save) -> None:
    context = "🐈 in 北京"
    assert answers_of(save(squad_file(qa(("北京", 5)), context=context))) == [(Answer("北京", 5),)]


@pytest.mark.parametrize("blank", [qa(("", 0)), qa(("", 0), (" ", 0)), qa()])
def test_blanked_answers_of_a_whole_file_are_none(save: Save, blank: object) -> None:
    assert answers_of(save(squad_file(blank, blank))) == [None, None]


def test_impossible_question_has_no_answers_but_not_hidden_ones(save: Save) -> None:
    assert answers_of(save(squad_file(qa(is_impossible=True)))) == [()]


def test_questions_without_the_key_are_hidden_in_a_whole_file(save: Save) -> None:
    bare = {"id": "q", "question": "Wo?"}
    assert answers_of(save(squad_file(bare, {**bare, "answers": None}))) == [None, None]
    path = save(squad_file(qa(("Ulm", 3)), bare))
    found = problem(lambda: questions(path))
    assert found.message == "data[0].paragraphs[0].qas[1] has no list 'answers'"
    assert answers_of(save(squad_file(qa(("Ulm", 3)), {**bare, "is_impossible": True})))[1] == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, ()), ("true", ()), ("True", ()), (1, ()), (False, 1), ("false", 1), (0, 1), (None, 1)],
)
def test_a_question_is_impossible_if_it_says_so(save: Save, value: object, expected: object) -> None:
    (answers,) = answers_of(save(squad_file(qa(("Ulm", 3), is_impossible=value))))
    assert answers == (expected if expected == () else (Answer("Ulm", 3),))


def test_an_answer_may_be_two_lists(save: Save) -> None:
    lists = {"question": "Wo?", "answers": {"text": ["Ulm", "in Ulm"], "answer_start": [3, 8]}}
    assert answers_of(save(squad_file(lists))) == [(Answer("Ulm", 3), Answer("in Ulm", 8))]
    path = save(squad_file({"question": "Wo?", "answers": {"text": ["Ulm"], "answer_start": ["3"]}}))
    found = problem(lambda: questions(path))
    assert found.message == "data[0].paragraphs[0].qas[0].answers[0] has no int 'answer_start'"


def test_an_id_that_is_null_is_none(save: Save) -> None:
    assert questions(save(squad_file(qa(("Ulm", 3), id=None))))[0].id == "dev-de-0"


def test_sentences_lie_within_their_context(save: Save) -> None:
    for breaks in ([[0, 99]], [[3, 1]], [[-1, 2]]):
        path = save(
            json.dumps({"data": [{"paragraphs": [{"context": "Ulm.", "qas": [qa()], "sentence_breaks": breaks}]}]})
        )
        found = problem(lambda path=path: questions(path))
        assert found.message.startswith(f"'sentence_breaks' of data[0].paragraphs[0] has {breaks[0]}")


def test_squad_json_error_names_the_line(save: Save) -> None:
    path = save('{\n"data": [\n}')
    found = problem(lambda: questions(path))
    assert (found.line, found.hint) == (3, "is the download complete?")
    assert found.message.startswith("is not JSON: ")


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        ("[]", "is not a JSON object", 'SQuAD files begin {"data": [...'),
        ('{"Data": []}', "the file has no list 'data'", "did you mean 'Data'?"),
        ('{"data": [3]}', "data[0] is not an object", None),
        ('{"data": []}', "has no questions", None),
        (squad_file({"question": "{", "answers": []}, {"question": "?"}), "data[0].paragraphs[0].qas[1] has", None),
        (squad_file(qa(), {"question": 3, "answers": []}), "data[0].paragraphs[0].qas[1] has no str 'question'", None),
        (
            squad_file(qa(), {"question": "?", "answers": [{"text": "a", "answer_start": "3"}]}),
            "data[0].paragraphs[0].qas[1].answers[0] has no int 'answer_start'",
            None,
        ),
        *(
            (
                json.dumps({"data": [{"paragraphs": [{"context": "a", "qas": [], "sentence_breaks": breaks}]}]}),
                "'sentence_breaks' of data[0].paragraphs[0] are no spans",
                "expected: [[0, 31], [32, 80]]",
            )
            for breaks in ([0, 1], [[0, 1, 2]], [["0", "1"]], "0-1", {"0": 1})
        ),
        (squad_file(qa(is_impossible="no")), "'is_impossible' of data[0].paragraphs[0].qas[0] is 'no'", None),
        ('{"data": [], "data": []}', 'has the key "data" twice in one object (column 14)', "give each key once"),
        ('{"data": "\\ud83d"}', r"has half a character, \ud83d without its other half (column 11)", None),
        ("[" * 10**5, "is not JSON: lists or objects within each other without end", "is the download complete?"),
        (f'{{"data": {"1" * 5000}}}', "is not JSON: a number with thousands of digits", "is the download complete?"),
    ],
)
def test_squad_structure_error_names_the_path(save: Save, content: str, message: str, hint: str | None) -> None:
    path = save(content)
    found = problems(lambda: questions(path))[0]
    assert found.message.startswith(message)
    assert found.line == 1
    if hint:
        assert found.hint == hint


def test_squad_structure_error_names_the_line_of_its_object(save: Save) -> None:
    document = json.loads(
        squad_file(qa(("Ulm", 3)), {"question": '\\"{', "answers": []}, {"quesiton": "?", "answers": []})
    )
    content = json.dumps(document, indent=1)
    path = save(content)
    found = problem(lambda: questions(path))
    lines = content.splitlines()
    assert found.message == "data[0].paragraphs[0].qas[2] has no str 'question'"
    assert found.hint == "did you mean 'quesiton'?"
    assert found.line == next(n for n, line in enumerate(lines, 1) if "quesiton" in line) - 1


LANGUAGES = {"english": "en", "swahili": "sw"}


def test_the_id_may_say_the_language(save: Save) -> None:
    answered = (qa(("Ulm", 3), id="english-1-0"), qa(("Ulm", 3), id="english-2-0"))
    path = save(squad_file(*answered, qa(("", 0), id="swahili-1-0")))
    assert [one.id for one in questions(path, language_of_id=LANGUAGES)] == ["english-1-0", "english-2-0"]
    (swahili,) = questions(path, "sw", language_of_id=LANGUAGES)
    assert (swahili.id, swahili.answers) == ("swahili-1-0", None)


def test_an_id_without_a_known_language_is_a_problem(save: Save) -> None:
    path = save(squad_file(qa(("Ulm", 3), id="englisch-1-0")))
    found = problem(lambda: questions(path, language_of_id=LANGUAGES))
    assert (found.message, found.line) == ("the id 'englisch-1-0' begins with no known language", 1)
    assert found.hint == "did you mean 'english'?"


def test_a_language_without_questions_is_a_problem(save: Save) -> None:
    path = save(squad_file(qa(("Ulm", 3), id="english-1-0")))
    assert problem(lambda: questions(path, "sw", language_of_id=LANGUAGES)).message == "has no questions in 'sw'"


def test_questions_whose_answer_a_translation_lost_may_be_left_out(save: Save) -> None:
    path = save(squad_file(qa(("Ulm", 3), id="a"), qa(("", 0), id="b"), qa(("", 0), ("Ulm", 3), id="c")))
    assert [one.id for one in questions(path)] == ["a", "b", "c"]
    assert [one.id for one in questions(path, drop_unanswered=True)] == ["a", "c"]
    hidden = save(squad_file(qa(("", 0), id="a")))
    assert [one.answers for one in questions(hidden, drop_unanswered=True)] == [None], "hidden, not lost"


def test_real_squad_with_impossible_questions_and_with_blank_answers(shared_data: Path) -> None:
    read = questions(shared_data / "squad_v2.0" / "dev-v2.0.json")
    assert (len(read), sum(question.answers == () for question in read)) == (1000, 494)
    spanish = questions(shared_data / "multilingual_train" / "squad-es" / "dev-v1.1-es_small.json", "es")
    blank = sum(answer == Answer("", -1) for question in spanish for answer in question.answers or ())
    assert (len(spanish), blank) == (1998, 1058)


@pytest.mark.parametrize("name", ["xquad/xquad.zh", "squad_v1.1/dev-v1.1", "tydiqa/tydiqa.goldp.en.train"])
def test_real_answers_are_where_they_say(shared_data: Path, name: str) -> None:
    for question in questions(shared_data / f"{name}.json"):
        assert question.answers
        assert all(question.context.startswith(answer.text, answer.start) for answer in question.answers)
        assert all(answer.start >= 0 for answer in question.answers)
