"""Universal Dependencies: CoNLL-U treebanks as XTREME's udpos has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from trainables.data.conll import check_tag
from trainables.data.examples import TaggedSentence
from trainables.data.findings import Findings
from trainables.data.lines import read_lines, stem_of
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


@dataclass(frozen=True, slots=True)
class _Range:
    """Words that are written as one token, such as 3-4."""

    line: int
    start: int
    end: int
    form: str


def read_conllu(path: Path, options: Mapping[str, Any], task: Task, language: str) -> list[TaggedSentence]:
    """Forms and universal parts of speech, with the choices of XTREME's preprocessing. Option: `encoding`.

    A range such as 3-4 stands as one token with its written form and the tag of its word nearest to the root: the one
    with the fewest words above it, over all heads in HEAD and DEPS. Among equals the tag decides, by a list of ranks
    (German zum is ADP and DET: ADP), then the order of words. Empty nodes are left out; so are sentences of which all
    tokens, or all but one, are `_` (texts under licence). U+200C and spaces in a form are removed, unless it is nothing
    else. Tags are None where all of the file are `_`. Heads may be `_` in sentences without ranges.

    Source: `udpos_preprocess` in google-research/xtreme, utils_preprocess.py, and third_party/ud-conversion-tools.

    Raises:
        UserError: there are no sentences, or no blank line between two, a line has not ten columns, ids are not 1, 2,
            3 ... with ranges of them, a head is no number, a form is empty, a tag is unknown.
    """
    findings = Findings(path)
    found: list[tuple[list[tuple[str, str]], list[_Word]]] = []
    is_empty = True
    for block in _blocks(read_lines(path, findings, options.get("encoding", "utf-8")), findings):
        is_empty = False
        sentence = _Sentence(block, findings)
        tokens = list(sentence.tokens(_RANKS.get(language, _OTHER_RANKS)))
        blank = sum(form == "_" for form, _ in tokens)
        if blank == 0 or blank < len(tokens) - 1:
            found.append((tokens, sentence.words))
    if is_empty:
        findings.stop("has no sentences", 1, "all its lines are comments")
    findings.check()
    is_hidden = all(word.upos == "_" for _, words in found for word in words)
    sentences = []
    for number, (tokens, words) in enumerate(found):
        for word in () if is_hidden else words:
            check_tag(word.upos, task, word.line, findings)
        forms = tuple(form.replace("\u200c", "").replace(" ", "") or form for form, _ in tokens)
        tags = None if is_hidden else tuple(tag for _, tag in tokens)
        sentences.append(TaggedSentence(f"{stem_of(path)}-{number}", forms, tags))
    findings.check()
    return sentences


def _blocks(lines: Iterable[str], findings: Findings) -> Iterator[list[tuple[int, str]]]:
    """The lines of each sentence with their numbers, less comments."""
    block: list[tuple[int, str]] = []
    for number, line in enumerate(chain(lines, [""]), 1):
        if block and _begins_another(line, block):
            findings.add("begins a sentence within another one", number, "a blank line is missing above it")
            yield block
            block = []
        if not line.strip(" \t"):
            if block:
                yield block
            block = []
        elif not line.startswith("#"):
            block.append((number, line))


def _begins_another(line: str, block: Sequence[tuple[int, str]]) -> bool:
    """Whether a line is a comment, or a first word or range behind words."""
    is_first = re.match(r"1(-\d+)?\t", line) and any(re.match(r"[1-9]\d*\t", other) for _, other in block)
    return bool(is_first) or line.startswith("#")


class _Sentence:
    """The words of a sentence and its ranges, in their order."""

    def __init__(self, block: Sequence[tuple[int, str]], findings: Findings) -> None:
        self.words: list[_Word] = []
        self._ranges: list[_Range] = []
        self._findings, self._is_broken = findings, False
        self._next = 1  # the next word's id
        for line, text in block:
            self._add(line, text.split("\t"))
        self._check_ranges()

    def tokens(self, ranks: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Form and tag of each written token; none where its lines are not in order."""
        ranges = {one.start: one for one in self._ranges}
        at = 1
        while at <= len(self.words) and not self._is_broken:
            one = ranges.get(at)
            span = range(at, one.end + 1 if one else at + 1)
            if one and len(span) > 1 and (headless := next((word for word in self.words if not word.heads), None)):
                self._complain(f"has no head, and the tag of {one.start}-{one.end} follows from heads", headless.line)
                return
            yield one.form if one else self.words[at - 1].form, self.words[_top(span, self.words, ranks) - 1].upos
            at = span[-1] + 1

    def _add(self, line: int, cells: Sequence[str]) -> None:
        if len(cells) != _WIDTH:
            self._complain(f"columns: {len(cells)}, where CoNLL-U has {_WIDTH}", line)
        elif match := re.fullmatch(r"(\d+)(?:-(\d+))?", cells[0]):
            if not cells[1].strip(" "):
                self._complain("the form is empty", line, "a text under licence is written _")
            if match[2]:
                self._ranges.append(_Range(line, int(match[1]), int(match[2]), cells[1]))
                return
            if int(match[1]) != self._next:
                self._complain(f"the id {cells[0]} stands where {self._next} comes next", line)
            self._next = int(match[1]) + 1
            self._add_word(line, cells)
        elif not re.fullmatch(r"\d+\.\d+", cells[0]):
            self._complain(f"'{cells[0]}' is no id", line, "a word's is 3, a range's 3-4, an empty node's 3.1")

    def _add_word(self, line: int, cells: Sequence[str]) -> None:
        head, enhanced = cells[6], (pair.split(":")[0] for pair in cells[8].split("|"))
        heads = [one for one in (head, *enhanced) if one.isdecimal()]
        if head != "_" and not head.isdecimal():
            self._complain(f"the head '{head}' is no number", line)
        self.words.append(_Word(line, cells[1], cells[3], frozenset(map(int, heads))))

    def _check_ranges(self) -> None:
        self._ranges.sort(key=lambda one: one.start)
        end = 0  # of those before
        for one in self._ranges:
            if not 1 <= one.start <= one.end < self._next:
                hint = f"the sentence has the words 1 to {self._next - 1}"
                self._complain(f"{one.start}-{one.end} is no range of its words", one.line, hint)
            elif one.start <= end:
                self._complain(f"the range {one.start}-{one.end} overlaps another one", one.line)
            end = max(end, one.end)

    def _complain(self, message: str, line: int, hint: str | None = None) -> None:
        self._is_broken = True
        self._findings.add(message, line, hint)


def _top(span: Sequence[int], words: Sequence[_Word], ranks: Sequence[str]) -> int:
    """The word of a range, by its id, whose tag the range has."""

    def rank(word: int) -> tuple[int, int]:
        upos = words[word - 1].upos
        return len(_above(word, words)), ranks.index(upos) if upos in ranks else len(ranks)

    return min(span, key=rank) if len(span) > 1 else span[0]


def _above(word: int, words: Sequence[_Word]) -> set[int]:
    """All words from which heads lead to this one."""
    found: set[int] = set()
    waiting = list(words[word - 1].heads)
    while waiting:
        head = waiting.pop()
        if head not in found and head != word:
            found.add(head)
            waiting += words[head - 1].heads if 1 <= head <= len(words) else ()
    return found
