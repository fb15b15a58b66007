"""What a store's first run has found out about a model: later ones, on whatever machine, take it from there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from trainables.errors import Problem, UserError
from trainables.store import Store


@dataclass(frozen=True)
class Record:
    """A file of the store with a word for each model.

    Attributes:
        name: of the file.
        what, word: what it records, of all models and of one.
        is_word: whether that can be it.
        hint: what to do where the file is damaged.
    """

    name: str
    what: str
    word: str
    is_word: Callable[[str], bool]
    hint: str

    def read(self, store: Store) -> dict[str, str]:
        """The words in a store. Raises UserError where the file is damaged."""
        try:
            found = json.loads(store.read(self.name))
        except FileNotFoundError:
            return {}
        except ValueError:
            found = None
        if isinstance(found, dict) and all(isinstance(one, str) and self.is_word(one) for one in found.values()):
            return found
        message = f"is not the record of {self.what} that was written"
        raise UserError(Problem(message, store.path(self.name), hint=self.hint))

    def write(self, store: Store, model: str, word: str) -> None:
        """Adds a word. Raises UserError where the store has another one by now."""
        known = self.read(store)
        if known.setdefault(model, word) != word:
            message = f"the store has {self.word} {known[model]} of '{model}' since a moment ago"
            raise UserError(Problem(message, hint="give the same command again: it takes that one"))
        store.write(self.name, json.dumps(known, indent=1).encode())
