"""A character tokenizer with XLM-R's special tokens, so that unit tests need no model."""

from __future__ import annotations

import functools
import string

from transformers import PreTrainedTokenizerBase, XLMRobertaTokenizer

TABLE = "encoder.embeddings.word_embeddings.weight"
"""What BERT, XLM-R and their kin call the word embeddings, among a network's weights: (vocabulary, H)."""

LETTERS = string.ascii_letters + string.digits + ".,?!'-北京市是中国的首都。"


@functools.cache
def tokenizer() -> PreTrainedTokenizerBase:
    """One piece a character; a word starts with the piece `▁`."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", *dict.fromkeys(LETTERS)]
    return XLMRobertaTokenizer(vocab=[(piece, -float(position)) for position, piece in enumerate(pieces)])
