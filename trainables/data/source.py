"""A source of examples: the embedded benchmark, or a folder of official release files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from trainables.data import formats, mini
from trainables.data.examples import Example
from trainables.errors import Problem, UserError
from trainables.spec import content_hash
from trainables.tasks import Task

DataConfig = str | dict[str, str]
"""What an experiment says under `data`: `mini`, or `{files: DIR}`."""


class Source(Protocol):
    """Where examples come from. A split or language that a source does not have is an empty tuple of languages."""

    def languages(self, task: Task, split: str) -> tuple[str, ...]:
        """The task's languages that have this split here, in the task's order."""
        ...

    def examples(self, task: Task, split: str, language: str) -> list[Example]:
        """All examples, in the release's order. Raises UserError where the data is missing or malformed."""
        ...

    def fingerprint(self, task: Task, split: str, language: str) -> str:
        """A hash of the examples' content and of what the task makes of them."""
        ...

    def missing(self, task: Task, split: str, language: str) -> Problem:
        """Says what was looked for where."""
        ...


class MiniSource:
    """The embedded benchmark."""

    def languages(self, task: Task, split: str) -> tuple[str, ...]:
        has_split = task.mini is not None and (split != "train" or task.is_trainable)
        return task.languages if has_split else ()

    def examples(self, task: Task, split: str, language: str) -> list[Example]:
        if language not in self.languages(task, split) or task.mini is None:
            raise UserError(self.missing(task, split, language))
        return list(mini.examples(task.mini, split, language))

    def fingerprint(self, task: Task, split: str, language: str) -> str:
        return content_hash(["mini", mini.VERSION, task.definition, split, language])

    def missing(self, task: Task, split: str, language: str) -> Problem:
        if task.mini is None:
            hint = "its tasks are called mini-*; for this one say data: {files: DIR}"
            return Problem(f"task '{task.name}' is not in the embedded benchmark", hint=hint)
        return Problem(f"the embedded benchmark has no {split} split of '{task.name}' in '{language}'")


class FilesSource:
    """A folder of official release files, laid out as the download scripts leave them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def languages(self, task: Task, split: str) -> tuple[str, ...]:
        return tuple(language for language in task.languages if self._find(task, split, language))

    def examples(self, task: Task, split: str, language: str) -> list[Example]:
        paths = self._find(task, split, language)
        if not paths:
            raise UserError(self.missing(task, split, language))
        files = task.files
        match files["format"]:
            case "tsv" | "csv" | "jsonl":
                pairs = formats.read_pairs(
                    paths[0],
                    format=files["format"],
                    columns=files["columns"],
                    labels=task.labels,
                    header=files.get("header", False),
                    label_map=files.get("label_map", {}),
                    drop_labels=files.get("drop_labels", ()),
                )
                return list(pairs)
            case "conll":
                return list(formats.read_tagged(paths[0], separator=files["separator"], labels=task.labels))
            case "squad":
                return list(formats.read_squad(paths[0]))
            case "parallel":
                return list(formats.read_parallel(paths[0], paths[1]))
            case unknown:
                raise UserError(Problem(f"task '{task.name}' names an unknown file format '{unknown}'"))

    def fingerprint(self, task: Task, split: str, language: str) -> str:
        paths = self._find(task, split, language)
        if not paths:
            raise UserError(self.missing(task, split, language))
        return content_hash([_digest(path, path.stat().st_mtime_ns) for path in paths] + [task.definition])

    def missing(self, task: Task, split: str, language: str) -> Problem:
        looked = [str(self.folder / pattern) for pattern in self._candidates(task, split, language)]
        if not looked:
            return Problem(f"task '{task.name}' has no {split} split in release files")
        hint = None if self.folder.is_dir() else f"'{self.folder}' is not a folder: set data.files=DIR"
        return Problem(
            f"no {split} file of '{task.name}' in '{language}': looked for {' and '.join(looked)}", hint=hint
        )

    def _candidates(self, task: Task, split: str, language: str) -> list[str]:
        code = task.files.get("codes", {}).get(language, language)
        return [pattern.format(lang=code) for pattern in task.files.get(split, ())]

    def _find(self, task: Task, split: str, language: str) -> tuple[Path, ...]:
        """The files that hold a split, of which parallel text has two; empty where one is not there."""
        parts = (split, "english") if task.files.get("format") == "parallel" else (split,)
        found = []
        for part in parts:
            paths = [self.folder / name for name in self._candidates(task, part, language)]
            found += [path for path in paths if path.is_file()][:1]
        return tuple(found) if len(found) == len(parts) else ()


@cache
def _digest(path: Path, modified: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def open_source(config: DataConfig) -> Source:
    """The source that an experiment's `data` names. Raises UserError where its folder is not there."""
    if config == "mini":
        return MiniSource()
    if isinstance(config, dict) and set(config) == {"files"}:
        folder = Path(config["files"]).expanduser()
        if not folder.is_dir():
            hint = "set data.files=DIR to the folder that the download scripts filled"
            raise UserError(Problem(f"data folder '{folder}' does not exist", hint=hint))
        return FilesSource(folder)
    raise UserError(Problem(f"unknown data source {config!r}", hint="known: mini, {files: DIR}"))


def fingerprint(source: Source, uses: Sequence[tuple[Task, str, str]]) -> str:
    """One hash for all the (task, split, language) that a trial reads."""
    return content_hash(
        [[task.name, split, language, source.fingerprint(task, split, language)] for task, split, language in uses]
    )
