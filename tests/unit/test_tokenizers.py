"""Features as each family's own kind of tokenizer makes them, and which tokenizers are refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, CanineTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from tests import families
from trainables import tasks
from trainables.data.examples import (
    Answer,
    MultipleChoice,
    Passage,
    Query,
    Question,
    TaggedSentence,
    TextPair,
    Translation,
)
from trainables.errors import UserError
from trainables.features import Feature
from trainables.kinds import IGNORED, Encoded, kind_of
from trainables.models.base import Base, check_tokenizer
from trainables.models.network import token_types
from trainables.training.batching import collate

WORDS = ("Anna", "King", ",", "whose", "dog", "ran", "(", "quickly", ")", "slept", "in", "Berlin", ".")
CONTEXT = "In the garden of Berlin sleeps a dog.  Omar sees the old\ndog, and Anna reads a book. " * 4
ANSWER = Answer("Anna reads", CONTEXT.index("Anna reads"))


@pytest.fixture(params=families.TOKENIZERS)
def tokenizer(request: pytest.FixtureRequest, tmp_path: Path) -> PreTrainedTokenizerBase:
    """As a checkpoint's files give it."""
    families.own(request.param).save_pretrained(tmp_path)
    found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(tmp_path)
    check_tokenizer(request.param, found)
    return found


def features(name: str, examples: list[Any], tokenizer: PreTrainedTokenizerBase, **changes: Any) -> list[Feature]:
    task = dataclasses.replace(tasks.load(name), **changes)
    return kind_of(task).features(task, examples, tokenizer)


def text_of(ids: Any, tokenizer: PreTrainedTokenizerBase) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=True)).replace(" ", "").lower()


def begins_and_ends(row: Any, tokenizer: PreTrainedTokenizerBase) -> bool:
    """As the tokenizer's own row of one letter does."""
    letter = tokenizer("a")["input_ids"]
    return (row[0], row[-1]) == (letter[0], letter[-1])


def test_two_texts_are_the_tokenizers_own_pair(tokenizer: PreTrainedTokenizerBase) -> None:
    one, two = "The dog sees the old garden.", "Anna reads."
    (whole,) = features("mini-nli", [TextPair("0", one, two, "neutral")], tokenizer)
    assert list(whole.rows[0]) == tokenizer(one, two)["input_ids"]
    (cut,) = features("mini-nli", [TextPair("0", one * 9, two, "neutral")], tokenizer, max_length=40)
    assert cut.width == 40
    assert begins_and_ends(cut.rows[0], tokenizer)
    assert text_of(cut.rows[0], tokenizer).endswith(text_of(tokenizer(two)["input_ids"], tokenizer))


def test_each_choice_has_its_row(tokenizer: PreTrainedTokenizerBase) -> None:
    example = MultipleChoice("0", "The dog ran.", ("Anna sees.", "Omar sleeps in the garden."), "1")
    (found,) = features("copa", [example], tokenizer)
    expected = [tokenizer(example.context, choice)["input_ids"] for choice in example.choices]
    assert [list(row) for row in found.rows] == expected
    assert list(found.target) == [1]


def test_words_are_cut_as_in_their_text(tokenizer: PreTrainedTokenizerBase) -> None:
    sentence = TaggedSentence("0", WORDS, ("B-PER", "I-PER", *["O"] * (len(WORDS) - 2)))
    (found,) = features("mini-ner", [sentence], tokenizer)
    row = list(found.rows[0])
    assert row == tokenizer(" ".join(WORDS))["input_ids"]
    assert [word for word, _ in found.origin] == list(range(len(WORDS)))
    ends = [*(start for _, start in found.origin[1:]), len(row) - 1]
    pieces = [text_of(row[start:end], tokenizer) for (_, start), end in zip(found.origin, ends, strict=True)]
    assert pieces == [text_of(tokenizer(word)["input_ids"], tokenizer) for word in WORDS]
    assert [place for place, target in enumerate(found.target) if target != IGNORED] == [at for _, at in found.origin]


def test_a_long_sentence_is_cut_between_words_that_stay_as_they_are(tokenizer: PreTrainedTokenizerBase) -> None:
    sentence = TaggedSentence("0", WORDS, None)
    (whole,) = features("mini-ner", [sentence], tokenizer)
    parts = features("mini-ner", [sentence], tokenizer, max_length=16)
    assert len(parts) > 1
    assert all(part.width <= 16 and begins_and_ends(part.rows[0], tokenizer) for part in parts)
    ends = 1, len(tokenizer("a")["input_ids"]) - len(tokenizer("a", add_special_tokens=False)["input_ids"]) - 1
    assert [one for part in parts for one in part.rows[0][ends[0] : -ends[1]]] == list(whole.rows[0])[
        ends[0] : -ends[1]
    ]


