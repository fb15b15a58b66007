"""The kinds of tasks: a behaviour suite that all of them pass, and what is special about each."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import XLMRobertaConfig

from tests.toy import tokenizer
from trainables import tasks
from trainables.data.examples import (
    Answer,
    LabelledText,
    MultipleChoice,
    Passage,
    PlainText,
    Query,
    Question,
    Sentence,
    TaggedSentence,
    TextPair,
    Translation,
)
from trainables.features import Feature, FeatureCache
from trainables.kinds import IGNORED, Encoded, Head, bitext_mining, kind_of, span_qa, tagging
from trainables.kinds.mlm import TokenHead, TokenLayers
from trainables.metrics import METRICS
from trainables.store import Store
from trainables.tasks import Task
from trainables.training.batching import Tensors, collate
from trainables.training.evaluate import head_name

CONFIG = XLMRobertaConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, hidden_dropout_prob=0.0)


def passage(id: str, text: str, *answers: str) -> Passage:
    return Passage(id, text, f"{text} And more.", answers)


EXAMPLES: dict[str, list[Any]] = {
    "mini-nli": [
        TextPair("0", "He sang.", "He sang well.", "neutral"),
        TextPair("1", "He ran.", "He moved.", "entailment"),
        TextPair("2", "He ran.", "He sat.", "contradiction"),
        TextPair("3", "She ran.", "She sat.", "contradiction"),
    ],
    "sib200": [
        LabelledText("0", "She won the race.", "sports"),
        LabelledText("1", "The lake is deep.", "geography"),
        LabelledText("2", "He lost the match.", "sports"),
    ],
    "copa": [
        MultipleChoice("0", "He ran. What was the cause?", ("He was late.", "He sat."), "0"),
        MultipleChoice("1", "He sat. What was the effect?", ("He ran.", "He was at rest, and slept."), "1"),
        MultipleChoice("2", "She ran. What was the effect?", ("She was tired.", "She sat."), "0"),
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
    "squad2": [
        Question("0", "Who ran?", "Anna ran. Omar sat.", (Answer("Anna", 0),)),
        Question("1", "Who slept?", "Anna ran. Omar sat.", ()),
    ],
    "mini-bitext": [Translation("0", "北京", "He ran"), Translation("1", "中国", "She sat")],
    "mini-ranking": [
        Translation("0", "北京", "He ran"), Translation("1", "中国", "She sat"), Translation("2", "首都", "Omar sang"),
    ],
    "mini-mlm": [
        PlainText("0", "He ran."), PlainText("1", "Omar sang well, and Anna slept at home."), PlainText("2", "中国"),
    ],
    "bucc2018": [
        Sentence("zh-0", "北京", False, ("en-0",)), Sentence("en-0", "He ran", True),
        Sentence("zh-1", "中国", False, ()), Sentence("en-1", "She sat", True),
    ],
    "lareqa": [
        Query("0", "Who ran?", "0", passage("a", "Anna ran.", "0")),
        Query("1", "Who sat?", "1", passage("b", "Omar sat.", "1")),
        Query("2", "Why?", "2", passage("c", "He was late.", "2")),
    ],
}  # fmt: skip
NAMES = list(EXAMPLES)
UNITS = np.eye(8, dtype=np.float32)
REFERENCES: dict[str, list[Encoded]] = {
    # Passages of two languages: each query has an answer in both.
    "lareqa": [
        Encoded([query.passage for query in EXAMPLES["lareqa"]], [], list(UNITS[:3])),
        Encoded([passage(f"de-{one}", "Ja.", str(one)) for one in range(3)], [], list(UNITS[:3])),
    ],
}


def features_of(name: str, examples: Sequence[Any] | None = None, **changes: Any) -> tuple[Task, list[Any], list[Any]]:
    task = dataclasses.replace(tasks.load(name), **changes)
    examples = EXAMPLES[name] if examples is None else list(examples)
    return task, list(examples), kind_of(task).features(task, examples, tokenizer())


def encoded(rows: Sequence[Any], examples: Sequence[Any], outputs: np.ndarray) -> Encoded:
    """What the head says of all rows, cut into features, without padding."""
    found, start = [], 0
    for feature in rows:
        own = outputs[start : start + len(feature.rows)]
        start += len(feature.rows)
        found.append(own if len(own) > 1 else own[0][: feature.width] if own.ndim == 3 else own[0])
    return Encoded(examples, rows, found)


def new_head(task: Task) -> Head:
    """A head; one that predicts tokens has simple layers."""
    made = kind_of(task).head(task, CONFIG)
    if isinstance(made, TokenHead):
        made.layers = TokenLayers(torch.nn.Linear(8, 8), torch.nn.Parameter(torch.randn(len(tokenizer()))), None)
    return made


def outputs_of(head: Head, hidden: torch.Tensor, batch: Tensors) -> torch.Tensor:
    if head.predicts_tokens:
        return head(hidden, batch.mask, batch.targets, torch.randn(len(tokenizer()), 8, generator=torch.manual_seed(9)))
    return head(hidden, batch.mask)


@pytest.mark.parametrize("name", NAMES)
def test_every_example_has_features_in_its_order(name: str) -> None:
    task, examples, rows = features_of(name)
    positions = [row.example for row in rows]
    assert positions == sorted(positions)
    assert set(positions) == set(range(len(examples)))
    for row in rows:
        for ids in row.rows:
            assert (ids[0], ids[-1]) == (tokenizer().cls_token_id, tokenizer().sep_token_id)
        assert row.width <= task.max_length


@pytest.mark.parametrize("name", NAMES)
def test_features_survive_their_file(name: str, tmp_path: Path) -> None:
    _, _, rows = features_of(name)
    made = 0

    def make() -> list[list[Feature]]:
        nonlocal made
        made += 1
        return [rows]

    for _ in range(2):  # the second time from the file
        found = FeatureCache(Store(str(tmp_path))).get(name, make)
        assert len(found) == len(rows)
        for one, other in zip(found, rows, strict=True):
            assert [list(ids) for ids in one.rows] == [list(ids) for ids in other.rows]
            assert (one.example, one.weight, list(one.target)) == (other.example, other.weight, list(other.target))
            assert [tuple(pair) for pair in one.origin] == list(other.origin)
    assert made == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_head_answers_and_its_loss_can_be_learned_from(name: str) -> None:
    task, examples, rows = features_of(name)
    kind = kind_of(task)
    torch.manual_seed(0)
    head = new_head(task)
    batch = collate(rows, tokenizer().pad_token_id)
    hidden = torch.randn(*batch.input_ids.shape, 8, requires_grad=True)
    outputs = outputs_of(head, hidden, batch)
    predictions = kind.predictions(task, encoded(rows, examples, outputs.detach().numpy()), REFERENCES.get(name, []))
    assert len(predictions) == len(examples)
    loss = kind.loss(task, outputs, batch.targets)
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
    head = new_head(task)
    table = torch.randn(200, 8)

    def loss(part: list[Any]) -> float:
        batch = collate(part, tokenizer().pad_token_id)
        return kind.loss(task, outputs_of(head, table[batch.input_ids], batch), batch.targets).item()

    parts = sum(loss([row]) for row in rows)
    if head.couples:  # alone, a query has no wrong passage
        assert parts == pytest.approx(0, abs=1e-6)
        assert loss(rows) > 0.1
    else:
        assert loss(rows) == pytest.approx(parts, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_gold_is_perfect_and_guesses_are_not(name: str) -> None:
    task, examples, _ = features_of(name)
    kind, references = kind_of(task), REFERENCES.get(name, [])
    gold = kind.gold(examples, references)
    assert gold is not None
    metric = METRICS[task.metric]
    perfect = [one[0] if one else "" for one in gold] if task.kind == "span_qa" else gold
    assert metric(gold, perfect, "en")[task.main_metric] == 100
    assert metric(gold, kind.guesses(task, examples, references), "en")[task.main_metric] < 100


HIDDEN: dict[str, list[Any]] = {
    "mini-nli": [TextPair("0", "a", "b", None)],
    "sib200": [LabelledText("0", "a", None)],
    "copa": [MultipleChoice("0", "a", ("b", "c"), None)],
    "mini-pos": [TaggedSentence("0", ("a",), None)],
    "mini-qa": [Question("0", "a", "b c", None)],
    "squad2": [Question("0", "a", "b c", None)],
    "bucc2018": [Sentence("de-0", "a", False, None), Sentence("en-0", "b", True)],
    "lareqa": [Query("0", "a", None)],
}


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_labels_give_features_but_no_gold(name: str) -> None:
    task, examples, rows = features_of(name, HIDDEN[name])
    assert kind_of(task).gold(examples, REFERENCES.get(name, [])) is None
    assert all(set(row.target) == {IGNORED} for row in rows)


def test_heads_are_shared_by_targets_of_a_training_set() -> None:
    assert {name: head_name(tasks.load(name)) for name in ("xnli", "mnli", "xquad", "tatoeba")} == {
        "xnli": "mnli", "mnli": "mnli", "xquad": "squad", "tatoeba": "tatoeba",
    }  # fmt: skip


def test_a_text_that_is_too_long_loses_its_end() -> None:
    long = LabelledText("0", "first " + "word " * 200, "sports")
    _, _, rows = features_of("sib200", [long, LabelledText("1", "first word", "a topic of dev alone")], max_length=20)
    assert len(rows[0].rows[0]) == 20
    assert list(rows[0].rows[0])[:8] == list(rows[1].rows[0])[:8]
    assert [row.weight for row in rows] == [1, 0], "a label that training does not have is wrong, and nothing to learn"


def test_the_first_sub_token_bears_the_tag() -> None:
    _, _, (row, _) = features_of("mini-pos")
    pieces = tokenizer().convert_ids_to_tokens(row.rows[0])
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
    outputs = [np.eye(len(task.labels))[np.full(row.width, task.labels.index("NOUN"))] for row in rows]
    assert tagging.predictions(task, Encoded(examples, rows, outputs), []) == [("NOUN",) * 11]


def test_a_word_that_the_tokenizer_drops_still_gets_a_tag() -> None:
    _, _, (row,) = features_of("mini-pos", [TaggedSentence("0", ("a", "\u200b", "b"), ("NOUN", "X", "NOUN"))])
    assert [word for word, _ in row.origin] == [0, 1, 2]


def one_hot_span(row: Any, start: int, end: int) -> np.ndarray:
    """Outputs that are sure of one span, given by its place in the passage."""
    scores = np.zeros((row.width, 2))
    for token, place in enumerate(row.origin):
        if place[0] == start:
            scores[token, 0] = 9
        if place[1] == end:
            scores[token, 1] = 9
    return scores


@pytest.mark.parametrize("number", [0, 1])
def test_a_span_is_found_again_in_the_passage(number: int) -> None:
    question = EXAMPLES["mini-qa"][number]
    task, examples, (row,) = features_of("mini-qa", [question])
    answer = question.answers[0]
    output = one_hot_span(row, answer.start, answer.start + len(answer.text))
    found = span_qa.predictions(task, Encoded(examples, [row], [output]), [])
    assert found == [answer.text]
    start, end = row.target
    assert row.origin[start][0] == answer.start
    assert row.origin[end][1] == answer.start + len(answer.text)


def test_windows_overlap_and_each_knows_whether_it_holds_the_answer() -> None:
    context = "ab " * 60 + "needle " + "cd " * 60
    question = Question("0", "Where?", context, (Answer("needle", 180),))
    task, examples, rows = features_of("mini-qa", [question], max_length=60, window_stride=20)
    assert len(rows) > 5
    covered = {
        position for row in rows for place in row.origin if place != span_qa.NOWHERE for position in range(*place)
    }
    assert {position for position, letter in enumerate(context) if letter != " "} <= covered
    holding = [row for row in rows if row.target != [0, 0]]
    assert 1 <= len(holding) < len(rows)
    for row in holding:
        assert context[row.origin[row.target[0]][0] : row.origin[row.target[1]][1]] == "needle"
    outputs = [one_hot_span(row, 180, 186) if row is holding[0] else np.zeros((row.width, 2)) for row in rows]
    assert span_qa.predictions(task, Encoded(examples, rows, outputs), []) == ["needle"]


@pytest.mark.parametrize("answer", [Answer("absent", -1), Answer("", 3)])
def test_an_answer_that_cannot_be_aligned_is_not_trained_on_but_scored(answer: Answer) -> None:
    task, examples, (row,) = features_of("mini-qa", [Question("0", "Who?", "Anna ran.", (answer,))])
    assert row.weight == 0
    assert row.target == [IGNORED, IGNORED]
    assert kind_of(task).gold(examples, []) == [(answer.text,)]


def test_a_very_long_question_leaves_room_for_the_passage() -> None:
    _, _, rows = features_of(
        "mini-qa", [Question("0", "why " * 200, "Anna ran.", (Answer("Anna", 0),))], max_length=100
    )
    assert any(row.target not in ([0, 0], [IGNORED, IGNORED]) for row in rows)


def test_an_unanswerable_question_aims_at_the_first_token() -> None:
    task, examples, (one, other) = features_of("squad2")
    assert one.target[0] > 0
    assert (list(other.target), other.weight) == ([0, 0], 1)
    sure = one_hot_span(other, 0, 4)
    unsure = sure.copy()
    unsure[0] = 10  # the first token scores 20, the best span 18
    predicted = [
        span_qa.predictions(task, Encoded(examples[1:], [dataclasses.replace(other, example=0)], [output]), [])
        for output in (sure, unsure)
    ]
    assert predicted == [["Anna"], [""]]
    never = dataclasses.replace(task, unanswerable=False)
    question = Encoded(examples[1:], [dataclasses.replace(other, example=0)], [unsure])
    assert span_qa.predictions(never, question, []) == ["Anna"]


def test_the_nearest_translation_is_found_by_cosine() -> None:
    task, examples, rows = features_of("mini-bitext")
    vectors = [np.array([[1.0, 0.0], [0.1, 5.0]]), np.array([[0.0, 1.0], [3.0, 0.1]])]
    assert kind_of(task).predictions(task, Encoded(examples, rows, vectors), []) == ["1", "0"]


def pools(gold: int, size: int, seed: int) -> Encoded:
    """Two pools of which the first `gold` sentences are near translations of each other."""
    rng = np.random.default_rng(seed)
    foreign, english = rng.normal(size=(2, size, 16))
    english[:gold] = foreign[:gold] + 0.3 * rng.normal(size=(gold, 16))
    examples, vectors = [], []
    for row in range(size):
        examples.append(Sentence(f"de-{row}", "", False, (f"en-{row}",) if row < gold else ()))
        examples.append(Sentence(f"en-{row}", "", True))
        vectors += [foreign[row], english[row]]
    return Encoded(examples, [], vectors)


def test_mining_finds_pairs_with_a_threshold_from_the_development_pools() -> None:
    task, dev, test = tasks.load("bucc2018"), pools(20, 60, 1), pools(25, 80, 2)
    kind = kind_of(task)
    predicted = kind.predictions(task, test, [dev])
    gold = kind.gold(test.examples, [dev])
    assert gold is not None
    scores = METRICS[task.metric](gold, predicted, "de")
    assert scores["f1"] > 90
    found = [one for one in predicted if one]
    assert len(found) == len(set(found)), "a sentence is mined once"
    assert len(found) < len(bitext_mining.mine(test))


@given(st.integers(0, 8), st.integers(1, 12), st.integers(0, 50))
def test_the_threshold_has_the_best_f1_of_all(gold: int, size: int, seed: int) -> None:
    split = pools(min(gold, size), size, seed)
    pairs = bitext_mining.mine(split)
    right = {(row, row) for row in range(min(gold, size))}

    def f1(limit: float) -> float:
        kept = {(pair.foreign, pair.english) for pair in pairs if pair.margin >= limit}
        return 2 * len(kept & right) / (len(kept) + len(right)) if kept or right else 0.0

    chosen = bitext_mining.threshold(pairs, split.examples)
    assert f1(chosen) == pytest.approx(max([f1(pair.margin) for pair in pairs] + [0.0]))


def test_retrieval_ranks_the_passages_of_all_languages() -> None:
    task, examples, rows = features_of("lareqa")
    references = REFERENCES["lareqa"]
    split = Encoded(examples, rows, [UNITS[[one, 7]] for one in range(3)])  # queries, each with its passage
    ranked = kind_of(task).predictions(task, split, references)
    assert [set(one[:2]) for one in ranked] == [{"a", "de-0"}, {"b", "de-1"}, {"c", "de-2"}]
    gold = kind_of(task).gold(examples, references)
    assert gold == [("a", "de-0"), ("b", "de-1"), ("c", "de-2")]
    assert METRICS[task.metric](gold, ranked, "en") == {"map@20": 100}


def test_passages_and_queries_have_their_own_lengths() -> None:
    long = "word " * 400
    _, _, (row,) = features_of("lareqa", [Query("0", long, "0", Passage("a", "Anna ran.", long, ("0",)))])
    assert list(map(len, row.rows)) == [96, 256]
    _, _, (candidate,) = features_of("lareqa", [Passage("a", "Anna ran.", "He sat.", ())])
    assert (len(candidate.rows), candidate.weight) == (1, 0)


RANKING = {
    "LaBSE": {"directions": "both", "similarity": "cosine", "margin": 0.3, "scale": 20.0, "learned_scale": False},
    "bridge": {"directions": "from_english", "similarity": "dot", "margin": 0.0, "scale": 1.0, "learned_scale": False},
    "to English": {"directions": "to_english", "similarity": "cosine", "margin": 0.5, "scale": 5.0},
    "learned": {"directions": "both", "similarity": "cosine", "margin": 0.2, "scale": 7.0, "learned_scale": True},
}
REPEATED = [
    ("He ran", "北京"), ("She sat", "中国"), ("He ran", "首都"), ("Omar sang", "北京"), ("Anna ran", "市"),
    ("She sat", "中国"),
]  # fmt: skip


def textbook_ranking(task: Task, pairs: Sequence[tuple[str, str]], english: Any, others: Any) -> float:
    """The formula of the kind's module, sum by sum; what texts are equal is looked up in the texts."""

    def similarity(one: Any, other: Any) -> float:
        product = float(one @ other)
        return product if task.similarity == "dot" else product / float(one.norm() * other.norm())

    total = 0.0
    both = [(0, english, others), (1, others, english)]
    wanted = {"both": both, "from_english": both[:1], "to_english": both[1:]}[task.directions]
    for _, queries, answers in wanted:
        for i in range(len(pairs)):
            own = np.exp(task.scale * (similarity(queries[i], answers[i]) - task.margin))
            wrong = [
                np.exp(task.scale * similarity(queries[i], answers[j]))
                for j in range(len(pairs))
                if pairs[j][0] != pairs[i][0] and pairs[j][1] != pairs[i][1]
            ]
            total -= np.log(own / (own + sum(wrong)))
    return total


