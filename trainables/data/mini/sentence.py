"""A sentence as labelled words, its text, and the span of each of its roles in that text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

# Function words belong to a phrase, not to the answer: "in Madrid" is asked for by "where" and answered by "Madrid".
FUNCTION_WORDS = frozenset({"ADP", "DET"})
OPENING = frozenset("¿")


@dataclass(frozen=True, slots=True)
class Word:
    """A token with its UPOS tag, its IOB2 entity tag and its role in the frame (dotted: `object.count`)."""

    form: str
    upos: str
    entity: str = "O"
    role: str | None = None


def words(notation: str, role: str | None = None) -> list[Word]:
    """Words from the lexicons' notation, `in/ADP New/PROPN York/PROPN`; people and places become entities.

    A tag that ends in `-` (`jijini/NOUN- Madrid/PROPN`) keeps a content word out of the role.
    """
    return list(_parsed(notation, role))


@cache  # a lexicon has a few hundred entries, and a split repeats them thousands of times
def _parsed(notation: str, role: str | None) -> tuple[Word, ...]:
    kind = {"agent": "PER", "recipient": "PER", "place": "LOC"}.get(role or "")
    result: list[Word] = []
    inside = False
    for item in notation.split():
        form, upos = item.rsplit("/", 1)
        outside = upos.endswith("-") or upos in FUNCTION_WORDS
        upos = upos.removesuffix("-")
        named = kind is not None and upos == "PROPN"
        entity = f"{'I' if inside else 'B'}-{kind}" if named else "O"
        inside = named
        result.append(Word(form, upos, entity, None if outside else role))
    return tuple(result)


def capitalised(sentence: list[Word]) -> list[Word]:
    """The words with a capital at the start."""
    first, *rest = sentence
    return [replace(first, form=first.form[0].upper() + first.form[1:]), *rest]


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words of one sentence; `joiner` is what the script puts between two of them."""

    words: tuple[Word, ...]
    joiner: str = " "

    @property
    def tokens(self) -> tuple[str, ...]:
        return tuple(word.form for word in self.words)

    @property
    def text(self) -> str:
        return "".join(self._pieces())

    def span(self, role: str) -> tuple[int, int]:
        """Start and end in `text` of the words of a role or of its parts; they must stand together."""
        position, covered, found = 0, [], []
        for index, (word, piece) in enumerate(zip(self.words, self._pieces(), strict=True)):
            end = position + len(piece)
            if word.role is not None and (word.role == role or word.role.startswith(role + ".")):
                covered.append((end - len(word.form), end))
                found.append(index)
            position = end
        if not found or found != list(range(found[0], found[-1] + 1)):
            raise ValueError(f"role {role!r} is not one span of {self.text!r}")
        return covered[0][0], covered[-1][1]

    def _pieces(self) -> list[str]:
        """Each word with the space before it."""
        pieces = []
        previous: Word | None = None
        for word in self.words:
            closing = word.upos == "PUNCT" and word.form not in OPENING
            glued = previous is None or closing or previous.form in OPENING
            pieces.append(word.form if glued else self.joiner + word.form)
            previous = word
        return pieces
