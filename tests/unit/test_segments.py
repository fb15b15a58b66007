"""Whether an encoder is told two texts apart: known by a checkpoint's files, wherever these lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from trainables.models import shapes
from trainables.models.identity import UnknownWeightsError
from trainables.models.segments import of_files, tells_texts

COMMIT = "a" * 40
BERT = {"model_type": "bert", "type_vocab_size": 2}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The snapshot of a hub's model in an empty cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--owner--model" / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("config", "files", "expected"),
    [
        ({"model_type": "bert"}, {}, True),
        (BERT, {"do_lower_case": False, "model_max_length": 512}, True),
        ({"model_type": "bert", "type_vocab_size": 1}, {}, False),
        (BERT, {"tokenizer_class": "XLMRobertaTokenizer"}, False),
        ({"model_type": "bert", "tokenizer_class": "XLMRobertaTokenizer"}, {}, False),
        ({"model_type": "bert"}, {"tokenizer_class": "BertTokenizerFast"}, True),
        ({"model_type": "bert"}, {"model_input_names": ["input_ids", "attention_mask"]}, False),
        ({"model_type": "albert", "type_vocab_size": 2}, {"model_input_names": ["input_ids", "token_type_ids"]}, True),
        ({"model_type": "xlm-roberta", "type_vocab_size": 1}, {}, False),
        ({"model_type": "deberta-v2", "type_vocab_size": 0}, {"model_input_names": ["token_type_ids"]}, False),
        ({"model_type": "distilbert"}, {"tokenizer_class": "BertTokenizer"}, False),
        ({"model_type": "modernbert"}, {}, False),
        ({"model_type": "bert", "type_vocab_size": "two"}, {}, False),
        ({"model_type": "bert", "type_vocab_size": None}, {}, False),
        ({}, {}, False),
    ],
)
def test_whose_tokenizer_tells_texts_apart_is_known_by_its_files(
    config: dict[str, Any], files: dict[str, Any], expected: bool, tmp_path: Path
) -> None:
    assert of_files(config, files) is expected
    (tmp_path / "config.json").write_text(json.dumps(config))
    if files:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(files))
    assert tells_texts(str(tmp_path), "h") is expected


def test_models_that_are_known_need_no_files() -> None:
    told = {name for name in [*shapes.KNOWN, "random:tiny", "google-bert/bert-base-multilingual-cased"]
            if tells_texts(name, COMMIT)}  # fmt: skip
    assert told == {"bert-base-multilingual-cased", "google-bert/bert-base-multilingual-cased"}


def test_a_hub_id_is_known_by_the_files_in_the_cache(cache: Path) -> None:
    with pytest.raises(UnknownWeightsError, match=r"config\.json of 'owner/model' is not in the cache"):
        tells_texts("owner/model", COMMIT)
    (cache / "config.json").write_text(json.dumps({"model_type": "modernbert"}))
    assert not tells_texts("owner/model", COMMIT)  # whatever its tokenizer does
    (cache / "config.json").write_text(json.dumps(BERT))
    with pytest.raises(UnknownWeightsError, match=r"tokenizer_config\.json of 'owner/model'"):
        tells_texts("owner/model@main", COMMIT)
    (cache / "vocab.txt").write_text("")  # its tokenizer is here, and came without that file
    assert tells_texts("owner/model", COMMIT)
    (cache / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "XLMRobertaTokenizer"}))
    assert not tells_texts("owner/model", COMMIT)