@pytest.mark.parametrize("name", RANKING)
def test_ranking_has_the_loss_of_the_papers(name: str) -> None:
    """In each direction, with the margin, and without what is a translation, too."""
    examples = [Translation(str(row), text, english) for row, (english, text) in enumerate(REPEATED)]
    task, _, rows = features_of("mini-ranking", examples, **RANKING[name])
    torch.manual_seed(0)
    head = kind_of(task).head(task, CONFIG)
    batch = collate(rows, tokenizer().pad_token_id)
    hidden = torch.randn(*batch.input_ids.shape, 8)
    found = kind_of(task).loss(task, head(hidden, batch.mask), batch.targets)
    means = [row[mask.bool()].mean(dim=0) for row, mask in zip(hidden, batch.mask, strict=True)]
    assert found.item() == pytest.approx(textbook_ranking(task, REPEATED, means[0::2], means[1::2]), rel=1e-4)
    learned = dict(head.named_parameters())
    assert list(learned) == (["log_scale"] if task.learned_scale else [])
    if task.learned_scale:  # the margin is a share of the scale, too
        found.backward()
        step = 1e-3
        around = [
            textbook_ranking(
                dataclasses.replace(task, scale=task.scale * np.exp(by)), REPEATED, means[0::2], means[1::2]
            )
            for by in (-step, step)
        ]
        assert learned["log_scale"].grad is not None
        assert learned["log_scale"].grad.item() == pytest.approx((around[1] - around[0]) / (2 * step), rel=1e-3)


