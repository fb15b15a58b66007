"""Families of encoders as people use them: a tiny checkpoint of each, with the kind of tokenizer that is its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AlbertTokenizer,
    AutoConfig,
    AutoModel,
    BertTokenizer,
    CamembertTokenizer,
    DebertaV2Tokenizer,
    MPNetTokenizer,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    RemBertTokenizer,
    RobertaTokenizer,
    XLMRobertaTokenizer,
)

from trainables import tasks
from trainables.data import open_source

SMALL: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "max_position_embeddings": 130,
}  # fmt: skip
CONFIGS: dict[str, dict[str, Any]] = {
    "xlm-roberta": {"type_vocab_size": 1}, "roberta": {"type_vocab_size": 1}, "camembert": {"type_vocab_size": 1},
    "bert": {}, "albert": {"embedding_size": 16}, "mpnet": {},
    "rembert": {"input_embedding_size": 16, "output_embedding_size": 16}, "electra": {"embedding_size": 16},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0,
                   "share_att_key": True, "position_buckets": 32, "norm_rel_ebd": "layer_norm",
                   "position_biased_input": False, "pooler_hidden_size": 32},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64},
    "modernbert": {"global_attn_every_n_layers": 2, "local_attention": 8},
    "mmbert": {"global_attn_every_n_layers": 2, "local_attention": 8},
    "eurobert": {"num_key_value_heads": 1}, "gte": {}, "nomic_bert": {}, "xlm-roberta-xl": {},
}  # fmt: skip
"""What a family's configuration says beside SMALL."""

LIKE = {"gte": "xlm-roberta", "xlm-roberta-xl": "xlm-roberta", "nomic_bert": "bert"}
"""Families with another one's tokenizer."""

TYPES = {"mmbert": "modernbert"}
"""The architecture of families that are called otherwise."""

SIZE = 400
"""Pieces that a tokenizer is trained to, about."""


def save(family: str, folder: Path) -> Path:
    """A checkpoint with random weights."""
    tokenizer = own(family)
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad", "cls", "sep")}
    known = {"bos_token_id": ids["cls_token_id"], "eos_token_id": ids["sep_token_id"]}
    values = {**SMALL, **{name: one if one is not None else known.get(name) for name, one in ids.items()}}
    torch.manual_seed(0)
    config = AutoConfig.for_model(TYPES.get(family, family), vocab_size=len(tokenizer), **{**values, **CONFIGS[family]})
    AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@cache
def own(family: str) -> PreTrainedTokenizerBase:
    """A tokenizer of the kind that a family's own is, trained on the embedded benchmark's texts."""
    return TOKENIZERS[LIKE.get(family, family)]()


def xlm_r() -> PreTrainedTokenizerBase:
    """SentencePiece's Unigram: words begin with `▁`, the first one too."""
    return XLMRobertaTokenizer(vocab=_unigram(["<s>", "<pad>", "</s>", "<unk>"], "<unk>"))


def _camembert() -> PreTrainedTokenizerBase:
    return CamembertTokenizer(
        vocab=_unigram(["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>"], "<unk>")
    )


def _albert() -> PreTrainedTokenizerBase:
    return AlbertTokenizer(vocab=_unigram(["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"], "<unk>"))


def _rembert() -> PreTrainedTokenizerBase:
    return RemBertTokenizer(vocab=_unigram(["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"], "<unk>"))


def _deberta() -> PreTrainedTokenizerBase:
    return DebertaV2Tokenizer(vocab=_unigram(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"], "[UNK]"), unk_id=3)


def _bert() -> PreTrainedTokenizerBase:
    """WordPiece: what goes on with a word begins with `##`."""
    return BertTokenizer(vocab=_word_pieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]), do_lower_case=False)


def _mpnet() -> PreTrainedTokenizerBase:
    return MPNetTokenizer(vocab=_word_pieces(["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"]), do_lower_case=False)


