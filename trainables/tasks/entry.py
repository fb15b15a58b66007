"""One entry of a task file's `files` or `hub`: what a format cannot hold is refused before a file is opened."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from trainables.errors import Problem, nearest
from trainables.reports import ERROR_RATE
from trainables.tasks.layout import (
    CANDIDATES_KEY,
    CASE,
    COLUMNS,
    HOLDS,
    HUB_OPTIONS,
    OPTIONS,
    SPLITS,
    TEST,
    TOGETHER,
    FileLayout,
    HubLayout,
)
from trainables.tasks.task import Task
from trainables.yaml_file import Place, YamlFile

TRUE_OR_FALSE = "true or false (no, yes, on and off are texts in YAML 1.2)"

Values = dict[str, Any]


def is_name(value: Any) -> bool:
    """Whether a value of a YAML file stands for a label or the like: a text, or a whole number."""
    return isinstance(value, str | int) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != "" and not set(value) & set("\r\n")


def _is_inside(name: str) -> bool:
    """Whether a name is that of something below a folder."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and not name.startswith("~")


def _is_encoding(value: Any) -> bool:
    try:
        return isinstance(value, str) and isinstance("a".encode(value), bytes)
    except (LookupError, UnicodeError, ValueError):  # hex and the like are codecs, but none of text
        return False


def _is_column(value: Any) -> bool:
    return is_name(value) and value != "" and (isinstance(value, str) or value >= 0)


_OPTION_CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(
        ("header", "quoting", "drop_ragged", "drop_unanswered"), (lambda value: isinstance(value, bool), TRUE_OR_FALSE)
    ),
    **dict.fromkeys(
        ("skip", "drop_labels"),
        (lambda value: isinstance(value, list) and all(map(is_name, value)), 'a list of texts, such as ["-"]'),
    ),
    **dict.fromkeys(
        ("token_column", "tag_column"),
        (
            lambda value: type(value) is int and abs(value) < 1000,
            "the number of a column: 0 is the first, -1 the last",
        ),
    ),
    **dict.fromkeys(("token_prefix", "comments"), (_is_text, 'a text, such as ":"')),
    "separator": (lambda value: _is_text(value) and len(value) == 1, 'one character: "\\t" or " "'),
    "encoding": (_is_encoding, "the name of an encoding, for example utf-8, utf-16, latin-1 or cp1252"),
}
"""What the value of an option must be, and how that is told."""


