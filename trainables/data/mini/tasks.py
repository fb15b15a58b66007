"""The benchmark's tasks: frames drawn from the seed, told in the language that is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from random import Random

from trainables.data.examples import Answer, Example, PlainText, Question, TaggedSentence, TextPair, Translation
from trainables.data.mini import checklist, nli, qa
from trainables.data.mini.frames import Frame, at_home, draw, with_fields
from trainables.data.mini.languages import GRAMMARS, Grammar

TASKS = ("nli", "qa", "pos", "ner", "bitext", "ranking", "text")
SUITES = ("checklist",)
"""Tests of what tasks teach, with as many examples, but none to train on."""
SIZES = {"train": 1000, "dev": 200, "test": 200}
VERSION = 1  # raised whenever the generated text changes: results of two versions are not comparable


def examples(task: str, split: str, language: str, seed: int = 0) -> list[Example]:
    """All examples of a split. Example i tells the same frames in every language."""
    if language not in GRAMMARS:
        raise ValueError(f"mini has no language {language!r}")
    if task not in TASKS + SUITES or split not in SIZES or (task in ("bitext", *SUITES) and split == "train"):
        raise ValueError(f"mini has no {split!r} split of a task {task!r}")
    grammar = GRAMMARS[language]
    name, size = f"{task}-{split}", SIZES[split]
    key = f"mini {VERSION} {name} {seed}"
    if task == "nli":
        return [_inference(f"{name}-{i}", grammar, pair) for i, pair in enumerate(nli.pairs(key, split, size))]
    if task == "qa":
        return [_question(f"{name}-{i}", grammar, item) for i, item in enumerate(qa.passages(key, split, size))]
    if task == "checklist":
        return [
            replace(_question(f"{case.test}-{number}-{i}", grammar, passage), test=case.test, case=str(number))
            for number, case in enumerate(checklist.cases(key, split, size))
            for i, passage in enumerate(case.passages)
        ]
    if task in ("bitext", "ranking"):
        return [_translation(f"{name}-{i}", grammar, frame) for i, frame in enumerate(_alike(key, split, size))]
    if task == "text":
        return [
            PlainText(f"{name}-{i}", grammar.statement(*told).text) for i, told in enumerate(_told(key, split, size))
        ]
    return [_tagged(f"{name}-{i}", task, grammar, told) for i, told in enumerate(_told(key, split, size))]


def _inference(id: str, grammar: Grammar, pair: nli.Pair) -> TextPair:
    return TextPair(id, grammar.statement(*pair.premise).text, grammar.statement(pair.hypothesis).text, pair.label)


def _question(id: str, grammar: Grammar, passage: qa.Passage) -> Question:
    sentences = [grammar.statement(frame) for frame in passage.frames]
    before = "".join(sentence.text + grammar.joiner for sentence in sentences[: passage.target])
    role = "object.count" if passage.asked == "count" else passage.asked
    start, end = sentences[passage.target].span(role)
    answer = Answer(sentences[passage.target].text[start:end], len(before) + start)
    question = grammar.question(passage.mentioned, passage.asked).text
    return Question(id, question, grammar.joiner.join(sentence.text for sentence in sentences), (answer,))


def _tagged(id: str, task: str, grammar: Grammar, told: tuple[Frame, ...]) -> TaggedSentence:
    sentence = grammar.statement(*told)
    tags = tuple(word.upos if task == "pos" else word.entity for word in sentence.words)
    return TaggedSentence(id, sentence.tokens, tags)


def _translation(id: str, grammar: Grammar, frame: Frame) -> Translation:
    return Translation(id, grammar.statement(frame).text, GRAMMARS["en"].statement(frame).text)


@lru_cache(maxsize=8)
def _told(seed: str, split: str, size: int) -> tuple[tuple[Frame, ...], ...]:
    """Frames for single sentences; half of the sentences coordinate two."""
    random = Random(seed)
    result: dict[tuple[object, ...], tuple[Frame, ...]] = {}
    while len(result) < size:
        told = [draw(random, negatives=0.15) for _ in range(random.choice((1, 2)))]
        if all(at_home(frame, split) for frame in told) and len({frame.agent for frame in told}) == len(told):
            # Only the first clause starts with its time: a second one would hide where it begins.
            told[1:] = [with_fields(frame, {"time_first": False}) for frame in told[1:]]
            result.setdefault(_key(told), tuple(told))
    return tuple(result.values())


@lru_cache(maxsize=8)
def _alike(seed: str, split: str, size: int) -> tuple[Frame, ...]:
    """Frames in groups of four that differ in one role only, so that a few shared words do not find the pair."""
    random = Random(seed)
    result: dict[tuple[object, ...], Frame] = {}
    while len(result) < size:
        first = draw(random, negatives=0.1)
        group = [first] if at_home(first, split) else []
        while 0 < len(group) < 4:
            role = random.choice(("agent", "object", "place", "time", "adjective", "count"))
            value = getattr(draw(random), role)
            frame = first if role == "count" and first.negative else with_fields(first, {role: value})
            if at_home(frame, split) and frame.agent != frame.recipient and frame not in group:
                group.append(frame)
        for frame in group[: size - len(result)]:
            result.setdefault(_key([frame]), frame)
    return tuple(result.values())


def _key(told: Iterable[Frame]) -> tuple[object, ...]:
    return tuple(frame.event for frame in told)
