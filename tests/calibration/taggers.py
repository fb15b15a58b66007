"""Real answers that need no network: taggers that know words by heart, each from other sentences."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.calibration.world import Floats
from trainables.data import mini
from trainables.data.examples import TaggedSentence
from trainables.metrics import METRICS

Sentence = Sequence[tuple[str, str]]
"""Words and their tags."""

Corpora = Mapping[str, Sequence[Sentence]]
"""By language."""

SUFFIX = 3
"""Letters by which a word is guessed that was never seen."""


@dataclass(frozen=True)
class Tagger:
    """The most frequent tag of a word, or of its last letters, or of all."""

    words: Mapping[str, str]
    suffixes: Mapping[str, str]
    other: str

    @classmethod
    def of(cls, sentences: Sequence[Sentence]) -> Tagger:
        """What some sentences teach."""
        words: dict[str, Counter[str]] = defaultdict(Counter)
        suffixes: dict[str, Counter[str]] = defaultdict(Counter)
        for sentence in sentences:
            for word, tag in sentence:
                words[word][tag] += 1
                suffixes[word[-SUFFIX:]][tag] += 1
        every: Counter[str] = sum(suffixes.values(), Counter())
        return cls(_most(words), _most(suffixes), every.most_common(1)[0][0])

    def tag(self, word: str) -> str:
        return self.words.get(word) or self.suffixes.get(word[-SUFFIX:], self.other)


def two_models(train: Corpora, test: Corpora) -> tuple[Floats, Floats]:
    """What the metric sums (languages, sentences, k) of two models, each taught by every other training sentence."""
    most = max(map(len, test.values()))
    sides = []
    for start in (0, 1):
        sums = np.zeros((len(test), most, 3))
        for place, (language, sentences) in enumerate(test.items()):
            tagger = Tagger.of(train[language][start::2])
            gold = [[tag for _, tag in sentence] for sentence in sentences]
            predicted = [[tagger.tag(word) for word, _ in sentence] for sentence in sentences]
            sums[place, : len(sentences)] = METRICS["pos_f1"].statistics(gold, predicted, language)
        sides.append(sums)
    return sides[0], sides[1]


def of_mini() -> tuple[Floats, Floats]:
    """Two models on the embedded benchmark, whose languages are parallel."""
    return two_models(*({one: _mini(split, one) for one in mini.LANGUAGES} for split in ("train", "test")))


def of_treebanks(folder: Path, most: int | None = None) -> tuple[Floats, Floats]:
    """Two models on treebanks of the folder `udpos`, whose languages are not, taught by the development sentences."""
    tested = [file.stem.removeprefix("test-") for file in sorted(folder.glob("test-*.tsv"))]
    languages = [one for one in tested if (folder / f"dev-{one}.tsv").exists()]
    train, test = ({one: _read(folder / f"{split}-{one}.tsv")[:most] for one in languages} for split in ("dev", "test"))
    return two_models(train, test)


def _mini(split: str, language: str) -> list[Sentence]:
    found = mini.examples("pos", split, language)
    sentences = [one for one in found if isinstance(one, TaggedSentence)]
    size = 40 if split == "train" else len(sentences)  # so few that words are missing
    return [list(zip(one.tokens, one.tags or (), strict=True)) for one in sentences[:size]]


def _read(file: Path) -> list[Sentence]:
    blocks = file.read_text(encoding="utf-8").strip().split("\n\n")
    rows = [[line.split("\t") for line in block.split("\n")] for block in blocks]
    return [[(row[0], row[1]) for row in block] for block in rows]


def _most(counts: Mapping[str, Counter[str]]) -> dict[str, str]:
    return {key: count.most_common(1)[0][0] for key, count in counts.items()}
