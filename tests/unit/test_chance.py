"""What can be scored without reading: chance, and one answer to everything, which must not pass for something learnt.

For a table over all shipped tasks: python -m tests.unit.test_chance [FOLDER WITH RELEASE FILES]
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.table import Table

from sweep.console import Console
from trainables import tasks
from trainables.data import DataConfig, Source, open_source, references
from trainables.data.examples import TaggedSentence, TextPair
from trainables.features import Features
from trainables.kinds import Encoded, Prediction, kind_of, most_common
from trainables.kinds.mlm import VOCABULARY
from trainables.kinds.retrieval import RANKS
from trainables.tasks import Task
from trainables.training.evaluate import Evaluation, Split, scored

MOST = 300
"""Examples that are looked at."""


class Known(NamedTuple):
    """A split with gold labels, and the passages that its queries are answered from."""

    split: Split
    passages: list[Encoded]

    def gold(self) -> list[Any]:
        return kind_of(self.split.task).gold(self.split.examples, self.passages) or []

    def right(self) -> list[Prediction]:
        """What a model says that makes no mistake."""
        return [(one or ("",))[0] if self.split.task.kind == "span_qa" else one for one in self.gold()]

    def evaluation(self, predictions: Sequence[Prediction]) -> Evaluation:
        return scored(self.split, self.passages, predictions)


def development(source: Source, task: Task) -> Known | None:
    """What models are chosen on, in English; of tasks that lack it what they have. None without gold labels."""
    places = [(split, one) for split in ("dev", "test") for one in source.languages(task, split)]
    places.sort(key=lambda place: place[1] != task.source_language)  # stable: dev comes first
    for split, language in places:
        known = whole(source, task, split, language)
        if known.gold():
            return known
    return None


def whole(source: Source, task: Task, split: str, language: str) -> Known:
    examples = source.examples(task, split, language)[:MOST]
    others = references(source, task, split, language) if task.kind == "retrieval" else []
    passages = [Encoded(source.examples(task, *one), [], []) for one in others]
    return Known(Split(task, split, language, examples, Features([])), passages)


def constants(known: Known) -> Iterator[tuple[str, list[Prediction]]]:
    """One answer to everything: each label, each tag for all words, some texts, some rankings, no pair."""
    task, examples, gold = known.split.task, known.split.examples, known.gold()
    said: Sequence[Prediction] = task.labels
    if task.kind == "tagging":
        said = task.labels or sorted({tag for sentence in gold for tag in sentence})
    elif task.kind == "span_qa":
        answers = [answer for one in gold for answer in one]
        said = ["", "the", answers[0], most_common(answers), examples[0].context]  # type: ignore[union-attr]
    elif task.kind == "retrieval":
        ids = [passage.id for encoded in known.passages for passage in encoded.examples]
        said = [tuple(ids[:RANKS]), tuple(ids[-RANKS:])]
    elif task.kind in ("bitext_retrieval", "bitext_ranking"):
        said = [examples[0].id, examples[-1].id]
    elif task.kind == "bitext_mining":
        said = [()]
    elif task.kind == "mlm":  # as sure as one can be without reading
        said = [(repr(math.log(VOCABULARY)),)]
    for one in said:
        lengths = [len(example.tokens) for example in examples if isinstance(example, TaggedSentence)]
        yield str(one)[:20], [(str(one),) * length for length in lengths] if lengths else [one] * len(examples)


class Row(NamedTuple):
    """A line of the table: chance, the best and worst score of one answer to everything, how many are recognised."""

    chance: float
    best: float
    worst: float
    caught: int
    constants: int


def row(known: Known) -> Row:
    found = [known.evaluation(predictions) for _, predictions in constants(known)]
    values = [one.main.value for one in found if one.main.value is not None]
    chance = found[0].main.chance
    assert chance is not None
    return Row(chance, max(values), min(values), sum(one.collapsed for one in found), len(found))


def made_up(name: str) -> Known:
    known = development(open_source("mini" if tasks.load(name).mini else "mock"), tasks.load(name))
    assert known is not None
    return known


def check(known: Known) -> None:
    """Each constant is recognised, and a right model is not, unless chance is as good."""
    for said, predictions in constants(known):
        assert known.evaluation(predictions).collapsed, said
    right = known.evaluation(known.right())
    assert right.collapsed == right.main.is_at_chance


@pytest.mark.parametrize("name", tasks.names())
def test_one_answer_to_everything_is_recognised(name: str) -> None:
    known = made_up(name)
    check(known)
    assert not known.evaluation(known.right()).collapsed


@pytest.mark.parametrize("name", [name for name in tasks.names() if not tasks.load(name).mini])
def test_one_answer_to_everything_is_recognised_in_official_files(name: str, shared_data: Path) -> None:
    known = development(open_source({"files": str(shared_data)}), tasks.load(name))
    if known is None:
        pytest.skip(f"no gold labels of {name} in {shared_data}")
    check(known)


def tagged(task: Task, *sentences: str) -> Known:
    """A split of sentences of tags, one a letter."""
    names = {"N": "NOUN", "V": "VERB", "P": "PUNCT", "O": "O", "B": "B-PER"}
    examples = [TaggedSentence(str(number), tuple(one), letters(one, names)) for number, one in enumerate(sentences)]
    return Known(Split(task, "dev", "en", examples, Features([])), [])


def letters(sentence: str, names: dict[str, str]) -> tuple[str, ...]:
    return tuple(names[letter] for letter in sentence)


POS, NER = tasks.load("udpos"), tasks.load("panx")


def test_a_model_that_says_a_second_thing_has_not_collapsed() -> None:
    known = tagged(POS, *["NVP"] * 40)
    assert known.evaluation([("NOUN",) * 3] * 40).collapsed
    found = known.evaluation([("NOUN", "VERB", "VERB")] * 40)
    assert not found.collapsed
    assert found.main.value is not None
    assert found.main.value > 30


def test_one_tag_is_recognised_also_where_it_scores_above_chance() -> None:
    known = tagged(NER, *["B", "OOOOO"] * 50)
    found = known.evaluation([("B-PER",), ("B-PER",) * 5] * 50)
    assert not found.main.is_at_chance
    assert found.collapsed


def test_where_the_gold_is_one_answer_a_right_model_is_judged_by_chance() -> None:
    """One answer that is right everywhere is not held against a model; that it is at chance may be."""
    tags, pairs = tagged(POS, "NNN", "NN"), Split(tasks.load("xnli"), "dev", "en", [], Features([]))
    same = [TextPair(str(number), "a", "b", "neutral") for number in range(9)]
    for known in (tags, Known(pairs._replace(examples=same), [])):
        right = known.evaluation(known.right())
        assert right.main.chance == 100
        assert right.collapsed
        assert right.main.is_at_chance
    questions = made_up("mini-qa")
    first = questions.split.examples[0]
    alike = Known(questions.split._replace(examples=[dataclasses.replace(first, id=str(one)) for one in range(9)]), [])
    right = alike.evaluation(alike.right())
    assert len(set(alike.right())) == 1
    assert right.main.value == 100
    assert not right.collapsed
    assert alike.evaluation(["an answer that is wrong"] * 9).collapsed


def test_one_example_has_one_answer() -> None:
    """That it is the same to everything says nothing then."""
    whole = made_up("mini-qa")
    known = Known(whole.split._replace(examples=whole.split.examples[:1]), [])
    found = known.evaluation([f"{known.right()[0]} perhaps"])
    assert found.main.value is not None
    assert 0 < found.main.value < 100
    assert not found.main.is_at_chance
    assert not found.collapsed


def test_tags_are_guessed_by_their_frequency() -> None:
    known = tagged(POS, *["NVP" * 30 + "N" * 60] * 20)
    guessed = kind_of(POS).guesses(POS, known.split.examples, [])
    assert guessed == kind_of(POS).guesses(POS, known.split.examples, [])  # in every run
    words = [tag for sentence in guessed for tag in sentence]
    shares = {tag: words.count(tag) / len(words) for tag in ("NOUN", "VERB", "PUNCT")}
    assert shares == pytest.approx({"NOUN": 0.6, "VERB": 0.2, "PUNCT": 0.2}, abs=0.03)


def test_a_split_without_any_entity_has_a_score_and_a_chance() -> None:
    known = tagged(NER, "OO", "O")
    for guessed in ([("O", "O"), ("O",)], [("B-LOC", "O"), ("O",)]):
        main = known.evaluation(guessed).main
        assert (main.value, main.chance) == (0, 0)


def test_where_words_are_counted_all_get_the_most_common_tag() -> None:
    counted = dataclasses.replace(NER, metric="tag_accuracy")
    known = tagged(counted, "OOOB", "OB")
    assert kind_of(counted).guesses(counted, known.split.examples, []) == [("O",) * 4, ("O",) * 2]
    assert known.evaluation([("O",) * 4, ("O",) * 2]).main.chance == pytest.approx(100 * 4 / 6)


def main(data: DataConfig) -> None:
    table = Table("task", "split", "n", "chance", "best constant", "worst constant", "caught", box=None)
    for name in tasks.names():
        task = tasks.load(name)
        known = development(open_source("mini" if task.mini else data), task)
        if known is not None:
            found, split = row(known), known.split
            scores = [f"{value:.1f}" for value in (found.chance, found.best, found.worst)]
            place = f"{split.name} {split.language}"
            table.add_row(name, place, str(len(split.examples)), *scores, f"{found.caught} of {found.constants}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main({"files": sys.argv[1]} if sys.argv[1:] else "mock")
