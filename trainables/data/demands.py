"""What training and scoring take of a split as a whole, whatever file it came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trainables.data.examples import Example, LabelledText, MultipleChoice, Query, Question, TaggedSentence, TextPair
from trainables.errors import Problem
from trainables.tasks import Task

_MOST = 20  # problems of one kind


def unmet(task: Task, split: str, examples: Sequence[Example], where: str) -> list[Problem]:
    """What a split lacks without which a trial on it would fail, or mean nothing.

    Args:
        where: the files, for messages.
    """
    return [*_without_gold(task, split, examples, where), *_unanswered(task, examples, where)][:_MOST]


def _without_gold(task: Task, split: str, examples: Sequence[Example], where: str) -> Iterator[Problem]:
    """Trials learn from `train`, and are chosen by the `dev` of what they were trained on: both need what is right."""
    if split == "train":
        why = "there is nothing to train on"
    elif split == "dev" and task.is_trainable:
        why = "there is nothing to choose trials by"
    else:
        return
    if examples and all(_is_hidden(one) for one in examples):
        noun = {"tagging": "tags", "span_qa": "answers", "retrieval": "answers"}.get(task.kind, "labels")
        hint = f"take {noun} from the dataset's own release; in a table: does `columns` name the right one?"
        yield Problem(f"the {split} examples of '{task.name}' have no {noun}: {why}", where, hint=hint)


def _is_hidden(example: Example) -> bool:
    match example:
        case TextPair() | LabelledText() | MultipleChoice():
            return example.label is None
        case TaggedSentence():
            return example.tags is None
        case Question():
            return example.answers is None
        case Query():
            return example.key is None
    return False


def _unanswered(task: Task, examples: Sequence[Example], where: str) -> Iterator[Problem]:
    """Questions without an answer, where the task says that each has one."""
    if task.kind != "span_qa" or task.unanswerable:
        return
    hint = "questions without an answer: metric: squad2 with unanswerable: true; else leave the question out"
    for one in examples:
        if isinstance(one, Question) and one.answers is not None and not any(a.text.strip() for a in one.answers):
            yield Problem(f"question '{one.id}' has no answer, and metric {task.metric} needs one", where, hint=hint)
