"""Tagged sentences: CoNLL columns, CoNLL-U treebanks, CCGbank's derivations."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from trainables.data.examples import TaggedSentence
from trainables.data.findings import Findings
from trainables.data.lines import read_lines, stem_of
from trainables.tasks import Task

Row = tuple[int, list[str]]  # its line, its cells; no cells: the end of a sentence
_COMMENTS = 'comments? leave them out with comments: "# ", or more of what they begin with'
_BLANKED = frozenset({"", "_", "-1"})  # what stands for hidden tags
_TOKEN_NAMES = frozenset({"token", "tokens", "word", "words", "form", "text"})
_TAG_NAMES = frozenset(
    {"tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags", "pos", "pos_tag", "upos", "bio"}
)


def read_conll(path: Path, options: Mapping[str, Any], task: Task) -> list[TaggedSentence]:
    """A token a line, a blank line between sentences.

    Options: `encoding`; `separator`, a tab or " " (any run of blanks and tabs); `token_column` and `tag_column`, which
    count from 0 or, negative, from the end (if not said, the first and the last); `token_prefix`, up to which tokens
    are cut (":" of en:word); `skip`, the first cells of lines that are left out, such as -DOCSTART-; `comments`, what
    lines of comment begin with, such as "# id": they stand before a sentence's first token, as a token may look the
    same; `label_map`, from the file's tags to the task's. Tags are None where the file has one column only, or nothing
    but stand-ins for tags.

    Raises:
        UserError: there are no sentences, comments or a header would be tokens, lines differ in width, a token is
            empty, a tag is unknown.
    """
    findings = Findings(path)
    separator = options.get("separator", "\t")
    rows = list(_rows(read_lines(path, findings, options.get("encoding", "utf-8")), separator, options, findings))
    filled = [(number, cells) for number, cells in rows if cells]
    if not filled:
        findings.stop("has no sentences", 1, "all its lines are blank, comments, or begin with what `skip` says")
    _check_first_rows(rows, filled[0], task, findings)
    width = _even_width(filled, findings)
    if width == 1 and all({" ", "\t"} & set(cells[0]) for _, cells in filled):
        findings.stop(f"has no {separator!r} to split at", 1, "every line has a space or tab: is it the separator?")
    token_column, tag_column = options.get("token_column", 0), -1 if width == 1 else options.get("tag_column", -1)
    if not all(-width <= column < width for column in (token_column, tag_column)):
        findings.stop(f"columns: {width}; wanted: token {token_column}, tag {tag_column}", 1, "columns count from 0")
    hidden = width == 1 or all(cells[tag_column].strip() in _BLANKED for _, cells in filled)
    prefix, named = options.get("token_prefix"), options.get("label_map", {})
    sentences: list[TaggedSentence] = []
    for block in _blocks(rows):
        tokens, tags = [], []
        for number, cells in block:
            tokens.append(_token(cells[token_column], prefix, number, findings))
            tag = cells[tag_column].strip()
            tags.append(named.get(tag, tag))
            if not hidden:
                check_tag(tags[-1], task, number, findings)
        own_id = f"{stem_of(path)}-{len(sentences)}"
        sentences.append(TaggedSentence(own_id, tuple(tokens), None if hidden else tuple(tags)))
    findings.check()
    return sentences


def read_ccgbank(path: Path, options: Mapping[str, Any], task: Task) -> list[TaggedSentence]:
    """Words and categories of CCGbank's .auto files: a line with an ID, then one with the derivation.

    The leaves of a derivation are <L category POS POS word predicate-argument-category>. Option: `encoding`.

    Raises:
        UserError: there are no derivations, or one has no leaves, or other ones.
    """
    findings = Findings(path)
    sentences: list[TaggedSentence] = []
    for number, line in enumerate(read_lines(path, findings, options.get("encoding", "utf-8")), 1):
        if line.startswith("ID=") or not line.strip():
            continue
        leaves = re.findall(r"<L (\S+) \S+ \S+ (\S+) \S+>", line)
        if not leaves:
            findings.add("is not a derivation", number, "it has no leaf <L ...>")
        elif len(leaves) < (begun := line.count("(<L ")):
            hint = "it has a category, two tags, a word, and a category"
            findings.add(f"leaves: {len(leaves)} of {begun} are as CCGbank's", number, hint)
        for category, _ in leaves:
            check_tag(category, task, number, findings)
        words, categories = tuple(word for _, word in leaves), tuple(category for category, _ in leaves)
        sentences.append(TaggedSentence(f"{stem_of(path)}-{len(sentences)}", words, categories))
    findings.check()
    if not sentences:
        findings.stop("has no derivations", 1, "is the download complete?")
    return sentences


def _rows(lines: Iterable[str], separator: str, options: Mapping[str, Any], findings: Findings) -> Iterator[Row]:
    """The lines less comments. Blank and skipped ones have no cells."""
    skipped, comments = frozenset(options.get("skip", ())), options.get("comments")
    is_within = False  # a sentence
    cut: tuple[int, str] | None = None  # a skipped line right behind a token
    for number, line in enumerate(lines, 1):
        if comments and not is_within and line.startswith(comments):
            continue
        # Not str.strip(): a token may be a no-break or ideographic space.
        cells = _cells(line, separator) if line.strip(" \t") else []
        is_skipped = bool(cells) and cells[0] in skipped
        if not is_skipped:
            if cells and cut is not None and not any(map(str.isalpha, cut[1])):  # no marker of a document
                hint = "is it a token? Lines of comment have an option of their own: comments"
                findings.add(f"`skip` leaves out '{cut[1]}' between two tokens", cut[0], hint)
            cut = None
        elif is_within:
            cut = number, cells[0]
        is_within = bool(cells) and not is_skipped
        yield number, cells if is_within else []


def _check_first_rows(rows: Sequence[Row], first: Row, task: Task, findings: Findings) -> None:
    """Says what the first lines of sentences are if they are no tokens."""
    beginnings = [block[0] for block in _blocks(rows)]
    if len(beginnings) > 1 and all(cells[0] == "#" or cells[0].startswith("# ") for _, cells in beginnings):
        findings.stop("every sentence begins with #", first[0], _COMMENTS)
    line, cells = first
    named = {cell.strip().lower() for cell in cells}
    if not task.labels and named & _TOKEN_NAMES and named & _TAG_NAMES:
        findings.stop(f"begins with a header: {' '.join(cells)}", line, "remove this line, the format has none")


def _cells(line: str, separator: str) -> list[str]:
    return re.split("[ \t]+", line.strip(" \t")) if separator == " " else line.split(separator)


def _blocks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    return (list(block) for full, block in groupby(rows, key=lambda row: bool(row[1])) if full)


def _token(cell: str, prefix: str | None, line: int, findings: Findings) -> str:
    before, found, token = cell.partition(prefix) if prefix else ("", "", cell)
    if prefix and not found:
        findings.add(f"no '{prefix}' in '{before}'", line, "tokens are written en:word")
    elif not token.strip(" "):
        findings.add("empty token", line, "a line between sentences has no separator")
    return token


def check_tag(tag: str, task: Task, line: int, findings: Findings) -> None:
    """Notes a tag that cannot be one of the task's."""
    if (wrong := task.unfit(tag, "tag")) is not None:
        findings.add(wrong[0], line, wrong[1])


def _even_width(rows: Sequence[Row], findings: Findings) -> int:
    """The number of columns that most rows have. Problems: the other rows."""
    widths = Counter(len(cells) for _, cells in rows)
    width = max(widths, key=lambda width: (widths[width], width), default=0)
    for line, cells in rows:
        if len(cells) != width:
            hint = _COMMENTS if cells[0].startswith("#") else "a separator too few or too many?"
            findings.add(f"columns: {len(cells)}, where the file has {width}", line, hint)
    findings.check()
    return width
