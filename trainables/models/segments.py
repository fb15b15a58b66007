"""Whether an encoder is told which of two texts a token is of, as its own tokenizer would tell it.

BERT and its kin add an embedding of the text, first or second, to that of each token (`token_type_ids`). Others have no
such embeddings (mDeBERTa, ModernBERT), or have them and a tokenizer that does not use them (XLM-R, multilingual-e5).
Known from a checkpoint's small files, without transformers: a plan has to know it, as it is part of a trial's identity.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainables.errors import Problem
from trainables.models.identity import PATIENCE, UnknownWeightsError
from trainables.models.shapes import KNOWN, folder_of, is_built_in, name_and_revision, short_name

CONFIG, TOKENIZER = "config.json", "tokenizer_config.json"

BESIDE = ("tokenizer.json", "vocab.txt")
"""What a checkpoint has of a tokenizer in any case, of kinds that may tell it."""

TELLS = ("BertTokenizer", "BertTokenizerFast")
"""Classes of tokenizers that tell it where a checkpoint's files do not say what its tokenizer gives."""

BERTS = (
    "bert", "convbert", "electra", "ernie", "layoutlm", "megatron-bert", "mobilebert", "nomic_bert", "squeezebert",
)  # fmt: skip
"""Types of models with embeddings of two texts, and BERT's tokenizer where a checkpoint names no other."""


def tells_texts(model: str, weights: str) -> bool:
    """Whether the encoder of a model is told it.

    Args:
        weights: which ones `model` stands for, as `identify` says.

    Raises:
        UnknownWeightsError: the files are not on this machine, and the hub does not give them now.
    """
    if is_built_in(model):
        return False
    if folder_of(model) is None and (known := KNOWN.get(short_name(model))) is not None:
        return of_files(known, {})
    config = _read(model, weights, CONFIG)
    return has_embeddings(config) and of_files(config, _read(model, weights, TOKENIZER))


def has_embeddings(config: Mapping[str, Any]) -> bool:
    """Whether a model with this config.json has embeddings of a first and a second text."""
    types = config.get("type_vocab_size", 2 if config.get("model_type") in BERTS else 0)
    return isinstance(types, int) and types > 1


def of_files(config: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> bool:
    """Whether the encoder is told it, by the content of config.json and tokenizer_config.json."""
    if not has_embeddings(config):
        return False
    if isinstance(given := tokenizer.get("model_input_names"), list):
        return "token_type_ids" in given
    name = tokenizer.get("tokenizer_class") or config.get("tokenizer_class")
    return name in TELLS if name else config.get("model_type") in BERTS


def _read(model: str, weights: str, file: str) -> Mapping[str, Any]:
    """A file of a checkpoint; empty where it has none, or one that cannot be read, which loading it will say."""
    folder = folder_of(model)
    path = _fetched(name_and_revision(model)[0], weights, file) if folder is None else folder / file
    try:
        values = json.loads(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        values = {}
    return values if isinstance(values, dict) else {}


def _fetched(name: str, commit: str, file: str) -> Path | None:
    """A file of a hub's model in this machine's cache, downloaded if it is not there; None: the model has none."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache  # only here: other models need no hub
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    def cached(one: str) -> Any:
        return try_to_load_from_cache(name, one, revision=commit)

    try:
        if isinstance(found := cached(file), str):
            return Path(found)
        return Path(hf_hub_download(name, file, revision=commit, etag_timeout=PATIENCE))
    except Exception as error:  # of the name, of the network, of HTTP: the hub's client has no type for all of them
        is_none = isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError)
        # Whoever had the tokenizer's other files from the hub has asked for this one as well.
        if is_none or (file == TOKENIZER and any(isinstance(cached(one), str) for one in BESIDE)):
            return None
        reason = f"{error}".strip().partition("\n")[0] or type(error).__name__
        message = f"{file} of '{name}' is not in the cache on this machine, and cannot be had now: {reason}"
        hint = "go where the hub can be reached, or set HF_HOME to a filled cache"
        raise UnknownWeightsError(Problem(message, hint=hint)) from error
