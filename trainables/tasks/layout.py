"""Where a task's examples lie: in a folder of release files, or in a dataset on the hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SPLITS = ("train", "dev", "test")
CANDIDATES_KEY = "candidates"
CANDIDATES = "-candidates"
"""After the name of a split: the passages that its queries are answered from (`test-candidates`)."""

_TABLE = frozenset({"columns", "label_map", "drop_labels", "encoding"})

OPTIONS: Mapping[str, frozenset[str]] = {
    "tsv": _TABLE | {"header", "quoting", "drop_ragged"},
    "csv": _TABLE | {"header"},
    "jsonl": _TABLE,
    "conll": frozenset(
        {"separator", "token_column", "tag_column", "token_prefix", "skip", "comments", "label_map", "encoding"}
    ),
    "conllu": frozenset({"encoding"}),
    "ccgbank": frozenset({"encoding"}),
    "squad": frozenset({"encoding", "language_of_id", "drop_unanswered"}),
    "parallel": frozenset({"encoding"}),
    "bucc": frozenset({"encoding"}),
    "mewslix": frozenset({"encoding"}),
    "text": frozenset({"encoding"}),
}
"""The formats of release files, and the options that each knows (docs/tasks.md says what they do)."""

_IN_TABLES = frozenset(
    {"pair_classification", "text_classification", "multiple_choice", "bitext_retrieval", "bitext_ranking", "mlm"}
)

HOLDS: Mapping[str, frozenset[str]] = {
    "tsv": _IN_TABLES,
    "csv": _IN_TABLES,
    "jsonl": _IN_TABLES | {"tagging", "span_qa", "retrieval"},
    "conll": frozenset({"tagging"}),
    "conllu": frozenset({"tagging"}),
    "ccgbank": frozenset({"tagging"}),
    "squad": frozenset({"span_qa", "retrieval"}),
    "parallel": frozenset({"bitext_retrieval", "bitext_ranking"}),
    "bucc": frozenset({"bitext_mining"}),
    "mewslix": frozenset({"retrieval"}),
    "text": frozenset({"mlm"}),
}
"""The kinds of tasks that files of each format can hold. Cells of tsv and csv are no lists."""

TOGETHER: Mapping[str, tuple[int, ...]] = {"parallel": (2,), "bucc": (2, 3)}
"""How many files make a split, in formats whose files belong together. BUCC's test comes without its gold pairs."""

HUB_OPTIONS = frozenset({"columns", "label_map", "drop_labels", "language_of_id"})

COLUMNS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "pair_classification": (frozenset({"text_a", "text_b"}), frozenset({"label", "id", "language", "group"})),
    "text_classification": (frozenset({"text"}), frozenset({"label", "id", "language", "group"})),
    "multiple_choice": (frozenset({"context", "choices"}), frozenset({"label", "id", "language", "group"})),
    "tagging": (frozenset({"tokens"}), frozenset({"tags", "id", "language", "group"})),
    "span_qa": (frozenset({"question", "context"}), frozenset({"answers", "id", "language", "group"})),
    "bitext_retrieval": (frozenset({"text", "english"}), frozenset()),
    "bitext_ranking": (frozenset({"text", "english"}), frozenset()),
    "mlm": (frozenset({"text"}), frozenset({"id", "language", "group"})),
    "retrieval": (frozenset({"question", "context"}), frozenset({"answers", "id", "language"})),
}
"""For each kind of task that tables can hold: the columns that must be named, and those that may be."""

GROUP = "group"
"""The column of what examples are a part of. It changes none of them."""

TEST, CASE = "test", "case"
"""Further columns of tasks that are scored by error rates: which test a question is of, and which case of it."""


def telling(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options that change examples, for fingerprints."""
    columns = options.get("columns", {})
    if GROUP not in columns:
        return options
    return {**options, "columns": {name: column for name, column in columns.items() if name != GROUP}}


@dataclass(frozen=True)
class FileLayout:
    """Release files of one format.

    Attributes:
        format: a key of OPTIONS.
        splits: for each split the patterns of its files, relative to the data folder, all of which it needs: `*` stands
            for any text, `{lang}` for the language's code. A pattern without `{lang}` is one file: of English, or of
            the layout's only language, unless its rows say their language (`says_language`).
        languages: the languages that it may hold.
        codes: what `{lang}` stands for, where that is not the language's own code.
        options: those of the format.
    """

    format: str
    splits: Mapping[str, tuple[str, ...]]
    languages: tuple[str, ...]
    codes: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def says_language(self) -> bool:
        """Whether each row of its files says which language it is in."""
        columns = self.options.get("columns", {})
        return self.format == "mewslix" or "language_of_id" in self.options or "language" in columns


@dataclass(frozen=True)
class HubLayout:
    """A dataset on the hub.

    Attributes:
        dataset: owner/name.
        revision: the commit that is read; None: the newest one, which is looked up once and becomes part of the
            fingerprint.
        config: the configuration, with `{lang}` as above; None: the dataset has one only.
        splits: for each split the names of its splits there, which are read one after the other.
        languages, codes, options: as in FileLayout.
    """

    dataset: str
    revision: str | None
    config: str | None
    splits: Mapping[str, tuple[str, ...]]
    languages: tuple[str, ...]
    codes: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
