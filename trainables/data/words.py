"""Which words a text of any language has, so that lengths can be compared across languages."""

from __future__ import annotations

import re

_WITHOUT_SPACES = (
    "\u0e00-\u0e7f\u0e80-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_WORD = re.compile(rf"[{_WITHOUT_SPACES}]|[^\s{_WITHOUT_SPACES}]+")


def words(text: str) -> list[str]:
    """What stands between spaces; in scripts that have none between words, each character.

    The rule that MLQA's evaluation has for Chinese, for all such scripts: there are more "words" in a sentence of Thai
    than Thai would say. Punctuation belongs to the word beside it.
    """
    return _WORD.findall(text)