def test_a_repeated_translation_is_never_a_wrong_one() -> None:
    """Pairs that all share a side have nothing to be told from, and their loss is 0."""
    examples = [Translation(str(row), text, "He ran") for row, text in enumerate(("北京", "中国", "市"))]
    for texts in (examples, [Translation(one.id, one.english, one.text) for one in examples]):
        task, _, rows = features_of("mini-ranking", texts)
        batch = collate(rows, tokenizer().pad_token_id)
        outputs = kind_of(task).head(task, CONFIG)(torch.randn(*batch.input_ids.shape, 8), batch.mask)
        assert kind_of(task).loss(task, outputs, batch.targets).item() == 0


def test_what_is_trained_is_the_vector_that_bitext_tasks_score() -> None:
    torch.manual_seed(0)
    config = XLMRobertaConfig(hidden_size=8, num_hidden_layers=24, num_attention_heads=2)
    ranking, scored = tasks.load("mini-ranking"), tasks.load("tatoeba")
    heads = [kind_of(task).head(task, config) for task in (ranking, scored)]
    assert [head.layer for head in heads] == [14, 14]
    hidden, mask = torch.randn(2, 5, 8), torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    vectors = [head(hidden, mask) for head in heads]
    assert torch.allclose(vectors[0], torch.nn.functional.normalize(vectors[1], dim=-1), atol=1e-6)


