"""The score of a submission: the official numbers, never a part for the whole, and every mistake named."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep import cli
from sweep.scoring import benchmark as benchmarks
from sweep.scoring.benchmark import Benchmark, BenchmarkTask
from sweep.scoring.score import score
from sweep.scoring.submission import FORMATS, MOST_PROBLEMS
from trainables.errors import UserError
from trainables.metrics import METRICS, SCORES

QA = {"xquad", "mlqa", "tydiqa"}
SMALL = Benchmark(
    "small",
    (
        BenchmarkTask("nli", "labels", "accuracy", ("accuracy",), ("de", "en"), ("yes", "no")),
        BenchmarkTask("rows", "labels", "accuracy", ("accuracy",), ("de",)),
        BenchmarkTask("tags", "tags", "entity_f1", ("f1",), ("de",), ("O", "B-LOC", "I-LOC")),
        BenchmarkTask("qa", "answers", "squad", ("exact_match", "f1"), ("de",)),
        BenchmarkTask("copa", "choices", "accuracy", ("accuracy",), ("de",), ("0", "1")),
        BenchmarkTask("mining", "pairs", "mining_f1", ("f1",), ("de",)),
        BenchmarkTask("links", "rankings", "map_at_20", ("map@20",), ("de",)),
    ),
    {"first": ("nli", "rows"), "last": ("mining", "links")},
)

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mock(shared_data: Path) -> Path:
    return shared_data / "xtreme_mock_test_data"


@pytest.fixture
def copied(mock: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(mock, tmp_path / "mock"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`sweep score` on a folder with predictions/ and labels/: exit code, stdout, stderr."""

    def call(folder: Path, *options: str, benchmark: str = "xtreme") -> tuple[int, str, str]:
        folders = ["--predictions", str(folder / "predictions"), "--labels", str(folder / "labels")]
        monkeypatch.setattr(sys, "argv", ["sweep", "score", "--benchmark", benchmark, *folders, *options])
        with pytest.raises(SystemExit) as exited:
            cli.main()
        code = exited.value.code
        assert isinstance(code, int)
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A whole submission for SMALL, with labels."""
    question = {"id": "q1", "question": "?", "answers": [{"text": "cat", "answer_start": 2}]}
    questions = [question, {**question, "id": "q2"}]
    files = {
        "nli/test-de.tsv": ("yes\nno\n", "yes\nyes\n"),
        "nli/test-en.tsv": ("yes\nno\n", "yes\nno\n"),
        "rows/test-de.tsv": ("1\n0\n", "0\n7\n"),
        "tags/test-de.tsv": ("O\nB-LOC\n\nO\n", "O\nB-LOC\n\nO\n"),
        "qa/test-de.json": (
            json.dumps({"data": [{"paragraphs": [{"context": "a cat", "qas": questions}]}]}),
            '{\n"q1": "a cat"}',
        ),
        "copa/test-de.jsonl": ('{"label": 0}\n{"label": 1}\n', '{"label": 0}\n{"label": 1}\n'),
        "mining/test-de.tsv": ("de-1\ten-1\nde-2\ten-2\n", "de-1\ten-1\nde-3\ten-2\nde-1\ten-1\n"),
        "links/test-de.json": ('{"m1": ["Q1"], "m2": ["Q2"]}', '{"m1": ["Q2", "Q1"]}'),
    }
    for name, texts in files.items():
        for side, text in zip(("labels", "predictions"), texts, strict=True):
            path = tmp_path / side / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return tmp_path


def test_shipped_benchmarks_are_whole() -> None:
    sizes = {
        "xtreme": "xnli 15 pawsx 7 udpos 33 panx 40 xquad 11 mlqa 7 tydiqa 9 bucc2018 4 tatoeba 36",
        "xtreme-r": "xnli 15 xcopa 11 udpos 38 panx 48 xquad 12 mlqa 7 tydiqa 9 mewslix 11 lareqa 11 tatoeba 41",
    }
    assert benchmarks.names() == tuple(sizes)
    for name, size in sizes.items():
        loaded = benchmarks.load(name)
        assert loaded.name == name
        assert " ".join(f"{task.name} {len({*task.languages})}" for task in loaded.tasks) == size
        assert sorted(sum(loaded.groups.values(), ())) == sorted(task.name for task in loaded.tasks)
        for task in loaded.tasks:
            assert task.format in FORMATS
            assert task.metric in METRICS
            assert task.score == (("exact_match", "f1") if task.name in QA else SCORES[task.metric][:1])
            assert list(task.languages) == sorted(task.languages)


def test_an_unknown_benchmark_is_refused() -> None:
    with pytest.raises(UserError, match="did you mean 'xtreme'"):
        benchmarks.load("xtrem")


# Expected values: XTREME's evaluate_test.py, and the means of them.
def test_official_scores_of_the_mock_data(mock: Path, run: Run) -> None:
    code, out, err = run(mock, "--json")
    assert (code, err) == (0, "")
    scores = json.loads(out)
    averages = {
        "pawsx": {"accuracy": 51.42857142857143},
        "xnli": {"accuracy": 30.666666666666668},
        "panx": {"f1": 57.50793650793652, "precision": 54.729166666666664, "recall": 62.750000000000014},
        "udpos": {"f1": 70.21746048354693, "precision": 71.02232625883823, "recall": 69.54982073976082},
        "tatoeba": {"accuracy": 53.611111111111114},
        "xquad": {"exact_match": 77.27272727272727, "f1": 79.9586776859504},
        "mlqa": {"exact_match": 57.142857142857146, "f1": 81.76870748299321},
        "tydiqa": {"exact_match": 88.88888888888889, "f1": 97.22222222222223},
    }
    for task, expected in averages.items():
        assert scores["tasks"][task]["average"] == pytest.approx(expected, abs=1e-9)
    assert scores["tasks"]["bucc2018"]["average"]["f1"] == pytest.approx(55.0, abs=1e-9)
    assert {task: len(one["languages"]) for task, one in scores["tasks"].items()}["panx"] == 40
    ones = {name: (one["exact_match"] + one["f1"]) / 2 for name, one in averages.items() if name in QA}
    ones |= {name: next(iter(one.values())) for name, one in averages.items() if name not in QA}
    ones["bucc2018"] = 55.0
    assert {task: one["score"] for task, one in scores["tasks"].items()} == pytest.approx(ones, abs=1e-9)
    groups = {
        "classification": (ones["xnli"] + ones["pawsx"]) / 2,
        "tagging": (ones["panx"] + ones["udpos"]) / 2,
        "qa": (ones["xquad"] + ones["mlqa"] + ones["tydiqa"]) / 3,
        "retrieval": (ones["bucc2018"] + ones["tatoeba"]) / 2,
    }
    assert scores["groups"] == pytest.approx(groups, abs=1e-9)
    assert scores["overall"] == pytest.approx(sum(ones.values()) / 9, abs=1e-9)
    rounded = {"classification": 41.047619, "tagging": 63.862698, "qa": 80.375680, "retrieval": 54.305556}
    assert scores["groups"] == pytest.approx(rounded, abs=1e-6)
    assert scores["overall"] == pytest.approx(62.173199, abs=1e-6)


def test_mock_data_are_no_whole_xtreme_r(mock: Path, run: Run) -> None:
    code, out, err = run(mock, "--json", benchmark="xtreme-r")
    assert code == 1
    scores = json.loads(out)
    assert scores["tasks"]["mewslix"]["score"] == pytest.approx(14.39025156130419, abs=1e-9)
    assert scores["tasks"]["mlqa"]["score"] == pytest.approx(69.4557823129, abs=1e-9)
    for task in ("panx", "udpos", "xquad", "tatoeba", "xcopa", "lareqa"):
        assert scores["tasks"][task]["score"] is None
        assert set(scores["tasks"][task]["average"].values()) == {None}
    assert scores["tasks"]["panx"]["languages"]["az"] == {"f1": None, "precision": None, "recall": None}
    assert scores["tasks"]["panx"]["languages"]["de"]["f1"] > 0
    assert scores["groups"] == dict.fromkeys(("classification", "tagging", "qa", "retrieval"))
    assert scores["overall"] is None
    lines = err.splitlines()
    for name in ("predictions/panx/test-az.tsv", "labels/lareqa/test-zh.json", "labels/xcopa/test-et.jsonl"):
        assert f"missing: {mock / name}" in lines
    assert len(lines) == 2 * (8 + 5 + 1 + 5 + 11 + 11)


def test_the_table_shows_what_is_incomplete(copied: Path, run: Run) -> None:
    code, out, err = run(copied)
    assert (code, err) == (0, "")
    assert "62.17" in out
    assert "40/40" in out
    assert "incomplete" not in out
    (copied / "predictions" / "panx" / "test-sw.tsv").unlink()
    code, out, err = run(copied)
    assert code == 1
    assert err == f"missing: {copied / 'predictions' / 'panx' / 'test-sw.tsv'}\n"
    rows = {
        cells[0]: cells[1:] for line in out.splitlines() if len(cells := line.strip("│").replace("│", "").split()) > 1
    }
    assert rows["panx"] == ["incomplete", "39/40"]
    assert rows["tagging"] == rows["overall"] == ["incomplete"]
    assert rows["qa"] == ["80.38"]


def test_missing_labels_and_missing_tasks_do_not_stop_the_rest(copied: Path, run: Run) -> None:
    (copied / "labels" / "mlqa" / "test-hi.json").unlink()
    shutil.rmtree(copied / "predictions" / "bucc2018")
    code, out, err = run(copied, "--json")
    assert code == 1
    scores = json.loads(out)
    assert err.count("missing: ") == err.count("\n") == 5
    assert scores["tasks"]["mlqa"]["languages"]["hi"] == {"f1": None, "exact_match": None}
    assert [group for group, value in scores["groups"].items() if value is None] == ["qa", "retrieval"]
    assert scores["groups"]["tagging"] == pytest.approx(63.862698, abs=1e-6)
    assert scores["overall"] is None


def test_folders_that_do_not_exist_are_refused(tmp_path: Path, run: Run) -> None:
    code, out, err = run(tmp_path)
    assert (code, out) == (2, "")
    assert f"{tmp_path / 'predictions'}: no folder of predictions" in err
    assert f"{tmp_path / 'labels'}: no folder of labels" in err
    assert run(tmp_path, benchmark="xtreem")[0] == 2


def test_names_that_are_nearly_right_are_mentioned(copied: Path, run: Run) -> None:
    predictions = copied / "predictions"
    shutil.copy(predictions / "xnli" / "test-de.tsv", predictions / "xnli" / "test-dee.tsv")
    (predictions / "tydiqa" / "test-sw.json").rename(predictions / "tydiqa" / "test-swa.json")
    (predictions / "PANX").mkdir()
    (predictions / "udpos" / "test-pl.tsv").touch()  # XTREME-R has it
    (predictions / "readme.md").touch()
    code, _, err = run(copied, "--json")
    assert code == 1
    warnings = [line.removeprefix(f"warning: {predictions}/") for line in err.splitlines() if "warning" in line]
    assert [line.split(":")[0] for line in warnings] == ["PANX", "tydiqa/test-swa.json", "xnli/test-dee.tsv"]
    hints = [line.strip() for line in err.splitlines() if "did you mean" in line]
    assert hints == [f"did you mean '{name}'?" for name in ("panx", "test-sw.json", "test-de.tsv")]


def test_every_format_is_scored(small: Path) -> None:
    result = score(SMALL, small / "predictions", small / "labels")
    assert not result.missing
    assert not result.misnamed
    scores = {name: task.score for name, task in result.scores.tasks.items()}
    # One of the two questions and one of the two mentions are not answered; a pair counts once.
    expected = {"nli": 75, "rows": 0, "tags": 100, "qa": 50, "copa": 100, "mining": 50, "links": 25}
    assert scores == pytest.approx(expected)
    assert result.scores.groups == pytest.approx({"first": 37.5, "last": 37.5})
    assert result.scores.overall == pytest.approx(sum(expected.values()) / 7)


def test_line_ends_do_not_count(small: Path) -> None:
    before = score(SMALL, small / "predictions", small / "labels")
    for path in (small / "predictions").rglob("*.*"):
        path.write_bytes(path.read_bytes().rstrip(b"\n").replace(b"\n", b"\r\n") + b"\r\n")
    assert score(SMALL, small / "predictions", small / "labels") == before


@pytest.mark.parametrize(
    ("name", "text", "where", "words"),
    [
        pytest.param("nli/test-de.tsv", "yes\n", 1, "too few lines: 1\n    expected: 2", id="too few"),
        pytest.param("nli/test-de.tsv", "yes\nno\nno\n", 3, "too many lines: 3\n    expected: 2", id="too many"),
        pytest.param("nli/test-de.tsv", "yes\nnoo\n", 2, "unknown label 'noo'\n    did you mean 'no'", id="label"),
        pytest.param("nli/test-de.tsv", "", 1, "is empty", id="empty"),
        pytest.param("rows/test-de.tsv", "1\n-1\n", 2, "'-1' is not the number of a row", id="row"),
        pytest.param("tags/test-de.tsv", "O\nB-LOC\nO\n", 1, "too few sentences: 1", id="sentences"),
        pytest.param(
            "tags/test-de.tsv",
            "O\nB-LOC\n\nO\nO\n",
            4,
            "sentence 2 has the wrong number of tags: 2\n    expected: 1",
            id="tags",
        ),
        pytest.param("tags/test-de.tsv", "O\nB-LCO\n\nO\n", 2, "unknown label 'B-LCO'", id="tag"),
        pytest.param("qa/test-de.json", '{"q1": "",\n"q3": ""}', 2, "unknown id 'q3'\n    expected: an id", id="id"),
        pytest.param("qa/test-de.json", '{"q1": ""', 1, "is not JSON", id="JSON"),
        pytest.param("copa/test-de.jsonl", '{"label": 0}\n{"label": 2}\n', 2, "unknown label '2'", id="choice"),
        pytest.param("mining/test-de.tsv", "de-1 en-1\n", 1, "is not a pair of ids", id="pair"),
        pytest.param("links/test-de.json", '{"m1": "Q1"}', 1, "is not a list of ids", id="ranking"),
    ],
)
def test_wrong_predictions_are_named(small: Path, name: str, text: str, where: int, words: str) -> None:
    path = small / "predictions" / name
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        score(SMALL, small / "predictions", small / "labels")
    problem = caught.value.problems[0]
    assert (problem.file, problem.line) == (str(path), where)
    assert words in str(problem)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("tags/test-de.tsv", "O\nLOC\n\nO\n", "'LOC' is not an IOB2 tag"),
        ("links/test-de.json", '{"m1": []}', "query 0: a non-empty collection"),
        ("qa/test-de.json", '{"data": []}', "has no questions"),
    ],
)
def test_wrong_labels_are_named(small: Path, name: str, text: str, words: str) -> None:
    (small / "labels" / name).write_text(text)
    with pytest.raises(UserError) as caught:
        score(SMALL, small / "predictions", small / "labels")
    (problem,) = caught.value.problems
    assert problem.file == str(small / "labels" / name)
    assert words in problem.message


def test_tags_of_the_labels_are_known(small: Path) -> None:
    task = dataclasses.replace(SMALL.tasks[2], metric="pos_f1", labels=("NOUN",))
    for side in ("labels", "predictions"):
        (small / side / "tags" / "test-de.tsv").write_text("NOUN\nN\n")
    result = score(Benchmark("one", (task,), {}), small / "predictions", small / "labels")
    assert result.scores.overall == 100


def test_all_problems_of_all_files_are_named_at_once(copied: Path, run: Run) -> None:
    (copied / "predictions" / "xnli" / "test-de.tsv").write_text("maybe\n" * 50)
    (copied / "predictions" / "mlqa" / "test-hi.json").write_text("[]")
    (copied / "labels" / "mlqa" / "test-hi.json").write_text("[")
    code, out, err = run(copied, "--json")
    assert (code, out) == (2, "")
    problems = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(problems) == MOST_PROBLEMS + 1 + 2
    assert "Traceback" not in err
    assert all(name in err for name in ("xnli/test-de.tsv:11: ", "predictions/mlqa/test-hi.json:1: ", "and 31 more"))


def found_everywhere(benchmark: Benchmark, value: float) -> dict[tuple[str, str], Mapping[str, float]]:
    return {
        (task.name, language): dict.fromkeys(SCORES[task.metric], value)
        for task in benchmark.tasks
        for language in task.languages
    }


@given(st.data(), st.sampled_from([benchmarks.load(name) for name in benchmarks.names()]))
def test_no_mean_without_all_its_parts(data: st.DataObject, benchmark: Benchmark) -> None:
    whole = found_everywhere(benchmark, 40.0)
    scores = benchmark.aggregate(whole)
    assert scores.overall == pytest.approx(40)
    assert {*scores.groups.values()} == {40.0}
    left_out = data.draw(st.sets(st.sampled_from(sorted(whole)), max_size=4))
    tasks = {task for task, _ in left_out}
    scores = benchmark.aggregate({key: values for key, values in whole.items() if key not in left_out})
    assert {task for task, one in scores.tasks.items() if one.score is None} == tasks
    assert {group for group, value in scores.groups.items() if value is None} == {
        group for group, names in benchmark.groups.items() if tasks & {*names}
    }
    assert (scores.overall is None) == bool(tasks)


def test_a_perfect_submission_scores_100_and_tasks_weigh_the_same(small: Path) -> None:
    whole: dict[tuple[str, str], Any] = found_everywhere(SMALL, 0.0)
    whole["nli", "de"] = whole["nli", "en"] = {"accuracy": 70.0}
    assert SMALL.aggregate(whole).overall == pytest.approx(10)
    for name in ("nli/test-de.tsv", "rows/test-de.tsv", "mining/test-de.tsv", "links/test-de.json"):
        shutil.copy(small / "labels" / name, small / "predictions" / name)
    (small / "predictions" / "qa" / "test-de.json").write_text('{"q1": "cat", "q2": "the cat"}')
    assert score(SMALL, small / "predictions", small / "labels").scores.overall == 100
