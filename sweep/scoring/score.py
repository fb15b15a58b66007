"""The official score of a submission: a folder of predictions against a folder of labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sweep.scoring import benchmark as benchmarks
from sweep.scoring.benchmark import Benchmark, BenchmarkScores, BenchmarkTask, Values
from sweep.scoring.submission import FORMATS, Pair, Submitted, refuse
from trainables.errors import Problem, UserError, nearest
from trainables.metrics import METRICS


@dataclass(frozen=True)
class Result:
    """Scores, the files without which they are incomplete, and files and folders that seem to have a wrong name."""

    scores: BenchmarkScores
    missing: tuple[Path, ...]
    misnamed: tuple[Problem, ...]


def score(benchmark: Benchmark, predictions: Path, labels: Path) -> Result:
    """Scores every language whose predictions and labels are both there.

    Raises:
        UserError: a folder does not exist, or files are not what they should be: all problems of all files.
    """
    folders = {"predictions": predictions, "labels": labels}
    refuse([Problem(f"no folder of {what}", str(path)) for what, path in folders.items() if not path.is_dir()])
    found: dict[tuple[str, str], Values] = {}
    missing: list[Path] = []
    problems: list[Problem] = []
    for task in benchmark.tasks:
        for language in task.languages:
            paths = [folder / task.file(language) for folder in (predictions, labels)]
            absent = [path for path in paths if not path.is_file()]
            missing += absent
            if absent:
                continue
            try:
                found[task.name, language] = _score_language(task, language, *paths)
            except UserError as error:
                problems += error.problems
    if problems:
        raise UserError(problems)
    misnamed = [problem for folder in dict.fromkeys(folders.values()) for problem in _misnamed(benchmark, folder)]
    return Result(benchmark.aggregate(found), tuple(missing), tuple(misnamed))


def _score_language(task: BenchmarkTask, language: str, predictions: Path, labels: Path) -> Values:
    format = FORMATS[task.format]
    problems: list[Problem] = []
    read = []
    for reader, path in ((format.read, predictions), (format.read_gold, labels)):
        try:
            read.append(reader(path))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    predicted, gold = read
    pairing = _PAIRINGS[task.format](task, gold, predicted)
    try:
        values = METRICS[task.metric](pairing.gold, pairing.predicted, language)
    except ValueError as error:  # predictions are checked: it is the labels that the metric has no rule for
        raise UserError(gold.problem(str(error))) from error
    return {name: value * pairing.share for name, value in values.items()}


@dataclass(frozen=True)
class _Pairing:
    """What the metric compares, one by one. `share`: of the gold that is answered at all; the rest scores 0."""

    gold: Sequence[Any]
    predicted: Sequence[Any]
    share: float = 1.0


def _by_line(task: BenchmarkTask, gold: Submitted[list[str]], predicted: Submitted[list[str]]) -> _Pairing:
    problems = [
        *_different_number("line", gold, predicted),
        *_unknown_labels(task, predicted, {*gold.values}, zip(predicted.lines, predicted.values, strict=True)),
    ]
    refuse(problems)
    return _Pairing(gold.values, predicted.values)


def _by_sentence(
    task: BenchmarkTask, gold: Submitted[list[list[str]]], predicted: Submitted[list[list[str]]]
) -> _Pairing:
    problems = list(_different_number("sentence", gold, predicted))
    rows = zip(predicted.lines, gold.values, predicted.values, strict=False)
    for number, (line, gold_tags, tags) in enumerate(rows, start=1):
        if len(gold_tags) != len(tags):
            message = f"sentence {number} has the wrong number of tags: {len(tags)}"
            problems.append(predicted.problem(message, line, f"expected: {len(gold_tags)}, one for each word"))
    known = {tag for tags in gold.values for tag in tags}
    tags_by_line = (
        row for line, tags in zip(predicted.lines, predicted.values, strict=True) for row in enumerate(tags, line)
    )
    problems += _unknown_labels(task, predicted, known, tags_by_line)
    refuse(problems)
    return _Pairing(gold.values, predicted.values)


def _by_id(task: BenchmarkTask, gold: Submitted[dict[str, Any]], predicted: Submitted[dict[str, Any]]) -> _Pairing:
    refuse(
        [
            predicted.problem(f"unknown id '{own_id}'", line, f"expected: an id that is in {gold.path}")
            for own_id, line in zip(predicted.values, predicted.lines, strict=True)
            if own_id not in gold.values
        ]
    )
    answered = [own_id for own_id in gold.values if own_id in predicted.values]
    return _Pairing(
        [gold.values[own_id] for own_id in answered],
        [predicted.values[own_id] for own_id in answered],
        len(answered) / len(gold.values),
    )


def _by_source(task: BenchmarkTask, gold: Submitted[list[Pair]], predicted: Submitted[list[Pair]]) -> _Pairing:
    gold_ids, predicted_ids = _by_key(gold.values), _by_key(predicted.values)
    sources = list(gold_ids | predicted_ids)
    return _Pairing(
        [gold_ids.get(source, set()) for source in sources], [predicted_ids.get(source, set()) for source in sources]
    )


def _by_key(pairs: Sequence[Pair]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for source, target in pairs:
        found.setdefault(source, set()).add(target)
    return found


_PAIRINGS: Mapping[str, Callable[[BenchmarkTask, Submitted[Any], Submitted[Any]], _Pairing]] = {
    "labels": _by_line,
    "choices": _by_line,
    "tags": _by_sentence,
    "answers": _by_id,
    "rankings": _by_id,
    "pairs": _by_source,
}


def _different_number(noun: str, gold: Submitted[list[Any]], predicted: Submitted[list[Any]]) -> Iterator[Problem]:
    wanted, given = len(gold.values), len(predicted.values)
    if wanted != given:
        line = predicted.lines[min(wanted, given - 1)]  # the first too many, or the last there is
        few_or_many = "few" if given < wanted else "many"
        hint = f"expected: {wanted}, as in {gold.path}"
        yield predicted.problem(f"has too {few_or_many} {noun}s: {given}", line, hint)


def _unknown_labels(
    task: BenchmarkTask, predicted: Submitted[Any], in_gold: set[str], labels_by_line: Iterator[tuple[int, str]]
) -> Iterator[Problem]:
    """Labels that are neither the task's nor in its gold file (which may have tags of its own)."""
    for line, label in labels_by_line:
        if label in task.labels or label in in_gold:
            continue
        if task.labels:
            yield predicted.problem(f"unknown label '{label}'", line, nearest(label, task.labels))
        elif not (label.isascii() and label.isdigit()):
            yield predicted.problem(f"'{label}' is not the number of a row", line, "expected: 0 for the first row, ...")


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
