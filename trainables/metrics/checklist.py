"""The error rate of a suite of tests in CheckList's manner: a case fails as soon as one of its questions does."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trainables.metrics.metric import Metric, paired, ratio
from trainables.reports import ERROR_RATE

_PUNCTUATION = ",. "
_FURTHER_PUNCTUATION = {"bn": "৷", "hi": "৷", "pa": "।", "pl": "„”", "ur": "\u200f"}

_WORDS = {
    "de": "ein eine einen", "el": "Ο ένα μια", "en": "a an the in at", "es": "un una unos unas el la los las",
    "eu": "bat", "fa": "یک", "fr": "un une le la en", "hu": "egy", "it": "un una", "nl": "een", "pt": "um uma",
    "tl": "Si", "tr": "bir", "vi": "một", "wo": "dafa", "yo": "kan",
}  # fmt: skip
_BEGINNINGS = {"bn": "একটি একজন", "hi": "एक", "ml": "ഒരു", "mr": "एक", "my": "တစ်ဦး", "pa": "ਇੱਕ ਇਕ", "ta": "ஒரு"}
_DROPPED: Mapping[str, re.Pattern[str]] = {
    **{language: re.compile(rf"\b({'|'.join(words.split())})\b") for language, words in _WORDS.items()},
    **{language: re.compile(rf"\b({'|'.join(words.split())})") for language, words in _BEGINNINGS.items()},
    "af": re.compile(r"’n\b"),
    "ar": re.compile("ال"),  # anywhere in a word, as in the script
}
"""What does not count in an answer: articles, and in some languages what stands before an answer."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a question of a test must be answered with: one of these texts. `case` is a case of `test`, by any name."""

    texts: tuple[str, ...]
    test: str
    case: str


def _failed(gold: Sequence[Expected], predicted: Sequence[str], language: str) -> np.ndarray:
    pairs = paired(gold, predicted, "answer")
    columns = {test: 2 * number for number, test in enumerate(_tests(gold))}
    found = np.zeros((len(gold), 2 * len(columns)))
    first: dict[tuple[str, str], int] = {}
    for position, (expected, guess) in enumerate(pairs):
        start, column = first.setdefault((expected.test, expected.case), position), columns[expected.test]
        found[start, column + 1] = 1
        if bare(guess, language) not in {bare(text, language) for text in expected.texts}:
            found[start, column] = 1
    return found


def _tests(gold: Sequence[Expected]) -> list[str]:
    return list(dict.fromkeys(one.test for one in gold))


def _mean_of_tests(sums: np.ndarray) -> dict[str, np.ndarray]:
    failed, cases = sums[..., 0::2], sums[..., 1::2]
    tests = (cases > 0).sum(axis=-1)  # a sample may have no case of some
    return {ERROR_RATE: ratio(ratio(100 * failed, cases).sum(axis=-1), tests)}


error_rate = Metric((ERROR_RATE,), _failed, _mean_of_tests, _tests)
"""How many cases of each test fail, and the mean of the tests: less is better.

Source: the evaluation script of MultiCheckList (Ruder et al. 2021), which has no mean. A question is answered if the
prediction is one of its texts, less what `bare` leaves out; capitals count. A case fails if any of its questions is
not. ValueError where the numbers of questions differ.

It sums (failed cases, cases) of one test after the other, in the order in which they come; what is true of a case
stands at the first of its questions.
"""


def cases(gold: Sequence[Expected]) -> dict[str, int]:
    """How many cases each of the scores is about, by its name."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in gold:
        found[one.test].add(one.case)
    counts = {f"{ERROR_RATE}/{test}": len(cases) for test, cases in found.items()}
    return {ERROR_RATE: sum(counts.values()), **counts}


def bare(text: str, language: str) -> str:
    """A text without the articles of its language, and without punctuation at its ends."""
    kept = _DROPPED[language].sub(" ", text) if language in _DROPPED else text
    return kept.strip(_PUNCTUATION + _FURTHER_PUNCTUATION.get(language, ""))
