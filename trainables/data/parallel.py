"""Translations: line-aligned files, and the two pools of sentences of BUCC 2018."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from trainables.data.examples import Sentence, Translation
from trainables.data.findings import Findings
from trainables.data.lines import read_lines


def read_parallel(paths: Sequence[Path], options: Mapping[str, Any]) -> list[Translation]:
    """Two line-aligned files, the English one last. Option: `encoding`.

    Raises:
        UserError: line counts differ, or a line is empty.
    """
    text_path, english_path = paths
    texts, english = (list(read_lines(path, Findings(path), options.get("encoding", "utf-8"))) for path in paths)
    if len(texts) != len(english):
        message = f"has {len(texts)} lines but {english_path.name} has {len(english)}: they are not line-aligned"
        line = min(len(texts), len(english)) + 1
        Findings(text_path).stop(message, line, "fetch both anew, from the same release")
    for path, sentences in ((text_path, texts), (english_path, english)):
        findings = Findings(path)
        for number, sentence in enumerate(sentences, 1):
            if not sentence.strip():
                findings.add("empty line", number, "each line is one sentence, the translation of the other file's")
        findings.check()
    pairs = zip(texts, english, strict=True)
    return [Translation(str(row), *pair) for row, pair in enumerate(pairs)]


def in_submission_order(translations: Iterable[Translation]) -> list[Translation]:
    """Sorted by the stripped English sentence, equal ones as they came: the lines of an XTREME submission.

    Source: `tatoeba_preprocess` in google-research/xtreme, utils_preprocess.py.
    """
    return sorted(translations, key=lambda one: one.english.strip())


def read_bucc(paths: Sequence[Path], options: Mapping[str, Any]) -> list[Sentence]:
    """Both pools of BUCC 2018: the files of the language, of English and, unless gold is hidden, of gold pairs.

    Gold pairs come first, then the rest, both languages in turn: the first n sentences hold translations for every n.
    A sentence whose text its pool has more than once is left out, as the official scorer does. Option: `encoding`.

    Raises:
        UserError: a line is not an id, a tab and a sentence, an id stands twice in its pool, or a gold pair names a
            sentence that is not there.
    """
    foreign, english = (_pool(path, options) for path in paths[:2])
    findings = Findings(paths[1])
    for line, own_id in enumerate(english, 1):
        if own_id in foreign:
            findings.add(f"the id '{own_id}' is one of {paths[0].name}, too", line, "ids tell both languages apart")
    findings.check()
    gold = list(_pairs(paths[2], options)) if len(paths) > 2 else None
    if gold is not None:
        _check_gold(gold, foreign, english, paths[2])
    translations: dict[str, list[str]] = defaultdict(list)
    for own_id, english_id in gold or ():
        translations[own_id].append(english_id)
    sentences = {
        own_id: Sentence(own_id, text, False, None if gold is None else tuple(translations[own_id]))
        for own_id, text in _unique(foreign)
    }
    sentences |= {own_id: Sentence(own_id, text, True) for own_id, text in _unique(english)}
    in_turn = chain.from_iterable(chain(gold or (), zip_longest(foreign, english)))
    return [sentences[own_id] for own_id in dict.fromkeys(in_turn) if own_id in sentences]


def _pool(path: Path, options: Mapping[str, Any]) -> dict[str, str]:
    """The sentences of one file by their ids."""
    findings = Findings(path)
    found: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, (own_id, text) in enumerate(_pairs(path, options), 1):
        if own_id in found:
            findings.add(f"the id '{own_id}' stands here again", number, f"first in line {lines[own_id]}")
        found.setdefault(own_id, text)
        lines.setdefault(own_id, number)
    findings.check()
    return found


def _pairs(path: Path, options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The two cells of each line."""
    findings = Findings(path)
    for number, line in enumerate(read_lines(path, findings, options.get("encoding", "utf-8")), 1):
        first, tab, second = line.partition("\t")
        if not tab or not first or not second.strip():
            findings.add("is not an id, a tab and a text", number, "fetch the file anew")
        yield first, second
    findings.check()


def _check_gold(
    gold: Sequence[tuple[str, str]], foreign: Mapping[str, str], english: Mapping[str, str], path: Path
) -> None:
    findings = Findings(path)
    for line, pair in enumerate(gold, 1):
        for own_id, pool in zip(pair, (foreign, english), strict=True):
            if own_id not in pool:
                findings.add(f"no sentence has the id '{own_id}'", line, "are all files of one release?")
    findings.check()


def _unique(pool: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    counts = Counter(pool.values())
    return ((own_id, text) for own_id, text in pool.items() if counts[text] == 1)
