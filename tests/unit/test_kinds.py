"""The kinds of tasks: a behaviour suite that all of them pass, and what is special about each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from transformers import XLMRobertaConfig

from tests.toy import tokenizer
from trainables import tasks
from trainables.batching import collate
from trainables.data.examples import Answer, Question, TaggedSentence, TextPair, Translation
from trainables.evaluate import head_name
from trainables.kinds import IGNORED, kind_of, span_qa, tagging
from trainables.metrics import METRICS
from trainables.tasks import Task

CONFIG = XLMRobertaConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, hidden_dropout_prob=0.0)
EXAMPLES: dict[str, list[Any]] = {
    "mini-nli": [
        TextPair("0", "He sang.", "He sang well.", "neutral"),
        TextPair("1", "He ran.", "He moved.", "entailment"),
        TextPair("2", "He ran.", "He sat.", "contradiction"),
        TextPair("3", "She ran.", "She sat.", "contradiction"),
    ],
    "mini-pos": [
        TaggedSentence("0", ("He", "sang", "."), ("PRON", "VERB", "PUNCT")),
        TaggedSentence("1", ("Stop",), ("VERB",)),
    ],
    "mini-ner": [TaggedSentence("0", ("Anna", "King", "ran"), ("B-PER", "I-PER", "O"))],
    "mini-qa": [
        Question("0", "Who ran?", "Anna ran. Omar sat.", (Answer("Anna", 0),)),
        Question("1", "谁?", "北京是中国的首都。", (Answer("北京", 0),)),
    ],
    "mini-bitext": [Translation("0", "北京", "He ran"), Translation("1", "中国", "She sat")],
}
NAMES = list(EXAMPLES)


def features_of(name: str, examples: Sequence[Any] | None = None, **changes: Any) -> tuple[Task, list[Any], list[Any]]:
    task = tasks.load(name)
    task = Task(**{**{field: getattr(task, field) for field in task.__dataclass_fields__}, **changes})
    examples = EXAMPLES[name] if examples is None else list(examples)
    return task, list(examples), kind_of(task).features(task, examples, tokenizer())


@pytest.mark.parametrize("name", NAMES)
def test_every_example_has_features_in_its_order(name: str) -> None:
    task, examples, rows = features_of(name)
    positions = [row.example for row in rows]
    assert positions == sorted(positions)
    assert set(positions) == set(range(len(examples)))
    for row in rows:
        assert (row.input_ids[0], row.input_ids[-1]) == (tokenizer().cls_token_id, tokenizer().sep_token_id)
        assert len(row.input_ids) <= task.max_length


@pytest.mark.parametrize("name", NAMES)
def test_a_head_answers_and_its_loss_can_be_learned_from(name: str) -> None:
    task, examples, rows = features_of(name)
    kind = kind_of(task)
    torch.manual_seed(0)
    head = kind.head(task, CONFIG)
    batch = collate(rows, tokenizer().pad_token_id)
    hidden = torch.randn(*batch.input_ids.shape, 8, requires_grad=True)
    outputs = head(hidden, batch.mask)
    predictions = kind.predictions(task, examples, rows, [
        row[: len(feature.input_ids)] if row.ndim == 2 else row
        for row, feature in zip(outputs.detach().numpy(), rows, strict=True)
    ])  # fmt: skip
    assert len(predictions) == len(examples)
    loss = kind.loss(outputs, batch.targets)
    assert loss.ndim == 0
    loss.backward()
    if task.is_trainable:
        assert hidden.grad is not None
        assert hidden.grad.abs().sum() > 0
        assert torch.all(hidden.grad[batch.mask == 0] == 0)  # padding never counts


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_of_a_batch_is_the_sum_over_its_parts(name: str) -> None:
    task, _, rows = features_of(name)
    kind = kind_of(task)
    torch.manual_seed(0)
    head = kind.head(task, CONFIG)
    table = torch.randn(200, 8)

    def loss(part: list[Any]) -> float:
        batch = collate(part, tokenizer().pad_token_id)
        return kind.loss(head(table[batch.input_ids], batch.mask), batch.targets).item()

    assert loss(rows) == pytest.approx(sum(loss([row]) for row in rows), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_gold_is_perfect_and_guesses_are_not(name: str) -> None:
    task, examples, _ = features_of(name)
    kind = kind_of(task)
    gold = kind.gold(examples)
    assert gold is not None
    metric = METRICS[task.metric]
    perfect = [one[0] for one in gold] if task.kind == "span_qa" else gold
    assert metric(gold, perfect)[task.main_metric] == 100
    assert metric(gold, kind.guesses(task, examples))[task.main_metric] < 100


@pytest.mark.parametrize("name", ["mini-nli", "mini-pos", "mini-qa"])
def test_hidden_labels_give_features_but_no_gold(name: str) -> None:
    hidden: dict[str, list[Any]] = {
        "mini-nli": [TextPair("0", "a", "b", None)],
        "mini-pos": [TaggedSentence("0", ("a",), None)],
        "mini-qa": [Question("0", "a", "b c", None)],
    }
    task, examples, rows = features_of(name, hidden[name])
    assert kind_of(task).gold(examples) is None
    assert all(set(row.target) == {IGNORED} for row in rows)


def test_heads_are_shared_by_targets_of_a_training_set() -> None:
    assert {name: head_name(tasks.load(name)) for name in ("xnli", "mnli", "xquad", "tatoeba")} == {
        "xnli": "mnli", "mnli": "mnli", "xquad": "squad", "tatoeba": "tatoeba",
    }  # fmt: skip


def test_the_first_sub_token_bears_the_tag() -> None:
    _, _, (row, _) = features_of("mini-pos")
    pieces = tokenizer().convert_ids_to_tokens(row.input_ids)
    assert [pieces[token] for _, token in row.origin] == ["▁", "▁", "▁"]
    assert [target != IGNORED for target in row.target] == [
        token in dict(map(reversed, row.origin)) for token in range(len(pieces))
    ]
    assert row.weight == 3


def test_long_sentences_are_cut_between_words_and_no_word_is_lost() -> None:
    sentence = TaggedSentence("0", ("abcdef",) * 10 + ("x" * 50,), ("NOUN",) * 11)
    task, examples, rows = features_of("mini-pos", [sentence], max_length=20)
    assert len(rows) > 1
    assert sorted(word for row in rows for word, _ in row.origin) == list(range(11))
    outputs = [np.eye(len(task.labels))[np.full(len(row.input_ids), task.labels.index("NOUN"))] for row in rows]
    assert tagging.predictions(task, examples, rows, outputs) == [("NOUN",) * 11]


def test_a_word_that_the_tokenizer_drops_still_gets_a_tag() -> None:
    _, _, (row,) = features_of("mini-pos", [TaggedSentence("0", ("a", "\u200b", "b"), ("NOUN", "X", "NOUN"))])
    assert [word for word, _ in row.origin] == [0, 1, 2]


def one_hot_span(row: Any, start: int, end: int) -> np.ndarray:
    """Outputs that are sure of one span, given by its place in the passage."""
    scores = np.zeros((len(row.input_ids), 2))
    for token, place in enumerate(row.origin):
        if place and place[0] == start:
            scores[token, 0] = 9
        if place and place[1] == end:
            scores[token, 1] = 9
    return scores


@pytest.mark.parametrize("number", [0, 1])
def test_a_span_is_found_again_in_the_passage(number: int) -> None:
    question = EXAMPLES["mini-qa"][number]
    task, examples, (row,) = features_of("mini-qa", [question])
    answer = question.answers[0]
    found = span_qa.predictions(
        task, examples, [row], [one_hot_span(row, answer.start, answer.start + len(answer.text))]
    )
    assert found == [answer.text]
    start, end = row.target
    assert row.origin[start][0] == answer.start
    assert row.origin[end][1] == answer.start + len(answer.text)


def test_windows_overlap_and_each_knows_whether_it_holds_the_answer() -> None:
    context = "ab " * 60 + "needle " + "cd " * 60
    question = Question("0", "Where?", context, (Answer("needle", 180),))
    task, examples, rows = features_of("mini-qa", [question], max_length=60, window_stride=20)
    assert len(rows) > 5
    covered = {position for row in rows for place in row.origin if place for position in range(*place)}
    assert {position for position, letter in enumerate(context) if letter != " "} <= covered
    holding = [row for row in rows if row.target != [0, 0]]
    assert 1 <= len(holding) < len(rows)
    for row in holding:
        assert context[row.origin[row.target[0]][0] : row.origin[row.target[1]][1]] == "needle"
    outputs = [one_hot_span(row, 180, 186) if row is holding[0] else np.zeros((len(row.input_ids), 2)) for row in rows]
    assert span_qa.predictions(task, examples, rows, outputs) == ["needle"]


@pytest.mark.parametrize("answer", [Answer("absent", -1), Answer("", 3)])
def test_an_answer_that_cannot_be_aligned_is_not_trained_on_but_scored(answer: Answer) -> None:
    task, examples, (row,) = features_of("mini-qa", [Question("0", "Who?", "Anna ran.", (answer,))])
    assert row.weight == 0
    assert row.target == [IGNORED, IGNORED]
    assert kind_of(task).gold(examples) == [(answer.text,)]


def test_a_very_long_question_leaves_room_for_the_passage() -> None:
    _, _, rows = features_of(
        "mini-qa", [Question("0", "why " * 200, "Anna ran.", (Answer("Anna", 0),))], max_length=100
    )
    assert any(row.target not in ([0, 0], [IGNORED, IGNORED]) for row in rows)


def test_retrieval_finds_the_nearest_by_cosine() -> None:
    task, examples, rows = features_of("mini-bitext")
    vectors = [np.array(one) for one in ([1.0, 0.0], [0.1, 5.0], [0.0, 1.0], [3.0, 0.1])]
    assert kind_of(task).predictions(task, examples, rows, vectors) == ["1", "0"]


def test_the_pooled_layer_is_that_of_the_protocol() -> None:
    task = tasks.load("tatoeba")
    large = XLMRobertaConfig(num_hidden_layers=24)
    assert kind_of(task).head(task, large).layer == 14
    assert kind_of(task).head(task, XLMRobertaConfig(num_hidden_layers=12)).layer == 7
