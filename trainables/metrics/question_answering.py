"""F1 and exact match of extracted answers, by the three official scripts."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np

from trainables.metrics.metric import Metric, means, paired

_PUNCTUATION = str.maketrans("", "", string.punctuation)  # ASCII only, also for languages with other marks
_ARTICLE = re.compile(r"\b(a|an|the)\b")

# MLQA's languages; those without articles drop nothing.
_MLQA_ARTICLES = {
    "en": _ARTICLE,
    "de": re.compile(r"\b(ein|eine[mnrs]?|der|die|das|de[mns])\b"),
    "es": re.compile(r"\b(un|una|unos|unas|el|la|los|las)\b"),
    "vi": re.compile(r"\b(của|là|cái|chiếc|những)\b"),
    "ar": re.compile("ال"),  # anywhere in a word, as in the script
    "hi": None,
    "zh": None,
}
MLQA_LANGUAGES = tuple(_MLQA_ARTICLES)
_HAN_OR_WORD = re.compile(r"[\u4e00-\u9fa5]|[^\s\u4e00-\u9fa5]+")

Tokens = list[str]


def _squad(gold: Sequence[Sequence[str]], predicted: Sequence[str], language: str) -> np.ndarray:
    return _best_of_each(
        [([_tokens(text) for text in texts], _tokens(guess)) for texts, guess in _answered(gold, predicted)]
    )


def _mlqa(gold: Sequence[Sequence[str]], predicted: Sequence[str], language: str) -> np.ndarray:
    if language not in _MLQA_ARTICLES:
        raise ValueError(f"MLQA has no rules for the language '{language}': only for {', '.join(_MLQA_ARTICLES)}")
    return _best_of_each(
        [
            ([_mlqa_tokens(text, language) for text in texts], _mlqa_tokens(guess, language))
            for texts, guess in _answered(gold, predicted)
        ]
    )


def _squad2(gold: Sequence[Sequence[str]], predicted: Sequence[str], language: str) -> np.ndarray:
    questions = []
    for number, (texts, guess) in enumerate(paired(gold, predicted, "answer")):
        if isinstance(texts, str):
            raise ValueError(f"question {number}: a list of gold texts is needed, not {texts!r}")
        questions.append(([tokens for text in texts if (tokens := _tokens(text))] or [[]], _tokens(guess)))
    return _best_of_each(questions, nothing_matches=1.0)


def _answered(gold: Sequence[Sequence[str]], predicted: Sequence[str]) -> list[tuple[Sequence[str], str]]:
    pairs = paired(gold, predicted, "answer")
    for number, (texts, _) in enumerate(pairs):
        if isinstance(texts, str) or not texts:  # a bare str is a sequence too: of its letters
            raise ValueError(f"question {number}: a non-empty list of gold texts is needed, not {texts!r}")
    return pairs


def _tokens(text: str) -> Tokens:
    return _ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def _mlqa_tokens(text: str, language: str) -> Tokens:
    # ASCII's symbols, such as $ and +, are no punctuation to Unicode but are to the script.
    kept = "".join(
        char for char in text.lower() if char not in string.punctuation and unicodedata.category(char)[0] != "P"
    )
    article = _MLQA_ARTICLES[language]
    bare = article.sub(" ", kept) if article else kept
    return _HAN_OR_WORD.findall(bare) if language == "zh" else bare.split()


def _best_of_each(questions: Sequence[tuple[list[Tokens], Tokens]], nothing_matches: float = 0.0) -> np.ndarray:
    """Of (gold texts, predicted text) in tokens what is summed. `nothing_matches`: F1 of two texts without tokens."""
    return np.array(
        [
            [
                max(_overlap_f1(tokens, guess) if tokens or guess else nothing_matches for tokens in gold_tokens),
                guess in gold_tokens,
                1,
            ]
            for gold_tokens, guess in questions
        ],
        float,
    )


def _overlap_f1(gold: Tokens, predicted: Tokens) -> float:
    shared = sum((Counter(gold) & Counter(predicted)).values())
    return 2 * shared / (len(gold) + len(predicted)) if shared else 0.0


_NAMES = ("f1", "exact_match")

squad = Metric(_NAMES, _squad, means(*_NAMES))
"""Mean over questions of the best token F1 and exact match with any gold text: SQuAD v1.1. It sums (f1, exact, 1).

Source: the SQuAD v1.1 evaluation script (Rajpurkar et al. 2016), which XTREME applies to every language of XQuAD and
TyDiQA-GoldP. Tokens are what whitespace separates, so in zh or th F1 is close to exact match. Two texts that both
normalise to nothing match exactly but have F1 0, as in the script. An unanswered question is "". ValueError where the
numbers of questions differ or a question has no gold text.
"""

mlqa = Metric(_NAMES, _mlqa, means(*_NAMES))
"""Like `squad`, by the rules of a language: its articles, all Unicode punctuation, and Han characters as tokens.

Source: the MLQA evaluation script (Lewis et al. 2020), which XTREME applies to MLQA alone. The language is that of the
context: en, de, es, vi, ar, hi or zh. ValueError for another, and as in `squad`.
"""

squad2 = Metric(_NAMES, _squad2, means(*_NAMES))
"""Like `squad`, with questions that cannot be answered: SQuAD v2.0.

Source: the SQuAD v2.0 evaluation script (Rajpurkar et al. 2018). No gold texts: unanswerable; the prediction "" is
"no answer". Gold texts that normalise to nothing do not count, and nothing against nothing has F1 100. ValueError where
the numbers of questions differ.
"""
