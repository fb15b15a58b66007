"""A folder of official release files, laid out as the download scripts leave them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from trainables.data import passages
from trainables.data.conll import read_ccgbank, read_conll
from trainables.data.examples import Example, Question
from trainables.data.findings import Findings
from trainables.data.lines import stem_of
from trainables.data.mewslix import read_entities, read_mentions
from trainables.data.parallel import in_submission_order, read_bucc, read_parallel
from trainables.data.plain import read_texts
from trainables.data.records import to_examples
from trainables.data.squad import read_paragraphs, read_squad
from trainables.data.tables import read_table
from trainables.data.treebank import read_conllu
from trainables.errors import Problem
from trainables.mirror import Folder
from trainables.spec import content_hash
from trainables.tasks import FileLayout, Task
from trainables.tasks.layout import CANDIDATES, CANDIDATES_KEY, telling

Found = tuple[FileLayout, tuple[Path, ...]]


class ReleaseFolder:
    """Reads the files that tasks name, below one folder (see `trainables.data.released.Place`), and fetches no others.

    Of a task's layouts the first counts that has all files of a split and language. The split `test-candidates` is read
    from the same files as `test`, or from the layout's `candidates`: one file of them for all languages belongs to the
    layout's first language, so that the pool of all languages holds it once.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def holds(self, task: Task, split: str, language: str) -> bool:
        return self._present(task, split, language) is not None

    def read(self, task: Task, split: str, language: str) -> Sequence[Example]:
        found = self._present(task, split, language)
        assert found is not None, "callers ask `holds` first"
        self.folder.fetch(found[1])
        return _read(task, split, language, *found)

    def version(self, task: Task, split: str, language: str) -> str:
        found = self._present(task, split, language)
        assert found is not None, "callers ask `holds` first"
        layout, paths = found
        self.folder.fetch(paths)
        digests = [digest(path, path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
        return content_hash([digests, layout.format, telling(layout.options), split, language])

    def where(self, task: Task, split: str, language: str) -> str:
        found = self._present(task, split, language)
        assert found is not None, "callers ask `holds` first"
        return " and ".join(map(str, found[1]))

    def absent(self, task: Task, split: str, language: str) -> Problem:
        looked = [" and ".join(patterns) for _, patterns in self._looked_for(task, split, language)]
        if not looked:
            return Problem(f"task '{task.name}' has no {split} split in '{language}' in release files")
        places = f"looked in '{self.folder}' for {', or '.join(looked)}"
        return Problem(f"no {split} files of '{task.name}' in '{language}': {places}", hint=task.note or None)

    def _present(self, task: Task, split: str, language: str) -> Found | None:
        """The first layout of which all files are there, with them."""
        for layout, patterns in self._looked_for(task, split, language):
            files = [sorted(self.folder.find(pattern), key=lambda path: (path.name, path)) for pattern in patterns]
            if all(files):
                return layout, tuple(path for paths in files for path in paths)
        return None

    def _looked_for(self, task: Task, split: str, language: str) -> Iterator[tuple[FileLayout, list[str]]]:
        """The layouts that may hold a split and language, and the patterns that they need."""
        base = split.removesuffix(CANDIDATES)
        if base != split and task.kind != "retrieval":
            return
        for layout in task.files:
            patterns = layout.splits.get(base, ())
            alone = layout.says_language
            if base != split and CANDIDATES_KEY in layout.splits and patterns:
                patterns = layout.splits[CANDIDATES_KEY]
                alone = False
            if not patterns or language not in layout.languages:
                continue
            named = any("{lang}" in pattern for pattern in patterns)
            first = "en" if "en" in layout.languages else layout.languages[0]
            if named or alone or language == first:
                code = layout.codes.get(language, language)
                yield layout, [pattern.replace("{lang}", code) for pattern in patterns]


def _read(task: Task, split: str, language: str, layout: FileLayout, paths: Sequence[Path]) -> Sequence[Example]:
    """The examples of the files that make a split."""
    match layout.format:
        case "parallel":
            found = read_parallel(paths, layout.options)
            return in_submission_order(found) if task.kind == "bitext_retrieval" else found
        case "bucc":
            return read_bucc(paths, layout.options)
    parts = [_read_one(task, split, language, layout, path) for path in paths]
    return parts[0] if len(parts) == 1 else [example for part in parts for example in part]


def _read_one(task: Task, split: str, language: str, layout: FileLayout, path: Path) -> Sequence[Example]:
    options, base, pool = layout.options, split.removesuffix(CANDIDATES), split.endswith(CANDIDATES)
    match layout.format:
        case "text":
            return read_texts(path, options)
        case "conll":
            return read_conll(path, options, task)
        case "conllu":
            return read_conllu(path, options, task, language)
        case "ccgbank":
            return read_ccgbank(path, options, task)
        case "mewslix":
            return read_entities(path, options) if pool else read_mentions(path, options, language)
        case "squad" if task.kind == "retrieval":
            paragraphs = read_paragraphs(path, options, language)
            return passages.candidates(paragraphs, language) if pool else passages.queries(paragraphs, language)
        case "squad":
            return read_squad(path, options, language)
    findings = Findings(path)
    records = read_table(path, layout.format, options, findings)
    code = layout.codes.get(language, language)
    examples = to_examples(task, records, options, code, findings, stem_of(path), base)
    if task.kind != "retrieval":
        return examples
    return passages.of_questions([one for one in examples if isinstance(one, Question)], language, pool)


@cache
def digest(path: Path, size: int, modified: int) -> str:
    """The hash of a file's content, computed once for each size and time of change."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
