"""The grammars by language code."""

from __future__ import annotations

from trainables.data.mini.languages.de import German
from trainables.data.mini.languages.en import English
from trainables.data.mini.languages.es import Spanish
from trainables.data.mini.languages.grammar import Grammar
from trainables.data.mini.languages.hi import Hindi
from trainables.data.mini.languages.ru import Russian
from trainables.data.mini.languages.sw import Swahili
from trainables.data.mini.languages.tr import Turkish
from trainables.data.mini.languages.zh import Chinese

GRAMMARS: dict[str, Grammar] = {
    "en": English(),
    "de": German(),
    "es": Spanish(),
    "ru": Russian(),
    "zh": Chinese(),
    "hi": Hindi(),
    "sw": Swahili(),
    "tr": Turkish(),
}
LANGUAGES = tuple(GRAMMARS)

__all__ = ["GRAMMARS", "LANGUAGES", "Grammar"]
