"""The grammars by language code."""

from __future__ import annotations

from trainables.data.mini.languages.de import German
from trainables.data.mini.languages.en import English
from trainables.data.mini.languages.grammar import Grammar

GRAMMARS: dict[str, Grammar] = {
    "en": English(),
    "de": German(),
}
LANGUAGES = tuple(GRAMMARS)

__all__ = ["GRAMMARS", "LANGUAGES", "Grammar"]
