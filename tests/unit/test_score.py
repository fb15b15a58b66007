"""The score of a submission: the official numbers, never a part for the whole, and every mistake named."""

from __future__ import annotations

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
from sweep.scoring.submission import FORMATS
from sweep.scoring.submitted import MOST_PROBLEMS
from trainables.errors import UserError
from trainables.metrics import METRICS

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
    return write_small(tmp_path)


def write_small(folder: Path) -> Path:
    """A whole submission for SMALL, with labels."""
    question = {"id": "q1", "question": "?", "answers": [{"text": "cat", "answer_start": 2}]}
    questions = [question, {**question, "id": "q2"}]
    files = {
        "nli/test-de.tsv": ("yes\nno\n", "yes\nyes\n"),
        "nli/test-en.tsv": ("yes\nno\n", "yes\nno\n"),
        "rows/test-de.tsv": ("1\n0\n", "0\n1\n"),
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
            path = folder / side / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return folder


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
            assert task.score == (("exact_match", "f1") if task.name in QA else METRICS[task.metric].names[:1])
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
    assert [str(warning).removeprefix(str(small)) for warning in result.warnings] == [
        "/predictions/qa/test-de.json: 1 of 2 ids have no prediction, and score 0\n    the first is 'q2'",
        "/predictions/links/test-de.json: 1 of 2 ids have no prediction, and score 0\n    the first is 'm2'",
    ]
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
        pytest.param("rows/test-de.tsv", "1\n01\n", 2, "'01' is not the number of a row", id="zeros"),
        pytest.param("rows/test-de.tsv", "1\n0.0\n", 2, "'0.0' is not the number of a row", id="fraction"),
        pytest.param("rows/test-de.tsv", "1\n2\n", 2, "there is no row 2\n    expected: 0 to 1", id="beyond"),
        pytest.param("tags/test-de.tsv", "O\nB-LOC\nO\n", 1, "too few sentences: 1", id="sentences"),
        pytest.param(
            "tags/test-de.tsv",
            "O\nB-LOC\n\nO\nO\n",
            4,
            "sentence 2 has the wrong number of tags: 2\n    expected: 1",
            id="tags",
        ),
        pytest.param("tags/test-de.tsv", "O\nB-LCO\n\nO\n", 2, "unknown label 'B-LCO'", id="tag"),
        pytest.param(
            "tags/test-de.tsv",
            "O\nUlm\tB-LOC\n\nO\n",
            2,
            "is a word and its tag, not a label\n    expected: 'B-LOC' alone; `cut -f2 FILE` leaves such",
            id="word and tag",
        ),
        pytest.param("qa/test-de.json", '{"q1": "",\n"q3": ""}', 2, "unknown id 'q3'\n    expected: an id", id="id"),
        pytest.param("qa/test-de.json", '{"q1": ""', 1, "is not JSON", id="JSON"),
        pytest.param("qa/test-de.json", '{"a": "x"}', 1, "no id of it is in", id="no id"),
        pytest.param("qa/test-de.json", "[" * 10**5, 1, "is not JSON: lists or objects within each", id="nested"),
        pytest.param("qa/test-de.json", f'{{"q1": {"1" * 5000}}}', 1, "a number with thousands of digits", id="number"),
        pytest.param(
            "qa/test-de.json", '{"data": []}', 1, "is a dataset's file, not one of predictions", id="gold as answers"
        ),
        pytest.param("copa/test-de.jsonl", '{"label": 0}\n{"label": 2}\n', 2, "unknown label '2'", id="choice"),
        pytest.param("copa/test-de.jsonl", "[" * 10**5 + "\n", 1, "is not a choice", id="nested choice"),
        pytest.param("mining/test-de.tsv", "de-1 en-1\n", 1, "is not a pair of ids", id="pair"),
        pytest.param("mining/test-de.tsv", "en-1\tde-1\n", 1, "its columns are those of", id="columns"),
        pytest.param("mining/test-de.tsv", "de-7\ten-7\n", 1, "no source id of it is in", id="no pair's id"),
        pytest.param("mining/test-de.tsv", "de-1\t1\n", 1, "no English id of it is in", id="other ids"),
        pytest.param("links/test-de.json", '{"m1": ["Berlin"]}', 1, "here 'Berlin', there 'Q1'", id="other entities"),
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


HIDDEN = "stands for a hidden label\n    scores need the labels"


@pytest.mark.parametrize(
    ("name", "text", "where", "words"),
    [
        pytest.param("nli/test-de.tsv", "yes\nNo\n", 2, "unknown label 'No'\n    did you mean 'no'?", id="case"),
        pytest.param("nli/test-de.tsv", "yes\nnoo\n", 2, "unknown label 'noo'\n    did you mean 'no'?", id="spelling"),
        pytest.param("nli/test-de.tsv", "label\nyes\nno\n", 1, "unknown label 'label'", id="header"),
        pytest.param("nli/test-de.tsv", "yes\n-1\n", 2, f"'-1' {HIDDEN}", id="hidden"),
        pytest.param("nli/test-de.tsv", "yes\nHidden\n", 2, f"'Hidden' {HIDDEN}", id="hidden by a word"),
        pytest.param("nli/test-de.tsv", "yes\n\nno\n", 2, "is a blank line", id="hidden by nothing"),
        pytest.param("nli/test-de.tsv", "", 1, "is empty", id="empty"),
        pytest.param(
            "nli/test-de.tsv",
            "A.\tB.\tyes\nno\n",
            1,
            "is a row of 3 columns, not a label\n    expected: 'yes' alone; `cut -f3 FILE` leaves such",
            id="row of a dataset",
        ),
        pytest.param(
            "nli/test-de.tsv",
            "A.\tB.\nyes\n",
            1,
            "is a row of 2 columns, not a label\n    known: yes, no",
            id="row without label",
        ),
        pytest.param(
            "nli/test-de.tsv",
            "0\n1\n",
            1,
            "unknown label '0'; 0 of 2 lines are labels of nli\n    known: yes, no; labels are one label",
            id="no label at all",
        ),
        pytest.param("nli/test-de.tsv", '{"label": 0}\nno\n', 1, "unknown label '{\"label\": 0}'", id="JSON lines"),
        pytest.param("rows/test-de.tsv", "1\n-1\n", 2, "'-1' is not the number of a row", id="row"),
        pytest.param("rows/test-de.tsv", "1\n1000\n", 2, "there is no row 1000\n    expected: 0 to 999", id="beyond"),
        pytest.param("rows/test-de.tsv", "0\n0\n", 2, "row 0 stands here again\n    first in line 1", id="row twice"),
        pytest.param("rows/test-de.tsv", "2\n1\n", 1, "counts rows from 1", id="rows from 1"),
        pytest.param("tags/test-de.tsv", "O\nLOC\n\nO\n", 2, "unknown label 'LOC'\n    did you mean", id="no prefix"),
        pytest.param("tags/test-de.tsv", "O\nS-LOC\n\nO\n", 2, "'S-LOC'\n    did you mean 'B-LOC'?", id="BIOES"),
        pytest.param("tags/test-de.tsv", "O\n_\n\nO\n", 2, f"'_' {HIDDEN}", id="hidden tag"),
        pytest.param("tags/test-de.tsv", "in\tO\nde:Ulm\tB-LOC\n\nO\n", 1, "`cut -f2 FILE`", id="words and tags"),
        pytest.param("tags/test-de.tsv", "O\nUlm B-LOC\n\nO\n", 2, "`cut -d' ' -f2 FILE`", id="word, blank, tag"),
        pytest.param("tags/test-de.tsv", "in\nUlm\n\nja\n", 1, "0 of 3 lines are labels of tags", id="words alone"),
        pytest.param("qa/test-de.json", '{"data": []}', 1, "has no questions", id="no questions"),
        pytest.param(
            "qa/test-de.json", '{"q1": "cat"}', 1, "is a file of predictions, not of labels", id="predictions"
        ),
        pytest.param("qa/test-de.json", '{"data": 3}', 1, "the file has no list 'data'", id="data of another shape"),
        pytest.param("qa/test-de.json", "[]", 1, "is not a JSON object", id="a list"),
        pytest.param("qa/test-de.json", "[" * 10**5, 1, "is not JSON", id="nested without end"),
        pytest.param("copa/test-de.jsonl", '{"label": 0}\n{"label": -1}\n', 2, f"'-1' {HIDDEN}", id="hidden choice"),
        pytest.param("copa/test-de.jsonl", '{"label": 0}\n{"idx": 7}\n', 2, "is not a choice", id="no choice"),
        pytest.param("copa/test-de.jsonl", '{"label": 0}\n{"label": 2}\n', 2, "unknown label '2'", id="from 1"),
        pytest.param("mining/test-de.tsv", "", 1, "is empty", id="no pairs"),
        pytest.param("mining/test-de.tsv", "de-1\tGuten Tag\ten-1\n", 1, "is not a pair of ids", id="sentences"),
        pytest.param("links/test-de.json", '{"m1": ["Q1"],\n"m2": []}', 2, "'m2' has no right id", id="nothing right"),
        pytest.param("links/test-de.json", '{"m1": "Q1", "m2": ["Q2"]}', 1, "is not a list of ids", id="a bare id"),
        pytest.param("nli/test-de.tsv", "yes\0\nno\n", 1, "is not UTF-8 text: it has NUL", id="NUL"),
        pytest.param("nli/test-de.tsv", "yes\rno\r", 1, "ends its lines with CR alone", id="CR"),
    ],
)
def test_wrong_labels_are_named(small: Path, name: str, text: str, where: int, words: str) -> None:
    path = small / "labels" / name
    path.write_bytes(text.encode())
    with pytest.raises(UserError) as caught:
        score(SMALL, small / "predictions", small / "labels")
    problem = caught.value.problems[0]
    assert (problem.file, problem.line) == (str(path), where)
    assert words in str(problem)


@pytest.mark.parametrize("side", ["labels", "predictions"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("name", ["nli/test-de.tsv", "qa/test-de.json"])
def test_other_encodings_are_named(small: Path, side: str, encoding: str, name: str) -> None:
    path = small / side / name
    path.write_bytes(path.read_text().encode(encoding))
    with pytest.raises(UserError) as caught:
        score(SMALL, small / "predictions", small / "labels")
    assert f"{path}:1: is not UTF-8" in str(caught.value)
    assert "iconv" in str(caught.value)


@pytest.mark.parametrize("change", [lambda text: f"\ufeff{text}", lambda text: text.replace("\n", "\r\n")])
def test_byte_order_marks_and_line_ends_of_labels_do_not_count(small: Path, change: Callable[[str], str]) -> None:
    before = score(SMALL, small / "predictions", small / "labels").scores
    for path in (small / "labels").rglob("*.*"):
        path.write_bytes(change(path.read_text()).encode())
    assert score(SMALL, small / "predictions", small / "labels").scores == before


def test_xnlis_own_spelling_is_no_label(copied: Path, run: Run) -> None:
    path = copied / "labels" / "xnli" / "test-de.tsv"
    path.write_text(path.read_text().replace("contradiction", "contradictory"))
    code, out, err = run(copied, "--json")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {path}:")
    assert "unknown label 'contradictory'\n    did you mean 'contradiction'?" in err


def test_tags_of_names_are_no_parts_of_speech(copied: Path, run: Run) -> None:
    path = copied / "labels" / "udpos" / "test-de.tsv"
    path.write_text("\n".join(f"B-{tag}" if tag else "" for tag in path.read_text().split("\n")))
    code, _, err = run(copied)
    assert code == 2
    assert f"{path}:1: unknown label 'B-DET'; 0 of 40 lines are labels of udpos\n    did you mean 'DET'?" in err
    assert err.count("error: ") == 1  # nothing is compared with another file


@pytest.mark.parametrize("task", ["xnli", "pawsx", "panx", "tydiqa"])
def test_files_of_datasets_are_no_labels(copied: Path, run: Run, shared_data: Path, task: str) -> None:
    """XTREME's own copies have no labels of their test files; those of their development sets stand in columns."""
    pairs = {
        "xnli": [("xnli/test-de.tsv", "is a row of 2 columns"), ("xnli/dev-de.tsv", "`cut -f3 FILE`")],
        "pawsx": [("pawsx/test-de.tsv", "is a row of 2 columns"), ("pawsx/dev-de.tsv", "`cut -f3 FILE`")],
        "panx": [("panx/test-de.tsv", "lines are labels of panx"), ("panx/dev-de.tsv", "`cut -f2 FILE`")],
        "tydiqa": [("tydiqa/tydiqa.goldp.sw.dev.json", "has no answers to score against")],
    }
    for source, words in pairs[task]:
        path = copied / "labels" / task / ("test-sw.json" if task == "tydiqa" else "test-de.tsv")
        shutil.copy(shared_data / source, path)
        code, out, err = run(copied, "--json")
        assert (code, out) == (2, "")
        assert err.startswith(f"error: {path}")
        assert words in err
        assert "Traceback" not in err


def test_copas_own_file_is_gold_unless_its_labels_are_hidden(small: Path, shared_data: Path) -> None:
    """The official scorer reads `label` of whole examples too. XTREME-R's download makes each one of the test's 0."""
    gold, predicted = (small / side / "copa" / "test-de.jsonl" for side in ("labels", "predictions"))
    shutil.copy(shared_data / "xcopa" / "val-en.jsonl", gold)
    predicted.write_text('{"label": 0}\n' * 100)
    assert score(SMALL, small / "predictions", small / "labels").scores.tasks["copa"].score == 55
    shutil.copy(shared_data / "xcopa" / "test-en.jsonl", gold)
    predicted.write_text('{"label": 0}\n' * 500)
    with pytest.raises(
        UserError, match=r"labels/copa/test-de\.jsonl: all 500 examples have the same gold, 0: it seems"
    ):
        score(SMALL, small / "predictions", small / "labels")


@pytest.mark.parametrize(
    ("name", "one", "predicted"),
    [
        ("nli/test-de.tsv", "yes\n", "no\n"),
        ("copa/test-de.jsonl", '{"label": 0}\n', '{"label": 1}\n'),
        ("tags/test-de.tsv", "O\nO\n\n", "O\nB-LOC\n\n"),
    ],
)
def test_equal_gold_is_odd_and_much_of_it_is_refused(small: Path, name: str, one: str, predicted: str) -> None:
    def warned(number: int) -> bool:
        (small / "labels" / name).write_text(one * number)
        (small / "predictions" / name).write_text(predicted * number)
        result = score(SMALL, small / "predictions", small / "labels")
        return any("have the same gold" in warning.message for warning in result.warnings)

    assert [warned(number) for number in (1, 4, 5, 19)] == [False, False, True, True]
    with pytest.raises(UserError, match="all 20 examples have the same gold"):
        warned(20)


def test_lines_of_other_examples_are_refused(small: Path) -> None:
    """The official scorer compares line by line, whatever a line says that it is of."""
    gold, predicted = (small / side / "copa" / "test-de.jsonl" for side in ("labels", "predictions"))
    gold.write_text('{"idx": 0, "label": 1}\n{"idx": 1, "label": 0}\n')
    predicted.write_text('{"idx": 1, "label": 0}\n{"idx": 0, "label": 1}\n')
    with pytest.raises(UserError, match=r"test-de\.jsonl:1: is of idx 1, its label of 0\n"):
        score(SMALL, small / "predictions", small / "labels")
    predicted.write_text('{"label": 0}\n{"label": 1}\n')
    assert score(SMALL, small / "predictions", small / "labels").scores.tasks["copa"].score == 0


def test_rows_of_a_part_of_a_file_may_be_any(small: Path) -> None:
    """XTREME's mock data are ten lines of a file with up to 1000."""
    gold, predicted = (small / side / "rows" / "test-de.tsv" for side in ("labels", "predictions"))
    gold.write_text("17\n3\n")
    predicted.write_text("17\n999\n")
    assert score(SMALL, small / "predictions", small / "labels").scores.tasks["rows"].score == 50
    predicted.write_text("17\n1000\n")
    with pytest.raises(UserError, match=r"test-de\.tsv:2: there is no row 1000"):
        score(SMALL, small / "predictions", small / "labels")


def test_a_question_that_stands_twice_counts_twice(small: Path) -> None:
    """As in the official script: each row of the gold with the prediction that its id has."""
    questions = [("q1", "cat"), ("q2", "dog"), ("q1", "cow")]
    rows = ",\n".join(
        json.dumps({"id": own_id, "question": "?", "answers": [{"text": text, "answer_start": 0}]})
        for own_id, text in questions
    )
    path = small / "labels" / "qa" / "test-de.json"
    path.write_text('{"data": [{"paragraphs": [{"context": "cat dog cow", "qas": [\n' + rows + "]}]}]}")
    (small / "predictions" / "qa" / "test-de.json").write_text('{"q1": "cat", "q2": "dog"}')
    result = score(SMALL, small / "predictions", small / "labels")
    assert result.scores.tasks["qa"].score == pytest.approx(200 / 3)
    (warning,) = (one for one in result.warnings if one.file == str(path))
    assert (warning.line, warning.message) == (4, "question 'q1' stands here again, first in line 2")


def test_questions_without_an_answer_are_named_with_their_lines(small: Path) -> None:
    path = small / "labels" / "qa" / "test-de.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=1).replace('"cat"', '" "', 1))
    with pytest.raises(UserError, match=r"labels/qa/test-de\.json:8: question 'q1' has no answer to score against"):
        score(SMALL, small / "predictions", small / "labels")


def test_few_or_weak_predictions_are_no_mistake(small: Path) -> None:
    """A model that finds nothing of what is right scores 0: only ids of another kind are refused."""
    (small / "predictions" / "links" / "test-de.json").write_text('{"m1": ["Q7"], "m2": []}')
    (small / "predictions" / "mining" / "test-de.tsv").write_text("de-1\ten-7\n")
    result = score(SMALL, small / "predictions", small / "labels")
    assert [result.scores.tasks[name].score for name in ("mining", "links")] == [0, 0]
    messages = [warning.message for warning in result.warnings if "have no prediction" not in warning.message]
    assert [message.split(" of it")[0] for message in messages] == ["no English id", "no ranked id"]
    (small / "predictions" / "mining" / "test-de.tsv").write_text("")
    assert score(SMALL, small / "predictions", small / "labels").scores.tasks["mining"].score == 0


def test_labels_are_not_scored_against_themselves(small: Path, run: Run) -> None:
    with pytest.raises(UserError, match="is both --predictions and --labels"):
        score(SMALL, small / "labels", small / "labels" / ".." / "labels")
    shutil.rmtree(small / "predictions" / "nli")
    (small / "predictions" / "nli").symlink_to(small / "labels" / "nli")
    with pytest.raises(UserError, match=r"predictions/nli/test-de\.tsv: is the same file as"):
        score(SMALL, small / "predictions", small / "labels")


def test_predictions_that_are_the_labels_are_mentioned(small: Path) -> None:
    for side in ("labels", "predictions"):
        (small / side / "nli" / "test-de.tsv").write_text("yes\nno\n" * 10)
    result = score(SMALL, small / "predictions", small / "labels")
    assert any("says the same as" in warning.message for warning in result.warnings)


def test_swapped_folders_are_named(copied: Path, run: Run) -> None:
    (copied / "labels").rename(copied / "x")
    (copied / "predictions").rename(copied / "labels")
    (copied / "x").rename(copied / "predictions")
    code, out, err = run(copied, "--json")
    assert (code, out) == (2, "")
    assert err.count("are --predictions and --labels swapped?") == 2 * (11 + 7 + 9)


def test_a_folder_of_other_files_is_told_what_is_expected(copied: Path, run: Run, shared_data: Path) -> None:
    shutil.rmtree(copied / "labels")
    (copied / "labels").symlink_to(shared_data / "squad_v1.1")
    code, out, err = run(copied, "--json")
    assert (code, out) == (2, "")
    labels = copied / "labels"
    assert err.splitlines() == [
        f"error: {labels}: holds no file of xtreme's labels",
        f"    expected: labels in the layout of predictions: {labels}/xnli/test-ar.tsv, one label a line, and so on; "
        "`sweep export --labels` writes it",
    ]


def test_folders_in_place_of_files_are_named(small: Path) -> None:
    for side in ("labels", "predictions"):
        path = small / side / "nli" / "test-de.tsv"
        path.unlink()
        path.mkdir()
    with pytest.raises(UserError) as caught:
        score(SMALL, small / "predictions", small / "labels")
    assert [(one.file, one.message) for one in caught.value.problems] == [
        (str(small / side / "nli" / "test-de.tsv"), "is not a file") for side in ("predictions", "labels")
    ]


def test_what_terminals_obey_is_shown_and_what_is_long_is_cut(small: Path) -> None:
    (small / "labels" / "nli" / "test-de.tsv").write_text(f"yes\n\x1b[2J{'x' * 5000}\n")
    with pytest.raises(UserError) as caught:
        score(SMALL, small / "predictions", small / "labels")
    assert "unknown label '\\x1b[2Jxxx" in str(caught.value)
    assert len(str(caught.value)) < 500


FILES = {
    "nli/test-de.tsv": ["yes", "no", "-1", "", "yes\tno", "\ufeff"],
    "rows/test-de.tsv": ["0", "1", "2", "-1", "1000", "1" * 5000],
    "tags/test-de.tsv": ["O", "B-LOC", "", "Ulm\tB-LOC", "LOC", "I-LOC"],
    "qa/test-de.json": [
        "[",
        "]",
        "{",
        "}",
        '"q1"',
        ":",
        ",",
        '"data"',
        '"answers"',
        '"qas"',
        '"paragraphs"',
        "1",
        "null",
    ],
    "copa/test-de.jsonl": ['{"label": 0}', '{"label": 1, "idx": 3}', '{"label": -1}', "[]", "1", '{"idx": []}'],
    "mining/test-de.tsv": ["de-1\ten-1", "en-1\tde-1", "de-2\t2", "de-1", "\t", ""],
    "links/test-de.json": ["[", "]", "{", "}", '"m1"', ":", ",", '"Q1"', "1e999", "NaN"],
}
"""What a file of each format may consist of."""


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small(tmp_path_factory.mktemp("small"))


@given(task=st.sampled_from(SMALL.tasks), side=st.sampled_from(["labels", "predictions"]), data=st.data())
def test_any_file_ends_in_a_score_or_in_what_is_wrong_with_it(
    lasting: Path, task: BenchmarkTask, side: str, data: st.DataObject
) -> None:
    name = task.file("de")
    parts = st.lists(st.sampled_from(FILES[name]), max_size=12)
    contents = st.binary(max_size=60) | parts.map(lambda lines: "\n".join(lines).encode())
    path = lasting / side / name
    right = path.read_bytes()
    path.write_bytes(data.draw(contents))
    try:
        result = score(Benchmark("one", (task,), {}), lasting / "predictions", lasting / "labels")
    except UserError as error:
        wrong = error.problems
    else:
        wrong = []
        assert 0 <= (result.scores.tasks[task.name].score or 0) <= 100
    finally:
        path.write_bytes(right)
    # Gold of another kind makes the predictions beside it wrong too; no other file is.
    assert {problem.file for problem in wrong} <= {str(lasting / one / name) for one in ("labels", "predictions")}


def without_a_label(text: str) -> str:
    label = next(one for one in ("yes", "B-LOC", '"text": "cat"', '"label": 0', '"Q1"', "1") if one in text)
    return text.replace(label, label.replace("cat", "") if "cat" in label else "", 1)


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("mining")])
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(without_a_label, id="a label lost"),
        pytest.param(lambda text: "", id="emptied"),
        pytest.param(lambda text: text[: len(text) // 2], id="cut in the middle"),
        pytest.param(lambda text: text + text, id="written twice"),
        pytest.param(lambda text: f"name\n{text}", id="with a header"),
        pytest.param(lambda text: text.replace("\n", "\tx\n") + "\tx", id="with another column"),
        pytest.param(lambda text: "-1\n" * 2, id="hidden"),
    ],
)
def test_damaged_gold_is_never_scored_in_silence(small: Path, name: str, damage: Callable[[str], str]) -> None:
    path = small / "labels" / name
    path.write_text(damage(path.read_text()))
    with pytest.raises(UserError) as caught:
        score(SMALL, small / "predictions", small / "labels")
    assert all(Path(problem.file or "").match(f"*/{name}") for problem in caught.value.problems)


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
        (task.name, language): dict.fromkeys(METRICS[task.metric].names, value)
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
