"""The examples that were scored, written into the store once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from trainables import sealed
from trainables.data import Source, kept, reference_language, references
from trainables.data.examples import Example
from trainables.data.items import Place, places, places_among
from trainables.errors import UserError
from trainables.features import Features
from trainables.spec import content_hash
from trainables.store import Store
from trainables.tasks import Task
from trainables.training.recent import Recent
from trainables.training.shares import Part


class KeptExamples:
    """Those of a store, under the fingerprints of what they are.

    Args:
        examples: reads a split in one language.
        writes: whether this worker does; the others know the fingerprints.
    """

    def __init__(
        self,
        store: Store,
        source: Source,
        examples: Callable[[Task, str, str], Sequence[Example]],
        writes: bool,
    ) -> None:
        self._store, self._source = store, source
        self._examples, self._writes = examples, writes
        self._places, self._fingerprints = Recent(1000), Recent(1000)

    def keep(
        self,
        task: Task,
        split: str,
        language: str,
        part: Part,
        tokenizer_hash: str,
        features: Features,
        gold: Callable[[], Sequence[Any] | None],
    ) -> str:
        """Keeps a part of the examples of a split, unless it is there, and says under which fingerprint.

        Args:
            tokenizer_hash: of what made the features.
            features: those of the part.
            gold: what the metric compares with, asked for where they are not kept yet.
        """
        other = reference_language(self._source, task, split)

        def write() -> str:
            read = [(split, language), *references(self._source, task, split, language)]
            read += [] if other is None else [(split, other)]
            content = [self._source.fingerprint(task, *one) for one in read]
            place = [task.name, split, language, part, task.parallel, task.grouped_by]
            fingerprint = content_hash([kept.VERSION, content, task.definition, tokenizer_hash, *place])
            name = kept.name(fingerprint)
            if self._writes and not self._store.exists(name):
                examples = part.of(self._examples(task, split, language))
                tokens = np.bincount(features.examples(), features.lengths(), len(examples))
                drawn = part.of(self._drawn(task, split, language, other))
                table = kept.table(task, split, language, examples, drawn, gold(), tokens)
                self._store.write(name, sealed.write(table))
            return fingerprint

        return self._fingerprints.get((task.name, split, language, part, task.definition, tokenizer_hash), write)

    def _drawn(self, task: Task, split: str, language: str, other: str | None) -> Sequence[Place]:
        """What each example of a split is drawn with, where it is compared with another language."""

        def find() -> Sequence[Place]:
            own = self._examples(task, split, language)
            if other is None:
                return places(own)
            try:
                return places_among(own, language, self._examples(task, split, other))
            except UserError:  # a trial does not fail of a language that it does not read
                return places_among(own, language, [])

        return self._places.get((task.name, split, language), find)
