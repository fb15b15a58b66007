"""A tag for every word: parts of speech, named entities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from trainables.data.examples import TaggedSentence
from trainables.kinds import IGNORED, Encoded, Feature, Head, Prediction, dropout_of, highest, linear, most_common
from trainables.tasks import Task


def features(task: Task, examples: Sequence[TaggedSentence], tokenizer: PreTrainedTokenizerBase) -> list[Feature]:
    """Words cut into sub-tokens, of which the first bears the tag; long sentences are cut between words.

    A word becomes what it is in the text of all words with spaces between them.

    `origin` lists (word, token) for each first sub-token. A word that the tokenizer drops (a lone control character)
    becomes the unknown token, so that every word gets a tag.
    """
    label_ids = {label: index for index, label in enumerate(task.labels)}
    space = joint(tokenizer)
    words = [space + token if word else token for example in examples for word, token in enumerate(example.tokens)]
    encoded = tokenizer(words, add_special_tokens=False, return_attention_mask=False)["input_ids"] if words else []
    pieces = iter(encoded)
    around = special_tokens(tokenizer)
    room = task.max_length - sum(map(len, around))
    rows: list[Feature] = []
    for position, example in enumerate(examples):
        row = _Row(position, *around)
        for word in range(len(example.tokens)):
            ids = (next(pieces) or [tokenizer.unk_token_id])[:room]
            if row.length + len(ids) > room:
                rows.append(row.closed())
                row = _Row(position, *around)
            row.add(word, ids, IGNORED if example.tags is None else label_ids.get(example.tags[word], IGNORED))
        rows.append(row.closed())
    return rows


def joint(tokenizer: PreTrainedTokenizerBase) -> str:
    """What a word must have before it to become the pieces that it is within a text.

    A space where that counts to the word behind it, as in BPE of bytes and Gemma's; XLM-R's and BERT's need none.
    """
    alone, twice = tokenizer(["a", "a a"], add_special_tokens=False)["input_ids"]
    return "" if twice == alone + alone else " "


def special_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """What the tokenizer puts before and behind a text: `<s>` and `</s>`, in XLM-R's."""
    bare: list[int] = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole: list[int] = tokenizer("a")["input_ids"]
    start = next(at for at in range(len(whole)) if whole[at : at + len(bare)] == bare)
    return whole[:start], whole[start + len(bare) :]


class _Row:
    """A row that grows by words."""

    def __init__(self, example: int, start: list[int], end: list[int]) -> None:
        self.example, self.end = example, end
        self.input_ids, self.target = [*start], [IGNORED] * len(start)
        self.length = 0
        self.origin: list[tuple[int, int]] = []

    def add(self, word: int, ids: list[int], target: int) -> None:
        self.origin.append((word, len(self.input_ids)))
        self.input_ids += ids
        self.target += [target] + [IGNORED] * (len(ids) - 1)
        self.length += len(ids)

    def closed(self) -> Feature:
        weight = sum(target != IGNORED for target in self.target)
        target = self.target + [IGNORED] * len(self.end)
        return Feature([[*self.input_ids, *self.end]], self.example, target, weight, self.origin)


class TaggingHead(Head):
    """One linear layer. Output (B, L, labels)."""

    def __init__(self, task: Task, config: Any) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout_of(config))
        self.out = linear(config.hidden_size, len(task.labels), config)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        return self.out(self.dropout(hidden))


head = TaggingHead


def loss(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    """The sum of the words' cross-entropies."""
    return functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")


def predictions(task: Task, split: Encoded, references: Sequence[Encoded]) -> list[Prediction]:
    """The most probable tag at each word's first sub-token."""
    tags: list[list[str]] = [[""] * len(example.tokens) for example in split.examples]
    for feature, output in zip(split.features, split.outputs, strict=True):
        best = output.argmax(axis=-1)
        for word, token in feature.origin:
            tags[feature.example][word] = task.labels[int(best[token])]
    return [tuple(sentence) for sentence in tags]


def confidences(task: Task, split: Encoded) -> Sequence[float]:
    """The mean over a sentence's words of the probability of the tag."""
    sums, words = np.zeros(len(split.examples)), np.zeros(len(split.examples))
    for feature, output in zip(split.features, split.outputs, strict=True):
        tokens = np.asarray(feature.origin).reshape(-1, 2)[:, 1]
        sums[feature.example] += highest(output)[tokens].sum()
        words[feature.example] += len(tokens)
    return (sums / np.maximum(words, 1)).tolist()


def gold(examples: Sequence[TaggedSentence], references: Sequence[Encoded]) -> list[tuple[str, ...]] | None:
    """The tags of each sentence."""
    tags = [example.tags for example in examples if example.tags is not None]
    return tags if len(tags) == len(examples) else None


def guesses(task: Task, examples: Sequence[TaggedSentence], references: Sequence[Encoded]) -> list[Prediction]:
    """Where words are counted, all get the most common tag; where chunks are, each draws one by the tags' frequencies.

    One tag for all words finds hardly a chunk, less than guessing does. The draw is the same in every run.
    """
    tags = [tag for sentence in gold(examples, references) or [] for tag in sentence]
    if task.metric == "tag_accuracy":
        return [(most_common(tags),) * len(example.tokens) for example in examples]
    drawn = iter(np.random.default_rng(0).choice(tags, len(tags)).tolist())
    return [tuple(next(drawn) for _ in example.tokens) for example in examples]


def answers(predictions: Sequence[Prediction]) -> Sequence[Prediction]:
    """A tag for each word."""
    return [tag for sentence in predictions for tag in sentence]
