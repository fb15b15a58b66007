"""From a task's YAML file to a Task, with every mistake of the file said at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from trainables.errors import Problem, UserError, nearest
from trainables.metrics import METRICS, SCORES
from trainables.tasks.layout import CANDIDATES_KEY, COLUMNS, HUB_OPTIONS, OPTIONS, SPLITS, FileLayout, HubLayout
from trainables.tasks.task import KINDS, Task
from trainables.yaml_file import Place, YamlFile, read_yaml

_FIELDS = {one.name: one for one in dataclasses.fields(Task)}
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "str": str,
    "str | None": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "tuple[str, ...]": list,
    "tuple[FileLayout, ...]": list,
    "tuple[HubLayout, ...]": list,
    "Fraction | None": (str, int),
    "Mapping[str, Mapping[str, int]]": dict,
}
_CHOICES: Mapping[str, Sequence[str]] = {
    "kind": tuple(KINDS),
    "metric": tuple(METRICS),
    "score_on": ("dev", "test"),
    "pooling": ("mean", "cls"),
}
_NAMES = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "keys and values",
    (int, float): "a number",
}
_LAYOUT_KEYS = ("languages", "codes")


def parse(path: Path) -> Task:
    """Reads and checks one task file. Raises UserError with every problem in it."""
    document = read_yaml(path)
    if not isinstance(document.values, dict):
        raise UserError(document.problem("is not a task: keys and values are expected at the top"))
    values = dict(document.values)
    problems = [*_wrong_keys(document, values, path.stem)]
    try:
        values["layer"] = Fraction(values["layer"]) if values.get("layer") else None
    except (ValueError, TypeError, ZeroDivisionError):
        problems.append(document.problem("'layer' must be a fraction such as 14/24", ("layer",)))
    if not problems:
        problems += _wrong_sizes(document, values)
    if problems:
        raise UserError(problems)
    for name in ("languages", "labels", "parts", "objective"):
        values[name] = tuple(map(str, values.get(name, ())))
    values["sizes"] = {
        split: one if isinstance(one, dict) else dict.fromkeys(values["languages"], one)
        for split, one in values.get("sizes", {}).items()
    }
    task = Task(**{**values, "files": (), "hub": ()})
    layouts: dict[str, list[Any]] = {"files": [], "hub": []}
    for section, found in layouts.items():
        for position, one in enumerate(values.get(section, ())):
            reader = _LayoutReader(document, (section, position), one, task)
            found.append(reader.files() if section == "files" else reader.hub())
            problems += reader.problems
    problems += _contradictions(document, task, any(layouts.values()))
    if problems:
        raise UserError(problems)
    return dataclasses.replace(task, files=tuple(layouts["files"]), hub=tuple(layouts["hub"]))


def _wrong_keys(document: YamlFile, values: Mapping[str, Any], stem: str) -> Iterator[Problem]:
    for key, value in values.items():
        if key not in _FIELDS:
            yield document.problem(f"unknown key '{key}'", (key,), nearest(str(key), sorted(_FIELDS)))
            continue
        wanted = _TYPES[str(_FIELDS[key].type)]
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            yield document.problem(
                f"'{key}' is {value!r}, which is not {_NAMES.get(wanted, 'a text or number')}", (key,)
            )
        elif key in _CHOICES and value not in _CHOICES[key]:
            yield document.problem(f"unknown {key} '{value}'", (key,), nearest(str(value), _CHOICES[key]))
    for name, one in _FIELDS.items():
        if one.default is one.default_factory is dataclasses.MISSING and name not in values:
            yield document.problem(f"'{name}' is missing")
    if values.get("name", stem) != stem:
        yield document.problem(
            f"the task is called '{values['name']}', its file '{stem}'", ("name",), "name both alike"
        )
    if values.get("languages") == []:
        yield document.problem("'languages' is empty", ("languages",), "give the codes of the languages")
    for key, noun in (("languages", "language"), ("labels", "label"), ("parts", "task")):
        if isinstance(values.get(key), list):
            yield from document.named_twice(noun, list(map(str, values[key])), (key,))


def _wrong_sizes(document: YamlFile, values: Mapping[str, Any]) -> Iterator[Problem]:
    """A size is the same number for every language, or a number for each of some."""
    for split, given in values.get("sizes", {}).items():
        place: Place = ("sizes", split)
        if split not in SPLITS:
            yield document.problem(f"'sizes' of an unknown split '{split}'", place, nearest(str(split), SPLITS))
        for language, one in given.items() if isinstance(given, dict) else [(None, given)]:
            if not isinstance(one, int) or isinstance(one, bool) or one < 1:
                hint = "a number of examples, or one for each language: {en: 1000, de: 500}"
                yield document.problem(f"'sizes' of '{split}' is {one!r}", place, hint)
            if language is not None and language not in values["languages"]:
                yield document.problem(f"'sizes' of '{split}' is of no language of the task: {language}", place)


def _contradictions(document: YamlFile, task: Task, has_layouts: bool) -> Iterator[Problem]:
    if not (has_layouts or task.mini or task.parts):
        hint = "say where its examples lie: files, hub, or both"
        yield document.problem("the task has no data", (), hint)
    if task.kind in ("bitext_retrieval", "bitext_mining") and task.training_set is not None and task.layer is not None:
        yield document.problem("a layer is pooled only where nothing is trained", ("layer",), "leave out training_set")
    if task.metric not in KINDS[task.kind]:
        hint = f"for {task.kind}: {', '.join(KINDS[task.kind])}"
        yield document.problem(f"metric '{task.metric}' cannot score {task.kind}", ("metric",), hint)
    scores = SCORES[task.metric]
    for name in dict.fromkeys(task.objective):
        if name not in scores:
            message = f"metric '{task.metric}' has no score '{name}'"
            yield document.problem(message, ("objective",), nearest(name, scores))
    if len(set(task.objective)) != len(task.objective):
        yield document.problem("a score stands twice", ("objective",), "their mean counts each once")
    if task.objective and not task.is_trainable:
        hint = "it chooses among trials in training: name it in the file of the training set"
        yield document.problem(f"'{task.name}' is not trained on", ("objective",), hint)
    if task.max_length < task.least_length:
        hint = f"at least {task.least_length}: room for special tokens, and in span_qa for max_question and max_answer"
        yield document.problem(f"'max_length' is {task.max_length}", ("max_length",), hint)
    if not 0 <= task.holdout < 1:
        yield document.problem(f"'holdout' is {task.holdout}", ("holdout",), "a share of the examples: 0.1")
    if task.training_set == task.name and task.source_language not in task.languages:
        hint = "name the language to train in: source_language: " + task.languages[0]
        yield document.problem(f"no language '{task.source_language}' to train in", ("languages",), hint)


class _LayoutReader:
    """One entry of `files` or `hub`."""

    def __init__(self, document: YamlFile, place: Place, values: Any, task: Task) -> None:
        self._document, self._place, self._task = document, place, task
        self.problems: list[Problem] = []
        self._values: dict[str, Any] = values if isinstance(values, dict) else {}
        if not isinstance(values, dict):
            self._complain(f"'{values}' is not a layout", hint="begin each entry with - format: or - dataset:")

    def _complain(self, message: str, *place: str, hint: str | None = None) -> None:
        self.problems.append(self._document.problem(message, (*self._place, *place), hint))

    def _check_once(self, noun: str, values: Sequence[Any], *place: str) -> None:
        self.problems += self._document.named_twice(noun, values, (*self._place, *place))

    def files(self) -> FileLayout:
        """The entry as a layout of release files."""
        format = str(self._values.get("format", ""))
        if format not in OPTIONS:
            self._complain(f"unknown format '{format}'", "format", hint=nearest(format, tuple(OPTIONS)))
        known = OPTIONS.get(format, frozenset())
        splits = self._splits((*SPLITS, CANDIDATES_KEY))
        languages = self._languages()
        options = self._options(known, ("format", *SPLITS, CANDIDATES_KEY))
        if "columns" in known:
            self._check_columns(options)
        layout = FileLayout(format, splits, languages, self._mapping("codes"), options)
        self._check_single_files(layout)
        return layout

    def hub(self) -> HubLayout:
        """The entry as a dataset on the hub."""
        dataset = str(self._values.get("dataset", ""))
        if dataset.count("/") != 1:
            self._complain(f"'{dataset}' is not the name of a dataset", "dataset", hint="for example google/xtreme")
        revision = self._values.get("revision")
        splits = self._values.get("splits", {})
        if not isinstance(splits, dict) or not splits or not set(splits) <= set(SPLITS):
            self._complain(
                "'splits' must name the dataset's splits", "splits", hint="for example {train: train, dev: validation}"
            )
            splits = {}
        named = {name: tuple(map(str, one if isinstance(one, list) else [one])) for name, one in splits.items()}
        for name, theirs in named.items():
            self._check_once("split", theirs, "splits", name)
        options = self._options(HUB_OPTIONS, ("dataset", "revision", "config", "splits"))
        self._check_columns(options)
        return HubLayout(
            dataset,
            None if revision is None else str(revision),
            self._values.get("config"),
            named,
            self._languages(),
            self._mapping("codes"),
            options,
        )

    def _splits(self, known: Sequence[str]) -> dict[str, tuple[str, ...]]:
        splits = {name: self._values[name] for name in known if name in self._values}
        for name, patterns in splits.items():
            if not isinstance(patterns, list) or not patterns or not all(isinstance(one, str) for one in patterns):
                self._complain(
                    f"'{name}' must be a list of file names", name, hint='for example ["mine/train-{lang}.tsv"]'
                )
                splits[name] = []
            self._check_once("file", splits[name], name)
        if not splits:
            self._complain("the layout names no files", hint=f"give at least one of {', '.join(known)}")
        return {name: tuple(patterns) for name, patterns in splits.items()}

    def _languages(self) -> tuple[str, ...]:
        languages = self._values.get("languages", self._task.languages)
        unknown = [one for one in languages if one not in self._task.languages]
        if unknown:
            self._complain(f"not languages of the task: {', '.join(map(str, unknown))}", "languages")
        self._check_once("language", languages, "languages")
        return tuple(languages)

    def _mapping(self, name: str) -> dict[str, str]:
        value = self._values.get(name, {})
        if not isinstance(value, dict):
            self._complain(f"'{name}' must be keys and values", name)
            return {}
        return {str(key): str(one) for key, one in value.items()}

    def _options(self, known: frozenset[str], others: Sequence[str]) -> dict[str, Any]:
        options = {}
        for key, value in self._values.items():
            if key in known:
                options[key] = value
            elif key not in (*others, *_LAYOUT_KEYS):
                self._complain(
                    f"unknown key '{key}'", str(key), hint=nearest(str(key), sorted({*known, *others, *_LAYOUT_KEYS}))
                )
        for key in {"label_map", "language_of_id"} & set(options):
            options[key] = self._mapping(key)
        if "drop_labels" in options:
            options["drop_labels"] = [str(one) for one in options["drop_labels"] or ()]
        return options

    def _check_columns(self, options: dict[str, Any]) -> None:
        columns = options.setdefault("columns", {})
        if self._task.kind not in COLUMNS:
            self._complain(f"a table cannot hold a task of kind {self._task.kind}", "format")
            return
        needed, optional = COLUMNS[self._task.kind]
        if not isinstance(columns, dict) or not columns:
            self._complain("'columns' is missing", hint=f"name the columns of {', '.join(sorted(needed))}")
            options["columns"] = {}
            return
        for name in sorted(needed - set(columns)):
            self._complain(f"no column for '{name}'", "columns")
        for name in columns:
            if name not in needed | optional:
                hint = nearest(str(name), sorted(needed | optional))
                self._complain(f"'{name}' is nothing that {self._task.kind} has", "columns", str(name), hint=hint)
        if not isinstance(columns.get("choices", []), list):
            self._complain("'choices' must be a list of columns", "columns", "choices", hint="one for each choice")
        else:
            self._check_once("column", columns.get("choices", []), "columns", "choices")

    def _check_single_files(self, layout: FileLayout) -> None:
        """A file that is not named after its language is of one language, or says the language in its rows."""
        if layout.says_language or len(layout.languages) == 1 or "en" in layout.languages:
            return
        for name, patterns in layout.splits.items():
            if name != CANDIDATES_KEY and patterns and not any("{lang}" in pattern for pattern in patterns):
                hint = "put {lang} into the name, or give the layout's own languages: [..]"
                self._complain(f"which language is '{patterns[0]}' in?", name, hint=hint)