def test_a_span_is_found_to_the_letter_in_whichever_window(tokenizer: PreTrainedTokenizerBase) -> None:
    question = Question("0", "Who reads?", CONTEXT, (ANSWER,))
    task = dataclasses.replace(tasks.load("mini-qa"), max_length=70, window_stride=25)
    rows = kind_of(task).features(task, [question], tokenizer)
    aimed = [row for row in rows if list(row.target) != [0, 0]]
    assert len(rows) > 2
    assert aimed
    outputs = []
    for row in rows:
        assert row.width <= 70
        assert begins_and_ends(row.rows[0], tokenizer)
        places = [tuple(place) for place in row.origin]
        shown = [CONTEXT[start:end] for start, end in places if start >= 0]
        assert shown
        assert all(piece == piece.strip() != "" for piece in shown)
        output = np.zeros((row.width, 2), np.float32)
        if row in aimed:
            output[row.target[0], 0] = output[row.target[1], 1] = 9.0
        outputs.append(output)
    split = Encoded([question], rows, outputs)
    assert kind_of(task).predictions(task, split, []) == [ANSWER.text]
    covered = {at for row in rows for start, end in row.origin for at in range(start, end)}
    assert {at for at, one in enumerate(CONTEXT) if not one.isspace()} <= covered


def test_single_texts_are_the_tokenizers_own(tokenizer: PreTrainedTokenizerBase) -> None:
    (pair,) = features("mini-bitext", [Translation("0", "Anna sieht.", "Anna sees.")], tokenizer)
    assert [list(row) for row in pair.rows] == [tokenizer(one)["input_ids"] for one in ("Anna sees.", "Anna sieht.")]
    passage = Passage("p", "Anna reads.", "Anna reads. The dog ran.", ("k",))
    (query,) = features("lareqa", [Query("0", "Who reads?", "k", passage)], tokenizer)
    expected = [tokenizer("Who reads?")["input_ids"], tokenizer(passage.text, passage.context)["input_ids"]]
    assert [list(row) for row in query.rows] == expected


def test_which_text_a_token_is_of_follows_from_the_row(tokenizer: PreTrainedTokenizerBase) -> None:
    """As the tokenizer itself says, padding included; or it says nothing."""
    base = Base(None, tokenizer)  # type: ignore[arg-type]
    pairs = [("Anna reads.", "The dog ran in the garden."), ("a", "b")]
    padded = tokenizer([*pairs], padding=True, return_tensors="pt")
    single = tokenizer(["The dog.", "The dog ran in the garden."], padding=True, return_tensors="pt")
    assert (base.separator is None) == ("token_type_ids" not in padded)
    if base.separator is not None:
        for told in (padded, single):
            found = token_types(told["input_ids"], told["attention_mask"], base.separator)
            assert torch.equal(found, told["token_type_ids"])
        rows = features("mini-nli", [TextPair("0", *pair, None) for pair in pairs], tokenizer)
        batch = collate(rows, tokenizer.pad_token_id)
        assert torch.equal(batch.input_ids, padded["input_ids"])


def letters(template: str | None, pair: str | None = None, pad: str | None = "<pad>") -> PreTrainedTokenizerBase:
    """A tokenizer of a few words, with a template around them."""
    names = ["<s>", "</s>", "<pad>", "<unk>", "a", "b"]
    pieces = Tokenizer(models.WordLevel({one: at for at, one in enumerate(names)}, "<unk>"))
    pieces.pre_tokenizer = pre_tokenizers.Whitespace()
    if template is not None:
        pieces.post_processor = processors.TemplateProcessing(template, pair, [("<s>", 0), ("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token=pad, unk_token="<unk>")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: letters("<s> $A </s>", "<s> $A </s> $B </s>", pad=None), "has no padding token"),
        (lambda: letters(None), "puts nothing before a text"),
        (lambda: letters("$A </s>", "$A </s> $B </s>"), "puts nothing before a text"),
        (lambda: letters("<s> $A", "<s> $A $B"), "puts nothing between two texts"),
        (CanineTokenizer, "is written in Python"),
    ],
)
def test_a_tokenizer_without_what_features_need_is_refused(
    made: Callable[[], PreTrainedTokenizerBase], words: str
) -> None:
    with pytest.raises(UserError, match=f"the tokenizer of model 'mine' {words}"):
        check_tokenizer("mine", made())


def test_a_whole_one_is_not_refused() -> None:
    check_tokenizer("mine", letters("<s> $A </s>", "<s> $A </s> $B </s>"))


def test_texts_that_are_numbered_in_another_way_are_refused() -> None:
    odd = letters("<s>:2 $A:0 </s>:0", "<s>:2 $A:0 </s>:0 $B:1 </s>:1")
    odd.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    with pytest.raises(UserError, match="in a way that is not BERT's"):
        check_tokenizer("mine", odd)