class Entry:
    """Reads one entry; `problems` is what is wrong with it.

    Args:
        place: where it stands in the document.
        task: the task without its layouts.
    """

    def __init__(self, document: YamlFile, place: Place, values: Any, task: Task) -> None:
        self._document, self._place, self._task = document, place, task
        self.problems: list[Problem] = []
        self._values: Values = values if isinstance(values, dict) else {}
        if not isinstance(values, dict):
            self._complain(f"'{values}' is not a layout", hint="begin each entry with - format: or - dataset:")

    def _complain(self, message: str, *place: str | int, hint: str | None = None) -> None:
        self.problems.append(self._document.problem(message, (*self._place, *place), hint))

    def _check_once(self, noun: str, values: Sequence[Any], *place: str | int) -> None:
        self.problems += self._document.named_twice(noun, values, (*self._place, *place))

    def files(self) -> FileLayout:
        """The entry as a layout of release files."""
        format, kind = str(self._values.get("format", "")), self._task.kind
        if format not in OPTIONS:
            self._complain(f"unknown format '{format}'", "format", hint=nearest(format, tuple(OPTIONS)))
        elif kind not in HOLDS[format]:
            fitting = ", ".join(one for one in OPTIONS if kind in HOLDS[one])
            self._complain(f"format {format} cannot hold {kind}", "format", hint=f"formats that can: {fitting}")
        elif self._task.metric == ERROR_RATE and "columns" not in OPTIONS[format]:
            self._complain(f"format {format} does not say which test a question is of", "format", hint="format: jsonl")
        known = OPTIONS.get(format, frozenset())
        splits = self._file_splits(format)
        languages = self._languages()
        options = self._options(known, ("format", *SPLITS, CANDIDATES_KEY))
        if "columns" in known:
            self._check_columns(options, numbered=format != "jsonl" and not options.get("header"))
        layout = FileLayout(format, splits, languages, self._mapping("codes"), options)
        self._check_single_files(layout)
        return layout

    def hub(self) -> HubLayout:
        """The entry as a dataset on the hub."""
        dataset = str(self._values.get("dataset", ""))
        if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", dataset):
            self._complain(f"'{dataset}' is not the name of a dataset", "dataset", hint="for example google/xtreme")
        revision, config = self._values.get("revision"), self._values.get("config")
        if revision is not None and not (is_name(revision) and revision != ""):
            self._complain(f"'revision' is {revision!r}", "revision", hint="a commit, branch or tag")
        if config is not None and not (_is_text(config) and _is_inside(config)):
            self._complain(f"'config' is {config!r}", "config", hint='the name of a configuration, such as "{lang}"')
        splits = self._values.get("splits", {})
        if not isinstance(splits, dict) or not splits or not set(splits) <= set(SPLITS):
            hint = "for example {train: train, dev: validation}"
            self._complain("'splits' must name the dataset's splits", "splits", hint=hint)
            splits = {}
        named: dict[str, tuple[str, ...]] = {}
        for name, given in splits.items():
            theirs = given if isinstance(given, list) else [given]
            if not theirs or not all(isinstance(one, str) and re.fullmatch(r"[\w.-]+", one) for one in theirs):
                self._complain(f"'{name}' is {given!r}", "splits", name, hint="the name of a split, or a list of names")
                continue
            named[name] = tuple(theirs)
            self._check_once("split", theirs, "splits", name)
        options = self._options(HUB_OPTIONS, ("dataset", "revision", "config", "splits"))
        self._check_columns(options, numbered=False)
        commit = None if revision is None else str(revision)
        return HubLayout(dataset, commit, config, named, self._languages(), self._mapping("codes"), options)

    def _file_splits(self, format: str) -> dict[str, tuple[str, ...]]:
        known = (*SPLITS, CANDIDATES_KEY)
        splits = {name: self._values[name] for name in known if name in self._values}
        for name, patterns in splits.items():
            if not isinstance(patterns, list) or not patterns or not all(map(_is_text, patterns)):
                hint = 'for example ["mine/train-{lang}.tsv"]'
                self._complain(f"'{name}' must be a list of file names", name, hint=hint)
                splits[name] = []
                continue
            self._check_once("file", patterns, name)
            for position, pattern in enumerate(patterns):
                if not _is_inside(pattern):
                    hint = "write it relative to the experiment's data: {files: DIR}"
                    self._complain(f"'{pattern}' is not below the data folder", name, position, hint=hint)
            wanted = TOGETHER.get(format)
            if wanted and len(patterns) not in wanted:
                told = " or ".join(map(str, wanted))
                self._complain(
                    f"'{name}' has {len(patterns)} of the {told} files of format {format}", name, hint=_FILES[format]
                )
        if not splits:
            self._complain("the layout names no files", hint=f"give at least one of {', '.join(known)}")
        return {name: tuple(patterns) for name, patterns in splits.items()}

    def _languages(self) -> tuple[str, ...]:
        languages = self._values.get("languages", list(self._task.languages))
        if not isinstance(languages, list) or not languages:
            self._complain(f"'languages' is {languages!r}", "languages", hint="a list of the task's languages")
            return self._task.languages
        unknown = [one for one in languages if one not in self._task.languages]
        if unknown:
            self._complain(f"not languages of the task: {', '.join(map(str, unknown))}", "languages")
        self._check_once("language", languages, "languages")
        return tuple(one for one in languages if one in self._task.languages)

    def _mapping(self, name: str) -> dict[str, str]:
        value = self._values.get(name, {})
        if not isinstance(value, dict):
            self._complain(f"'{name}' must be keys and values", name)
            return {}
        for key, one in value.items():
            if not is_name(key) or not is_name(one):
                self._complain(f"'{name}' has {key!r}: {one!r}", name, str(key), hint="write both as texts, in quotes")
        if name == "codes":
            for key in value:
                if key not in self._task.languages:
                    self._complain(f"'{key}' is not a language of the task", name, str(key))
        return {str(key): str(one) for key, one in value.items()}

    def _options(self, known: frozenset[str], others: Sequence[str]) -> Values:
        options: Values = {}
        allowed = sorted({*known, *others, "languages", "codes"})
        for key, value in self._values.items():
            if key not in known:
                if key not in allowed:
                    self._complain(f"unknown key '{key}'", str(key), hint=nearest(str(key), allowed))
                continue
            fits, told = _OPTION_CHECKS.get(key, (None, ""))
            if fits is not None and not fits(value):
                self._complain(f"'{key}' is {value!r}", key, hint=f"expected: {told}")
                continue
            options[key] = value
        for key in {"label_map", "language_of_id"} & set(options):
            options[key] = self._mapping(key)
        labels = self._task.labels
        for raw, label in options.get("label_map", {}).items():
            if labels and label not in labels:
                hint = nearest(label, labels)
                self._complain(
                    f"'label_map' makes '{label}' of '{raw}', which is no label", "label_map", raw, hint=hint
                )
        if "drop_labels" in options:
            options["drop_labels"] = [str(one) for one in options["drop_labels"]]
        return options

    def _check_columns(self, options: Values, numbered: bool) -> None:
        columns = options.setdefault("columns", {})
        if self._task.kind not in COLUMNS:
            options["columns"] = {}
            return  # said of the format, or of the hub's dataset, already
        needed, optional = COLUMNS[self._task.kind]
        if self._task.metric == ERROR_RATE:
            needed, optional = needed | {TEST}, optional | {CASE}
        if not isinstance(columns, dict) or not columns:
            self._complain("'columns' is missing", hint=f"name the columns of {', '.join(sorted(needed))}")
            options["columns"] = {}
            return
        for name in sorted(needed - set(columns)):
            self._complain(f"no column for '{name}'", "columns")
        for name, column in columns.items():
            if name not in needed | optional:
                hint = nearest(str(name), sorted(needed | optional))
                self._complain(f"'{name}' is nothing that {self._task.kind} has", "columns", str(name), hint=hint)
            elif name == "choices":
                self._check_choices(column, numbered)
            else:
                self._check_column(name, column, numbered)

    def _check_choices(self, columns: Any, numbered: bool) -> None:
        if not isinstance(columns, list) or not columns:
            self._complain("'choices' must be a list of columns", "columns", "choices", hint="one for each choice")
            return
        for column in columns:
            self._check_column("choices", column, numbered)
        self._check_once("column", columns, "columns", "choices")
        labels = self._task.labels
        if labels and len(labels) != len(columns):
            message = f"there are {len(columns)} choices, and {len(labels)} labels"
            self._complain(message, "columns", "choices", hint="labels are the positions of the choices, from 0")

    def _check_column(self, name: str, column: Any, numbered: bool) -> None:
        if not _is_column(column):
            hint = "the number of a column, from 0" if numbered else "the name of a column"
            self._complain(f"column '{name}' is {column!r}", "columns", name, hint=hint)
        elif isinstance(column, str) and "{" in column:
            if name not in _PUT_TOGETHER:
                self._complain(f"'{name}' cannot be put together", "columns", name, hint="name one column")
            elif (wrong := _wrong_template(column)) is not None:
                hint = 'for example "{premise} What was the {question}?"'
                self._complain(f"the template '{column}' {wrong}", "columns", name, hint=hint)
        elif isinstance(column, str) and numbered:
            hint = "say header: true if the first row names the columns, or count them from 0"
            self._complain(f"column '{name}' is '{column}', where columns have no names", "columns", name, hint=hint)

    def _check_single_files(self, layout: FileLayout) -> None:
        """A file that is not named after its language is of one language, or says the language in its rows."""
        if layout.says_language or len(layout.languages) == 1 or "en" in layout.languages:
            return
        for name, patterns in layout.splits.items():
            if name != CANDIDATES_KEY and patterns and not any("{lang}" in pattern for pattern in patterns):
                hint = "put {lang} into the name, or give the layout's own languages: [..]"
                self._complain(f"which language is '{patterns[0]}' in?", name, hint=hint)


_FILES = {
    "parallel": "expected: the language's file, then the English one",
    "bucc": "expected: the language's file, the English one, and the gold pairs",
}

_PUT_TOGETHER = frozenset({"text_a", "text_b", "context", "choices", "question", "text", "english"})
"""What a template may make: texts."""


def _wrong_template(template: str) -> str | None:
    """What a template has that is not `{column}` or `{column[key]}`; None: nothing."""
    try:
        for _, field, format, conversion in string.Formatter().parse(template):
            if field is not None and not re.fullmatch(r"[^\[\].!:{}]+(\[[^\[\]]+\])*", field):
                return f"names '{field}', which is no column"
            if format or conversion:
                return "has a format of Python's, which is not read"
    except ValueError as error:
        return f"cannot be read: {error}"
    return None
