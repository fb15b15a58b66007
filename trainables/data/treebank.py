"""Universal Dependencies: CoNLL-U treebanks as XTREME's udpos has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.data.examples import TaggedSentence
from trainables.data.findings import Findings, read_lines
from trainables.errors import nearest
from trainables.tasks import Task

_WIDTH = 10
_RANKS = {
    "es": ("VERB", "AUX", "PRON", "ADP", "DET"),
    "fr": ("VERB", "AUX", "PRON", "NOUN", "ADJ", "ADV", "ADP", "DET", "PART", "SCONJ", "CONJ"),
    "it": ("VERB", "AUX", "ADV", "PRON", "ADP", "DET", "INTJ"),
}
_OTHER_RANKS = (
    "VERB", "NOUN", "PROPN", "PRON", "ADJ", "NUM", "ADV", "INTJ",
    "AUX", "ADP", "DET", "PART", "CCONJ", "SCONJ", "X", "PUNCT",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of the syntax. `heads` are those of the basic tree and of the enhanced graph; 0 is the root."""

    line: int
    form: str
    upos: str
    heads: frozenset[int]


def read_conllu(path: Path, options: Mapping[str, Any], task: Task, language: str) -> list[TaggedSentence]:
    """Forms and universal parts of speech, with the choices of XTREME's preprocessing. Option: `encoding`.

    A range such as 3-4 stands as one token with its written form and the tag of its word nearest to the root: the one
    with the fewest words above it, over all heads in HEAD and DEPS. Among equals the tag decides, by a list of ranks
    (German zum is ADP and DET: ADP), then the order of words. Empty nodes are left out; so are sentences of which all
    tokens, or all but one, are `_` (texts under licence). U+200C and spaces in a form are removed.

    Source: `udpos_preprocess` in google-research/xtreme, utils_preprocess.py, and third_party/ud-conversion-tools.

    Raises:
        UserError: a line has not ten columns, an id or head is no number, a tag is unknown.
    """
    findings = Findings(path)
    sentences: list[TaggedSentence] = []
    for block in _blocks(read_lines(path, findings, options.get("encoding", "utf-8"))):
        words: dict[int, _Word] = {}
        ranges: dict[int, tuple[int, str]] = {}
        for number, line in block:
            cells = line.split("\t")
            own_id = cells[0].partition("-")
            try:
                if len(cells) != _WIDTH:
                    findings.add(f"columns: {len(cells)}, where CoNLL-U has {_WIDTH}", number)
                elif own_id[1]:
                    ranges[int(own_id[0])] = (int(own_id[2]), cells[1])
                elif "." not in cells[0]:
                    words[int(cells[0])] = _Word(number, cells[1], cells[3], _heads(cells[6], cells[8]))
            except ValueError:
                findings.add(f"is not the line of a token: '{cells[0]}' below '{cells[6]}'", number)
        findings.check()
        tokens = list(_tokens(words, ranges, _RANKS.get(language, _OTHER_RANKS)))
        blank = sum(form == "_" for form, _ in tokens)
        if blank == 0 or blank < len(tokens) - 1:
            for word in words.values():
                if word.upos not in task.labels:
                    findings.add(f"unknown tag '{word.upos}'", word.line, nearest(word.upos, task.labels))
            forms = tuple(form.replace("\u200c", "").replace(" ", "") for form, _ in tokens)
            sentences.append(TaggedSentence(f"{path.stem}-{len(sentences)}", forms, tuple(tag for _, tag in tokens)))
    findings.check()
    return sentences


def _blocks(lines: Sequence[str]) -> Iterator[list[tuple[int, str]]]:
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*lines, ""], 1):
        if line and not line.startswith("#"):
            block.append((number, line))
        elif not line and block:
            yield block
            block = []


def _heads(head: str, deps: str) -> frozenset[int]:
    enhanced = (pair.split(":")[0] for pair in deps.split("|"))
    return frozenset([int(head), *(int(one) for one in enhanced if one.isdigit())])


def _tokens(
    words: Mapping[int, _Word], ranges: Mapping[int, tuple[int, str]], ranks: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Form and tag of each written token."""
    at = min(words, default=0)
    while at in words:
        end, form = ranges.get(at, (at, words[at].form))
        span = range(at, max(at, end) + 1)
        yield form, words[_top(span, words, ranks)].upos
        at = span[-1] + 1


def _top(span: Sequence[int], words: Mapping[int, _Word], ranks: Sequence[str]) -> int:
    def rank(word: int) -> tuple[int, int]:
        upos = words[word].upos
        return len(_above(word, words)), ranks.index(upos) if upos in ranks else len(ranks)

    return min(span, key=rank) if len(span) > 1 else span[0]


def _above(word: int, words: Mapping[int, _Word]) -> set[int]:
    """All words from which heads lead to this one."""
    found: set[int] = set()
    waiting = list(words[word].heads)
    while waiting:
        head = waiting.pop()
        if head not in found and head != word:
            found.add(head)
            waiting += words[head].heads if head in words else ()
    return found
