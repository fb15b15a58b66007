"""The answer to a question is a span of a passage: SQuAD and its translations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from trainables.data.examples import Question
from trainables.kinds import IGNORED, Encoded, Feature, Head, Prediction, highest, linear, one_an_example
from trainables.tasks import Task

answers = one_an_example

NOWHERE = (-1, -1)

Offsets = Sequence[tuple[int, int]]
"""For each token its place in the passage (start, end in code points); NOWHERE for all that is not passage."""


def features(task: Task, examples: Sequence[Question], tokenizer: PreTrainedTokenizerBase) -> list[Feature]:
    """`<s> question </s></s> passage </s>`, in windows that move `window_stride` tokens over a long passage.

    A window without the answer aims at the first token; so do all windows of a question that has no answer, if the task
    has such questions. An answer that the passage does not hold, or whose ends the tokenizer cannot
    meet, is aimed at by no window (target IGNORED, weight 0); it counts in evaluation all the same.
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
        for window, (input_ids, places) in enumerate(zip(windows["input_ids"], windows["offset_mapping"], strict=True)):
            sides = windows.sequence_ids(window)
            offsets = [
                _without_space(example.context, *place) if side == 1 else NOWHERE
                for place, side in zip(places, sides, strict=True)
            ]
            target = _target(task, example, offsets)
            rows.append(Feature([input_ids], position, target, int(target[0] != IGNORED), offsets))
    return rows


def _without_space(context: str, start: int, end: int) -> tuple[int, int]:
    """A token's place without the space that some tokenizers count to the word behind it."""
    while start < end and context[start].isspace():
        start += 1
    while start < end and context[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else NOWHERE


def _cut(text: str, tokens: int, tokenizer: PreTrainedTokenizerBase) -> str:
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return text if len(offsets) <= tokens else text[: offsets[tokens - 1][1]]


def _target(task: Task, example: Question, offsets: Offsets) -> list[int]:
    if task.unanswerable and example.answers == ():
        return [0, 0]
    answer = example.answers[0] if example.answers else None
    if answer is None or answer.start < 0 or not answer.text.strip():
        return [IGNORED, IGNORED]
    lead = len(answer.text) - len(answer.text.lstrip())
    first, last = answer.start + lead, answer.start + lead + len(answer.text.strip())
    inside = [(token, place) for token, place in enumerate(offsets) if place != NOWHERE]
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


def loss(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    """The sum over windows of the mean of the start's and the end's cross-entropy."""
    start, end = (
        functional.cross_entropy(outputs[:, :, side], targets[:, side], ignore_index=IGNORED, reduction="sum")
        for side in (0, 1)
    )
    return (start + end) / 2


def predictions(task: Task, split: Encoded, references: Sequence[Encoded]) -> list[Prediction]:
    """The span with the highest sum of start and end score, over all windows of the passage.

    Where questions may have no answer, "" if the first token scores higher, in the window that is least sure of it
    (the threshold of the SQuAD 2.0 baselines, 0).
    """
    best: list[tuple[float, str]] = [(-np.inf, "")] * len(split.examples)
    for feature, output in zip(split.features, split.outputs, strict=True):
        places, (scores, starts, ends) = np.asarray(feature.origin), _spans(task, feature, output)
        if len(scores) and scores.max() > best[feature.example][0]:
            first, last = max((starts[at], ends[at]) for at in np.flatnonzero(scores == scores.max()))
            start, end = int(places[first, 0]), int(places[last, 1])
            best[feature.example] = (float(scores.max()), split.examples[feature.example].context[start:end])
    none = _no_answer(split)
    return ["" if task.unanswerable and none[position] > score else text for position, (score, text) in enumerate(best)]


def confidences(task: Task, split: Encoded) -> Sequence[float]:
    """The probability of the span among all that were looked at, of all windows; and among these that there is none, if
    questions may have no answer. 0 where there was nothing to look at.
    """
    looked_at: list[list[np.ndarray]] = [[] for _ in split.examples]
    for feature, output in zip(split.features, split.outputs, strict=True):
        looked_at[feature.example].append(_spans(task, feature, output)[0])
    if task.unanswerable:
        for own, score in zip(looked_at, _no_answer(split), strict=True):
            own.append(np.array([score]))
    scores = (np.concatenate([np.zeros(0), *own]) for own in looked_at)
    return [float(highest(one)) if len(one) else 0.0 for one in scores]


def _no_answer(split: Encoded) -> np.ndarray:
    """What speaks for no answer to each question: the score of the first token, in the window that has least of it."""
    none = np.full(len(split.examples), np.inf)
    for feature, output in zip(split.features, split.outputs, strict=True):
        none[feature.example] = min(none[feature.example], float(output[0].sum()))
    return none


def _spans(task: Task, feature: Feature, output: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, first and last tokens of the spans of one window that its best starts and ends make."""
    passage = np.asarray(feature.origin)[:, 0] >= 0
    scores = np.where(passage[:, None], output, -np.inf)
    starts, ends = (np.argsort(-scores[:, side], kind="stable")[: task.best_answers] for side in (0, 1))
    fits = (starts[:, None] <= ends) & (ends < starts[:, None] + task.max_answer)
    rows, columns = np.nonzero(fits & passage[starts][:, None] & passage[ends])
    starts, ends = starts[rows], ends[columns]
    return scores[starts, 0] + scores[ends, 1], starts, ends


def gold(examples: Sequence[Question], references: Sequence[Encoded]) -> list[tuple[str, ...]] | None:
    """Every annotator's answer to each question."""
    answers = [tuple(answer.text for answer in example.answers) for example in examples if example.answers is not None]
    return answers if len(answers) == len(examples) else None


def guesses(task: Task, examples: Sequence[Question], references: Sequence[Encoded]) -> list[Prediction]:
    """As many words as the gold answer has, from a random place of the passage (the same in every run).

    Where questions may have no answer, that none has.
    """
    if task.unanswerable:
        return [""] * len(examples)
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
