"""What training and scoring take of a split as a whole, whatever file it came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trainables.data.examples import Example, LabelledText, MultipleChoice, Query, Question, TaggedSentence, TextPair
from trainables.errors import Problem
from trainables.metrics.checklist import bare
from trainables.reports import ERROR_RATE
from trainables.tasks import Task

_MOST = 20  # problems of one kind


def unmet(task: Task, split: str, examples: Sequence[Example], where: str) -> list[Problem]:
    """What a split lacks without which a trial on it would fail, or mean nothing.

    Args:
        where: the files, for messages.
    """
    return [*_without_gold(task, split, examples, where), *_unanswered(task, examples, where)][:_MOST]


def hopeless(task: Task, split: str, language: str, examples: Sequence[Example]) -> str | None:
    """Says how many questions of tests cannot be answered, as no right answer stands in the passage; None: all can."""
    tested = [one for one in examples if isinstance(one, Question) and one.test and one.answers]
    lost = sum(
        all(a.start < 0 and bare(a.text, language) not in one.context for a in one.answers or ()) for one in tested
    )
    if not lost:
        return None
    whose = f"the {split} split of '{task.name}' in '{language}'"
    return f"{whose} has answers that their passages do not hold: to {lost} of {len(tested)} questions"


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
    hint = "leave the question out"
    if task.metric != ERROR_RATE:
        hint = f"questions without an answer: metric: squad2 with unanswerable: true; else {hint}"
    for one in examples:
        if isinstance(one, Question) and one.answers is not None and not any(a.text.strip() for a in one.answers):
            yield Problem(f"question '{one.id}' has no answer, and metric {task.metric} needs one", where, hint=hint)
