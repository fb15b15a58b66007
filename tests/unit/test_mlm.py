"""Masked language modelling: which tokens are hidden, by what, and what the perplexity is."""

from __future__ import annotations

import dataclasses
import math
import types
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.toy import LETTERS, tokenizer
from trainables import tasks
from trainables.data.examples import PlainText
from trainables.data.plain import read_texts
from trainables.errors import UserError
from trainables.features import IGNORED, Feature, Features, as_batch
from trainables.kinds import Encoded, kind_of
from trainables.kinds.mlm import Masks, TokenHead, TokenLayers
from trainables.metrics import METRICS
from trainables.recipe import WHOLE, Budget, Recipe
from trainables.training.batching import micro_batches, share
from trainables.training.mixture import Mixture

TASK = tasks.load("mini-mlm")
TEXTS = [PlainText(str(number), LETTERS[number % 40 :][: 3 + number % 20] + " in Ulm") for number in range(200)]


def features(texts: list[PlainText] = TEXTS, **changes: Any) -> Features:
    rows = kind_of(TASK).features(dataclasses.replace(TASK, **changes), texts, tokenizer())
    return Features.of([as_batch(rows)])


def original(feature: Feature) -> list[int]:
    return np.where(np.asarray(feature.target) == IGNORED, feature.rows[0], feature.target).tolist()


def ids_of(texts: list[PlainText]) -> list[list[int]]:
    found: list[list[int]] = tokenizer()([one.text for one in texts])["input_ids"]
    return found


def test_what_is_hidden_is_told_by_the_target_and_special_tokens_never_are() -> None:
    for feature, ids in zip(features(), ids_of(TEXTS), strict=True):
        assert original(feature) == ids
        target = np.asarray(feature.target)
        assert not set(target.tolist()) & set(tokenizer().all_special_ids)
        assert (target[0], target[-1]) == (IGNORED, IGNORED)
        bare = len(ids) - 2
        assert feature.weight == (target != IGNORED).sum() == max(1, round(0.15 * bare))


def test_a_row_is_cut_and_a_text_without_tokens_does_not_count() -> None:
    long, empty = features([PlainText("0", "ab" * 100), PlainText("1", "")], max_length=22)
    assert (long.width, long.weight) == (22, 3)
    assert (empty.weight, set(np.asarray(empty.target))) == (0, {IGNORED})
    assert len(features([PlainText("1", "")]).that_count()) == 0


def test_the_same_text_is_always_scored_with_the_same_masks() -> None:
    alone = features(TEXTS[7:8])[0]
    among = features()[7]
    assert (list(alone.rows[0]), list(alone.target)) == (list(among.rows[0]), list(among.target))


def test_of_the_hidden_tokens_eight_tenths_are_masked_and_a_tenth_replaced_by_any_other() -> None:
    rng, masks = np.random.default_rng(1), Masks(tokenizer())
    ids = np.array(ids_of([PlainText("0", "Amina lives in Ulm" * 5)])[0])
    found: Counter[str] = Counter()
    stand_ins: Counter[int] = Counter()
    places: Counter[int] = Counter()
    for _ in range(4000):
        row, target = masks.drawn(ids, rng)
        chosen = np.flatnonzero(target != IGNORED)
        places.update(chosen.tolist())
        for place in chosen:
            is_masked = row[place] == tokenizer().mask_token_id
            found["masked" if is_masked else "kept" if row[place] == target[place] else "replaced"] += 1
            if not is_masked and row[place] != target[place]:
                stand_ins[int(row[place])] += 1
    total = sum(found.values())
    assert total == 4000 * round(0.15 * (len(ids) - 2))
    vocabulary = len(tokenizer()) - len(set(tokenizer().all_special_ids))
    same = 0.1 / vocabulary  # a token that is replaced by itself
    shares = {name: count / total for name, count in found.items()}
    assert shares == pytest.approx({"masked": 0.8, "replaced": 0.1 - same, "kept": 0.1 + same}, abs=0.01)
    assert len(stand_ins) == vocabulary
    assert not set(stand_ins) & set(tokenizer().all_special_ids)
    assert min(places.values()) > 0.7 * max(places.values())
    assert set(places) == set(range(1, len(ids) - 1))


def test_an_epoch_draws_from_seed_epoch_and_place_alone() -> None:
    """Whatever the size of a batch, the worker, or where a trial goes on."""
    shown = {"mini-mlm": {"en": features()}}

    def masks(seed: int, epoch: int, batch_size: int, start: int = 0) -> dict[int, tuple[list[int], list[int]]]:
        steps = Mixture(shown, WHOLE, batch_size, seed, {"mini-mlm": Masks(tokenizer())}).steps(epoch, start)
        return {one.example: ([*one.rows[0]], [*one.target]) for step in steps for one in step.features}

    first = masks(1, 1, 8)
    assert len(first) == len(TEXTS)
    assert masks(1, 1, 32) == first
    later = masks(1, 1, 8, start=10)
    assert later == {example: first[example] for example in later}
    for other in (masks(1, 2, 8), masks(2, 1, 8)):
        assert sum(other[example] == first[example] for example in first) < len(first) / 3
    for example, (row, target) in first.items():
        assert original(Feature([row], example, target)) == ids_of(TEXTS)[example]
    step = next(Mixture(shown, WHOLE, 8, 1, {"mini-mlm": Masks(tokenizer())}).steps(1))
    of_workers = [one for rank in range(3) for one in share(step.features, rank, 3)]
    assert {one.example: ([*one.rows[0]], [*one.target]) for one in of_workers} == {
        one.example: first[one.example] for one in step.features
    }
    assert step.weight == sum(sum(target != IGNORED for target in first[one.example][1]) for one in step.features)
    assert sum(one.weight for batch in micro_batches(step.features, 30) for one in batch) == step.weight


