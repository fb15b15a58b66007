"""Which weights `checkpoint: best` looks at, and which it keeps."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import XLMRobertaConfig, XLMRobertaModel

from tests.toy import TABLE
from trainables.models.network import Network
from trainables.models.vocabulary import TrimmedVocabulary
from trainables.reports import Score
from trainables.training.best import BestWeights, Verdict, evaluation_steps
from trainables.training.shares import EVALUATIONS


@given(st.integers(1, 5000))
def test_evaluations_are_spread_evenly_and_the_last_step_is_one(total: int) -> None:
    steps = sorted(evaluation_steps(total))
    assert len(steps) == min(total, EVALUATIONS)
    assert steps[-1] == total
    gaps = [step - before for before, step in zip([0, *steps], steps, strict=False)]
    assert max(gaps) - min(gaps) <= 1


def verdict(objective: float, language: str = "en") -> Verdict:
    score = Score("xnli", "mnli", language, "dev", "accuracy", True, objective, 33.3, 90)
    return Verdict(objective, (score,), objective < 40)


@pytest.fixture
def network() -> Network:
    config = XLMRobertaConfig(
        vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, pad_token_id=1
    )
    return Network(XLMRobertaModel(config, add_pooling_layer=False), {})


def change(network: Network, vocabulary: TrimmedVocabulary, value: float) -> None:
    """What training does: other weights, and embeddings that decay."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(value)
    vocabulary.decay = 1 / value


def values(network: Network) -> set[float]:
    return {float(one.detach().mean()) for one in network.parameters()}


def test_of_equal_ones_the_first_is_kept_with_what_is_trained_alone(network: Network) -> None:
    vocabulary = TrimmedVocabulary(network.encoder, np.array([5, 7]), 1)
    best = BestWeights(network, vocabulary, 100, keeps=True)
    told = [40.0, 70.0, 60.0, 70.0]
    for number, objective in enumerate(told, start=1):
        change(network, vocabulary, number)
        best.offer(verdict(objective, f"language {number}"))
    assert best.tensors[TABLE].shape == (4, 8)  # not the whole vocabulary
    assert best.put_back() == verdict(70.0, "language 2")
    assert values(network) == {2.0}
    assert vocabulary.decay == 1 / 2


def test_a_state_brings_it_back(network: Network) -> None:
    vocabulary = TrimmedVocabulary(network.encoder, np.array([5, 7]), 1)
    best, other, idle = (BestWeights(network, vocabulary, 100, keeps=keeps) for keeps in (True, True, False))
    assert (best.header["verdict"], best.tensors) == (None, {})
    change(network, vocabulary, 3)
    best.offer(verdict(50.0))
    header = json.loads(json.dumps(best.header))
    for one in (other, idle):
        one.restore(header, best.tensors)
    change(network, vocabulary, 4)
    assert idle.put_back() == verdict(50.0)
    assert values(network) == {4.0}  # another worker holds them
    other.offer(verdict(50.0))
    assert other.put_back() == verdict(50.0)
    assert values(network) == {3.0}
    assert vocabulary.decay == 1 / 3
