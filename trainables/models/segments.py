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
from trainables.models.identity import COMMIT, UnknownWeightsError
from trainables.models.shapes import KNOWN, folder_of, is_built_in, name_and_revision, short_name

CONFIG, TOKENIZER = "config.json", "tokenizer_config.json"

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
    if is_built_in(model) or KNOWN.get(short_name(model), {}).get("model_type") == "xlm-roberta":
        return False
    return of_files(_read(model, weights, CONFIG), _read(model, weights, TOKENIZER))


def of_files(config: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> bool:
    """The same of the content of config.json and tokenizer_config.json."""
    kind = config.get("model_type")
    if int(config.get("type_vocab_size") or 2 * (kind in BERTS and "type_vocab_size" not in config)) < 2:
        return False
    if isinstance(given := tokenizer.get("model_input_names"), list):
        return "token_type_ids" in given
    name = tokenizer.get("tokenizer_class") or config.get("tokenizer_class")
    return name in TELLS if name else kind in BERTS


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
    from huggingface_hub import hf_hub_download  # only here: other models need no hub
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        if not COMMIT.fullmatch(commit):
            raise ValueError(f"'{commit}' is no commit")
        return Path(hf_hub_download(name, file, revision=commit))
    except EntryNotFoundError as error:
        if not isinstance(error, LocalEntryNotFoundError):
            return None
        reason: Exception = error
    except Exception as error:  # of the name, of the network, of HTTP: the hub's client has no type for all of them
        reason = error
    message = f"{file} of '{name}' is not in the cache on this machine, and cannot be had now: {_first_line(reason)}"
    raise UnknownWeightsError(
        Problem(message, hint="go where the hub can be reached, or set HF_HOME to a filled cache")
    )


def _first_line(error: Exception) -> str:
    return f"{error}".strip().partition("\n")[0] or type(error).__name__