def test_a_text_that_an_epoch_has_twice_has_other_masks_the_second_time() -> None:
    twice = Recipe(budget=Budget("examples", 2 * len(TEXTS)))
    shown = {"mini-mlm": {"en": features()}}
    steps = Mixture(shown, twice, 8, 1, {"mini-mlm": Masks(tokenizer())}).steps(1)
    met: dict[int, list[list[int]]] = {}
    for one in (feature for step in steps for feature in step.features):
        met.setdefault(one.example, []).append([*one.rows[0]])
    assert all(len(rows) == 2 for rows in met.values())
    assert sum(first == second for first, second in met.values()) < len(TEXTS) / 3


def test_a_tokenizer_without_a_mask_is_refused() -> None:
    bare = types.SimpleNamespace(mask_token_id=None)
    with pytest.raises(UserError, match=r"the tokenizer of type SimpleNamespace has no mask token"):
        Masks(bare)  # type: ignore[arg-type]


def test_scores_in_pieces_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    head = TokenHead()
    head.layers = TokenLayers(torch.nn.Linear(8, 4), torch.nn.Parameter(torch.randn(50)), None)
    hidden, table = torch.randn(3, 9, 8, requires_grad=True), torch.randn(50, 4, requires_grad=True)
    targets = torch.full((3, 9), IGNORED)
    targets[0, 2], targets[1, 5], targets[1, 8], targets[2, 0] = 7, 49, 0, 7
    parameters = [hidden, table, *head.parameters()]

    def gradients(at_once: int) -> tuple[Any, ...]:
        monkeypatch.setattr("trainables.kinds.mlm.AT_ONCE", at_once)
        outputs = head(hidden, torch.ones(3, 9), targets, table)
        assert outputs.shape == (3, 9, 1)
        return torch.autograd.grad(outputs.sum(), parameters)

    scores = head.layers.transform(hidden) @ table.T + head.layers.bias
    textbook = torch.nn.functional.cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="sum")
    expected = torch.autograd.grad(textbook, parameters)
    for at_once in (1, 100, 10**6):
        for one, other in zip(gradients(at_once), expected, strict=True):
            assert torch.allclose(one, other, atol=1e-6)
    with torch.no_grad():
        outputs = head(hidden, torch.ones(3, 9), targets, table)
        assert outputs.sum().item() == pytest.approx(textbook.item(), rel=1e-6)
        assert torch.equal(outputs[:, :, 0] != 0, targets != IGNORED)
        assert head(hidden, torch.ones(3, 9), torch.full((3, 9), IGNORED), table).abs().sum() == 0


def test_perplexity_is_that_of_all_hidden_tokens_together() -> None:
    metric = METRICS["perplexity"]
    half, eighth = repr(math.log(2)), repr(math.log(8))
    assert metric([("0",)] * 2, [(half, half), (eighth, eighth)], "en") == pytest.approx(
        {"perplexity": 4, "likelihood": 25}
    )
    assert metric([("0",)] * 2, [(half,), (eighth, eighth, eighth)], "en")["perplexity"] == pytest.approx(2**2.5)
    assert metric([("0",)], [("99999",)], "en")["likelihood"] == 0
    assert math.isfinite(metric([("0",)], [("99999",)], "en")["perplexity"])
    with pytest.raises(ValueError, match="no tokens"):
        metric([("0",)], [()], "en")
    texts = TEXTS[:3]
    rows = kind_of(TASK).features(TASK, texts, tokenizer())
    outputs = [np.where(np.array(row.target) != IGNORED, math.log(5), 0)[:, None] for row in rows]
    predicted = kind_of(TASK).predictions(TASK, Encoded(texts, rows, outputs), [])
    assert list(map(len, predicted)) == [row.weight for row in rows]
    gold = kind_of(TASK).gold(texts, [])
    assert gold is not None
    assert metric(gold, predicted, "en")["perplexity"] == pytest.approx(5, rel=1e-5)
    guessed = metric(gold, kind_of(TASK).guesses(TASK, texts, []), "en")
    assert guessed["perplexity"] == pytest.approx(250_002)


def test_a_line_is_a_text(tmp_path: Path) -> None:
    path = tmp_path / "en.txt"
    path.write_text("= Ulm =\n\n Ulm is a city. \n\t\nIt is old.\n")
    assert read_texts(path, {}) == [
        PlainText("en-1", "= Ulm ="), PlainText("en-3", "Ulm is a city."), PlainText("en-5", "It is old.")
    ]  # fmt: skip
