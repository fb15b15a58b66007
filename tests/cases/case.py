"""One odd input: how it is given to `sweep`, and what becomes of it."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from sweep.experiment.data import read_all_data
from sweep.experiment.file import load
from sweep.scoring import benchmark as benchmarks
from sweep.scoring.score import score
from trainables import tasks
from trainables.data import open_source
from trainables.errors import UserError

EXPECTED = Path(__file__).parent / "expected.yaml"


@dataclass(frozen=True)
class Case:
    """A file, or a folder of them, and what is right: `reads` or `scores` something, or is refused with `says`.

    Attributes:
        name: below the folder of cases: a task's file, a folder of gold and predictions, a folder or file of data.
        task: of data alone, the shipped task whose data it is, the split and the language.
    """

    name: str
    reads: str | None = None
    scores: float | None = None
    says: str | None = None
    task: str | None = None


def expected() -> Iterator[Case]:
    """All cases that have a file of their own. What is right about the rest stands in tests beside the code."""
    values: Mapping[str, Mapping[str, object]] = yaml.safe_load(EXPECTED.read_text(encoding="utf-8"))
    for name, one in values.items():
        yield Case(name, **one)  # type: ignore[arg-type]


def outcome(case: Case, folder: Path) -> tuple[bool, str]:
    """Whether it is right, and what was said or read."""
    try:
        found = _outcome(case, folder / case.name)
    except UserError as error:
        said = str(error)
        return case.says is not None and case.says in said, f"refused: {said}"
    if case.scores is not None:
        return found == f"{case.scores:g}", f"scores {found}"
    return case.reads is not None and case.reads in found, found


def _outcome(case: Case, path: Path) -> str:
    if case.task is not None:
        name, split, language = case.task.split()
        task = tasks.load(name) if path.is_dir() else _of_one_file(name, path, language)
        folder = path if path.is_dir() else path.parent
        return _shown(open_source({"files": str(folder)}).examples(task, split, language))
    return _score(path) if path.is_dir() else _checked(path)


def _of_one_file(name: str, path: Path, language: str) -> tasks.Task:
    """A shipped task whose data is a file in its own format."""
    task = tasks.load(name)
    (layout, *_) = (one for one in task.files if one.format == path.suffix.lstrip("."))
    return dataclasses.replace(
        task, files=(dataclasses.replace(layout, splits={"dev": (path.name,)}, languages=(language,)),)
    )


def _checked(path: Path) -> str:
    """What a run would find in a task of the user's own, before its first trial, and the first example."""
    with tempfile.TemporaryDirectory() as made:
        experiment = Path(made) / "e.yaml"
        task = tasks.parse(path)
        values = {
            "name": "case", "model": "random:tiny", "tasks": [str(path)], "store": f"{made}/store",
            "search_space": "smoke",
            "data": {"hub": str(path.parent / "mirror")} if task.hub else {"files": str(path.parent)},
            "trials": {"intermediate": 1, "target": 1}, "conditions": ["none"], "targets": [task.name],
        }  # fmt: skip
        experiment.write_text(yaml.safe_dump(values))
        loaded = load(str(experiment))
        read_all_data(loaded)
        split = "train" if task.is_trainable else task.score_on
        return _shown(loaded.source.examples(task, split, task.source_language))


def _shown(examples: Sequence[object]) -> str:
    return f"{len(examples)} examples, {examples[0]}"


def _score(path: Path) -> str:
    (file,) = (path / "gold").glob("*/*")
    for name in ("xtreme-r", "xtreme"):
        benchmark = benchmarks.load(name)
        if file.parent.name in {task.name for task in benchmark.tasks}:
            found = score(benchmark, path / "pred", path / "gold").scores.tasks[file.parent.name]
            (values,) = (one for one in found.languages.values() if None not in one.values())
            return f"{next(iter(values.values())):g}"
    raise AssertionError(f"no benchmark has {file}")