def test_the_pooled_layer_is_that_of_the_protocol() -> None:
    task = tasks.load("tatoeba")
    large = XLMRobertaConfig(num_hidden_layers=24)
    assert kind_of(task).head(task, large).layer == 14
    assert kind_of(task).head(task, XLMRobertaConfig(num_hidden_layers=12)).layer == 7
    assert kind_of(task).head(dataclasses.replace(task, layer=None), large).layer == 24  # the last one
    assert kind_of(task).head(dataclasses.replace(task, layer=Fraction(0)), large).layer == 0  # the embeddings


@pytest.mark.parametrize("name", NAMES)
def test_a_confidence_is_the_probability_of_what_is_predicted(name: str) -> None:
    """Who knows nothing gives all the same; a cosine, and a prediction that is a probability, have none."""
    task, examples, rows = features_of(name)
    kind = kind_of(task)
    sizes = {"multiple_choice": 1, "span_qa": 2, "mlm": 1}
    wide = task.kind in ("tagging", "span_qa", "mlm")
    shape = [((row.width if wide else len(row.rows)), sizes.get(task.kind, len(task.labels) or 4)) for row in rows]
    outputs = [np.zeros(size if wide or len(row.rows) > 1 else size[1:]) for row, size in zip(rows, shape, strict=True)]
    found = kind.confidences(task, Encoded(examples, rows, outputs))
    if task.kind in ("retrieval", "bitext_retrieval", "bitext_mining", "bitext_ranking", "mlm"):
        assert found == ()
        return
    assert len(found) == len(examples)
    if task.kind == "multiple_choice":
        assert found == pytest.approx([1 / len(one.choices) for one in examples])
    elif task.kind == "span_qa":
        assert all(0 < one < 0.5 for one in found)
    else:
        assert found == pytest.approx([1 / len(task.labels)] * len(examples))


