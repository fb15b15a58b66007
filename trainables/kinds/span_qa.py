"""The answer to a question is a span of a passage: SQuAD and its translations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from trainables.data.examples import Answer, Question
from trainables.kinds import IGNORED, Feature, Head, Prediction, linear
from trainables.tasks import Task

Offsets = list[tuple[int, int] | None]
"""For each token its place in the passage (start, end in code points); None for all that is not passage."""


def features(task: Task, examples: Sequence[Question], tokenizer: PreTrainedTokenizerBase) -> list[Feature]:
    """`<s> question </s></s> passage </s>`, in windows that move `window_stride` tokens over a long passage.

    A window without the answer aims at the first token. An answer that the passage does not hold, or whose ends the
    tokenizer cannot meet, is aimed at by no window (target IGNORED, weight 0); it counts in evaluation all the same.
    """
    rows: list[Feature] = []
    special = tokenizer.num_special_tokens_to_add(pair=True)
    for position, example in enumerate(examples):
        question = _cut(example.question.strip(), task.max_question, tokenizer)
        question_length = len(tokenizer(question, add_special_tokens=False)["input_ids"])
        room = task.max_length - question_length - special
        windows = tokenizer(
            [question],
            [example.context],
            truncation="only_second",
            max_length=task.max_length,
            stride=max(0, room - task.window_stride),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        answer = example.answers[0] if example.answers else None
        for window, (input_ids, places) in enumerate(zip(windows["input_ids"], windows["offset_mapping"], strict=True)):
            sides = windows.sequence_ids(window)
            offsets: Offsets = [
                (start, end) if side == 1 and end > start else None
                for (start, end), side in zip(places, sides, strict=True)
            ]
            target = _target(answer, example.context, offsets)
            rows.append(Feature(input_ids, position, target, int(target[0] != IGNORED), offsets))
    return rows


def _cut(text: str, tokens: int, tokenizer: PreTrainedTokenizerBase) -> str:
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return text if len(offsets) <= tokens else text[: offsets[tokens - 1][1]]


def _target(answer: Answer | None, context: str, offsets: Offsets) -> list[int]:
    if answer is None or answer.start < 0 or not answer.text.strip():
        return [IGNORED, IGNORED]
    lead = len(answer.text) - len(answer.text.lstrip())
    first, last = answer.start + lead, answer.start + lead + len(answer.text.strip())
    inside = [(token, place) for token, place in enumerate(offsets) if place]
    if not inside or first < inside[0][1][0] or last > inside[-1][1][1]:
        return [0, 0]
    touched = [token for token, (start, end) in inside if start < last and end > first]
    return [touched[0], touched[-1]] if touched else [IGNORED, IGNORED]


class SpanHead(Head):
    """One linear layer that scores each token as the start and as the end. Output (B, L, 2), -inf on padding."""

    def __init__(self, task: Task, config: Any) -> None:
        super().__init__()
        self.out = linear(config.hidden_size, 2, config)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        return self.out(hidden).float().masked_fill(mask[:, :, None] == 0, -1e30)


head = SpanHead


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """The sum over windows of the mean of the start's and the end's cross-entropy."""
    start, end = (
        functional.cross_entropy(outputs[:, :, side], targets[:, side], ignore_index=IGNORED, reduction="sum")
        for side in (0, 1)
    )
    return (start + end) / 2


def predictions(
    task: Task, examples: Sequence[Question], features: Sequence[Feature], outputs: Sequence[np.ndarray]
) -> list[Prediction]:
    """The span with the highest sum of start and end score, over all windows of the passage."""
    best: list[tuple[float, str]] = [(-np.inf, "")] * len(examples)
    for feature, output in zip(features, outputs, strict=True):
        context = examples[feature.example].context
        found = _best_span(task, feature.origin, output)
        if found and found[0] > best[feature.example][0]:
            score, first, last = found
            best[feature.example] = (score, context[first:last])
    return [text for _, text in best]


def _best_span(task: Task, offsets: Offsets, output: np.ndarray) -> tuple[float, int, int] | None:
    """Score, start and end in code points of the best span of one window, among its best starts and ends."""
    passage = np.array([place is not None for place in offsets])
    scores = np.where(passage[:, None], output, -np.inf)
    starts, ends = (np.argsort(-scores[:, side], kind="stable")[: task.best_answers] for side in (0, 1))
    spans = [
        (float(scores[start, 0] + scores[end, 1]), int(start), int(end))
        for start in starts
        for end in ends
        if start <= end < start + task.max_answer and passage[start] and passage[end]
    ]
    if not spans:
        return None
    score, start, end = max(spans)
    first, last = offsets[start], offsets[end]
    assert first is not None and last is not None  # both lie in the passage
    return score, first[0], last[1]


def gold(examples: Sequence[Question]) -> list[tuple[str, ...]] | None:
    """Every annotator's answer to each question."""
    answers = [tuple(answer.text for answer in example.answers) for example in examples if example.answers is not None]
    return answers if len(answers) == len(examples) else None


def guesses(task: Task, examples: Sequence[Question]) -> list[Prediction]:
    """As many words as the gold answer has, from a random place of the passage (the same in every run)."""
    rng = np.random.default_rng(0)
    spans: list[Prediction] = []
    for example in examples:
        answer = example.answers[0].text if example.answers else ""
        glue = " " if " " in example.context.strip() else ""  # without spaces a character is a word
        words, length = (len(text.split()) if glue else len(text) for text in (example.context, answer))
        units = example.context.split() if glue else list(example.context)
        start = int(rng.integers(max(1, words - length + 1)))
        spans.append(glue.join(units[start : start + length]))
    return spans
