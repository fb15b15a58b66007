"""The labels and tags of a task's files: whether they are the task's, and what others were meant to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sweep.scoring.benchmark import BenchmarkTask
from sweep.scoring.submission import FORMATS
from sweep.scoring.submitted import Submitted, shown
from trainables.errors import Problem, nearest

Row = tuple[int, str]
"""A line and the label on it."""

MOST_ROWS = 1000  # that a file of Tatoeba has
_HIDDEN = frozenset({"-1", "-", "_", "?", "*", "hidden", "none", "null", "nan", "n/a", "unknown", "unlabeled", "todo"})
"""What releases write where they keep a label to themselves."""
_PREFIXES = {"B-": "B-", "I-": "I-", "S-": "B-", "E-": "I-"}
"""Of tags of names, and what they are in the scheme of the tasks: a single token begins a name, the last is inside."""


def wrong_labels(
    task: BenchmarkTask, submitted: Submitted[object], rows: Sequence[Row], is_gold: bool = False
) -> Iterator[Problem]:
    """Those of a file's labels that are none of the task's."""
    for line, label in rows:
        if label not in task.labels:
            message, hint = _told(task, label, is_gold)
            yield submitted.problem(message, line, hint)


def other_file(task: BenchmarkTask, gold: Submitted[object], rows: Sequence[Row]) -> Problem | None:
    """Gold with hardly a label of the task is another file: one problem says so, by the example of its first line."""
    wrong = [row for row in rows if row[1] not in task.labels]
    right = len(rows) - len(wrong)
    if not right * 10 < len(rows) > 1:  # a file of words has the odd one that looks like a tag
        return None
    message, hint = _told(task, wrong[0][1], is_gold=True)
    expected = f"labels are {FORMATS[task.format].gold}, as `sweep export --labels` writes them"
    return gold.problem(
        f"{message}; {right} of {len(rows)} lines are labels of {task.name}", wrong[0][0], f"{hint}; {expected}"
    )


def _told(task: BenchmarkTask, label: str, is_gold: bool) -> tuple[str, str]:
    """What is wrong with a label, and what is right."""
    by_tab = "\t" in label
    cells = label.split("\t") if by_tab else label.split() if task.format == "tags" else [label]
    if len(cells) > 1:
        what = "a word and its tag" if task.format == "tags" and len(cells) == 2 else f"a row of {len(cells)} columns"
        columns = [number for number, cell in enumerate(cells, start=1) if cell.strip() in task.labels]
        if not columns:
            return f"is {what}, not a label", f"known: {', '.join(task.labels)}"
        option = "" if by_tab else "-d' ' "
        hint = f"expected: '{cells[columns[-1] - 1].strip()}' alone; `cut {option}-f{columns[-1]} FILE` leaves such"
        return f"is {what}, not a label", hint
    if is_gold and label.casefold() in _HIDDEN:
        hint = "scores need the labels: take them from the dataset's own release"
        return f"'{shown(label)}' stands for a hidden label", hint
    return f"unknown label '{shown(label)}'", _meant(label, task.labels)


def _meant(label: str, known: Sequence[str]) -> str:
    prefix = _PREFIXES.get(label[:2], "")
    bare = label[2:] if prefix else label
    forms = {label.casefold(), bare.casefold(), f"{prefix}{bare}".casefold()}
    alike = [one for one in known if one.casefold() in forms]
    return f"did you mean '{alike[0]}'?" if alike else nearest(label[:100], known)


def row_count(gold: Sequence[str]) -> int:
    """How many rows the foreign file has: those of the gold, which names each once, or of a part of it at most 1000."""
    rows = set(gold)
    return len(gold) if rows == {str(row) for row in range(len(gold))} else MOST_ROWS


def wrong_rows(submitted: Submitted[list[str]], count: int, are_once: bool = False) -> Iterator[Problem]:
    """Lines that are not the number of one of `count` rows, or that of one that was there before if they `are_once`."""
    rows = submitted.values
    if are_once and {*rows} == {str(row) for row in range(1, len(rows) + 1)} != {"1"}:
        yield submitted.problem("counts rows from 1", 1, "expected: 0 for the first row, ...")
        return
    lines: dict[str, int] = {}
    for line, row in zip(submitted.lines, rows, strict=True):
        if not _is_number(row):
            yield submitted.problem(
                f"'{shown(row)}' is not the number of a row", line, "expected: 0 for the first row, ..."
            )
        elif int(row) >= count:
            yield submitted.problem(f"there is no row {row}", line, f"expected: 0 to {count - 1}")
        elif are_once and row in lines:
            hint = f"first in line {lines[row]}; expected: each row once"
            yield submitted.problem(f"row {row} stands here again", line, hint)
        lines.setdefault(row, line)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and str(int(text)) == text
