"""All data is read before anything runs: each mistake is said with file and line, and what was right is read once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sweep.experiment import file as experiment_file
from sweep.experiment.data import read_all_data
from tests.conftest import write_experiment
from trainables.data import files
from trainables.errors import Problem, UserError


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))


def tags(folder: Path, train: str = "a\tNOUN\n") -> Path:
    """An experiment on three files of UDPOS."""
    data = folder / "data"
    (data / "udpos").mkdir(parents=True, exist_ok=True)
    for split in ("dev", "test"):
        (data / "udpos" / f"{split}-en.tsv").write_text("a\tNOUN\n\n")
    (data / "udpos" / "train-en.tsv").write_text(train)
    return write_experiment(folder, data={"files": str(data)}, conditions=["none"], targets=["udpos"], languages=["en"])


def problems(path: Path) -> list[Problem]:
    try:
        read_all_data(experiment_file.load(str(path)))
    except UserError as error:
        return error.problems
    return []


def test_a_malformed_data_file_is_named_before_anything_starts(tmp_path: Path) -> None:
    (problem,) = problems(tags(tmp_path, "a\tNOUN\nb\tNOUNN\n\n"))
    assert (problem.file, problem.line) == (str(tmp_path / "data" / "udpos" / "train-en.tsv"), 2)
    assert "NOUNN" in problem.message


def test_what_was_right_is_read_again_only_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tags(tmp_path)
    assert not problems(path)
    read: list[str] = []
    original = files.ReleaseFolder.read

    def spy(folder: files.ReleaseFolder, *arguments: Any) -> Any:
        read.append(arguments[1])
        return original(folder, *arguments)

    monkeypatch.setattr(files.ReleaseFolder, "read", spy)
    assert not problems(path)
    assert read == []
    tags(tmp_path, "a\tNOUN\nb\tNOUNN\n")
    assert len(problems(path)) == 1
    assert len(problems(path)) == 1  # what was wrong is not remembered
    assert read == ["train", "train"]
    tags(tmp_path, "a\tNOUN\nb\tVERB\n")
    assert not problems(path)
    assert read == ["train"] * 3


def test_a_cache_that_cannot_be_written_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "file" / "cache"))
    assert not problems(tags(tmp_path))


def test_labels_that_training_never_sees_are_said_each_time_and_are_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "ccg").mkdir()
    for split, category in {"train": "S[dcl]\\NP", "dev": "(S[dcl]\\NP)/PP", "test": "S[dcl]\\NP"}.items():
        (tmp_path / "ccg" / f"{split}.tsv").write_text(f"Vinken\tNP\nsleeps\t{category}\n")
    data = {"files": str(tmp_path)}
    path = write_experiment(tmp_path, data=data, conditions=["none"], targets=["ccg"], languages=["en"])
    for _ in range(2):
        (odd,) = read_all_data(experiment_file.load(str(path)))
        assert (
            odd.message == "the dev split of 'ccg' in 'en' has labels that training never sees: '(S[dcl]\\NP)/PP' (1)"
        )


def own_task(folder: Path, kind: str, metric: str, columns: dict[str, Any], **splits: list[dict[str, Any]]) -> Path:
    """An experiment on a task of the user's own, in lines of JSON."""
    (folder / "mine.yaml").write_text(
        json.dumps(
            {
                "name": "mine", "kind": kind, "title": "t", "metric": metric, "languages": ["en"],
                "training_set": "mine", "score_on": "dev",
                "files": [{"format": "jsonl", "columns": columns, **{split: [f"{split}.jsonl"] for split in splits}}],
            }
        )
    )  # fmt: skip
    for split, rows in splits.items():
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = {"files": str(folder)}
    return write_experiment(
        folder, tasks=[str(folder / "mine.yaml")], data=data, conditions=["none"], targets=["mine"], languages=["en"]
    )


PAIR = {"text_a": "a", "text_b": "b", "label": "y"}
ASKED = {"question": "q", "context": "c", "answers": "a"}
RIGHT = {"q": "where?", "c": "in Ulm", "a": {"text": ["Ulm"], "answer_start": [3]}}
NO_ANSWER = {**RIGHT, "a": {"text": [], "answer_start": []}}


@pytest.mark.parametrize(
    ("split", "why"), [("train", "there is nothing to train on"), ("dev", "there is nothing to choose trials by")]
)
def test_what_is_learned_from_needs_labels(tmp_path: Path, split: str, why: str) -> None:
    rows = {one: [{"a": "x", "b": "y", "y": label} for label in ("0", "1")] for one in ("train", "dev")}
    rows[split] = [{"a": "x", "b": "y", "y": ""}]
    (problem,) = problems(own_task(tmp_path, "pair_classification", "accuracy", PAIR, **rows))
    assert problem.file == str(tmp_path / f"{split}.jsonl")
    assert problem.message == f"the {split} examples of 'mine' have no labels: {why}"


def test_a_question_without_an_answer_needs_a_metric_that_takes_it(tmp_path: Path) -> None:
    path = own_task(tmp_path, "span_qa", "squad", ASKED, train=[RIGHT], dev=[RIGHT, NO_ANSWER])
    (problem,) = problems(path)
    assert "question 'dev-1' has no answer, and metric squad needs one" in str(problem)
    assert "squad2 with unanswerable: true" in str(problem)


def translations(folder: Path, german: int) -> Path:
    """An experiment on XNLI, whose German file may have fewer rows than the English one."""
    data = folder / "data" / "xnli"
    data.mkdir(parents=True, exist_ok=True)
    for name, rows in {"train-en": 4, "dev-en": 4, "dev-de": german, "test-en": 4, "test-de": 4}.items():
        (data / f"{name}.tsv").write_text("".join(f"{name} {row}\tb\tneutral\n" for row in range(rows)))
    mnli = folder / "data" / "mnli"
    mnli.mkdir(exist_ok=True)
    row = json.dumps({"sentence1": "a", "sentence2": "b", "gold_label": "neutral", "pairID": "1"})
    for name in ("multinli_1.0_train", "multinli_1.0_dev_matched"):
        (mnli / f"{name}.jsonl").write_text(row + "\n")
    data_files = {"files": str(folder / "data")}
    return write_experiment(folder, data=data_files, conditions=["none"], targets=["xnli"], languages=["de"])


def test_a_split_that_should_be_a_translation_and_is_not_is_said_each_time(tmp_path: Path) -> None:
    assert read_all_data(experiment_file.load(str(translations(tmp_path, german=4)))) == []
    path = translations(tmp_path, german=3)
    for _ in range(2):
        (odd,) = read_all_data(experiment_file.load(str(path)))
        assert odd.message == (
            "the dev split of 'xnli' in 'de' is not parallel to that in 'en': it has 3 examples and not 4"
        )
    english = tmp_path / "data" / "xnli" / "dev-en.tsv"
    english.write_text(english.read_text() + "c\n")  # nobody has asked for it
    (odd,) = read_all_data(experiment_file.load(str(path)))
    assert f"{english}:5" in odd.message
