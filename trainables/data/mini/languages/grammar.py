"""What the grammars share: phrases from a lexicon put in the language's own order, finished as a sentence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from trainables.data.mini.frames import Asked, Bound, Frame
from trainables.data.mini.sentence import Sentence, Word, capitalised, words


class Grammar(ABC):
    """One language. Lexicon entries use the notation of `sentence.words`; subclasses add objects, verbs and order."""

    agents: ClassVar[Mapping[str, str]]
    recipients: ClassVar[Mapping[str, str]]
    places: ClassVar[Mapping[str, str]]
    times: ClassVar[Mapping[str, str]]
    # The question phrase of each asked role, as it stands in the sentence ("to whom", "where").
    question_words: ClassVar[Mapping[Asked, str]]
    # Numerals, what makes bounds of them ("more than"), and what stands in their place under negation ("any").
    numbers: ClassVar[Mapping[int, str]]
    bounds: ClassVar[Mapping[Bound, str]]
    bound_follows: ClassVar[bool] = False
    none: ClassVar[str] = ""
    conjunction: ClassVar[str]
    stop: ClassVar[str] = "."
    question_marks: ClassVar[tuple[str, str]] = ("", "?")
    joiner: ClassVar[str] = " "

    @abstractmethod
    def order(self, frame: Frame, asked: Asked | None) -> Sequence[str]:
        """The constituents' names in the order of this clause; those that the frame lacks are passed over."""

    @abstractmethod
    def object_phrase(self, frame: Frame, asked: Asked | None) -> list[Word]:
        """Numeral, adjective and noun; with `asked == "count"` the question for the number."""

    @abstractmethod
    def verb_parts(self, frame: Frame, asked: Asked | None) -> dict[str, list[Word]]:
        """The verb and what goes with it (auxiliary, negation, clitic), named as `order` names them."""

    def statement(self, *frames: Frame) -> Sentence:
        """The frames as one sentence, coordinated where there are several."""
        clauses: list[Word] = []
        for frame in frames:
            if clauses:
                clauses += words(self.conjunction)
            clauses += self.clause(frame)
        return Sentence((*capitalised(clauses), Word(self.stop, "PUNCT")), self.joiner)

    def question(self, frame: Frame, asked: Asked) -> Sentence:
        """The question that the asked role of the frame answers."""
        opening, closing = (([Word(mark, "PUNCT")] if mark else []) for mark in self.question_marks)
        return Sentence((*opening, *capitalised(self.clause(frame, asked)), *closing), self.joiner)

    def clause(self, frame: Frame, asked: Asked | None = None) -> list[Word]:
        parts = self.verb_parts(frame, asked)
        parts["agent"] = words(self.agents[frame.agent], "agent")
        parts["object"] = self.object_phrase(frame, asked)
        if frame.recipient is not None:
            parts["recipient"] = words(self.recipients[frame.recipient], "recipient")
        if frame.place is not None:
            parts["place"] = words(self.places[frame.place], "place")
        if frame.time is not None:
            parts["time"] = words(self.times[frame.time], "time")
        if asked is not None and asked != "count":
            parts[asked] = words(self.question_words[asked])
        return [word for name in self.order(frame, asked) for word in parts.get(name, ())]

    def quantity(self, frame: Frame, asked: Asked | None) -> list[Word]:
        """The numeral with its bound, or what stands in its place in a question or under negation."""
        if asked == "count":
            return words(self.how_many(frame))
        if frame.count is None:
            return words(self.none)
        number = [Word(self.numeral(frame, frame.count), "NUM", role="object.count")]
        bound = words(self.bounds[frame.bound], "object.bound")
        return number + bound if self.bound_follows else bound + number

    def how_many(self, frame: Frame) -> str:
        """The question for the number; overridden where it agrees with the noun."""
        return self.question_words["count"]

    def numeral(self, frame: Frame, count: int) -> str:
        """The numeral's form; overridden where it inflects."""
        return self.numbers[count]
