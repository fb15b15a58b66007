"""F1 and exact match of extracted answers."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

from trainables.metrics.classification import paired

_PUNCTUATION = str.maketrans("", "", string.punctuation)  # ASCII only, also for languages with other marks
_ARTICLE = re.compile(r"\b(a|an|the)\b")


def squad(gold: Sequence[Sequence[str]], predicted: Sequence[str]) -> dict[str, float]:
    """Mean over questions of the best token F1 and exact match with any gold text, in percent: SQuAD v1.1.

    Source: the SQuAD v1.1 evaluation script (Rajpurkar et al. 2016), which XTREME applies to every language of
    XQuAD and TyDiQA-GoldP. Tokens are what whitespace separates, so in zh or th F1 is close to exact match. Two
    texts that both normalise to nothing match exactly but have F1 0, as in the script. An unanswered question is "".
    ValueError where the numbers of questions differ or a question has no gold text.
    """
    pairs = paired(gold, predicted, "answer")
    f1 = exact_match = 0.0
    for number, (texts, guess) in enumerate(pairs):
        if isinstance(texts, str) or not texts:  # a bare str is a sequence too: of its letters
            raise ValueError(f"question {number}: a non-empty list of gold texts is needed, not {texts!r}")
        guess_tokens = _tokens(guess)
        gold_tokens = [_tokens(text) for text in texts]
        f1 += max(_overlap_f1(tokens, guess_tokens) for tokens in gold_tokens)
        exact_match += guess_tokens in gold_tokens
    return {"f1": 100 * f1 / len(pairs), "exact_match": 100 * exact_match / len(pairs)}


def _tokens(text: str) -> list[str]:
    return _ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def _overlap_f1(gold: list[str], predicted: list[str]) -> float:
    shared = sum((Counter(gold) & Counter(predicted)).values())
    return 2 * shared / (len(gold) + len(predicted)) if shared else 0.0