def test_the_confidence_of_tags_is_the_mean_over_words() -> None:
    task, examples, (row,) = features_of("mini-pos", [TaggedSentence("0", ("one", "two"), ("NOUN", "VERB"))])
    output = np.full((row.width, len(task.labels)), -1e30)
    (_, sure), (_, unsure) = row.origin
    output[sure, 0] = 1
    output[unsure, :2] = 1
    assert tagging.confidences(task, Encoded(examples, [row], [output])) == pytest.approx([0.75])


@given(st.integers(0, 2**32 - 1), st.booleans(), st.integers(1, 5))
def test_the_best_span_is_that_of_all_pairs_of_ends(seed: int, unanswerable: bool, best_answers: int) -> None:
    """Against the definition, one pair after the other. Few different scores, so that many spans are equally good."""
    context = "ab cd ef gh ij kl"
    task, examples, rows = features_of(
        "mini-qa", [Question("0", "Where?", context, (Answer("ab", 0),))], max_length=13, window_stride=2
    )
    task = dataclasses.replace(task, unanswerable=unanswerable, best_answers=best_answers, max_answer=2)
    assert len(rows) > 1
    rng = np.random.default_rng(seed)
    outputs = [rng.integers(0, 3, (row.width, 2)).astype(np.float32) for row in rows]
    looked_at, best = [], (-np.inf, "")
    for row, output in zip(rows, outputs, strict=True):
        passage = [place[0] >= 0 for place in row.origin]
        ranked = [
            sorted(range(row.width), key=lambda at: (not passage[at], -output[at, side], at))[:best_answers]
            for side in (0, 1)
        ]
        spans = [
            (float(output[start, 0] + output[end, 1]), start, end)
            for start in ranked[0]
            for end in ranked[1]
            if start <= end < start + 2 and passage[start] and passage[end]
        ]
        looked_at += [score for score, *_ in spans]
        if spans and max(spans)[0] > best[0]:
            score, start, end = max(spans)
            best = score, context[row.origin[start][0] : row.origin[end][1]]
    none = min(float(output[0].sum()) for output in outputs)
    split = Encoded(examples, rows, outputs)
    expected = "" if unanswerable and none > best[0] else best[1]
    assert span_qa.predictions(task, split, []) == [expected]
    scores = np.array([*looked_at, none] if unanswerable else looked_at)
    probability = np.exp(scores.max()) / np.exp(scores).sum() if len(scores) else 0.0
    assert span_qa.confidences(task, split) == pytest.approx([probability])
