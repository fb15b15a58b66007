"""The hub, or a folder that mirrors it: the datasets that tasks name there, as `datasets` reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from trainables.data import passages
from trainables.data.examples import Example, Question
from trainables.data.findings import Findings
from trainables.data.hub_dataset import HubDataset
from trainables.data.records import to_examples
from trainables.data.tables import Table
from trainables.errors import Problem, nearest
from trainables.spec import content_hash
from trainables.tasks import HubLayout, Task
from trainables.tasks.layout import CANDIDATES, telling


class Hub:
    """Reads the datasets that tasks name on the hub (see `trainables.data.released.Place`).

    Of a task's layouts the first counts that names a split and language. It is believed: nothing is looked up on the
    hub before examples, or the fingerprint of an unpinned dataset, are asked for.

    Args:
        mirror: a folder to read instead, which holds the datasets whose folders it has.
    """

    def __init__(self, mirror: Path | None = None) -> None:
        self.mirror = mirror

    def holds(self, task: Task, split: str, language: str) -> bool:
        layout = _layout(task, split, language)
        return layout is not None and self._dataset(layout, language).is_there

    def read(self, task: Task, split: str, language: str) -> Sequence[Example]:
        layout = _layout(task, split, language)
        assert layout is not None, "callers ask `holds` first"
        dataset = self._dataset(layout, language)
        found: list[Example] = []
        base, code = split.removesuffix(CANDIDATES), layout.codes.get(language, language)
        for name in layout.splits[base]:
            for findings, table in dataset.tables(name):
                own = _of_language(table, layout, language, findings)
                found += to_examples(task, own, layout.options, code, findings, name, base)
        if task.kind == "retrieval":
            questions = [one for one in found if isinstance(one, Question)]
            return passages.of_questions(questions, language, split.endswith(CANDIDATES))
        return found

    def version(self, task: Task, split: str, language: str) -> str:
        layout = _layout(task, split, language)
        assert layout is not None, "callers ask `holds` first"
        dataset, names = self._dataset(layout, language), layout.splits[split.removesuffix(CANDIDATES)]
        return content_hash(
            [dataset.name, dataset.config, names, dataset.version(names), split, telling(layout.options)]
        )

    def where(self, task: Task, split: str, language: str) -> str:
        layout = _layout(task, split, language)
        assert layout is not None, "callers ask `holds` first"
        names = ", ".join(layout.splits[split.removesuffix(CANDIDATES)])
        return f"{self._dataset(layout, language)}, split {names}"

    def absent(self, task: Task, split: str, language: str) -> Problem:
        looked = f"no {split} split of '{task.name}' in '{language}'"
        layout = _layout(task, split, language)
        if layout is None:
            return Problem(f"{looked} on the hub", hint=task.note or "use release files: data: {files: DIR}")
        dataset = self._dataset(layout, language)
        hint = None if dataset.is_there else dataset.download
        return Problem(f"{looked}: looked for {self.where(task, split, language)}", hint=hint)

    def _dataset(self, layout: HubLayout, language: str) -> HubDataset:
        code = layout.codes.get(language, language)
        config = None if layout.config is None else layout.config.replace("{lang}", code)
        return HubDataset(layout.dataset, config, layout.revision, self.mirror)


def _layout(task: Task, split: str, language: str) -> HubLayout | None:
    """The first layout that names a split and language."""
    base = split.removesuffix(CANDIDATES)
    if base != split and task.kind != "retrieval":
        return None
    return next((one for one in task.hub if base in one.splits and language in one.languages), None)


def _of_language(rows: Table, layout: HubLayout, language: str, findings: Findings) -> Table:
    """The rows whose id begins with the language, where a dataset such as TyDiQA's mixes several."""
    languages: Mapping[str, str] | None = layout.options.get("language_of_id")
    if languages is None:
        return rows
    column = layout.options["columns"]["id"]
    has_own = False
    for row in rows:
        own_id = str(row.values.get(column, ""))
        prefix = own_id.split("-")[0]
        if prefix not in languages:
            findings.add(f"the id '{own_id}' begins with no known language", row.line, nearest(prefix, [*languages]))
        has_own = has_own or languages.get(prefix) == language
    findings.check()
    if not has_own:
        findings.stop(f"has no rows in '{language}'", None)
    return Table(lambda: (row for row in rows if languages[str(row.values[column]).split("-")[0]] == language))
