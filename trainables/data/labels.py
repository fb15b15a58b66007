"""The labels of examples: which there are, and which of them the training data has not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from trainables.data.examples import Example, LabelledText, TaggedSentence, TextPair

_SHOWN = 5


def labels_of(example: Example) -> Sequence[str]:
    """The labels of a text's, pair's or sentence's gold; none where it is hidden."""
    match example:
        case TextPair(label=str(label)) | LabelledText(label=str(label)):
            return (label,)
        case TaggedSentence(tags=tuple(tags)):
            return tags
    return ()


def unseen(known: Collection[str], examples: Iterable[Example]) -> str | None:
    """Gold labels beside the known ones, which no model can predict, the most frequent first; None: there are none."""
    counts = Counter(label for example in examples for label in labels_of(example) if label not in known)
    if not counts:
        return None
    shown = ", ".join(f"'{label}' ({count})" for label, count in counts.most_common(_SHOWN))
    return shown if len(counts) <= _SHOWN else f"{shown} and {len(counts) - _SHOWN} more"
