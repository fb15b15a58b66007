"""The official score of a submission: a folder of predictions against a folder of labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from sweep.scoring import benchmark as benchmarks
from sweep.scoring.benchmark import Benchmark, BenchmarkScores, BenchmarkTask, Values
from sweep.scoring.pairing import Pairing, pair
from sweep.scoring.submission import FORMATS
from trainables.errors import Problem, UserError
from trainables.metrics import METRICS


@dataclass(frozen=True)
class Result:
    """Scores, the files without which they are incomplete, and what is odd: in files, and in names of files."""

    scores: BenchmarkScores
    missing: tuple[Path, ...]
    warnings: tuple[Problem, ...]


def score(benchmark: Benchmark, predictions: Path, labels: Path) -> Result:
    """Scores every language whose predictions and labels are both there.

    Raises:
        UserError: a folder does not exist or holds nothing of the benchmark, or files are not what they should be: all
            problems of all files.
    """
    _check_folders(benchmark, predictions, labels)
    found: dict[tuple[str, str], Values] = {}
    missing: list[Path] = []
    warnings: list[Problem] = []
    problems: list[Problem] = []
    for task in benchmark.tasks:
        for language in task.languages:
            paths = [folder / task.file(language) for folder in (predictions, labels)]
            absent = [path for path in paths if not path.exists()]
            missing += absent
            problems += [Problem("is not a file", str(path)) for path in paths if path.exists() and not path.is_file()]
            if not all(path.is_file() for path in paths):
                continue
            try:
                pairing = _read(task, *paths)
            except UserError as error:
                problems += error.problems
                continue
            warnings += pairing.warnings
            values = METRICS[task.metric](pairing.gold, pairing.predicted, language)
            found[task.name, language] = {name: value * pairing.share for name, value in values.items()}
    if problems:
        raise UserError(problems)
    warnings += [problem for folder in (predictions, labels) for problem in _misnamed(benchmark, folder)]
    return Result(benchmark.aggregate(found), tuple(missing), tuple(warnings))


def _check_folders(benchmark: Benchmark, predictions: Path, labels: Path) -> None:
    """Both must be there, must not be one, and must hold a file of the benchmark each."""
    task = benchmark.tasks[0]
    file = task.file(task.languages[0])
    right = f"{labels / file}, {FORMATS[task.format].gold}, and so on"
    hints = {
        "predictions": f"expected: the official layout, {predictions / file} and so on; `sweep export` writes it",
        "labels": f"expected: labels in the layout of predictions: {right}; `sweep export --labels` writes it",
    }
    folders = {"predictions": predictions, "labels": labels}
    absent = [
        Problem(f"no folder of {what}", str(path), hint=hints[what])
        for what, path in folders.items()
        if not path.is_dir()
    ]
    if absent:
        raise UserError(absent)
    if predictions.samefile(labels):
        hint = "every score would be 100: give the folder of the right answers as --labels"
        raise UserError(Problem("is both --predictions and --labels", str(predictions), hint=hint))
    names = [task.file(language) for task in benchmark.tasks for language in task.languages]
    empty = [
        Problem(f"holds no file of {benchmark.name}'s {what}", str(path), hint=hints[what])
        for what, path in folders.items()
        if not any((path / name).exists() for name in names)
    ]
    if empty:
        raise UserError(empty)


def _read(task: BenchmarkTask, predictions: Path, labels: Path) -> Pairing:
    if predictions.samefile(labels):
        raise UserError(Problem(f"is the same file as {labels}", str(predictions), hint="every score would be 100"))
    format = FORMATS[task.format]
    problems: list[Problem] = []
    read = []
    for reader, path in ((format.read_gold, labels), (format.read, predictions)):
        try:
            read.append(reader(path))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return pair(task, *read)


def _misnamed(benchmark: Benchmark, folder: Path) -> Iterator[Problem]:
    """Files and folders that are close to those of the benchmark. Those of another benchmark are none."""
    known: dict[str, set[str]] = {}
    for other in (benchmark, *map(benchmarks.load, benchmarks.names())):
        for task in other.tasks:
            known.setdefault(task.name, set()).update(Path(task.file(language)).name for language in task.languages)
    own = {task.name: [Path(task.file(language)).name for language in task.languages] for task in benchmark.tasks}
    for entry in sorted(folder.iterdir()):
        if entry.name not in known:
            yield from _near(benchmark, entry, list(own))
        elif entry.name in own and entry.is_dir():
            for file in sorted(entry.iterdir()):
                if file.name not in known[entry.name]:
                    yield from _near(benchmark, file, own[entry.name])


def _near(benchmark: Benchmark, path: Path, right: Sequence[str]) -> Iterator[Problem]:
    absent = [name for name in right if not (path.parent / name).exists()]
    for candidates in (absent, right):  # a wrong name most likely is that of something missing
        close = get_close_matches(path.name.lower(), candidates, n=1)
        if close:
            yield Problem(
                f"is not part of {benchmark.name}, and not read", str(path), hint=f"did you mean '{close[0]}'?"
            )
            return