def _roberta() -> PreTrainedTokenizerBase:
    """BPE of bytes: a space belongs to the word behind it, and the first word has none."""
    vocabulary, merges = _bytes(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    return RobertaTokenizer(vocab=vocabulary, merges=merges)


def _modernbert() -> PreTrainedTokenizerBase:
    """The same with special tokens at the end of the vocabulary, whose offsets include the space."""
    names = {"unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "mask": "[MASK]"}
    return _from_bytes(names, "[CLS]", "[SEP]")


def _eurobert() -> PreTrainedTokenizerBase:
    """Padding is the end of a text; there is neither a separator nor a token for what is unknown."""
    begin, end = "<|begin_of_text|>", "<|end_of_text|>"
    return _from_bytes({"bos": begin, "eos": end, "pad": end, "mask": "<|mask|>"}, begin, end)


def _from_bytes(names: dict[str, str], begin: str, end: str) -> PreTrainedTokenizerBase:
    vocabulary, merges = _bytes([])
    pieces = Tokenizer(models.BPE(vocabulary, merges))
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    pieces.add_special_tokens([AddedToken(one, special=True) for one in dict.fromkeys(names.values())])
    return _enclosed(pieces, names, begin, end)


def _mmbert() -> PreTrainedTokenizerBase:
    """Gemma's: BPE of characters in which `▁` is a space, of which the first word has none; others are bytes."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    pieces = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    pieces.normalizer = normalizers.Replace(" ", "▁")
    pieces.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    pieces.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    alphabet = [*special, *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE + 256, special_tokens=alphabet, show_progress=False, max_token_length=6
    )
    pieces.train_from_iterator([word for text in texts() for word in text.replace(" ", " ▁").split(" ")], trainer)
    names = {"pad": "<pad>", "eos": "<eos>", "bos": "<bos>", "unk": "<unk>", "mask": "<mask>"}
    return _enclosed(pieces, {**names, "cls": "<bos>", "sep": "<eos>"}, "<bos>", "<eos>")


def _enclosed(pieces: Tokenizer, names: dict[str, str], begin: str, end: str) -> PreTrainedTokenizerBase:
    ids = [(one, pieces.token_to_id(one)) for one in (begin, end)]
    template = processors.TemplateProcessing(f"{begin} $A {end}", f"{begin} $A {end} $B {end}", ids)
    pieces.post_processor = template
    return PreTrainedTokenizerFast(
        tokenizer_object=pieces,
        model_input_names=["input_ids", "attention_mask"],
        **{f"{name}_token": one for name, one in names.items()},
    )


TOKENIZERS: dict[str, Callable[[], PreTrainedTokenizerBase]] = {
    "xlm-roberta": xlm_r, "camembert": _camembert, "albert": _albert, "rembert": _rembert, "deberta-v2": _deberta,
    "bert": _bert, "distilbert": _bert, "electra": _bert, "mpnet": _mpnet, "roberta": _roberta,
    "modernbert": _modernbert, "mmbert": _mmbert, "eurobert": _eurobert,
}  # fmt: skip


@cache
def texts() -> tuple[str, ...]:
    """Sentences of the embedded benchmark, and all letters."""
    source = open_source("mini")
    found: list[str] = []
    for language in ("en", "de"):
        pairs = source.examples(tasks.load("mini-nli"), "train", language)[:60]
        found += [text for one in pairs for text in (one.text_a, one.text_b)]  # type: ignore[union-attr]
    return (*found, *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,?!'-()")


def _unigram(special: Sequence[str], unknown: str) -> list[tuple[str, float]]:
    pieces = Tokenizer(models.Unigram())
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=SIZE, show_progress=False)
    pieces.train_from_iterator(texts(), trainer)
    found = json.loads(pieces.to_str())["model"]["vocab"]
    return [(one, 0.0) for one in special] + [(piece, score) for piece, score in found if piece not in special]


def _word_pieces(special: Sequence[str]) -> dict[str, int]:
    pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=SIZE, special_tokens=[*special], show_progress=False)
    pieces.train_from_iterator(texts(), trainer)
    return pieces.get_vocab()


def _bytes(special: Sequence[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE, special_tokens=[*special], initial_alphabet=alphabet, show_progress=False
    )
    pieces.train_from_iterator(texts(), trainer)
    merges = json.loads(pieces.to_str())["model"]["merges"]
    return pieces.get_vocab(), [(one[0], one[1]) for one in merges]
